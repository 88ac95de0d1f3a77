"""Poses that people can take, of the kinds that are asked for."""

import pytest
import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.collision import collides
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import about
from hourlift.synth.pose.library import PoseLibrary
from hourlift.synth.pose.mix import KINDS, UPRIGHT, PoseMix, sample_rotations

COUNT = 400
NONE = dict.fromkeys(vars(PoseMix()), 0.0)


@pytest.fixture(scope="module")
def rotations(body: Body) -> Tensor:
    return sample_rotations(body, Draw(5, COUNT), PoseMix())[0]


def joints_of(body: Body, rotations: Tensor) -> Tensor:
    return body.joints(torch.zeros(len(rotations), body.people.shape[1]), rotations)


def test_rotations_are_rotations(rotations: Tensor) -> None:
    product = rotations @ rotations.mT
    torch.testing.assert_close(product, torch.eye(3).expand_as(product), atol=1e-4, rtol=0)
    assert torch.linalg.det(rotations).min() > 0.999


def test_every_heading_is_as_likely(body: Body) -> None:
    rotations, _ = sample_rotations(body, Draw(2, 2000), UPRIGHT)
    joints = joints_of(body, rotations)
    left = joints[:, H36M17.index("l_hip")] - joints[:, H36M17.index("r_hip")]
    heading = torch.atan2(left[:, 1], left[:, 0])
    assert torch.stack([heading.cos(), heading.sin()]).mean(1).norm() < 0.06
    up = joints[:, H36M17.index("thorax")] - joints[:, H36M17.index("pelvis")]
    assert (up[:, 2] > 0).float().mean() > 0.95


def test_kinds_are_drawn_with_their_weights_and_look_it(body: Body) -> None:
    mix = PoseMix(**NONE | {"stand": 0.5, "sit": 0.25, "floor": 0.25})
    rotations, kind = sample_rotations(body, Draw(3, COUNT), mix)
    assert torch.bincount(kind, minlength=len(KINDS)).div(COUNT).tolist() == pytest.approx(mix.weights, abs=0.08)
    joints = joints_of(body, rotations)
    hip, knee, ankle = (joints[:, H36M17.index(name), 2] for name in ("l_hip", "l_knee", "l_ankle"))
    standing, seated = kind == KINDS.index("stand"), kind == KINDS.index("sit")
    other_ankle = joints[:, H36M17.index("r_ankle"), 2]
    assert ((hip - torch.minimum(ankle, other_ankle))[standing] > 0.6).all()
    assert (hip - knee)[seated].median() < 0.15 < (knee - ankle)[seated].median()


def test_the_default_mix_has_weights_that_are_shares() -> None:
    assert sum(PoseMix().weights) == pytest.approx(1.0)
    assert PoseMix().captured == UPRIGHT.captured == 0.0  # nobody has motion capture but who sets it


@pytest.mark.parametrize("kind", ["walk", "floor", "wild", "prior"])
def test_hardly_anybody_has_a_limb_through_the_body(body: Body, kind: str) -> None:
    rotations, _ = sample_rotations(body, Draw(4, COUNT), PoseMix(**NONE | {kind: 1.0}))
    assert collides(body, rotations).float().mean() < 0.01


def test_who_lies_has_the_trunk_level_and_nobody_lies_on_a_chair(body: Body) -> None:
    rotations, kind = sample_rotations(body, Draw(8, COUNT), PoseMix(**NONE | {"stand": 1.0, "sit": 1.0, "lie": 1.0}))
    joints = joints_of(body, rotations)
    trunk = joints[:, H36M17.index("thorax")] - joints[:, H36M17.index("pelvis")]
    rise = trunk[:, 2] / trunk.norm(dim=-1)
    seated = kind == KINDS.index("sit")
    assert rise[seated].min() > 0.5 > rise[~seated].quantile(0.95)


def test_the_same_seed_draws_the_same_poses(body: Body, rotations: Tensor) -> None:
    assert torch.equal(sample_rotations(body, Draw(5, COUNT), PoseMix())[0], rotations)
    assert not torch.equal(sample_rotations(body, Draw(6, COUNT), PoseMix())[0], rotations)


class Still(PoseLibrary):
    """Everybody in one pose."""

    def __init__(self, pose: Tensor) -> None:
        self.pose = pose

    def sample(self, draw: Draw) -> Tensor:
        return self.pose.repeat(draw.count, 1, 1, 1)


def test_captured_poses_come_from_the_library_if_there_is_one(body: Body) -> None:
    mix = PoseMix(**NONE | {"captured": 1.0})
    rotations, kind = sample_rotations(body, Draw(1, 8), mix, Still(torch.eye(3).repeat(body.num_bones, 1, 1)))
    assert (kind == KINDS.index("captured")).all()
    others = [i for label, i in body.bone.items() if label != "root"]
    assert torch.equal(rotations[:, others], torch.eye(3).expand(8, len(others), 3, 3))
    assert (sample_rotations(body, Draw(1, 8), mix)[1] == KINDS.index("prior")).all()


def test_captured_arms_are_moved_out_of_the_hips(body: Body) -> None:
    """The arm of the A-pose, let down until it is just inside the body, and the same after sampling."""
    lowered = torch.eye(3).repeat(60, body.num_bones, 1, 1)
    lowered[:, body.bone["upperarm01.L"]] = about(1, torch.arange(60.0))
    inside = collides(body, lowered)
    pose = lowered[inside.int().argmax()]
    assert inside.any() and not inside[0]
    sampled, _ = sample_rotations(body, Draw(1, 4), PoseMix(**NONE | {"captured": 1.0}), Still(pose))
    assert not collides(body, sampled).any()
    assert torch.equal(sampled[:, body.bone["upperleg01.L"]], pose[body.bone["upperleg01.L"]].expand(4, 3, 3))
