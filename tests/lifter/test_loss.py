"""The report's losses against their equations, written out."""

import pytest
import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.lifter.loss import EMPHASIS, compositional_loss, distance_loss, l2_loss, lifter_loss, weighted_l2_loss


@pytest.fixture
def case() -> tuple[Tensor, Tensor, Tensor]:
    """Predicted and true joints of three people with the root at zero, and standard deviations; mm."""
    generator = torch.Generator().manual_seed(0)
    predicted, true = (300 * torch.randn(2, 3, 17, 3, generator=generator, dtype=torch.float64)).unbind()
    predicted[:, 0] = true[:, 0] = 0
    std = 50 + 200 * torch.rand(16, 3, generator=generator, dtype=torch.float64)
    return predicted.requires_grad_(), true, std


def test_l2_is_equation_3(case: tuple[Tensor, Tensor, Tensor]) -> None:
    predicted, true, std = case
    mean = torch.randn(16, 3, dtype=torch.float64)
    terms = [
        ((predicted[b, j + 1, k] - mean[j, k]) / std[j, k] - (true[b, j + 1, k] - mean[j, k]) / std[j, k]) ** 2
        for b in range(3)
        for j in range(16)
        for k in range(3)
    ]
    torch.testing.assert_close(l2_loss(predicted, true, std), sum(terms) / len(terms))


def pairs_in_a_double_loop(predicted: Tensor, true: Tensor, std: Tensor) -> Tensor:
    """Equations 4 to 6: the sum over u < v of ||dJ_uv - dJ_uv*||_1, then our constant factor."""
    total = torch.zeros((), dtype=predicted.dtype)
    count = 0
    for person, truth in zip(predicted, true, strict=True):
        for u in range(17):
            for v in range(u + 1, 17):
                between = (person[u] - person[v]) - (truth[u] - truth[v])
                total = total + between.abs().sum()
                count += 3
    assert count == 3 * 136 * 3
    return total / count / std.mean()


def test_compositional_is_equations_4_to_6_and_so_is_its_gradient(case: tuple[Tensor, Tensor, Tensor]) -> None:
    predicted, true, std = case
    loss, slow = compositional_loss(predicted, true, std), pairs_in_a_double_loop(predicted, true, std)
    torch.testing.assert_close(loss, slow)
    (gradient,), (expected,) = (torch.autograd.grad(value, predicted) for value in (loss, slow))
    torch.testing.assert_close(gradient, expected)
    assert torch.autograd.gradcheck(lambda joints: compositional_loss(joints, true, std), predicted)


def test_compositional_of_one_wrong_joint_counts_its_16_pairs() -> None:
    std, true = torch.full((16, 3), 100.0), torch.zeros(1, 17, 3)
    wrong = true.clone()
    wrong[0, 5, 1] = 50.0
    assert compositional_loss(wrong, true, std).item() == pytest.approx(16 * 0.5 / (136 * 3))
    moved = true + torch.tensor([7.0, -3.0, 2.0])  # together with the root: no pair changes
    assert compositional_loss(moved, true, std).item() == pytest.approx(0, abs=1e-6)
    moved[:, 0] = 0  # the root stays: its 16 pairs change
    assert compositional_loss(moved, true, std).item() == pytest.approx(16 * 0.12 / (136 * 3))


def test_weighted_is_equation_7(case: tuple[Tensor, Tensor, Tensor]) -> None:
    predicted, true, std = case
    weight = {name: EMPHASIS.get(name, 1.0) for name in H36M17.joint_names[1:]}
    mean_weight = sum(weight.values()) / 16
    total = 0.0
    for j, name in enumerate(H36M17.joint_names[1:]):
        error = (predicted[:, j + 1] - true[:, j + 1]) / std[j]
        total = total + weight[name] / mean_weight * error.square().sum()
    torch.testing.assert_close(weighted_l2_loss(predicted, true, std), total / (3 * 16 * 3))
    torch.testing.assert_close(weighted_l2_loss(predicted, true, std, {}), l2_loss(predicted, true, std))


def test_wrists_elbows_and_feet_weigh_more() -> None:
    std, true = torch.full((16, 3), 100.0), torch.zeros(1, 17, 3)

    def cost(name: str) -> float:
        wrong = true.clone()
        wrong[0, H36M17.index(name)] = 100.0
        return weighted_l2_loss(wrong, true, std).item()

    worst = {cost(f"{side}_{joint}") for side in "lr" for joint in ("wrist", "elbow", "ankle")}
    others = {cost(name) for name in ("l_hip", "r_knee", "spine", "thorax", "nose", "head", "l_shoulder")}
    assert len(others) == 1 and min(worst) > 1.4 * max(others)
    with pytest.raises(ValueError, match="no joint 'hand'"):
        weighted_l2_loss(true, true, std, {"hand": 2.0})


def test_a_config_names_them(case: tuple[Tensor, Tensor, Tensor]) -> None:
    named = {
        "l2": l2_loss,
        "compositional": compositional_loss,
        "weighted": weighted_l2_loss,
        "distance": distance_loss,
    }
    values = [lifter_loss(*case, kind) for kind in named]
    assert [value.item() for value in values] == [loss(*case).item() for loss in named.values()]
    assert len({value.item() for value in values}) == 4
