import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from hourlift.data.mocap.clip import MotionClip
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, axis_angle, between, from_vector, rotation_vector
from hourlift.synth.pose.mix import PoseMix, sample_rotations
from hourlift.synth.pose.retarget import landmarks, mirrored, retarget, retarget_clip

EXACT = (
    "pelvis neck", "head head_top", "l_hip l_knee", "l_knee l_ankle", "l_ankle l_toe", "l_shoulder l_elbow",
    "l_elbow l_wrist", "l_wrist l_hand", "r_hip r_knee", "r_knee r_ankle", "r_shoulder r_elbow", "r_elbow r_wrist",
)  # fmt: skip
NEAR = ("pelvis spine", "spine neck", "neck head", "r_hip l_hip", "r_shoulder l_shoulder", "neck l_shoulder")


@pytest.fixture(scope="module")
def poses(body: Body) -> Tensor:
    return sample_rotations(body, Draw(1, 300), PoseMix(prior=0.0))[0]


def between_deg(first: Tensor, second: Tensor) -> Tensor:
    first, second = normalize(first, dim=-1), normalize(second, dim=-1)
    return torch.atan2(torch.linalg.cross(first, second).norm(dim=-1), (first * second).sum(-1)) / RAD


def test_limbs_point_where_they_pointed(body: Body, poses: Tensor) -> None:
    given = landmarks(body, poses)
    found = landmarks(body, retarget(body, given, calibrate=False))
    for bones, limit in ((EXACT, 0.1), (NEAR, 10.0)):
        for bone in bones:
            start, end = bone.split()
            off = between_deg(given[end] - given[start], found[end] - found[start])
            assert off.quantile(0.95) < limit, f"{bone}: {off.quantile(0.95)}"


def test_knees_and_elbows_turn_as_they_did(body: Body, poses: Tensor) -> None:
    found = retarget(body, landmarks(body, poses), calibrate=False)
    given_world, _ = body.forward_kinematics(poses, body.bone_mean.expand(len(poses), -1, -1))
    found_world, _ = body.forward_kinematics(found, body.bone_mean.expand(len(poses), -1, -1))
    off = rotation_vector(given_world.mT @ found_world).norm(dim=-1) / RAD
    for limb, distal in (("upperarm01", "lowerarm01"), ("upperleg01", "lowerleg01")):
        for side in (".L", ".R"):
            angle = rotation_vector(poses[:, body.bone[distal + side]]).norm(dim=-1) / RAD
            bent = (angle > 40) & (angle < 150)
            assert bent.sum() > 50
            assert off[bent, body.bone[limb + side]].quantile(0.9) < 7


def test_knees_and_elbows_are_hinges_that_do_not_overstretch(body: Body, poses: Tensor) -> None:
    found = retarget(body, landmarks(body, poses), calibrate=False)
    left = torch.tensor([1.0, 0.0, 0.0])
    for side in (".L", ".R"):
        thigh = body.bone_mean[body.bone["lowerleg01" + side]] - body.bone_mean[body.bone["upperleg01" + side]]
        shin = body.bone_mean[body.bone["foot" + side]] - body.bone_mean[body.bone["lowerleg01" + side]]
        bend = found[:, body.bone["lowerleg01" + side]] @ shin
        assert torch.linalg.cross(thigh.expand_as(bend), bend)[:, 0].min() > -1e-3
        sideways = rotation_vector(found[:, body.bone["lowerleg01" + side]])
        sideways = sideways - (sideways @ left)[:, None] * left
        assert (sideways.norm(dim=-1) / RAD).quantile(0.95) < 12  # the knee is found to that


def test_a_mirrored_clip_gives_mirrored_rotations(body: Body, poses: Tensor) -> None:
    places = landmarks(body, poses)
    flip = torch.tensor([-1.0, 1.0, 1.0])
    other = {"l_": "r_", "r_": "l_"}
    reflected = {other.get(name[:2], name[:2]) + name[2:]: at * flip for name, at in places.items()}
    direct = mirrored(body, retarget(body, places))
    again = retarget(body, reflected)
    # The rest body is symmetrical to a tenth of a millimetre, not exactly.
    assert (rotation_vector(direct.mT @ again).norm(dim=-1) / RAD).quantile(0.999) < 0.5
    torch.testing.assert_close(mirrored(body, mirrored(body, poses)), poses)


