"""Following one person through a video: estimate where they last were, search when they are lost."""

import logging

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.geometry.boxes import iou
from hourlift.predict.models.keypoints import Estimate, expected_turn
from hourlift.predict.people.search import FOUND_CONFIDENCE, Detection, find_person, person_box

_log = logging.getLogger("hourlift")

KEEP_CONFIDENCE = 0.03
"""`detect.crop_score` above which a followed person is still present; below `FOUND_CONFIDENCE`, so that one or two
blurred frames do not lose them."""
MOVED_IOU = 0.6
"""Overlap of the boxes before and after a frame below which the frame is estimated again in the new box."""
SEARCH_INTERVAL_S = 0.2
"""Interval of searches just after a person was lost: a search costs as much as fifty followed frames."""
SLOWEST_SEARCH_INTERVAL_S = 0.5
"""Longest interval of searches, which become rarer while no person is found."""

assert KEEP_CONFIDENCE < FOUND_CONFIDENCE


_SLOWER = 1.5  # growth of the interval with each unsuccessful search
_THOROUGH_EVERY = 4  # at the longest interval, every n-th search includes small people
_COARSE_LEVELS = 2  # of `detect.search_boxes`, for the others
_SMALL_WH = (32, 32)  # in an image that small a person still fills several pixels
_CHANGED = 6  # change of one of its pixels, in grey levels, that is more than noise
_SAY_AFTER_S = 10.0


class Search:
    """When to search frames without people: often at first, later ever more rarely, and only if the image changed."""

    def __init__(self) -> None:
        self._last_s = -np.inf
        self._interval_s = SEARCH_INTERVAL_S
        self._seen: NDArray[np.int16] | None = None
        self._since_s: float | None = None
        self._num_vain = 0
        self._said = False

    def is_due(self, time_s: float, image_rgb: Image | None, interval_s: float | None = None) -> bool:
        """Whether to search a frame.

        Args:
            time_s: time of the frame.
            image_rgb: (H, W, 3) uint8; an image equal to the last one without people is not searched again. None skips
                this check.
            interval_s: least time since the last search; None: depends on how long no person was found.
        """
        if time_s - self._last_s < (self._interval_s if interval_s is None else interval_s):
            return False
        return (
            image_rgb is None or self._seen is None or bool((np.abs(_small(image_rgb) - self._seen) > _CHANGED).any())
        )

    @property
    def levels(self) -> int | None:
        """How many levels of `detect.search_boxes` to search; None: all."""
        is_slow = self._interval_s >= SLOWEST_SEARCH_INTERVAL_S
        return _COARSE_LEVELS if is_slow and self._num_vain % _THOROUGH_EVERY else None

    def done(self, time_s: float, image_rgb: Image | None, *, found: bool) -> None:
        """Record the result of a search."""
        self._last_s = time_s
        if found:
            self._interval_s, self._seen, self._since_s, self._num_vain = SEARCH_INTERVAL_S, None, None, 0
            return
        if self.levels is None:
            self._seen = None if image_rgb is None else _small(image_rgb)
        self._num_vain += 1
        self._interval_s = min(_SLOWER * self._interval_s, SLOWEST_SEARCH_INTERVAL_S)
        self._since_s = time_s if self._since_s is None else self._since_s
        if time_s - self._since_s >= _SAY_AFTER_S and not self._said:
            self._said = True
            _log.warning(
                "no person found for %.0f s, and the search is slow; boxes or a detector can locate people instead",
                time_s - self._since_s,
            )


def _small(image_rgb: Image) -> NDArray[np.int16]:
    """A small grey version of an image, which noise hardly changes."""
    grey = cv2.cvtColor(cv2.resize(image_rgb, _SMALL_WH, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    return grey.astype(np.int16)


class Follower:
    """Finds the person in each frame of a video in turn.

    Args:
        first_box_xyxy_px: (4,) where the person is in the first frame; None searches for them.
    """

    def __init__(self, first_box_xyxy_px: NDArray[np.float64] | None = None) -> None:
        self._box = first_box_xyxy_px
        self._turn_rad = 0.0
        self._is_given = first_box_xyxy_px is not None
        self._search = Search()

    def step(
        self, image_wh: tuple[int, int], time_s: float, estimate: Estimate, image_rgb: Image | None = None
    ) -> Detection | None:
        """Find the person in the next frame.

        Args:
            image_wh: size of the frame.
            time_s: time of the frame.
            estimate: stage 1 on this frame.
            image_rgb: the frame, (H, W, 3) uint8; None also searches frames equal to the last one.

        Returns:
            The person, or None if no person is found. A given box always holds a person.
        """
        found, box = None, None
        if self._box is not None:
            found, box = _look_and_aim(self._box, self._turn_rad, estimate)
            if found.crop_score < KEEP_CONFIDENCE and not self._is_given:
                found = None
        if found is None and (self._box is not None or self._search.is_due(time_s, image_rgb)):
            found = find_person(image_wh, estimate, self._search.levels)
            self._search.done(time_s, image_rgb, found=found is not None)
            box = None if found is None else next_box(found)
        self._is_given = False
        self._box = None if found is None else box
        self._turn_rad = 0.0 if found is None else expected_turn(found.joints_px)
        return found


def look_around(expected: Detection, estimate: Estimate) -> Detection:
    """Estimate a person in their expected box; again in their new box if they moved."""
    return _look_and_aim(expected.box_xyxy_px, expected_turn(expected.joints_px), estimate)[0]


def _look_and_aim(
    box: NDArray[np.float64], turn_rad: float, estimate: Estimate
) -> tuple[Detection, NDArray[np.float64]]:
    """Estimate a box (4,), as `look_around` does; also return `next_box` of the result."""
    found = look(box, estimate, turn_rad)
    moved_to = next_box(found)
    if iou(moved_to, box) < MOVED_IOU:
        again = look(moved_to, estimate, expected_turn(found.joints_px))
        if again.crop_score > found.crop_score:
            return again, next_box(again)
    return found, moved_to


def next_box(found: Detection) -> NDArray[np.float64]:
    """The box for the next frame: around the joints, or unchanged if they are not confident."""
    box = person_box(found.joints_px, found.scores)
    return box if np.isfinite(box).all() else found.box_xyxy_px


def look(box: NDArray[np.float64], estimate: Estimate, turn_rad: float = 0.0) -> Detection:
    """Stage 1 in one box (4,), for a person with the given lean."""
    return Detection(box, *next(estimate(box[None], np.array([turn_rad])).rows()))
