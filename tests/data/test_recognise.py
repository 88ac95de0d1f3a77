"""Which data set a folder holds, and what is said to a person who names another one."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hourlift.data import FrameId, Sample, recognise, write_coco, write_shards
from hourlift.geometry.camera import Camera


def sample(name: str) -> Sample:
    rng = np.random.default_rng(len(name))
    return Sample(
        id=name,
        image=np.full((30, 40, 3), 90, np.uint8),
        image_wh=(40, 30),
        joints_2d_px=rng.uniform(5, 25, (17, 2)).astype(np.float32),
        visible=np.ones(17, bool),
        box_xyxy_px=np.array([2, 2, 28, 28], np.float32),
        joints_3d_cam_mm=rng.normal(0, 300, (17, 3)).astype(np.float32) + np.float32(3000),
        camera=Camera.from_fov((40, 30)),
    )


def studio(folder: Path) -> list[str]:
    """Shards of videos, as `hourlift synth --preset studio` may write them."""
    ids = [
        str(FrameId(subject=subject, action=action, take=1, camera="54138969", frame=frame))
        for subject in ("S1", "S8", "S11")
        for action in ("Sitting", "SittingDown")
        for frame in (1, 6)
    ]
    write_shards(map(sample, ids), folder, per_shard=5)
    return ids


def test_shards_of_films_have_human36ms_splits(tmp_path: Path) -> None:
    ids = studio(tmp_path / "people")
    dataset = recognise(tmp_path / "people")
    assert dataset.counts.people == 12 and dataset.counts.videos == 6 and dataset.has_3d
    assert dataset.counts.subjects == ("S1", "S8", "S11") and dataset.counts.actions == ("Sitting", "SittingDown")
    assert [person.id for person in dataset.samples()] == ids
    assert [person.id for person in dataset.samples("report-validate")] == ids[4:8]
    assert [person.id for person in dataset.samples("test", stride=2)] == ids[8::2]
    assert [person.id for person in dataset.some(3)] == [ids[0], ids[5], ids[10]]


def test_shards_of_anybody(tmp_path: Path) -> None:
    write_shards(map(sample, ("1", "2")), tmp_path)
    dataset = recognise(tmp_path)
    assert dataset.splits == ("all",) and dataset.counts.videos == 0
    assert [person.id for person in recognise(tmp_path / "shard-000000.tar").samples()] == ["1", "2"]


def test_the_coco_layout(tmp_path: Path) -> None:
    write_coco([sample("1"), sample("2")], tmp_path / "set")
    for source in (tmp_path / "set", tmp_path / "set" / "keypoints.json"):
        dataset = recognise(source)
        assert dataset.name == "COCO keypoint layout" and dataset.counts.people == 2 and dataset.has_3d
        assert dataset.missing == ()
    (tmp_path / "set" / "images" / "000002.jpg").unlink()
    (missing,) = recognise(tmp_path / "set").missing
    assert missing.startswith("1 of 2 images checked, such as ")


def test_cocos_two_halves(tmp_path: Path) -> None:
    for split, count in (("train2017", 2), ("val2017", 1)):
        write_coco([sample(str(i)) for i in range(count)], tmp_path / split)
        content = json.loads((tmp_path / split / "keypoints.json").read_text())
        for image in content["images"]:
            image["file_name"] = Path(image["file_name"]).name
            (tmp_path / split / "images" / image["file_name"]).rename(tmp_path / split / image["file_name"])
        (tmp_path / "annotations").mkdir(exist_ok=True)
        (tmp_path / "annotations" / f"person_keypoints_{split}.json").write_text(json.dumps(content))
        (tmp_path / split / "keypoints.json").unlink()
    dataset = recognise(tmp_path)
    assert dataset.splits == ("train2017", "val2017", "all") and dataset.missing == ()
    assert len(list(dataset.samples("val2017"))) == 1 and len(list(dataset.samples())) == 3


def test_pictures_alone_are_a_test_set(tmp_path: Path) -> None:
    for name in ("b.png", "a.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((30, 40, 3), np.uint8))
    dataset = recognise(tmp_path)
    first, second = dataset.samples("test")
    assert (first.id, second.id) == ("a", "b")
    np.testing.assert_array_equal(first.box_xyxy_px, [-0.5, -0.5, 39.5, 29.5])
    assert "can be used for prediction, not for training" in dataset.missing[0]


LAYOUTS: dict[str, Callable[[Any, Path], object]] = {
    "official": lambda tiny, folder: type(tiny)(takes=("Directions",)).write_official(folder),
    "mmpose": lambda tiny, folder: tiny.write_mmpose(folder, images=False),
    "videopose3d": lambda tiny, folder: tiny.write_videopose3d(folder),
    "coco": lambda tiny, folder: write_coco([sample("1")], folder),
    "shards": lambda tiny, folder: studio(folder),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_too_high(layout: str, tiny: Any, tmp_path: Path) -> None:
    LAYOUTS[layout](tiny, tmp_path / "data" / "h36m")
    for folder in (tmp_path / "data", tmp_path):
        with pytest.raises(ValueError, match=rf"{folder} is .*too high up: name {tmp_path}/data/h36m, which holds "):
            recognise(folder)


@pytest.mark.parametrize(
    ("layout", "below"),
    [
        ("official", "S1"),
        ("official", "S1/MyPoseFeatures"),
        ("official", "S1/MyPoseFeatures/D3_Positions"),
        ("mmpose", "annotation_body3d"),
        ("mmpose", "annotation_body3d/fps50"),
        ("coco", "images"),
    ],
)
def test_a_folder_too_low(layout: str, below: str, tiny: Any, tmp_path: Path) -> None:
    LAYOUTS[layout](tiny, tmp_path / "set")
    with pytest.raises(ValueError, match=rf"is only a part of a data set: name {tmp_path}/set, which holds"):
        recognise(tmp_path / "set" / below)


def test_other_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere does not exist"):
        recognise(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no data set that hourlift knows\. Those hold S1/MyPoseFeatures/"):
        recognise(tmp_path)
    (tmp_path / "notes.json").write_text("{}")
    (tmp_path / "Poses_D3_Positions_S1.tgz").touch()
    with pytest.raises(ValueError, match=r"holds archives: unpack Poses_D3_Positions_S1\.tgz and the others first"):
        recognise(tmp_path)
    with pytest.raises(ValueError, match=r"tgz is a file: name the data set's folder"):
        recognise(tmp_path / "Poses_D3_Positions_S1.tgz")


def test_strides_start_at_one(tmp_path: Path) -> None:
    write_shards([sample("1")], tmp_path)
    with pytest.raises(ValueError, match="stride must be at least 1, got 0"):
        recognise(tmp_path).samples(stride=0)


def test_a_broken_shard(tmp_path: Path) -> None:
    write_shards([replace(sample("1"), camera=None)], tmp_path)
    shard = tmp_path / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes()[:700])
    with pytest.raises(ValueError, match=r"shard-000000\.tar cannot be read as a shard|hold no people"):
        recognise(tmp_path)
