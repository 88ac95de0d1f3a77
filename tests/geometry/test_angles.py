"""Joint angles against poses that are built with known ones."""

import numpy as np
import pytest

from hourlift.geometry.angles import ANGLE_KEYS, ANGLES, joint_angles
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.world import up_of_pitched_camera

RNG = np.random.default_rng(3)
# The subject's axes in the frame that the poses are built in: x to their right, y forward, z up.
RIGHT, FORWARD, UP = np.eye(3)
OUT = {"l": -RIGHT, "r": RIGHT}


def standing(**directions: np.ndarray) -> np.ndarray:
    """(17, 3) upright, limbs hanging; a keyword gives a bone, named by its end, another direction."""
    bones = {
        "r_hip": 130 * RIGHT,
        "l_hip": -130 * RIGHT,
        "spine": 240 * UP,
        "thorax": 250 * UP,
        "nose": 110 * UP + 60 * FORWARD,
        "head": 120 * UP,
        "r_shoulder": 150 * RIGHT,
        "l_shoulder": -150 * RIGHT,
    }
    lengths = {"knee": 450, "ankle": 440, "elbow": 280, "wrist": 250}
    bones |= {f"{side}_{end}": -length * UP for side in "lr" for end, length in lengths.items()}
    for name, direction in directions.items():
        bones[name] = np.linalg.norm(bones[name]) * direction / np.linalg.norm(direction)
    joints = np.zeros((17, 3))
    placed = {"pelvis"}
    while len(placed) < 17:
        for parent, child in H36M17.edges:
            names = H36M17.joint_names[parent], H36M17.joint_names[child]
            if names[0] in placed and names[1] not in placed:
                joints[child] = joints[parent] + bones[names[1]]
                placed.add(names[1])
    return joints


def sagittal(degrees: float) -> np.ndarray:
    """From hanging down forwards."""
    return np.sin(np.radians(degrees)) * FORWARD - np.cos(np.radians(degrees)) * UP


def frontal(degrees: float, side: str) -> np.ndarray:
    """From hanging down outwards."""
    return np.sin(np.radians(degrees)) * OUT[side] - np.cos(np.radians(degrees)) * UP


def rotations(count: int) -> np.ndarray:
    q, _ = np.linalg.qr(RNG.normal(size=(count, 3, 3)))
    return q * np.sign(np.linalg.det(q))[:, None, None]


def test_standing_with_hanging_limbs_is_zero_everywhere() -> None:
    angles = joint_angles(standing(), UP)
    assert tuple(angles) == ANGLE_KEYS and len(ANGLE_KEYS) == 15
    assert {key for angle in ANGLES for key in angle.keys} == set(angles)
    np.testing.assert_allclose(list(angles.values()), 0, atol=1e-5)


