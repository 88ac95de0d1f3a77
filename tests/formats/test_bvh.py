"""BVH: the rest pose, the angles, and what the file says besides joints' places."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hourlift.data.mocap.bvh import load_bvh
from hourlift.formats.table import write_poses
from hourlift.geometry.skeleton import H36M17


def directions(truth: Any, num_frames: int, **changes: Any) -> np.ndarray:
    """(T, 17, 3) of a person in a T, with some bones in other directions."""
    rest = truth.T_POSE | changes
    unit = np.array([rest[name] for name in H36M17.joint_names], float)
    unit /= np.maximum(np.linalg.norm(unit, axis=-1, keepdims=True), 1e-9)
    return np.tile(unit, (num_frames, 1, 1))


def angles(path: Path) -> dict[str, list[float]]:
    """The first frame's channels as {"LeftArm.Zrotation": ...}, read with nothing but the order in the file."""
    text = path.read_text()
    names = [
        f"{joint}.{channel}"
        for joint, channels in re.findall(r"(?:ROOT|JOINT) (\w+)\s*\{\s*OFFSET[^\n]*\s*CHANNELS \d ([^\n]*)", text)
        for channel in channels.split()
    ]
    values = text.splitlines()[-1].split()
    return dict(zip(names, map(float, values), strict=True))


def test_who_faces_the_camera_in_a_t_has_no_angles(truth: Any, tmp_path: Path) -> None:
    document = truth.document_of(truth.joints_of(directions(truth, 1)), roots_mm=np.array([[100.0, -200, 3000]]))
    (file,) = write_poses(tmp_path / "a.bvh", document)
    found = angles(file)
    assert len(found) == 3 + 22 * 3
    np.testing.assert_allclose([found.pop(f"Hips.{axis}position") for axis in "XYZ"], [0.1, 0.2, -3.0], atol=1e-5)
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Thighs forward and shins down, as on a chair: forward is towards the camera.
        (
            {"l_knee": (0, 0, -1), "r_knee": (0, 0, -1)},
            {
                "LeftUpLeg.Xrotation": -90,
                "RightUpLeg.Xrotation": -90,
                "LeftLeg.Xrotation": 90,
                "RightLeg.Xrotation": 90,
            },
        ),
        # The left arm hangs; its lower arm points forward.
        (
            {"l_elbow": (0, 1, 0), "l_wrist": (0, 0, -1)},
            {"LeftArm.Zrotation": -90, "LeftForeArm.Yrotation": -90},
        ),
        # The head looks down: its bones lean forward by 45 degrees.
        ({"nose": (0, -1, -1), "head": (0, -1, -1)}, {"Neck.Xrotation": 45}),
    ],
)
def test_angles_of_plain_poses(truth: Any, tmp_path: Path, changes: Any, expected: dict[str, float]) -> None:
    (file,) = write_poses(tmp_path / "a.bvh", truth.document_of(truth.joints_of(directions(truth, 1, **changes))))
    found = {name: value for name, value in angles(file).items() if "rotation" in name and value}
    assert found == pytest.approx(expected, abs=1e-3)


def test_a_turn_of_the_whole_person_is_the_root_s_alone(truth: Any, tmp_path: Path) -> None:
    angle = np.radians(40)  # to the person's own right: with the clock, seen from above
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    joints = truth.joints_of(directions(truth, 1)) @ turn.T
    (file,) = write_poses(tmp_path / "a.bvh", truth.document_of(joints))
    found = {name: value for name, value in angles(file).items() if "rotation" in name and abs(value) > 1e-3}
    assert found == pytest.approx({"Hips.Yrotation": -40}, abs=1e-3)


