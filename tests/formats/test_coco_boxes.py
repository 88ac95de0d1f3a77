"""Files of boxes: what is read, and what is refused in one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest

from hourlift.formats.coco_boxes import load_boxes

BOX = {"image_id": 3, "category_id": 1, "bbox": [10, 20, 30, 40], "score": 0.9}


def write(folder: Path, entries: object) -> Path:
    path = folder / "boxes.json"
    path.write_text(json.dumps(entries))
    return path


def test_corners_in_the_order_of_scores_and_people_only(tmp_path: Path) -> None:
    entries = [
        BOX | {"score": 0.5, "bbox": [0.5, 1, 2, 3]},
        BOX,
        BOX | {"category_id": 2, "score": 1},
        BOX | {"score": 0.39},
        {"image_id": 4, "bbox": [1, 2, 3, 4]},
        BOX | {"image_id": 5, "score": 0.1},
    ]
    boxes = load_boxes(write(tmp_path, entries))
    np.testing.assert_array_equal(boxes.of_frame(3), [[10, 20, 40, 60], [0.5, 1, 2.5, 4]])
    np.testing.assert_array_equal(boxes.of_frame(4), [[1, 2, 4, 6]])
    assert boxes.of_frame(5).shape == boxes.of_frame(77).shape == (0, 4)
    assert len(load_boxes(tmp_path / "boxes.json", min_score=0.2).of_frame(3)) == 3
    assert load_boxes(write(tmp_path, [])).boxes_xyxy == {}


def test_pictures_go_by_name_stem_or_number(tmp_path: Path) -> None:
    entries = [BOX | {"image_id": i} for i in ("a.jpg", "b", 42)]
    boxes = load_boxes(write(tmp_path, entries))
    for name in ("a.jpg", "b.png", "000042.jpg", "42.png"):
        assert len(boxes.of_image(name)) == 1, name
    assert len(boxes.of_image("a.png")) == len(boxes.of_image("x42.jpg")) == 0
    boxes.check_images(["a.jpg", "b.png", "000042.jpg", "other.jpg"])
    with pytest.raises(ValueError, match=r"boxes\.json: image_id 'b' and 1 more are no image"):
        boxes.check_images(["a.jpg"])


def test_frames_go_by_number(tmp_path: Path) -> None:
    boxes = load_boxes(write(tmp_path, [BOX]))
    boxes.check_frames()
    boxes.check_frames(4)
    with pytest.raises(ValueError, match="image_id 3 is no frame of the video's 3; frames are numbered from 0"):
        boxes.check_frames(3)
    for wrong in (-1, "3"):
        with pytest.raises(ValueError, match=f"image_id {wrong!r} is no frame"):
            load_boxes(write(tmp_path, [BOX | {"image_id": wrong}])).check_frames()


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ({"images": [], "annotations": []}, "a list of boxes is needed.* not an object with the keys images, annot"),
        (7, "not int 7"),
        ([BOX, [1, 2]], "entry 1: an object with image_id"),
        ([{"bbox": [1, 2, 3, 4]}], "entry 0: 'image_id' is missing"),
        ([{"image_id": 0}], "entry 0: 'bbox' is missing"),
        ([BOX | {"image_id": 1.5}], "image_id must be a number or a file's name, got 1.5"),
        ([BOX | {"image_id": None}], "image_id must be"),
        ([BOX | {"bbox": [1, 2, 3]}], "bbox must be four finite numbers"),
        ([BOX | {"bbox": [1, 2, float("nan"), 4]}], "bbox must be four finite numbers.*nan"),
        ([BOX | {"bbox": [1, 2, "3", 4]}], "bbox must be four finite"),
        ([BOX | {"bbox": [1, 2, 0, 4]}], "is empty; it must be x, y, width, height"),
        ([BOX | {"score": float("inf")}], "score must be a finite number, got inf"),
    ],
)
def test_a_wrong_layout_is_refused(tmp_path: Path, entries: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"boxes\.json: .*{complaint}"):
        load_boxes(write(tmp_path, entries))


def test_no_json(tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text("[{")
    with pytest.raises(ValueError, match=r"boxes\.json is not a valid JSON file"):
        load_boxes(tmp_path / "boxes.json")
    with pytest.raises(OSError, match=r"none\.json"):
        load_boxes(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"category_id": 0}, "none of the 1 boxes is of category 1, a person \\(found: 0\\)"),
        ({"category_id": "dog"}, "found: dog"),
        ({"score": 0.3}, "below --min-score 0.4; the best has 0.3"),
        ({"bbox": [0.375, 0.05, 0.275, 0.875]}, "are they fractions of the image"),
    ],
)
def test_boxes_of_which_none_counts_are_an_error(tmp_path: Path, change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_boxes(write(tmp_path, [BOX | change]))


def test_people_by_whatever_name(tmp_path: Path) -> None:
    for category in (1, "1", "person", " Person"):
        assert len(load_boxes(write(tmp_path, [BOX | {"category_id": category}])).of_frame(BOX["image_id"])) == 1


def test_boxes_under_a_pixel_are_left_out_of_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    boxes = load_boxes(write(tmp_path, [BOX, BOX | {"bbox": [5, 5, 0.5, 9]}]))
    assert len(boxes.of_frame(BOX["image_id"])) == 1
    assert "1 boxes smaller than a pixel are ignored" in caplog.text


def test_the_name_of_a_category_counts_where_there_is_no_number(tmp_path: Path) -> None:
    unnumbered = {key: value for key, value in BOX.items() if key != "category_id"}
    assert len(load_boxes(write(tmp_path, [unnumbered | {"category": "person"}])).of_frame(3)) == 1
    with pytest.raises(ValueError, match="found: dog"):
        load_boxes(write(tmp_path, [unnumbered | {"category": "dog"}]))


def test_what_is_odd_is_said_before_the_work(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    boxes = load_boxes(write(tmp_path, [BOX, BOX, BOX | {"score": 90}]))
    assert len(boxes.of_frame(3)) == 2
    boxes.check_images(["3.jpg", "4.jpg", "5.jpg"])
    assert not boxes.say_beyond(3, boxes.of_frame(3), (40, 50))
    assert boxes.say_beyond(3, boxes.of_frame(3), (24, 39))
    load_boxes(write(tmp_path, []))
    assert caplog.messages == [
        f"{boxes.path}: 1 boxes are repeated; each is used once",
        f"{boxes.path}: 1 scores are above 1; --min-score is from 0 to 1",
        f"{boxes.path}: there are no boxes of 4.jpg and 1 more images",
        f"{boxes.path}: image_id 3: most of the box 10, 20, 30, 40 lies outside the image of 24 x 39 pixels; "
        "bbox must be x, y, width, height",
        f"{boxes.path}: the file holds no boxes",
    ]
