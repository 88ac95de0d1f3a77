"""The COCO keypoint layout on tiny folders."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hourlift.data import Sample, load_coco, write_coco
from hourlift.geometry.crop import box_from_joints
from hourlift.geometry.skeleton import COCO17, H36M17, LSP14, MPII16, Skeleton

IMAGE_WH = (40, 30)


def content(names: list[str]) -> dict[str, Any]:
    """Two people in one image; joint i of the first is at (10 + i, 5 + i / 2)."""
    first = [number for i in range(len(names)) for number in (10 + i, 5 + i / 2, 2)]
    second = [number for i in range(len(names)) for number in (i, i, 1)]
    return {
        "images": [{"id": 7, "file_name": "images/a.png", "width": IMAGE_WH[0], "height": IMAGE_WH[1]}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 3, "keypoints": first, "bbox": [9, 4, 20, 12], "iscrowd": 0},
            {"id": 2, "image_id": 7, "category_id": 3, "keypoints": second},
        ],
        "categories": [{"id": 3, "name": "person", "keypoints": names}],
    }


def write(folder: Path, data: dict[str, Any], name: str = "keypoints.json") -> Path:
    (folder / "images").mkdir(exist_ok=True)
    pixels = np.zeros((IMAGE_WH[1], IMAGE_WH[0], 3), dtype=np.uint8)
    pixels[..., 2] = 200  # OpenCV writes BGR: a red image
    cv2.imwrite(str(folder / "images" / "a.png"), pixels)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(data))
    return folder


@pytest.mark.parametrize("skeleton", [H36M17, MPII16, COCO17, LSP14], ids=lambda skeleton: skeleton.name)
def test_every_known_skeleton_lands_in_human36m_order(tmp_path: Path, skeleton: Skeleton) -> None:
    names = list(reversed(skeleton.joint_names))  # any order will do
    sample = load_coco(write(tmp_path, content(names)))[0]
    for joint in set(names) & set(H36M17.joint_names):
        i = names.index(joint)
        np.testing.assert_allclose(sample.joints_2d_px[H36M17.index(joint)], [10 + i, 5 + i / 2])
        assert sample.visible[H36M17.index(joint)]
    np.testing.assert_array_equal(sample.box_xyxy_px, [9, 4, 29, 16])
    assert sample.id == "1"


def test_cocos_own_names_and_folders(tmp_path: Path) -> None:
    names = [name.replace("l_", "left_").replace("r_", "right_") for name in COCO17.joint_names]
    data = content(names)
    data["images"][0]["file_name"] = "a.png"  # COCO: annotations/x.json beside a folder of images
    sample = load_coco(write(tmp_path, data, "annotations/person_keypoints_val2017.json"))[0]
    assert sample.image == tmp_path / "images" / "a.png"
    hips = sample.joints_2d_px[H36M17.indices("l_hip", "r_hip")]
    np.testing.assert_allclose(sample.joints_2d_px[H36M17.index("pelvis")], hips.mean(axis=0))


def test_the_picture_is_rgb(tmp_path: Path) -> None:
    image = load_coco(write(tmp_path, content(list(LSP14.joint_names))))[0].load_image()
    assert image.shape == (30, 40, 3) and image.dtype == np.uint8
    np.testing.assert_array_equal(image[0, 0], [200, 0, 0])


def test_hidden_and_unknown_joints(tmp_path: Path) -> None:
    names = list(LSP14.joint_names)
    data = content(names)
    keypoints = data["annotations"][0]["keypoints"]
    keypoints[3 * names.index("l_hip") + 2] = 1
    for k in range(3):
        keypoints[3 * names.index("r_wrist") + k] = 0
    sample = load_coco(write(tmp_path, data))[0]
    l_hip, r_hip, pelvis, r_wrist = H36M17.indices("l_hip", "r_hip", "pelvis", "r_wrist")
    assert np.isfinite(sample.joints_2d_px[[l_hip, pelvis]]).all()
    assert not sample.visible[l_hip] and sample.visible[r_hip] and not sample.visible[pelvis]
    assert np.isnan(sample.joints_2d_px[r_wrist]).all() and not sample.visible[r_wrist]


def test_a_missing_box_is_made_from_the_joints(tmp_path: Path) -> None:
    sample = load_coco(write(tmp_path, content(list(LSP14.joint_names))))[1]
    np.testing.assert_allclose(sample.box_xyxy_px, box_from_joints(sample.joints_2d_px), rtol=1e-6)


def test_crowds_and_people_without_joints_are_left_out(tmp_path: Path) -> None:
    data = content(list(LSP14.joint_names))
    data["annotations"][0]["iscrowd"] = 1
    data["annotations"].append(dict(data["annotations"][1], id=3, keypoints=[0] * 42))
    assert [sample.id for sample in load_coco(write(tmp_path, data))] == ["2"]


def test_unknown_joints_are_named(tmp_path: Path) -> None:
    names = ["tail" if name == "neck" else name for name in LSP14.joint_names]
    with pytest.raises(
        ValueError, match=r"keypoints\.json.*lsp14: unknown joints \['tail'\], missing joints \['neck'\]"
    ):
        load_coco(write(tmp_path, content(names)))


def test_3d_truth_and_camera_are_read_in_any_order_of_joints(tmp_path: Path) -> None:
    names = list(reversed(H36M17.joint_names))
    data = content(names)
    data["images"][0]["camera"] = {"fx": 50, "fy": 51, "cx": 20, "cy": 15, "image_wh": list(IMAGE_WH)}
    data["annotations"][0]["joints_3d_cam_mm"] = [[i, 2 * i, None if i == 9 else 1000 + i] for i in range(17)]
    first, second = load_coco(write(tmp_path, data))
    assert first.camera is not None and first.camera.fy == 51
    assert first.joints_3d_cam_mm is not None and second.joints_3d_cam_mm is None
    wrist = names.index("l_wrist")
    np.testing.assert_array_equal(first.joints_3d_cam_mm[H36M17.index("l_wrist")], [wrist, 2 * wrist, 1000 + wrist])
    assert np.isnan(first.joints_3d_cam_mm[H36M17.index(names[9]), 2])
    data["annotations"][0]["joints_3d_cam_mm"].pop()
    with pytest.raises(ValueError, match=r"annotation 1: joints_3d_cam_mm is not \[x, y, z\] of 17 joints"):
        load_coco(write(tmp_path, data))
    del data["annotations"][0]["joints_3d_cam_mm"], data["images"][0]["camera"]["fx"]
    with pytest.raises(ValueError, match=r"keypoints\.json.*fx"):
        load_coco(write(tmp_path, data))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    joints_px = np.arange(34, dtype=np.float32).reshape(17, 2)
    joints_px[4] = np.nan
    sample = Sample(
        id="anything",
        image=np.full((30, 40, 3), (200, 10, 30), np.uint8),
        joints_2d_px=joints_px,
        visible=np.arange(17) % 3 > 0,
        box_xyxy_px=np.array([0, 1, 33, 30.25], np.float32),
    )
    nobody = replace(sample, joints_2d_px=np.full((17, 2), np.nan, np.float32))
    assert write_coco([sample, nobody], tmp_path / "set") == 1
    (read,) = load_coco(tmp_path / "set")
    np.testing.assert_array_equal(read.joints_2d_px, joints_px)
    np.testing.assert_array_equal(read.visible, sample.visible & (np.arange(17) != 4))
    np.testing.assert_array_equal(read.box_xyxy_px, sample.box_xyxy_px)
    assert read.joints_3d_cam_mm is None and read.camera is None
    assert np.abs(read.load_image().astype(int) - sample.load_image()).max() < 4


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
def test_a_missing_part_is_named(tmp_path: Path, key: str) -> None:
    data = content(list(LSP14.joint_names))
    del data[key]
    with pytest.raises(ValueError, match=rf"keypoints\.json is not in the COCO keypoint layout: KeyError '{key}'"):
        load_coco(write(tmp_path, data))


def test_too_few_numbers_are_named(tmp_path: Path) -> None:
    data = content(list(LSP14.joint_names))
    data["annotations"][0]["keypoints"].pop()
    with pytest.raises(ValueError, match="annotation 1 has 41 numbers for 14 joints"):
        load_coco(write(tmp_path, data))


def test_a_person_on_an_unlisted_picture_is_an_error(tmp_path: Path) -> None:
    data = content(list(LSP14.joint_names))
    data["annotations"][0]["image_id"] = 99
    with pytest.raises(ValueError, match="KeyError 99"):
        load_coco(write(tmp_path, data))


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere does not exist"):
        load_coco(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no JSON file"):
        load_coco(tmp_path)
    write(tmp_path, content(list(LSP14.joint_names)))
    (tmp_path / "images" / "a.png").unlink()
    with pytest.raises(ValueError, match=r"images/a\.png.*name the folder of images"):
        load_coco(tmp_path)
    (tmp_path / "second.json").write_text("{}")
    with pytest.raises(ValueError, match=r"several JSON files \(keypoints\.json, second\.json\)"):
        load_coco(tmp_path)
    (tmp_path / "second.json").write_text("nonsense")
    with pytest.raises(ValueError, match=r"second\.json is not a valid JSON file"):
        load_coco(tmp_path / "second.json")


def test_unreadable_and_resized_pictures_are_named(tmp_path: Path) -> None:
    sample = load_coco(write(tmp_path, content(list(LSP14.joint_names))))[0]
    image = tmp_path / "images" / "a.png"
    cv2.imwrite(str(image), np.zeros((15, 20, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"a\.png is \(20, 15\), but the annotation was made on \(40, 30\)"):
        sample.load_image()
    image.write_text("no image")
    with pytest.raises(ValueError, match=r"a\.png cannot be read"):
        sample.load_image()
    image.unlink()
    with pytest.raises(ValueError, match=r"a\.png does not exist"):
        sample.load_image()


@pytest.mark.parametrize(
    "spelled",
    [
        lambda side, joint: f"{side}-{joint}",
        lambda side, joint: f"{side.title()} {joint}",
        lambda side, joint: f"{side}{joint.title()}",
        lambda side, joint: f"{joint}_{side}",
        lambda side, joint: f"{side[0].upper()}_{joint}",
    ],
)
def test_joints_as_other_tools_spell_them(tmp_path: Path, spelled: Any) -> None:
    sides = {"l": "left", "r": "right"}
    names = [name if name[1] != "_" else spelled(sides[name[0]], name[2:]) for name in COCO17.joint_names]
    sample = load_coco(write(tmp_path, content(names)))[0]
    i = COCO17.joint_names.index("l_wrist")
    np.testing.assert_allclose(sample.joints_2d_px[H36M17.index("l_wrist")], [10 + i, 5 + i / 2])


def test_what_else_tools_write(tmp_path: Path) -> None:
    data = content(list(COCO17.joint_names))
    data["images"].insert(0, {"id": "b", "file_name": "images/missing.png"})
    data["categories"] = [{"id": 0, "name": "people"}, {"id": "3", "name": "person", "keypoints": COCO17.joint_names}]
    data["annotations"] += [
        {"id": 3, "image_id": 7, "category_id": 0, "bbox": [1, 2, 3, 4]},
        {"id": 4, "image_id": "7", "category_id": 3, "keypoints": []},
        {"id": 5, "image_id": "b", "category_id": 3, "keypoints": [[i, i, 2] for i in range(17)], "bbox": [0, 0, 0, 0]},
        {"id": 6, "image_id": 7, "category_id": 3, "keypoints": [4, 5, 2] * 17, "bbox": [0, 0, float("nan"), 9]},
    ]
    samples = load_coco(write(tmp_path, data))
    assert [sample.id for sample in samples] == ["1", "2", "5"]  # the last has no extent
    assert isinstance(samples[2].image, Path) and samples[2].image.name == "missing.png"
    assert (samples[2].box_xyxy_px[2:] > samples[2].box_xyxy_px[:2]).all()


@pytest.mark.parametrize(
    "name",
    [
        "images\\a.png",
        "C:\\data\\a.png",
        "/home/other/a.png",
        "/data/upload/1/a.png",
        "images%2Fa.png",
        "./images/a.png",
    ],
)
def test_names_of_images_of_another_computer(tmp_path: Path, name: str) -> None:
    data = content(list(COCO17.joint_names))
    data["images"] = [image | {"file_name": name} for image in data["images"]]
    assert {Path(str(sample.image)).name for sample in load_coco(write(tmp_path, data))} == {"a.png"}
    assert load_coco(tmp_path)[0].load_image().shape == (IMAGE_WH[1], IMAGE_WH[0], 3)


def test_the_last_part_of_a_name_must_tell_the_images_apart(tmp_path: Path) -> None:
    data = content(list(COCO17.joint_names))
    data["images"] = [data["images"][0] | {"id": i, "file_name": f"/other/{i}/a.png"} for i in (7, 8)]
    with pytest.raises(ValueError, match="name the folder of images"):
        load_coco(write(tmp_path, data))


def test_boxes_and_joints_that_are_told_in_other_ways(tmp_path: Path) -> None:
    data = content(list(COCO17.joint_names))
    whole = data["annotations"][0] | {"iscrowd": "0", "bbox": [1, 2, 21, 42]}
    unknown = [0, 0, 2] * 2 + [10, 12, 2] * 15
    data["annotations"] = [
        whole | {"bbox_mode": 0},
        whole | {"bbox_mode": 1},
        whole | {"bbox": [0.1, 0.2, 0.3, 0.4]},
        whole | {"keypoints": unknown},
    ]
    corners, sides, fractions, with_unknown = load_coco(write(tmp_path, data))
    np.testing.assert_array_equal(corners.box_xyxy_px, [1, 2, 21, 42])
    np.testing.assert_array_equal(sides.box_xyxy_px, [1, 2, 22, 44])
    assert (fractions.box_xyxy_px[2:] - fractions.box_xyxy_px[:2] > 1).all()  # one around the joints
    assert (with_unknown.joints_2d_px[np.isfinite(with_unknown.joints_2d_px)] > 1).all()
    assert np.isnan(with_unknown.joints_2d_px[H36M17.index("nose")]).all()
    data["annotations"] = [whole | {"keypoints": [0.4, 0.5, 2] * 17}]
    with pytest.raises(ValueError, match="fractions of the image"):
        load_coco(write(tmp_path, data))


def test_the_nearest_skeleton_is_that_of_most_of_the_names(tmp_path: Path) -> None:
    names = [*COCO17.joint_names[:-1], "tail"]
    with pytest.raises(ValueError, match=r"nearest is coco17: unknown joints \['tail'\]"):
        load_coco(write(tmp_path, content(names)))
