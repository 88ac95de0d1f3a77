"""Formats that hold pixels, too: CSV, NPZ and COCO."""

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hourlift.data.images.coco import load_coco
from hourlift.formats.json import PoseFile
from hourlift.formats.table import load_poses, write_poses
from hourlift.geometry.skeleton import COCO17, H36M17


@pytest.fixture
def document(truth: Any) -> PoseFile:
    """Two people; the second is not there in frame 1; person 0 has an unknown elbow in frame 2."""
    people = [truth.joints_of(truth.random_directions(3, seed=seed)) for seed in (0, 1)]
    people[0][2, H36M17.index("l_elbow")] = np.nan
    return truth.document_of(*people, present=np.array([[1, 1, 1], [1, 0, 1]], bool))


def same_poses(read: PoseFile, expected: PoseFile) -> None:
    assert read.header == expected.header
    assert [(f.index, f.time_s) for f in read.frames] == [(f.index, f.time_s) for f in expected.frames]
    for frame, original in zip(read.frames, expected.frames, strict=True):
        for pose, other in zip(frame.people, original.people, strict=True):
            assert (pose.person_id, pose.camera) == (other.person_id, other.camera)
            for name in ("joints_2d_px", "confidence", "joints_3d_mm", "root_cam_mm", "box_xyxy_px"):
                np.testing.assert_array_equal(getattr(pose, name), getattr(other, name))


def test_csv_has_a_row_for_every_frame_person_and_joint(document: PoseFile, truth: Any, tmp_path: Path) -> None:
    (file,) = write_poses(tmp_path / "a.csv", document)
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    keys = [(int(row["frame"]), int(row["person"]), row["joint"]) for row in rows]
    assert keys == [(f, p, joint) for f, p in ((0, 0), (0, 1), (1, 0), (2, 0), (2, 1)) for joint in H36M17.joint_names]
    for (f, p, joint), row in zip(keys, rows, strict=True):
        (pose,) = [pose for pose in document.frames[f].people if pose.person_id == p]
        i = H36M17.index(joint)
        assert float(row["time_s"]) == pytest.approx(f / truth.FPS)
        numbers = np.array([float(value or "nan") for value in list(row.values())[4:]])
        assert "nan" not in row.values()
        expected = [*pose.joints_2d_px[i], pose.confidence[i], *pose.joints_3d_mm[i], *truth.room_mm(document, p)[f, i]]
        np.testing.assert_allclose(numbers, expected, atol=0.051)


def test_csv_of_nobody_is_its_names(truth: Any, tmp_path: Path) -> None:
    (file,) = write_poses(tmp_path / "a.csv", truth.document_of())
    assert file.read_text() == (
        "frame,time_s,person,joint,x_px,y_px,confidence,x_rel_mm,y_rel_mm,z_rel_mm,x_world_mm,y_world_mm,z_world_mm\n"
    )


def test_npz_round_trip(document: PoseFile, tmp_path: Path) -> None:
    (file,) = write_poses(tmp_path / "a.npz", document)
    same_poses(load_poses(file), document)
    with np.load(file, allow_pickle=False) as data:
        assert data["present"].tolist() == [[True, True, True], [True, False, True]]
        assert data["person_ids"].tolist() == [0, 1]
        assert data["joints_2d_px"].shape == (2, 3, 17, 2)
        np.testing.assert_array_equal(data["camera_matrix"], [[800, 0, 319.5], [0, 810, 239.5], [0, 0, 1]])
        assert np.isnan(data["joints_3d_mm"][1, 1]).all()
        assert data["confidence"][1, 1].tolist() == [0.0] * 17


