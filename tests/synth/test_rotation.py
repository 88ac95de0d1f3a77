import math

import pytest
import torch

from hourlift.synth.core.rotation import about, align, axis_angle

X, Y, Z = torch.eye(3)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def assert_rotations(matrices: torch.Tensor) -> None:
    torch.testing.assert_close(matrices @ matrices.mT, torch.eye(3).expand_as(matrices), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(matrices), torch.ones(matrices.shape[:-2]), atol=1e-5, rtol=0)


def test_axis_angle_turns_by_the_angle_and_keeps_the_axis() -> None:
    axis, angle = random(50, 3), 3 * random(50)
    turned = axis_angle(axis, angle)
    assert_rotations(turned)
    torch.testing.assert_close((turned @ axis[..., None])[..., 0], axis, atol=1e-5, rtol=0)
    torch.testing.assert_close(turned.diagonal(dim1=1, dim2=2).sum(-1), 1 + 2 * angle.cos(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("axis", "start", "end"), [(0, Y, Z), (1, Z, X), (2, X, Y)])
def test_a_quarter_turn_is_right_handed(axis: int, start: torch.Tensor, end: torch.Tensor) -> None:
    quarter = about(axis, torch.tensor([90.0]))[0]
    torch.testing.assert_close(quarter @ start, end, atol=1e-6, rtol=0)
    torch.testing.assert_close(axis_angle(torch.eye(3)[axis], torch.tensor(math.pi / 2)), quarter, atol=1e-6, rtol=0)


def test_align_is_the_smallest_turn_from_one_direction_to_another() -> None:
    source, target = random(40, 3), random(40, 3).flip(0)
    turned = align(source, target)
    assert_rotations(turned)
    unit = torch.nn.functional.normalize(source, dim=-1)
    aim = torch.nn.functional.normalize(target, dim=-1)
    torch.testing.assert_close((turned @ unit[..., None])[..., 0], aim, atol=1e-5, rtol=0)
    cosine = (turned.diagonal(dim1=1, dim2=2).sum(-1) - 1) / 2
    torch.testing.assert_close(cosine, (unit * aim).sum(-1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("source", [X, Y, Z, torch.ones(3), torch.tensor([1.0, -2.0, 0.5])])
def test_align_with_the_same_and_the_opposite_direction(source: torch.Tensor) -> None:
    torch.testing.assert_close(align(source, source[None])[0], torch.eye(3), atol=1e-5, rtol=0)
    half_turn = align(source, -source[None])[0]
    assert_rotations(half_turn)
    torch.testing.assert_close(half_turn @ source, -source, atol=1e-5, rtol=0)