def test_the_rest_pose_stands_upright_with_the_person_s_bones(truth: Any, tmp_path: Path) -> None:
    (file,) = write_poses(tmp_path / "a.bvh", truth.document_of(truth.joints_of(truth.random_directions(9, seed=1))))
    offsets = {
        name: np.array(offset.split(), float)
        for name, offset in re.findall(r"(?:ROOT|JOINT) (\w+)\s*\{\s*OFFSET ([^\n]*)", file.read_text())
    }
    lengths = {name: length / 1000 for name, length in truth.LENGTHS_MM.items()}
    for name, expected in {
        "Hips": [0, 0, 0],
        "LHipJoint": [0, 0, 0],
        "LeftUpLeg": [lengths["l_hip"], 0, 0],
        "RightUpLeg": [-lengths["r_hip"], 0, 0],
        "LeftLeg": [0, -lengths["l_knee"], 0],
        "RightFoot": [0, -lengths["r_ankle"], 0],
        "Spine1": [0, lengths["thorax"], 0],
        "LeftForeArm": [lengths["l_elbow"], 0, 0],
        "RightHand": [-lengths["r_wrist"], 0, 0],
    }.items():
        np.testing.assert_allclose(offsets[name], expected, atol=1e-5, err_msg=name)


def test_the_project_s_own_reader_finds_every_limb(truth: Any, tmp_path: Path) -> None:
    document = truth.document_of(truth.joints_of(truth.random_directions(6, seed=2)))
    (file,) = write_poses(tmp_path / "a.bvh", document)
    clip = load_bvh(file)
    assert clip.fps == pytest.approx(truth.FPS)
    names = [name for name in H36M17.joint_names if name in clip.joints and name not in ("head", "nose")]
    assert len(names) == 15
    read = np.stack([clip.at(name) for name in names], axis=1)
    room_m = truth.room_mm(document)[:, H36M17.indices(*names)] / 1000
    np.testing.assert_allclose(read[..., 2], room_m[..., 2], atol=5e-4)  # z up, metres
    gaps = [np.linalg.norm(places[:, :, None] - places[:, None], axis=-1) for places in (read, room_m)]
    np.testing.assert_allclose(*gaps, atol=1e-3)


def test_curves_do_not_jump_by_a_turn(truth: Any, tmp_path: Path) -> None:
    turns = np.radians(np.linspace(0, 720, 73))  # twice around
    turn = np.array([[np.cos(turns), 0 * turns, np.sin(turns)], [0 * turns, 1 + 0 * turns, 0 * turns]])
    x, y = turn.transpose(2, 0, 1)[:, 0], turn.transpose(2, 0, 1)[:, 1]
    rotation = np.stack([x, y, np.cross(x, y)], axis=1)
    joints = np.einsum("tij,tkj->tki", rotation, truth.joints_of(directions(truth, 73)))
    (file,) = write_poses(tmp_path / "a.bvh", truth.document_of(joints))
    rows = np.array([line.split() for line in file.read_text().split("Frame Time")[1].splitlines()[1:]], float)
    assert np.abs(np.diff(rows[:, 3:], axis=0)).max() == pytest.approx(10, abs=1e-3)


def test_one_file_a_person(truth: Any, tmp_path: Path) -> None:
    people = [truth.joints_of(truth.random_directions(4, seed=seed)) for seed in range(3)]
    people[1][:] = np.nan  # a track without a single joint
    document = truth.document_of(*people)
    files = write_poses(tmp_path / "out.bvh", document)
    assert [file.name for file in files] == ["out-0.bvh", "out-2.bvh"]
    assert sorted(tmp_path.iterdir()) == files
    for person, file in zip((0, 2), files, strict=True):
        read = truth.read_bvh(file)
        for i, name in enumerate(H36M17.joint_names):
            np.testing.assert_allclose(read[name], truth.room_mm(document, person)[:, i], atol=0.5)


def test_all_files_or_none(truth: Any, tmp_path: Path) -> None:
    people = [truth.joints_of(truth.random_directions(4, seed=seed)) for seed in range(2)]
    people[1][:, 3] = np.nan
    with pytest.raises(ValueError, match=r"out.bvh: person 1: .* no frame has r_ankle"):
        write_poses(tmp_path / "out.bvh", truth.document_of(*people))
    assert list(tmp_path.iterdir()) == []
