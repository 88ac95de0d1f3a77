"""The lifter's network against the published numbers."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from hourlift.geometry.crop import box_from_joints
from hourlift.lifter.inputs import crop_pair, lift_pair
from hourlift.lifter.loss import l2_loss
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.lifter.normalize import ROOT, crop_offsets, denormalize, normalize_rays

People = Callable[[int], np.ndarray]
SMALL = LifterConfig(width=32, num_blocks=1)


def test_parameters_are_as_published() -> None:
    # 4.29 M for 1024 x 2 blocks, 16 joints in and out (the paper says 4 to 5 million).
    count = sum(parameter.numel() for parameter in Lifter(LifterConfig()).parameters())
    in_layer, out_layer = 32 * 1024 + 1024 + 2048, 1024 * 48 + 48
    assert count == in_layer + 4 * (1024 * 1024 + 1024 + 2048) + out_layer == 4_291_632


def test_the_root_is_zero_and_the_order_is_kept() -> None:
    lifter = Lifter(SMALL).eval()
    lifter.output_mean.copy_(torch.arange(1.0, 17.0)[:, None].expand(16, 3))
    lifter.output_std.zero_()
    joints_mm = lifter(torch.randn(4, 17, 2))
    assert joints_mm.shape == (4, 17, 3)
    assert torch.equal(joints_mm[0, :, 0], torch.arange(17.0)) and (joints_mm[:, ROOT] == 0).all()


def test_the_root_of_the_input_is_not_read() -> None:
    lifter, rays = Lifter(SMALL).eval(), torch.randn(4, 17, 2)
    moved = rays.clone()
    moved[:, ROOT] += 10
    assert torch.equal(lifter(rays), lifter(moved))


def test_nothing_follows_the_residual_sum() -> None:
    lifter = Lifter(SMALL).eval()
    block = lifter.layers[-2]
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.randn(4, SMALL.width)
    assert torch.equal(block(x), x)  # negative values pass: no ReLU after the sum


def test_statistics_standardise_both_sides() -> None:
    lifter = Lifter(SMALL)
    rays, joints_mm = torch.randn(500, 17, 2) * 3 + 1, torch.randn(500, 17, 3) * 200 - 50
    joints_mm[:, 4] = 7.0  # never moves
    lifter.set_statistics(rays, joints_mm)
    standardized = (rays[:, 1:] - lifter.input_mean) / lifter.input_std
    assert standardized.mean().abs() < 1e-5 and abs(standardized.std() - 1) < 1e-3
    assert torch.isfinite(lifter(rays)).all()
    assert set(lifter.state_dict()) >= {"input_mean", "input_std", "output_mean", "output_std"}


def test_loss_counts_standard_deviations() -> None:
    std_mm = torch.full((16, 3), 100.0)
    true_mm = torch.zeros(2, 17, 3)
    predicted_mm = true_mm + 200.0
    assert l2_loss(predicted_mm, true_mm, std_mm).item() == pytest.approx(4.0)
    predicted_mm[:, 1:] = 0.0  # only the root is off, which does not count
    assert l2_loss(predicted_mm, true_mm, std_mm).item() == 0.0


def test_training_pairs_match_numpy(people: People) -> None:
    joints = people(64)
    expected = normalize_rays(joints)
    rays, targets = lift_pair(torch.from_numpy(joints))
    torch.testing.assert_close(rays.float(), torch.from_numpy(expected.rays), atol=1e-6, rtol=0)
    back = torch.from_numpy(denormalize(targets.numpy(), expected.rotation))
    torch.testing.assert_close(back, torch.from_numpy(joints - joints[:, ROOT : ROOT + 1]), atol=1e-8, rtol=0)


def test_training_pairs_with_detections_match_numpy(people: People) -> None:
    joints = torch.from_numpy(people(64))
    generator = torch.Generator().manual_seed(1)
    noise = 0.02 * torch.randn(64, 17, 2, generator=generator, dtype=joints.dtype)
    detections = joints[..., :2] / joints[..., 2:] + noise
    expected = normalize_rays(torch.cat((detections, torch.ones(64, 17, 1)), dim=-1).numpy())
    rays, targets = lift_pair(joints, detections)
    torch.testing.assert_close(rays.float(), torch.from_numpy(expected.rays), atol=1e-6, rtol=0)
    back = torch.from_numpy(denormalize(targets.numpy(), expected.rotation))
    torch.testing.assert_close(back, joints - joints[:, ROOT : ROOT + 1], atol=1e-8, rtol=0)


def test_training_pairs_of_the_reports_normalisation_match_numpy(people: People) -> None:
    joints = torch.from_numpy(people(64))
    exact = joints[..., :2] / joints[..., 2:]
    boxes = box_from_joints(exact.numpy())
    for detections in (None, exact + 0.02 * torch.randn(64, 17, 2, dtype=joints.dtype)):
        offsets, targets = crop_pair(joints, detections)
        expected = crop_offsets((exact if detections is None else detections).numpy(), boxes)
        torch.testing.assert_close(offsets.float(), torch.from_numpy(expected), atol=1e-3, rtol=0)
        torch.testing.assert_close(targets, joints - joints[:, ROOT : ROOT + 1])


def test_the_network_learns_a_toy_mapping(people: People) -> None:
    torch.manual_seed(0)
    lifter = Lifter(LifterConfig(width=64, num_blocks=1, dropout=0.0))
    rays, joints_mm = lift_pair(torch.from_numpy(people(256)).float())
    lifter.set_statistics(rays, joints_mm)
    optimizer = torch.optim.Adam(lifter.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = l2_loss(lifter(rays), joints_mm, lifter.output_std)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
