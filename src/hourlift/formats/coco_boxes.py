"""Boxes of people in the layout of COCO's detection results, as exchanged by detectors and evaluations.

[{"image_id": 0, "category_id": 1, "bbox": [x, y, width, height], "score": 0.93}, ...]
"""

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError
from hourlift.formats.guarded import is_number, read_json

PERSON_CATEGORY = 1
"""COCO's category id of people."""
MIN_SCORE = 0.4
"""Default minimum score of a person."""

_PERSON = (str(PERSON_CATEGORY), "person")
_CATEGORY_KEYS = ("category_id", "category_name", "category", "class", "label")
_MOST_OUTSIDE = 0.5  # share of a box

ImageId = int | str

_log = logging.getLogger("hourlift")


@dataclass(frozen=True, kw_only=True, eq=False)
class BoxFile:
    """The boxes of a file.

    Attributes:
        path: the file.
        boxes_xyxy: (N, 4) left, top, right, bottom in pixels for each image_id, the most confident first.
    """

    path: Path
    boxes_xyxy: dict[ImageId, NDArray[np.float64]]

    def of_frame(self, index: int) -> NDArray[np.float64]:
        """(N, 4) boxes of a video's frame by its index, from 0; N is 0 if the file has none."""
        return self.boxes_xyxy.get(index, np.zeros((0, 4)))

    def of_image(self, name: str) -> NDArray[np.float64]:
        """(N, 4) boxes of an image by its file's name; N is 0 if the file has none."""
        found = [boxes for image_id, boxes in self.boxes_xyxy.items() if _is_of_image(image_id, name)]
        return np.concatenate([np.zeros((0, 4)), *found])

    def check_frames(self, num_frames: int | None = None) -> None:
        """Check that every image_id is a frame of a video.

        Args:
            num_frames: number of its frames; None if not known yet.

        Raises:
            ValueError: one is not.
        """
        end = math.inf if num_frames is None else num_frames
        known = "" if num_frames is None else f" of the video's {num_frames}"
        unknown = [i for i in self.boxes_xyxy if not isinstance(i, int) or not 0 <= i < end]
        self._complain(unknown, f"frame{known}; frames are numbered from 0")

    def check_images(self, names: Iterable[str]) -> None:
        """Check that every image_id is one of the images.

        Args:
            names: names of the images' files.

        Raises:
            ValueError: one is not.
        """
        names = list(names)
        unknown = [i for i in self.boxes_xyxy if not any(_is_of_image(i, name) for name in names)]
        self._complain(unknown, "image; images are identified by file name or number")
        without = [name for name in names if not any(_is_of_image(i, name) for i in self.boxes_xyxy)]
        if without and self.boxes_xyxy:
            more = f" and {len(without) - 1} more images" if len(without) > 1 else ""
            _log.warning("%s: there are no boxes of %s%s", self.path, without[0], more)

    def say_beyond(self, image_id: ImageId, boxes_xyxy: NDArray[np.float64], image_wh: tuple[int, int]) -> bool:
        """Warn if most of a box (N, 4) lies outside an image of this size, as when corners are given.

        Returns:
            Whether it does.
        """
        inside_wh = np.minimum(boxes_xyxy[:, 2:], image_wh) - np.maximum(boxes_xyxy[:, :2], 0)
        whole_wh = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
        share = np.prod(np.maximum(inside_wh, 0) / whole_wh, axis=-1)
        if (beyond := share < 1 - _MOST_OUTSIDE).any():
            left, top, right, bottom = boxes_xyxy[beyond][0].tolist()
            _log.warning(
                "%s: image_id %r: most of the box %g, %g, %g, %g lies outside the image of %d x %d pixels; "
                "bbox must be x, y, width, height",
                *(self.path, image_id, left, top, right - left, bottom - top, *image_wh),
            )
        return bool(beyond.any())

    def _complain(self, unknown: list[ImageId], what: str) -> None:
        """Raise if there are unknown images."""
        if unknown:
            more = f" and {len(unknown) - 1} more are" if len(unknown) > 1 else " is"
            raise UserError(f"{self.path}: image_id {unknown[0]!r}{more} no {what}")