@pytest.mark.parametrize("frames", [0, 2])
def test_npz_of_nobody(truth: Any, tmp_path: Path, frames: int) -> None:
    joints = truth.joints_of(truth.random_directions(frames, seed=0)) if frames else ()
    document = truth.document_of(*([joints] if frames else []), present=np.zeros((1, frames), bool))
    (file,) = write_poses(tmp_path / "a.npz", document)
    same_poses(load_poses(file), document)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"header": np.array("{}")}, "not an NPZ file of hourlift's poses"),
        (
            {"header": np.array('{"schema": "hourlift-poses", "schema_version": 2}')},
            "schema version 2 cannot be read, only 1",
        ),
        ({"times_s": np.zeros(7)}, r"times_s is \(7,\), not \(3,\)"),
        ({"confidence": np.zeros((2, 4, 17))}, r"confidence is \(2, 4, 17\), not \(2, 3, 17\)"),
        ({"joint_names": np.array(["nose"] * 17)}, "joints are not those of h36m17"),
        ({"present": None}, "present"),
        ({"header": np.array([{}], object)}, "not an NPZ file of hourlift's poses"),
    ],
)
def test_other_npz_files_are_refused(
    document: PoseFile, tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    (file,) = write_poses(tmp_path / "a.npz", document)
    with np.load(file) as data:
        arrays = {name: array for name, array in (dict(data) | change).items() if array is not None}
    np.savez(file, **arrays)
    with pytest.raises(ValueError, match=f"a.npz: .*{complaint}"):
        load_poses(file)


@pytest.mark.parametrize("cut", [0, 10, 1000])
def test_a_damaged_npz_file_is_refused(document: PoseFile, tmp_path: Path, cut: int) -> None:
    (file,) = write_poses(tmp_path / "a.npz", document)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(ValueError, match="a.npz: this is not an NPZ file"):
        load_poses(file)


def test_coco_as_its_own_reader_has_it(document: PoseFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from pycocotools.coco import COCO

    (file,) = write_poses(tmp_path / "a.coco.json", document)
    coco = COCO(str(file))
    capsys.readouterr()
    (category,) = coco.loadCats(coco.getCatIds())
    assert category["keypoints"][:6] == ["nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder"]
    assert len(category["skeleton"]) == 19
    assert all(1 <= joint <= 17 for bone in category["skeleton"] for joint in bone)
    assert [len(coco.getAnnIds(imgIds=[image])) for image in coco.getImgIds()] == [2, 1, 2]
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == [
        *("dance/000000.jpg", "dance/000001.jpg", "dance/000002.jpg")
    ]
    for image, frame in zip(coco.getImgIds(), document.frames, strict=True):
        for person, pose in zip(coco.loadAnns(coco.getAnnIds(imgIds=[image])), frame.people, strict=True):
            keypoints = np.array(person["keypoints"]).reshape(17, 3)
            lacking = COCO17.indices("l_eye", "r_eye", "l_ear", "r_ear")
            assert (keypoints[lacking] == 0).all()
            assert person["num_keypoints"] == 13 == (keypoints[:, 2] == 2).sum()
            assert person["track_id"] == pose.person_id
            left, top, width, height = person["bbox"]
            np.testing.assert_allclose([left, top, left + width, top + height], pose.box_xyxy_px, atol=0.02)
            for name in ("nose", "l_wrist", "r_ankle"):
                at, source = COCO17.index(name), H36M17.index(name)
                np.testing.assert_allclose(keypoints[at, :2], pose.joints_2d_px[source], atol=0.006)
                assert person["keypoint_scores"][at] == pytest.approx(pose.confidence[source], abs=6e-4)


def test_coco_is_a_data_set_for_training(document: PoseFile, tmp_path: Path) -> None:
    (file,) = write_poses(tmp_path / "a.coco.json", document)
    (tmp_path / "dance").mkdir()
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"dance/{i:06}.jpg"), np.zeros((480, 640, 3), np.uint8))
    samples = load_coco(file)
    poses = [pose for frame in document.frames for pose in frame.people]
    limbs = H36M17.indices("r_knee", "l_shoulder", "nose")
    for sample, pose in zip(samples, poses, strict=True):
        np.testing.assert_allclose(sample.joints_2d_px[limbs], pose.joints_2d_px[limbs], atol=0.006)
        np.testing.assert_allclose(sample.box_xyxy_px, pose.box_xyxy_px, atol=0.02)


def test_coco_of_unknown_joints_and_nobody(truth: Any, tmp_path: Path) -> None:
    document = truth.document_of(truth.joints_of(truth.random_directions(2, seed=0)), present=np.array([[1, 0]], bool))
    (pose,) = document.frames[0].people
    pose.joints_2d_px[H36M17.index("l_hip"), 0] = np.inf
    pose.joints_2d_px[H36M17.index("r_hip")] = np.nan
    pose.box_xyxy_px[2] = np.nan
    pose.confidence[H36M17.index("nose")] = np.nan
    (file,) = write_poses(tmp_path / "a.coco.json", document)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    content = json.loads(file.read_text(), parse_constant=refuse)
    (person,) = content["annotations"]
    keypoints = np.array(person["keypoints"]).reshape(17, 3)
    assert (keypoints[COCO17.indices("l_hip", "r_hip")] == 0).all()
    assert person["num_keypoints"] == 11
    known = keypoints[keypoints[:, 2] > 0, :2]
    np.testing.assert_allclose(person["bbox"][:2], known.min(axis=0), atol=0.02)
    assert person["keypoint_scores"][0] == 0
    assert len(content["images"]) == 2
    (file,) = write_poses(tmp_path / "b.coco.json", truth.document_of())
    content = json.loads(file.read_text())
    assert content["images"] == content["annotations"] == []


def test_coco_of_a_photo_names_the_photo(truth: Any, tmp_path: Path) -> None:
    joints = truth.joints_of(truth.random_directions(1, seed=0))
    document = truth.document_of(joints, source="a photo.jpg", kind="photo", fps=None)
    (file,) = write_poses(tmp_path / "a.coco.json", document)
    assert json.loads(file.read_text())["images"][0]["file_name"] == "a photo.jpg"
