"""What joints of sampled poses can do, and where hands go that belong somewhere."""

import pytest
import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.pose.arms import MODES, PRESETS, TOUCHES, pose_arms, two_bone
from hourlift.synth.pose.sampler import SAMPLED, sample_poses
from hourlift.synth.pose.variants import VARIANTS

COUNT = 600


@pytest.fixture(scope="module")
def rotations(body: Body) -> Tensor:
    draw = Draw(5, COUNT)
    return sample_poses(body, draw, torch.arange(COUNT) % len(SAMPLED), draw.chance(0.1))


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
    across = torch.linalg.cross(along.expand_as(now), now) @ hinge
    return torch.rad2deg(torch.atan2(across, now @ (along - (along @ hinge) * hinge)))


@pytest.mark.parametrize("side", [".L", ".R"])
def test_knees_bend_backwards(body: Body, rotations: Tensor, side: str) -> None:
    sideways = torch.tensor([1.0, 0.0, 0.0])
    bend = bend_deg(body, rotations, "upperleg01" + side, "lowerleg01" + side, "foot" + side, sideways)
    assert bend.min() > -0.1
    assert 130 < bend.max() < 152.1


@pytest.mark.parametrize("side", [".L", ".R"])
def test_elbows_never_go_beyond_straight(body: Body, rotations: Tensor, side: str) -> None:
    bend = bend_deg(body, rotations, "upperarm01" + side, "lowerarm01" + side, "wrist" + side, None)
    assert bend.min() > 1.9
    assert 130 < bend.max() < 145.1


def test_two_bones_reach_their_target_or_point_to_it() -> None:
    target = torch.tensor([[0.3, -0.2, 0.1], [0.0, 0.05, -0.4], [2.0, 0.0, 0.0]])
    pole = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.2, 0.0], [0.0, 1.0, 0.0]])
    upper, fore = torch.tensor(0.27), torch.tensor(0.24)
    first, flexion, second = two_bone(target, upper, fore, pole)
    reached = upper * first + fore * second
    torch.testing.assert_close(reached[:2], target[:2], atol=1e-5, rtol=0)
    assert torch.nn.functional.cosine_similarity(reached[2], target[2], dim=0) > 0.9999
    torch.testing.assert_close(torch.cos(torch.deg2rad(flexion)), (first * second).sum(-1), atol=1e-4, rtol=0)
    bulge = upper * first - target * ((upper * first * target).sum(-1) / target.square().sum(-1))[:, None]
    assert ((bulge * pole).sum(-1) > 0).all()  # the elbow points to the pole


@pytest.mark.parametrize("mode", ["hip", "chin", "crown", "chest", "nape"])
def test_hands_go_where_they_belong(body: Body, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where TOUCHES says, but for what makes no two alike."""
    weights = torch.tensor([[float(name == mode) for name in MODES]] * len(PRESETS))
    monkeypatch.setattr("hourlift.synth.pose.arms._WEIGHTS", weights)
    rotations = torch.eye(3).repeat(32, body.num_bones, 1, 1)
    zeros = torch.zeros(32, dtype=torch.int64)
    pose_arms(body, Draw(3, 32), rotations, zeros, torch.zeros(32, 2), zeros > 0)
    turn, offset = body.forward_kinematics(rotations, body.bone_mean.expand(32, -1, -1))
    for suffix, sign in ((".L", 1.0), (".R", -1.0)):
        wrist = body.bone["wrist" + suffix]
        at = (turn[:, wrist] @ body.bone_mean[wrist]) + offset[:, wrist]
        wanted = torch.tensor(TOUCHES[mode].wrist) * torch.tensor([sign, 1.0, 1.0])
        assert (at - wanted).norm(dim=1).max() < 0.035


def test_all_variants_name_what_exists_and_can_be_bent() -> None:
    for variants in VARIANTS.values():
        for variant in variants:
            for leg in (variant.leg, variant.other or variant.leg):
                for low, high in (leg.flex, leg.shin or leg.knee, leg.spread, leg.turn):
                    assert low <= high
            assert variant.arms in PRESETS and variant.weight > 0
    assert all(mode in MODES for preset in PRESETS.values() for mode in preset)


def test_kinds_do_what_their_names_say(body: Body, rotations: Tensor) -> None:
    joints = body.joints(torch.zeros(COUNT, body.people.shape[1]), rotations)
    kind = torch.arange(COUNT) % len(SAMPLED)

    def height(name: str, of: str) -> Tensor:
        return (joints[:, H36M17.index(name), 2] - joints[:, H36M17.indices("l_ankle", "r_ankle"), 2].amin(1))[
            kind == SAMPLED.index(of)
        ]

    assert height("pelvis", "stand").median() > 0.75
    assert height("pelvis", "floor").median() < 0.3 < height("pelvis", "sit").median() < 0.5
    assert height("thorax", "bend").median() < 1.15 < height("thorax", "reach").median()
    wrists = torch.maximum(height("l_wrist", "climb"), height("r_wrist", "climb"))
    assert (wrists > height("thorax", "climb")).float().mean() > 0.6
    assert (height("head", "acrobat") < height("pelvis", "acrobat")).float().mean() > 0.25  # upside down
