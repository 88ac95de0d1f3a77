"""Poses that people can take."""

import pytest
import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body import Body
from hourlift.synth.draw import Draw
from hourlift.synth.motion import KINDS, UPRIGHT, PoseMix, sample_rotations

COUNT = 400


@pytest.fixture(scope="module")
def rotations(body: Body) -> Tensor:
    return sample_rotations(body, Draw(5, COUNT), PoseMix())[0]


def bend_deg(body: Body, rotations: Tensor, upper: str, lower: str, end: str, hinge: Tensor | None) -> Tensor:
    """Angle (B,) from the upper to the lower bone of a limb about the hinge, in the upper bone's frame at rest.

    Without a hinge it is the one about which the limb is bent at rest.
    """
    turn, offset = body.forward_kinematics(rotations, body.bone_mean.expand(len(rotations), -1, -1))
    first, middle, last = (body.bone[bone] for bone in (upper, lower, end))
    at = torch.einsum("bkij,kj->bki", turn, body.bone_mean) + offset
    along = body.bone_mean[middle] - body.bone_mean[first]
    rest = body.bone_mean[last] - body.bone_mean[middle]
    now = ((at[:, last] - at[:, middle])[:, None] @ turn[:, first])[:, 0]
    if hinge is None:
        hinge = torch.nn.functional.normalize(torch.linalg.cross(along, rest), dim=0)
    else:
        along = rest
    across = torch.linalg.cross(along.expand_as(now), now) @ hinge
    return torch.rad2deg(torch.atan2(across, now @ (along - (along @ hinge) * hinge)))


@pytest.mark.parametrize("side", [".L", ".R"])
def test_knees_bend_backwards(body: Body, rotations: Tensor, side: str) -> None:
    sideways = torch.tensor([1.0, 0.0, 0.0])
    bend = bend_deg(body, rotations, "upperleg01" + side, "lowerleg01" + side, "foot" + side, sideways)
    assert bend.min() > -0.1
    assert 120 < bend.max() < 152.1


@pytest.mark.parametrize("side", [".L", ".R"])
def test_elbows_never_go_beyond_straight(body: Body, rotations: Tensor, side: str) -> None:
    bend = bend_deg(body, rotations, "upperarm01" + side, "lowerarm01" + side, "wrist" + side, None)
    assert bend.min() > 1.9
    assert 120 < bend.max() < 145.1


def test_rotations_are_rotations(rotations: Tensor) -> None:
    product = rotations @ rotations.mT
    torch.testing.assert_close(product, torch.eye(3).expand_as(product), atol=1e-4, rtol=0)
    assert torch.linalg.det(rotations).min() > 0.999


def test_every_heading_is_as_likely(body: Body) -> None:
    rotations, _ = sample_rotations(body, Draw(2, 2000), UPRIGHT)
    joints = body.joints(torch.zeros(2000, body.people.shape[1]), rotations)
    left = joints[:, H36M17.index("l_hip")] - joints[:, H36M17.index("r_hip")]
    heading = torch.atan2(left[:, 1], left[:, 0])
    assert torch.stack([heading.cos(), heading.sin()]).mean(1).norm() < 0.06
    up = joints[:, H36M17.index("thorax")] - joints[:, H36M17.index("pelvis")]
    assert (up[:, 2] > 0).float().mean() > 0.95


def test_kinds_are_drawn_with_their_weights_and_look_it(body: Body) -> None:
    mix = PoseMix(stand=0.5, walk=0.0, sit=0.25, floor=0.25, crouch=0.0, kneel=0.0, wild=0.0, lie=0.0, tumble=0.0)
    rotations, kind = sample_rotations(body, Draw(3, COUNT), mix)
    assert torch.bincount(kind, minlength=len(KINDS)).div(COUNT).tolist() == pytest.approx(mix.weights, abs=0.08)
    joints = body.joints(torch.zeros(COUNT, body.people.shape[1]), rotations)
    hip, knee, ankle = (joints[:, H36M17.index(name), 2] for name in ("l_hip", "l_knee", "l_ankle"))
    standing, seated = kind == KINDS.index("stand"), kind == KINDS.index("sit")
    assert ((hip - ankle)[standing] > 0.4).all()
    assert (hip - knee)[seated].median() < 0.15 < (knee - ankle)[seated].median()


def test_the_same_seed_draws_the_same_poses(body: Body, rotations: Tensor) -> None:
    assert torch.equal(sample_rotations(body, Draw(5, COUNT), PoseMix())[0], rotations)
    assert not torch.equal(sample_rotations(body, Draw(6, COUNT), PoseMix())[0], rotations)