@pytest.mark.parametrize("side", ["l", "r"])
@pytest.mark.parametrize("degrees", [-60, -10, 0, 35, 90, 140, 175])
def test_raising_a_limb_forward_is_flexion(side: str, degrees: float) -> None:
    straight = {f"{side}_{end}": sagittal(degrees) for end in ("knee", "ankle", "elbow", "wrist")}
    angles = joint_angles(standing(**straight), UP)
    for name in ("hip", "shoulder"):
        assert angles[f"{side}_{name}_flexion"] == pytest.approx(degrees, abs=1e-6)
    for name in ("knee", "elbow"):
        assert angles[f"{side}_{name}_flexion"] == pytest.approx(0, abs=1e-5)
    other = "r" if side == "l" else "l"
    assert angles[f"{other}_hip_flexion"] == pytest.approx(0, abs=1e-6)
    assert angles[f"{side}_hip_abduction"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("side", ["l", "r"])
@pytest.mark.parametrize("degrees", [-25, 15, 60, 120, 175])
def test_raising_a_limb_outward_is_abduction(side: str, degrees: float) -> None:
    angles = joint_angles(standing(**{f"{side}_elbow": frontal(degrees, side)}), UP)
    assert angles[f"{side}_shoulder_abduction"] == pytest.approx(degrees, abs=1e-6)
    thigh = np.clip(degrees, -45, 60)
    angles = joint_angles(standing(**{f"{side}_knee": frontal(thigh, side)}), UP)
    assert angles[f"{side}_hip_abduction"] == pytest.approx(thigh, abs=1e-6)
    assert angles[f"{side}_hip_flexion"] == pytest.approx(0, abs=1e-6)


def test_a_limb_straight_out_has_no_flexion_and_one_straight_ahead_no_abduction() -> None:
    out = joint_angles(standing(l_elbow=frontal(90, "l"), l_knee=frontal(75, "l")), UP)
    assert np.isnan(out["l_shoulder_flexion"]) and np.isnan(out["l_hip_flexion"])
    assert out["l_shoulder_abduction"] == pytest.approx(90) and out["l_hip_abduction"] == pytest.approx(75)
    ahead = joint_angles(standing(r_elbow=sagittal(85)), UP)
    assert ahead["r_shoulder_flexion"] == pytest.approx(85) and np.isnan(ahead["r_shoulder_abduction"])


@pytest.mark.parametrize("degrees", [0, 1e-4, 30, 90, 145, 180])
def test_bending_a_knee_and_an_elbow(degrees: float) -> None:
    bent = joint_angles(standing(l_ankle=sagittal(-degrees), r_wrist=sagittal(degrees)), UP)
    assert bent["l_knee_flexion"] == pytest.approx(degrees, abs=1e-6)
    assert bent["r_elbow_flexion"] == pytest.approx(degrees, abs=1e-6)
    assert bent["r_knee_flexion"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("forward", "side"), [(0.0, 0.0), (40.0, 0.0), (-20.0, 0.0), (0.0, 25.0), (30.0, -15.0), (120.0, 0.0)]
)
def test_leaning_forward_and_sideways(forward: float, side: float) -> None:
    tangents = np.tan(np.radians([forward, side]))
    trunk = np.sign(np.cos(np.radians(forward))) * (tangents[0] * FORWARD + tangents[1] * RIGHT + UP)
    angles = joint_angles(standing(spine=trunk, thorax=trunk), UP)
    assert angles["trunk_forward"] == pytest.approx(forward, abs=1e-6)
    if abs(forward) < 90:
        assert angles["trunk_side"] == pytest.approx(side, abs=1e-6)
    inclination = np.degrees(np.arccos(trunk @ UP / np.linalg.norm(trunk)))
    assert angles["trunk_inclination"] == pytest.approx(inclination, abs=1e-5)


def test_a_squat_is_that_of_the_textbook() -> None:
    """Shanks 20 degrees forward, thighs level, trunk 30 degrees forward: knees 110, hips against the spine 120."""
    trunk = np.sin(np.radians(30)) * FORWARD + np.cos(np.radians(30)) * UP
    legs = {f"{side}_knee": sagittal(90) for side in "lr"} | {f"{side}_ankle": sagittal(-20) for side in "lr"}
    angles = joint_angles(standing(spine=trunk, thorax=trunk, **legs), UP)
    assert angles["l_knee_flexion"] == pytest.approx(110)
    assert angles["r_hip_flexion"] == pytest.approx(120)
    assert angles["trunk_forward"] == pytest.approx(30)


def test_turning_moving_and_scaling_change_nothing() -> None:
    pose = standing(l_knee=sagittal(50) + 0.3 * OUT["l"], r_elbow=frontal(60, "r") + 0.4 * FORWARD, spine=UP + 0.3)
    before = joint_angles(pose, UP)
    for rotation in rotations(6):
        after = joint_angles(0.73 * pose @ rotation.T + [5000, -200, 900], rotation @ UP * 4)
        for key in ANGLE_KEYS:
            np.testing.assert_allclose(after[key], before[key], atol=1e-6, err_msg=key)


def test_a_mirrored_person_has_left_and_right_exchanged() -> None:
    poses = standing() + 60 * RNG.normal(size=(20, 17, 3))
    before = joint_angles(poses, UP)
    after = joint_angles((poses * [-1, 1, 1])[:, H36M17.flip_permutation], UP)
    for key in ANGLE_KEYS:
        other = {"l_": "r_", "r_": "l_"}.get(key[:2], key[:2]) + key[2:]
        sign = -1 if key == "trunk_side" else 1
        np.testing.assert_allclose(after[key], sign * before[other], atol=1e-6, err_msg=key)


def test_the_default_up_is_that_of_a_level_camera() -> None:
    """x right, y down, z away: a person who faces the camera has their right at -x and their front at -z."""
    camera = np.array([-RIGHT, [0, 0, -1], [0, -1, 0]])  # rows: what the subject's axes are in the camera's
    lean = UP + np.tan(np.radians(20)) * FORWARD
    angles = joint_angles(standing(spine=lean, thorax=lean, l_knee=sagittal(40)) @ camera)
    assert angles["trunk_forward"] == pytest.approx(20)
    assert angles["l_hip_flexion"] == pytest.approx(60)  # 40 from upright, and 20 that the pelvis tips


def test_a_camera_that_looks_down_does_not_tip_the_person() -> None:
    """From behind a level camera the person stands; turn the camera down by 25 degrees about its x axis."""
    level = standing() @ np.array([RIGHT, [0, 0, 1], [0, -1, 0]])
    turn = np.radians(25)
    down = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    # In the camera that looks down, the floor ahead comes up in the image: what was ahead (+z) is now at -y.
    assert (down @ [0, 0, 1])[1] < 0
    pitched = level @ down.T
    assert joint_angles(pitched)["trunk_inclination"] == pytest.approx(25)
    assert joint_angles(pitched, up_of_pitched_camera(25))["trunk_inclination"] == pytest.approx(0, abs=1e-5)


def test_unknown_joints_leave_gaps_only_where_they_are_needed() -> None:
    poses = np.stack([standing(), standing()])
    poses[1, H36M17.index("l_ankle")] = np.nan
    angles = joint_angles(poses, UP)
    assert {key for key in ANGLE_KEYS if np.isnan(angles[key][1])} == {"l_knee_flexion"}
    poses[1, H36M17.index("l_shoulder")] = poses[1, H36M17.index("l_elbow")]
    angles = joint_angles(poses, UP)
    assert np.isnan(angles["l_shoulder_flexion"][1]) and np.isnan(angles["l_elbow_flexion"][1])
    assert not any(np.isnan(angles[key][0]) for key in ANGLE_KEYS)
    assert joint_angles(np.zeros((0, 17, 3)))["l_knee_flexion"].shape == (0,)


@pytest.mark.parametrize(
    ("joints", "up"), [(np.zeros((16, 3)), UP), (standing(), [0, 0, 0]), (standing(), [0, np.nan, 1])]
)
def test_what_makes_no_sense_is_refused(joints: np.ndarray, up: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"joint angles need|up must be"):
        joint_angles(joints, up)