def test_turning_the_person_turns_the_root_only(body: Body, poses: Tensor) -> None:
    turn = axis_angle(torch.tensor([0.3, -1.0, 0.5]), torch.tensor(2.0))
    places = landmarks(body, poses)
    turned = retarget(body, {name: at @ turn.mT for name, at in places.items()}, calibrate=False)
    expected = retarget(body, places, calibrate=False)
    expected[:, body.bone["root"]] = turn @ expected[:, body.bone["root"]]
    assert (rotation_vector(expected.mT @ turned).norm(dim=-1) / RAD).quantile(0.999) < 0.5


def test_a_skeleton_with_other_rest_directions_is_calibrated(body: Body) -> None:
    upright = torch.eye(3).repeat(200, body.num_bones, 1, 1)
    places = landmarks(body, upright)
    places["spine"] = places["spine"] + torch.tensor([0.0, 0.08, 0.0])  # CMU's and others' lie elsewhere
    places["head_top"] = places["head_top"] + torch.tensor([0.0, -0.06, 0.0])
    biased, calibrated = (retarget(body, places, calibrate=way) for way in (False, True))
    off = [(rotation_vector(found).norm(dim=-1) / RAD).amax(1).median() for found in (biased, calibrated)]
    assert off[0] > 15 and off[1] < 6


def test_unknown_feet_are_level(body: Body) -> None:
    upright = torch.eye(3).repeat(1, body.num_bones, 1, 1)
    upright[:, body.bone["upperleg01.L"]] = axis_angle(torch.tensor([-1.0, 0.0, 0.0]), torch.tensor(0.6))
    places = landmarks(body, upright)
    toe = places.pop("l_toe") - places["l_ankle"]
    found = landmarks(body, retarget(body, places, calibrate=False))
    level = found["l_toe"] - found["l_ankle"]
    assert toe[0, 2] > 0  # the raised foot pointed up
    assert level[0, 2] == pytest.approx(-0.06, abs=0.005) and level[0, 1] < -0.1


def test_gaps_do_not_spread(body: Body, poses: Tensor) -> None:
    places = landmarks(body, poses)
    expected = retarget(body, places, calibrate=False)
    places["l_hand"] = places["l_hand"].clone()
    places["l_hand"][5:9] = torch.nan
    found = retarget(body, places, calibrate=False)
    assert found.isfinite().all()
    hand = [label.startswith(("wrist.L", "finger")) for label in body.labels]
    same = torch.tensor([not h for h in hand])
    torch.testing.assert_close(found[:, same], expected[:, same])
    torch.testing.assert_close(found[5:9, body.bone["wrist.L"]], torch.eye(3).expand(4, 3, 3), atol=1e-5, rtol=0)


def test_a_clip_without_arms_is_refused(body: Body, poses: Tensor) -> None:
    places = {name: at for name, at in landmarks(body, poses).items() if "elbow" not in name}
    clip = MotionClip(
        name="armless", joints=tuple(places), positions=torch.stack(list(places.values()), 1).numpy(), fps=30
    )
    full = torch.stack(list(landmarks(body, poses).values()), 1).numpy()
    full[7, list(landmarks(body, poses)).index("r_knee")] = float("nan")
    gappy = MotionClip(name="gappy", joints=tuple(landmarks(body, poses)), positions=full, fps=30)
    with pytest.raises(ValueError, match="gappy: r_knee is NaN in frame 7"):
        retarget_clip(body, gappy)
    with pytest.raises(ValueError, match="armless lacks l_elbow, r_elbow"):
        retarget_clip(body, clip)


def test_rotation_vectors_are_undone_whatever_the_angle() -> None:
    directions = normalize(torch.randn(200, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    for angle in (0.0, 1e-7, 1e-3, 1.0, 3.0, 3.14159):
        turn = axis_angle(directions, torch.full((200,), angle))
        torch.testing.assert_close(from_vector(rotation_vector(turn)), turn, atol=2e-6, rtol=0)
        torch.testing.assert_close(rotation_vector(turn).norm(dim=-1), torch.full((200,), angle), atol=1e-3, rtol=0)
    start, half = axis_angle(directions, torch.full((200,), 0.4)), axis_angle(directions, torch.full((200,), 1.2))
    end = axis_angle(directions, torch.full((200,), 2.0))
    torch.testing.assert_close(between(start, end, 0.5), half, atol=2e-6, rtol=0)
