import csv
from pathlib import Path

import numpy as np
import pytest

from hourlift.formats.angles import angle_track, write_angles
from hourlift.geometry.angles import ANGLE_KEYS
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import PoseSequence

HIP, KNEE, ANKLE = H36M17.indices("l_hip", "l_knee", "l_ankle")


@pytest.fixture
def sequence() -> PoseSequence:
    """Four frames at 25 a second; the left knee bends by 0, 30, 60, 90 degrees."""
    joints = np.random.default_rng(0).normal(size=(4, 17, 3)) * 300
    for frame, bend in enumerate(np.radians([0, 30, 60, 90])):
        joints[frame, [HIP, KNEE]] = [[100, 0, 0], [100, 400, 0]]
        joints[frame, ANKLE] = joints[frame, KNEE] + 400 * np.array([0, np.cos(bend), np.sin(bend)])
    return PoseSequence(
        person_id=3,
        frame_index=np.arange(4) + 10,
        times_s=np.arange(4) / 25,
        joints_2d_px=np.zeros((4, 17, 2)),
        confidence=np.full((4, 17), 0.5),
        joints_3d_mm=joints,
        root_cam_mm=np.zeros((4, 3)),
        box_xyxy_px=np.zeros((4, 4)),
        camera=Camera.from_fov((64, 48)),
    )


def test_the_table_reads_back(sequence: PoseSequence, tmp_path: Path) -> None:
    sequence.joints_3d_mm[2] = np.nan
    track = angle_track(sequence)
    write_angles(tmp_path / "a.csv", [track, track])
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["frame", "time_s", "person", *ANGLE_KEYS]
    assert [row["frame"] for row in rows] == ["10", "11", "12", "13"] * 2
    assert [row["time_s"] for row in rows[:4]] == ["0", "0.04", "0.08", "0.12"]
    assert {row["person"] for row in rows} == {"3"}
    assert [row["l_knee_flexion"] for row in rows[:4]] == ["0.0", "30.0", "", "90.0"]
    assert all(row[key] == "" for row in rows[2:7:4] for key in ANGLE_KEYS)


def test_unsure_joints_are_gaps(sequence: PoseSequence) -> None:
    sequence.confidence[1, ANKLE] = 0.05
    sequence.confidence[3, ANKLE] = np.nan
    knee = angle_track(sequence, min_confidence=0.1).degrees["l_knee_flexion"]
    assert np.isnan(knee).tolist() == [False, True, False, True]
    assert not np.isnan(angle_track(sequence).degrees["l_knee_flexion"]).any()


def test_nobody_is_a_table_without_rows(tmp_path: Path) -> None:
    write_angles(tmp_path / "a.csv", [])
    assert (tmp_path / "a.csv").read_text().count("\n") == 1
