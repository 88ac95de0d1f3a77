"""Every format that holds joints in the room, read by an independent reader, tells the same places."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hourlift.formats.table import write_poses
from hourlift.formats.tracks import NoPersonError
from hourlift.geometry.skeleton import H36M17

RIGGED = ("bvh", "glb")  # formats of joint angles, in which bones have one length


def written(truth: Any, format_name: str, document: Any, folder: Path) -> dict[str, np.ndarray]:
    (file,) = write_poses(folder / f"a.{format_name}", document)
    return truth.READERS[format_name](file)


def assert_same(read: dict[str, np.ndarray], room_mm: np.ndarray, within_mm: float = 0.5) -> None:
    assert sorted(read) == sorted(H36M17.joint_names)
    for i, name in enumerate(H36M17.joint_names):
        distance = np.linalg.norm(read[name] - room_mm[:, i], axis=-1)
        assert distance.max() < within_mm, (name, int(distance.argmax()), float(distance.max()))


def test_positions_within_half_a_millimetre_in_any_pose(truth: Any, format_name: str, tmp_path: Path) -> None:
    document = truth.document_of(truth.joints_of(truth.random_directions(24, seed=1)))
    assert_same(written(truth, format_name, document, tmp_path), truth.room_mm(document))


def test_one_frame(truth: Any, format_name: str, tmp_path: Path) -> None:
    joints = truth.joints_of(truth.random_directions(1, seed=2))
    document = truth.document_of(joints, kind="photo", source="a.jpg", fps=None)
    assert_same(written(truth, format_name, document, tmp_path), truth.room_mm(document))


@pytest.mark.parametrize("format_name", RIGGED)
def test_where_bones_change_their_length_the_error_is_that_of_the_lengths(
    truth: Any, format_name: str, tmp_path: Path
) -> None:
    lengths_mm = np.array(list(truth.LENGTHS_MM.values())) * np.random.default_rng(0).uniform(0.9, 1.1, (15, 17))
    document = truth.document_of(truth.joints_of(truth.random_directions(15, seed=3), lengths_mm))
    read = written(truth, format_name, document, tmp_path)
    off_mm = np.abs(lengths_mm - np.median(lengths_mm, axis=0))
    for i, name in enumerate(H36M17.joint_names):
        bound_mm = off_mm[:, i].copy()
        above = H36M17.parents[i]
        while above >= 0:
            bound_mm += off_mm[:, above]
            above = H36M17.parents[above]
        distance = np.linalg.norm(read[name] - truth.room_mm(document)[:, i], axis=-1)
        assert (distance <= bound_mm + 0.1).all(), name
    wrist = read["l_wrist"] - read["l_elbow"]
    median_mm = np.median(lengths_mm[:, H36M17.index("l_wrist")])
    np.testing.assert_allclose(np.linalg.norm(wrist, axis=-1), median_mm, atol=0.05)


def test_gaps(truth: Any, format_name: str, tmp_path: Path) -> None:
    joints = truth.joints_of(truth.random_directions(12, seed=4))
    present = np.ones((1, 12), bool)
    present[0, [0, 1, 6, 7]] = False
    document = truth.document_of(joints, present=present)
    room_mm = truth.room_mm(document)
    read = written(truth, format_name, document, tmp_path)
    if format_name == "csv":
        assert_same(read, room_mm[present[0]])  # no rows
    elif format_name == "bvh":
        held = np.array([2, 2, 2, 3, 4, 5, 5, 5, 8, 9, 10, 11])
        assert_same(read, room_mm[held])
    elif format_name == "glb":
        assert_same({name: places[present[0]] for name, places in read.items()}, room_mm[present[0]])
    else:
        for i, name in enumerate(H36M17.joint_names):
            assert np.isnan(read[name][~present[0]]).all()
            np.testing.assert_allclose(read[name], room_mm[:, i], atol=0.1)


def test_a_joint_that_is_unknown_for_a_while(truth: Any, format_name: str, tmp_path: Path) -> None:
    joints = truth.joints_of(truth.random_directions(6, seed=5))
    document = truth.document_of(joints)
    knee, elbow = H36M17.indices("l_knee", "r_elbow")
    joints[3, knee, 1], joints[4, elbow] = np.nan, np.inf
    broken = truth.document_of(joints)
    room_mm = truth.room_mm(document)
    read = written(truth, format_name, broken, tmp_path)
    others = [name for name in H36M17.joint_names if name not in ("l_knee", "r_elbow", "l_ankle", "r_wrist")]
    for name in others:
        np.testing.assert_allclose(read[name], room_mm[:, H36M17.index(name)], atol=0.5)
    if format_name in RIGGED:
        assert all(np.isfinite(places).all() for places in read.values())
    else:
        assert np.isnan(read["l_knee"][3]).any() and np.isfinite(np.delete(read["l_knee"], 3, axis=0)).all()
        assert np.isnan(read["r_elbow"][4]).all() and np.isfinite(np.delete(read["r_elbow"], 4, axis=0)).all()


@pytest.mark.parametrize("format_name", RIGGED)
def test_a_joint_that_no_frame_has_is_named(truth: Any, format_name: str, tmp_path: Path) -> None:
    joints = truth.joints_of(truth.random_directions(4, seed=6))
    joints[:, H36M17.index("nose")] = np.nan
    with pytest.raises(ValueError, match=rf"a.{format_name}: person 0: .* no frame has nose$"):
        write_poses(tmp_path / f"a.{format_name}", truth.document_of(joints))
    assert list(tmp_path.iterdir()) == []


def test_nobody(truth: Any, format_name: str, tmp_path: Path) -> None:
    joints = truth.joints_of(truth.random_directions(3, seed=7))
    unseen = np.full_like(joints, np.nan)
    for document, complaint in (
        (truth.document_of(), "no person is in the 0 frames"),
        (truth.document_of(joints, present=np.zeros((1, 3), bool)), "no person is in the 3 frames"),
        (truth.document_of(unseen), "no person is in the 3 frames"),
    ):
        if format_name in ("csv", "npz"):
            read = written(truth, format_name, document, tmp_path)
            assert not any(np.isfinite(places).any() for places in read.values())
            (tmp_path / f"a.{format_name}").unlink()
        else:
            with pytest.raises(NoPersonError, match=rf"a.{format_name}: {complaint}"):
                write_poses(tmp_path / f"a.{format_name}", document)
        assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_never_known(
    truth: Any, format_name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    joints = truth.joints_of(truth.random_directions(4, seed=8))
    document = truth.document_of(joints, roots_mm=np.full((4, 3), np.nan))
    read = written(truth, format_name, document, tmp_path)
    if format_name in ("csv", "npz"):
        assert all(np.isnan(places).all() for places in read.values())
        assert caplog.text == ""
    else:
        x, y, z = np.moveaxis(joints, -1, 0)
        assert_same(read, np.stack([x, z, -y], axis=-1))
        assert "person 0: the distance is unknown" in caplog.text


def test_a_place_that_is_unknown_for_a_while(truth: Any, tmp_path: Path) -> None:
    joints = truth.joints_of(truth.random_directions(4, seed=9))
    roots_mm = np.array([[0, 0, 3000.0], [np.nan] * 3, [100, 0, 3000], [np.inf, 0, 0]])
    document = truth.document_of(joints, roots_mm=roots_mm)
    held = truth.document_of(joints, roots_mm=roots_mm[[0, 0, 2, 2]])
    for format_name in RIGGED:
        assert_same(written(truth, format_name, document, tmp_path), truth.room_mm(held))
    for format_name in ("trc", "c3d"):
        read = written(truth, format_name, document, tmp_path)
        assert np.isnan(read["head"][[1, 3]]).all() and np.isfinite(read["head"][[0, 2]]).all()


@pytest.mark.parametrize("format_name", ["trc", "c3d"])
def test_markers_of_several_people_have_their_ids_in_front(truth: Any, format_name: str, tmp_path: Path) -> None:
    people = [truth.joints_of(truth.random_directions(5, seed=seed)) for seed in (10, 11)]
    present = np.array([[1, 1, 1, 1, 1], [0, 0, 1, 1, 0]], bool)
    document = truth.document_of(*people, present=present)
    read = written(truth, format_name, document, tmp_path)
    assert list(read) == [f"p{person}_{name}" for person in (0, 1) for name in H36M17.joint_names]
    for person in (0, 1):
        room_mm = truth.room_mm(document, person)
        for i, name in enumerate(H36M17.joint_names):
            np.testing.assert_allclose(read[f"p{person}_{name}"], room_mm[:, i], atol=0.1)
