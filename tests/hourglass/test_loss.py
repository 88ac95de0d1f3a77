"""The hourglass's losses: their minima, their weights, and what the output means."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from hourlift.hourglass.heatmap import decode, encode
from hourlift.hourglass.loss import (
    LossKind,
    activate,
    cross_entropy,
    gaussian_targets,
    heatmap_loss,
    mse,
    part_loss,
    peak_probability,
)
from hourlift.hourglass.network import HourglassConfig, StackedHourglass

KINDS: tuple[LossKind, ...] = ("mse", "cross_entropy")
NAN = float("nan")
ONE = torch.ones(1, 1)


def joint(x: float, y: float) -> Tensor:
    return torch.tensor([[[x, y]]])


@pytest.mark.parametrize("sigma", [0.7, 1.0, 2.5])
def test_torch_and_numpy_draw_the_same_gaussians(sigma: float) -> None:
    joints = np.random.default_rng(0).uniform(-5, 30, (3, 17, 2)).astype(np.float32)
    joints[0, 3] = np.nan
    joints[1, 4, 1] = np.nan
    np.testing.assert_allclose(
        gaussian_targets(torch.from_numpy(joints), (24, 20), sigma).numpy(), encode(joints, (24, 20), sigma), atol=1e-6
    )


def test_mse_worked_example() -> None:
    target = gaussian_targets(joint(3, 2), (8, 6), 1.0)
    assert mse([target], joint(3, 2), ONE, sigma=1.0) == 0
    assert mse([target + 0.5, target - 2.0], joint(3, 2), ONE, sigma=1.0) == pytest.approx(0.25 + 4.0)


def test_cross_entropy_worked_example() -> None:
    """All logits 0: each of the 48 cells and "nowhere" has the probability 1/49."""
    flat = torch.zeros(1, 1, 6, 8)
    for place in (joint(3, 2), joint(100, 2)):
        assert cross_entropy([flat, flat], place, ONE, sigma=1.0) == pytest.approx(2 * math.log(49), rel=1e-5)


@pytest.mark.parametrize("place", [(7.0, 8.0), (7.4, 8.7), (0.0, 0.0), (-0.4, 15.4)])
def test_cross_entropy_is_least_at_the_target(place: tuple[float, float]) -> None:
    truth = joint(*place)
    target = gaussian_targets(truth, (16, 16), 1.0)
    target = target / target.sum()
    # "nowhere" is always possible; the larger the logits the less so
    best = torch.log(target.clamp_min(1e-30)) + 15.0
    lowest = cross_entropy([best], truth, ONE, sigma=1.0)
    entropy = -(target * target.clamp_min(1e-30).log()).sum()
    assert lowest == pytest.approx(float(entropy), abs=1e-4)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        other = best + 0.3 * torch.randn(best.shape, generator=generator)
        assert cross_entropy([other], truth, ONE, sigma=1.0) > lowest
    torch.testing.assert_close(
        activate(best, "cross_entropy", 1.0), (target / peak_probability(1.0)).clamp(max=1.0), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("place", [(-0.6, 5.0), (5.0, 15.6), (200.0, -40.0)])
def test_a_joint_outside_is_nowhere(place: tuple[float, float]) -> None:
    def loss(level: float) -> float:
        return cross_entropy([torch.full((1, 1, 16, 16), level)], joint(*place), ONE, sigma=1.0).item()

    assert loss(-30.0) == pytest.approx(0, abs=1e-6)
    assert loss(-30.0) < loss(-3.0) < loss(0.0) < loss(3.0)
    assert activate(torch.full((1, 1, 16, 16), -30.0), "cross_entropy", 1.0).max() < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_joints_and_weights(kind: LossKind) -> None:
    torch.manual_seed(0)
    heatmaps = torch.randn(1, 4, 8, 8, requires_grad=True)
    joints = torch.tensor([[[3.0, 4.0], [NAN, NAN], [5.0, NAN], [1.0, 6.0]]])

    def loss(*weights: float) -> Tensor:
        return heatmap_loss([heatmaps], joints, torch.tensor([weights]), kind=kind, sigma=1.0)

    first, last = loss(1, 0, 0, 0), loss(0, 0, 0, 1)
    torch.testing.assert_close(loss(1, 1, 1, 1), (first + last) / 2)
    torch.testing.assert_close(loss(3, 9, 9, 1), (3 * first + last) / 4)
    assert loss(0, 1, 1, 0) == 0
    loss(1, 1, 1, 0).backward()
    assert heatmaps.grad is not None
    assert heatmaps.grad[0, 0].any()
    assert not heatmaps.grad[0, 1:].any()


@pytest.mark.parametrize("kind", KINDS)
def test_every_stack_is_supervised(kind: LossKind) -> None:
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=3, width=8, num_joints=2, depth=1))
    stacks = network(torch.rand(2, 3, 32, 32))
    for heatmaps in stacks:
        heatmaps.retain_grad()
    joints, weights = torch.full((2, 2, 2), 3.5), torch.ones(2, 2)
    heatmap_loss(stacks, joints, weights, kind=kind, sigma=1.0).backward()
    assert all(heatmaps.grad.any() for heatmaps in stacks)
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())
    each = [heatmap_loss([heatmaps], joints, weights, kind=kind, sigma=1.0) for heatmaps in stacks]
    torch.testing.assert_close(heatmap_loss(stacks, joints, weights, kind=kind, sigma=1.0), torch.stack(each).sum())


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_of_a_mirrored_picture_is_the_same(kind: LossKind) -> None:
    torch.manual_seed(0)
    heatmaps, joints = torch.randn(2, 5, 12, 12), 14 * torch.rand(2, 5, 2) - 1
    mirrored = torch.stack([11 - joints[..., 0], joints[..., 1]], dim=-1)
    weights = torch.rand(2, 5)
    torch.testing.assert_close(
        heatmap_loss([heatmaps], joints, weights, kind=kind, sigma=1.0),
        heatmap_loss([heatmaps.flip(-1)], mirrored, weights, kind=kind, sigma=1.0),
    )


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.0])
@pytest.mark.parametrize("kind", KINDS)
def test_certain_heatmaps_peak_at_one(kind: LossKind, sigma: float) -> None:
    target = gaussian_targets(joint(12, 13), (32, 32), sigma)
    raw = target if kind == "mse" else torch.log(target.clamp_min(1e-30)) + 20
    heatmap = activate(raw, kind, sigma)
    assert heatmap.max() == pytest.approx(1.0, abs=1e-4)
    points, confidence = decode(activate(gaussian_targets(joint(12.3, 13.4), (32, 32), sigma), "mse", sigma).numpy())
    np.testing.assert_allclose(points[0, 0], (12.3, 13.4), atol=1e-3)
    assert confidence[0, 0] > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_activated_heatmaps_are_in_range(kind: LossKind) -> None:
    torch.manual_seed(0)
    for scale in (0.0, 1.0, 100.0):
        heatmaps = activate(scale * torch.randn(2, 3, 8, 8).bfloat16(), kind, 1.0)
        assert heatmaps.dtype == torch.float32
        assert heatmaps.isfinite().all()
        assert heatmaps.min() >= 0
        assert heatmaps.max() <= 1


def test_peak_probability() -> None:
    assert peak_probability(3.0) == pytest.approx(1 / (2 * math.pi * 9), rel=1e-6)
    assert peak_probability(0.1) == pytest.approx(1.0)
    wide = encode([[20, 20]], (41, 41), 1.0)[0]
    assert peak_probability(1.0) == pytest.approx(1 / wide.sum(), rel=1e-5)


def test_the_parts_loss_weighs_person_and_background_alike() -> None:
    """Logits 0 tell nothing: log 4, however few cells show the person. Certain and right: 0. One side wrong: half."""
    parts = torch.zeros(2, 4, 4, dtype=torch.int64)
    parts[0, 1, 2], parts[1, 3, 3] = 2, 3
    assert part_loss([torch.zeros(2, 4, 4, 4)], parts) == pytest.approx(math.log(4))
    certain = 50 * torch.nn.functional.one_hot(parts, 4).permute(0, 3, 1, 2).float()
    assert part_loss([certain, certain], parts) == pytest.approx(0, abs=1e-5)
    nobody = torch.zeros_like(certain)
    nobody[:, 0] = 50.0
    assert part_loss([nobody], parts) == pytest.approx(25.0)
    assert part_loss([nobody], torch.zeros_like(parts)) == pytest.approx(0, abs=1e-5)
