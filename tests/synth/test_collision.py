"""Limbs that go through the body, and limbs that only touch it."""

import math

import pytest
import torch

from hourlift.synth.body.collision import collides, penetration_m, segment_distance
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.rotation import axis_angle

X, Y, Z = torch.eye(3)


def posed(body: Body, **turns: tuple[torch.Tensor, float]) -> torch.Tensor:
    """One person at rest but for bones of the left side that are turned by degrees."""
    rotations = torch.eye(3).repeat(1, body.num_bones, 1, 1)
    for stem, (axis, degrees) in turns.items():
        rotations[0, body.bone[stem + ".L"]] = axis_angle(axis, torch.tensor(math.radians(degrees)))
    return rotations


def test_distances_of_segments() -> None:
    a = torch.tensor([0.0, 0, 0]), torch.tensor([1.0, 0, 0])
    cases = [  # crossing above, end to end, parallel beside, a point beyond the end
        ((0.5, -1, 0.3), (0.5, 1, 0.3), 0.3),
        ((2.0, 0, 0), (3.0, 0, 0), 1.0),
        ((0.2, 0.4, 0), (0.8, 0.4, 0), 0.4),
        ((1.3, 0.4, 0), (1.3, 0.4, 0), 0.5),
    ]
    for start, end, distance in cases:
        found = segment_distance(*a, torch.tensor(start), torch.tensor(end))
        assert found.item() == pytest.approx(distance, abs=1e-6)
        assert segment_distance(torch.tensor(start), torch.tensor(end), *a).item() == pytest.approx(distance, abs=1e-6)


def test_nobody_collides_at_rest(body: Body) -> None:
    assert not collides(body, posed(body)).any()


def test_an_arm_folded_into_the_chest_collides(body: Body) -> None:
    """The A-pose' arm turned inwards by 45 degrees about the shoulder hangs; by 75 it is in the hip."""
    assert not collides(body, posed(body, upperarm01=(Y, 25.0))).any()
    assert collides(body, posed(body, upperarm01=(Y, 80.0))).any()


def test_a_leg_through_the_other_collides(body: Body) -> None:
    assert not collides(body, posed(body, upperleg01=(X, -80.0))).any()
    assert collides(body, posed(body, upperleg01=(Y, 25.0))).any()


def test_turning_the_whole_person_changes_nothing(body: Body) -> None:
    rotations = posed(body, upperarm01=(Y, 80.0), upperleg01=(X, -60.0))
    turned = rotations.clone()
    turned[0, body.bone["root"]] = axis_angle(torch.tensor([1.0, 2, 3]), torch.tensor(2.0))
    torch.testing.assert_close(penetration_m(body, turned), penetration_m(body, rotations), atol=1e-5, rtol=0)