def load_boxes(path: str | Path, min_score: float = MIN_SCORE) -> BoxFile:
    """Read the boxes of people, category 1 or "person"; other categories are ignored.

    Coordinates are not changed. A missing score counts as 1, a missing category as a person.

    Args:
        path: the file.
        min_score: boxes with a lower score are dropped, but not their images.

    Raises:
        ValueError: it is not a JSON file of this layout, or holds boxes, but none that can be used; the message names
            the entry or the reason.
        OSError: the file cannot be read.
    """
    path = Path(path)
    entries = read_json(path)
    if not isinstance(entries, list):
        raise UserError(f"{path}: a list of boxes is needed, COCO's layout of detections, not {_kind(entries)}")
    scored: dict[ImageId, list[tuple[float, tuple[float, ...]]]] = {}
    left_out = _LeftOut(path)
    for number, entry in enumerate(entries):
        try:
            image_id, score, box = _read(entry)
        except (KeyError, TypeError, ValueError) as error:
            text = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise UserError(f"{path}: entry {number}: {text}") from None
        boxes = scored.setdefault(image_id, [])
        category = next((entry[key] for key in _CATEGORY_KEYS if key in entry), PERSON_CATEGORY)
        if left_out.passes(category, score, min_score, box, is_known=(score, box) in boxes):
            boxes.append((score, box))
    left_out.say(len(entries))
    arrays = {
        image_id: np.array([box for _, box in sorted(boxes, key=lambda each: -each[0])]).reshape(-1, 4)
        for image_id, boxes in scored.items()
    }
    return BoxFile(path=path, boxes_xyxy=arrays)


class _LeftOut:
    """Collects the boxes of a file that are not used, with the reasons."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._num_good = self._num_small = self._num_twice = self._num_above_one = 0
        self._categories: set[str] = set()
        self._best_score, self._min_score = -math.inf, 0.0

    def passes(
        self, category: object, score: float, min_score: float, box: tuple[float, ...], *, is_known: bool
    ) -> bool:
        """Whether a box is used; if not, the reason is recorded. The same box twice is one."""
        self._min_score, self._num_above_one = min_score, self._num_above_one + (score > 1)
        if is_known:
            self._num_twice += 1
        elif str(category).strip().lower() not in _PERSON:
            self._categories.add(str(category))
        elif score < min_score:
            self._best_score = max(self._best_score, score)
        elif box[2] - box[0] < 1 or box[3] - box[1] < 1:
            self._num_small += 1
        else:
            self._num_good += 1
            return True
        return False

    def say(self, num_entries: int) -> None:
        """Warn of boxes that are too small or repeated, of scores that are none, and of a file without boxes.

        Raises:
            ValueError: no box of the file can be used.
        """
        if not num_entries:
            _log.warning("%s: the file holds no boxes", self._path)
            return
        if self._num_good:
            if self._num_small:
                _log.warning("%s: %d boxes smaller than a pixel are ignored", self._path, self._num_small)
            if self._num_twice:
                _log.warning("%s: %d boxes are repeated; each is used once", self._path, self._num_twice)
            if self._num_above_one:
                _log.warning("%s: %d scores are above 1; --min-score is from 0 to 1", self._path, self._num_above_one)
            return
        none = f"{self._path}: none of the {num_entries} boxes"
        if self._num_small:
            raise UserError(f"{none} is a pixel wide and high; are they fractions of the image? Pixels are needed")
        if self._best_score > -math.inf:
            raise UserError(
                f"{self._path}: all boxes of people are below --min-score {self._min_score:g}; "
                f"the best has {self._best_score:g}"
            )
        if self._categories:
            there = ", ".join(sorted(self._categories)[:10])
            raise UserError(f"{none} is of category {PERSON_CATEGORY}, a person (found: {there})")


def _read(entry: Any) -> tuple[ImageId, float, tuple[float, ...]]:
    """One box: image, score, (left, top, right, bottom).

    Raises:
        KeyError, TypeError, ValueError: it is not a valid box.
    """
    if not isinstance(entry, dict):
        raise UserError(f"an object with image_id, bbox and score is needed, not {_kind(entry)}")
    image_id, bbox, score = entry["image_id"], entry["bbox"], entry.get("score", 1.0)
    if not isinstance(image_id, int | str) or isinstance(image_id, bool):
        raise UserError(f"image_id must be a number or a file's name, got {image_id!r}")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(_is_finite(value) for value in bbox):
        raise UserError(f"bbox must be four finite numbers, x, y, width, height; got {bbox!r}")
    if not _is_finite(score):
        raise UserError(f"score must be a finite number, got {score!r}")
    x, y, width, height = map(float, bbox)
    if width <= 0 or height <= 0:
        raise UserError(f"bbox {bbox!r} is empty; it must be x, y, width, height")
    return image_id, float(score), (x, y, x + width, y + height)


def _is_finite(value: object) -> bool:
    """Whether a value is a finite JSON number."""
    return is_number(value)


def _is_of_image(image_id: ImageId, name: str) -> bool:
    """Whether an id is that of an image's file: its name, its stem, or the number in its stem, as in COCO."""
    stem = Path(name).stem
    if isinstance(image_id, str):
        return image_id in (name, stem)
    return stem.isdecimal() and int(stem) == image_id


def _kind(value: object) -> str:
    """A description of a JSON value."""
    if isinstance(value, dict):
        return f"an object with the keys {', '.join(list(value)[:4]) or 'none'}"
    return f"{type(value).__name__} {value!r}"[:60]
