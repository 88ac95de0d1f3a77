"""Poses from Python to files and back, and how they look in a notebook."""

import pickle
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hourlift
from hourlift.formats.csv import COLUMNS
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.world import World


@pytest.fixture
def sequence() -> hourlift.PoseSequence:
    rng = np.random.default_rng(3)
    joints_mm = rng.normal(0, 400, (4, 17, 3))
    joints_mm[:, 0] = 0
    joints_mm[2] = np.nan
    return hourlift.PoseSequence(
        person_id=2,
        frame_index=np.arange(4),
        times_s=np.arange(4) / 25,
        joints_2d_px=rng.uniform(0, 200, (4, 17, 2)),
        confidence=rng.uniform(0, 1, (4, 17)),
        joints_3d_mm=joints_mm,
        root_cam_mm=np.tile([100.0, 200.0, 3000.0], (4, 1)),
        box_xyxy_px=np.tile([0.0, 0.0, 200.0, 200.0], (4, 1)),
        camera=hourlift.Camera.from_fov((320, 240), 60.0),
        world=World.from_up((0.0, -1.0, 0.0), 1500.0, "given"),
    )


@pytest.mark.parametrize("name", ["poses.json", "poses.npz"])
def test_a_sequence_is_written_and_read(sequence: hourlift.PoseSequence, name: str, tmp_path: Path) -> None:
    other = replace(sequence, person_id=5)
    assert hourlift.write_poses(tmp_path / name, [sequence, other]) == [tmp_path / name]
    document = hourlift.read_poses(tmp_path / name)
    assert document.person_ids == [2, 5]
    read = document.sequence(2)
    np.testing.assert_allclose(read.joints_3d_mm, sequence.joints_3d_mm, atol=0.06)
    np.testing.assert_allclose(read.times_s, sequence.times_s, atol=1e-6)
    np.testing.assert_array_equal(read.present, sequence.present)
    assert document.header.fps == pytest.approx(25)


def test_people_of_two_videos_are_not_one_file(sequence: hourlift.PoseSequence, tmp_path: Path) -> None:
    later = replace(sequence, person_id=3, frame_index=sequence.frame_index + 1)
    for people, reason in (
        ([sequence, later], "frames differ"),
        ([sequence, sequence], "person_id"),
        ([], "no person"),
    ):
        with pytest.raises(hourlift.UserError, match=reason):
            hourlift.write_poses(tmp_path / "a.json", people)
    assert not list(tmp_path.iterdir())


def test_the_data_frame_has_the_columns_of_the_csv_file(sequence: hourlift.PoseSequence, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    table = sequence.to_dataframe()
    assert set(table.columns) == set(COLUMNS)
    hourlift.write_poses(tmp_path / "a.csv", sequence)
    written = pandas.read_csv(tmp_path / "a.csv")
    shared = [name for name in COLUMNS if "world" not in name and name != "joint"]
    there = table[table.frame != 2].reset_index(drop=True)  # the file has no rows of a frame without people
    np.testing.assert_allclose(there[shared], written[shared], atol=0.06)
    assert list(there.joint) == list(written.joint)


def test_poses_are_short_in_a_terminal_and_drawn_in_a_notebook(sequence: hourlift.PoseSequence, tmp_path: Path) -> None:
    hourlift.write_poses(tmp_path / "a.json", sequence)
    frame = hourlift.read_poses(tmp_path / "a.json").frames[0]
    assert repr(sequence) == "<PoseSequence of person 2, found in 3 of 4 frames>"
    assert repr(frame) == "<PoseFrame 0 at 0.000 s with 1 people>"
    (pose,) = frame.people
    assert repr(pose).startswith("<Pose of person 2, confidence 0.") and repr(pose).endswith(", 3.0 m away>")
    drawing = ET.fromstring(pose._repr_html_().partition("</p>")[2])
    assert len(drawing) == 2 * (H36M17.num_joints - 1)
    half = replace(pose, joints_3d_mm=np.where(np.arange(17)[:, None] < 4, pose.joints_3d_mm, np.nan))
    assert len(ET.fromstring(half._repr_html_().partition("</p>")[2])) == 2 * 3


def test_a_predictor_is_pickled_by_its_options(marker_models: tuple[Path, Path]) -> None:
    predictor = hourlift.PosePredictor(*map(str, marker_models), threads=1, flip_test=True)
    other = pickle.loads(pickle.dumps(predictor))
    assert other.networks == predictor.networks
    image = np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    for mine, theirs in zip(
        predictor.predict(image, [[10, 10, 150, 110]]), other.predict(image, [[10, 10, 150, 110]]), strict=True
    ):
        np.testing.assert_array_equal(mine.joints_3d_mm, theirs.joints_3d_mm)
