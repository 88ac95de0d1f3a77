"""Following one person through a video: look where they just were, search when they are gone."""

import numpy as np
from numpy.typing import NDArray

from hourlift.predict.detect import FOUND_CONFIDENCE, Found, find_person, iou, person_box
from hourlift.predict.joints import Estimate, expected_turn

KEEP_CONFIDENCE = 0.03
"""`detect.fit` from which a followed person counts as still there; below `FOUND_CONFIDENCE`, so that a
blurred frame or two do not lose them."""
MOVED_IOU = 0.6
"""When the box moves more than this in one frame, the frame is looked at again in the new box."""
SEARCH_INTERVAL_S = 0.2
"""While nobody is there, the frame is searched this often: a full search costs as much as fifty followed frames."""

assert KEEP_CONFIDENCE < FOUND_CONFIDENCE


class Follower:
    """Finds the person in each frame of a video in turn.

    Args:
        first_box_xyxy_px: (4,) where the person is in the first frame; None searches for them.
    """

    def __init__(self, first_box_xyxy_px: NDArray[np.float64] | None = None) -> None:
        self._box = first_box_xyxy_px
        self._turn_rad = 0.0
        self._is_given = first_box_xyxy_px is not None
        self._searched_s = -np.inf

    def step(self, image_wh: tuple[int, int], time_s: float, estimate: Estimate) -> Found | None:
        """Find the person in the next frame.

        Args:
            image_wh: size of the frame.
            time_s: when it is shown.
            estimate: stage 1 on this frame.

        Returns:
            The person, or None when nobody is there. In a box that was given there is somebody.
        """
        found, box = None, None
        if self._box is not None:
            found, box = _look_and_aim(self._box, self._turn_rad, estimate)
            if found.fit < KEEP_CONFIDENCE and not self._is_given:
                found = None
        if found is None and (self._box is not None or time_s - self._searched_s >= SEARCH_INTERVAL_S):
            found = find_person(image_wh, estimate)
            self._searched_s = time_s
            box = None if found is None else next_box(found)
        self._is_given = False
        self._box = None if found is None else box
        self._turn_rad = 0.0 if found is None else expected_turn(found.joints_px)
        return found


def look_around(expected: Found, estimate: Estimate) -> Found:
    """Look where a person is expected; once more where they are now, if that is somewhere else."""
    return _look_and_aim(expected.box_xyxy_px, expected_turn(expected.joints_px), estimate)[0]


def _look_and_aim(box: NDArray[np.float64], turn_rad: float, estimate: Estimate) -> tuple[Found, NDArray[np.float64]]:
    """Look into a box (4,), as `look_around`; also `next_box` of what was found."""
    found = look(box, estimate, turn_rad)
    moved_to = next_box(found)
    if iou(moved_to, box) < MOVED_IOU:
        again = look(moved_to, estimate, expected_turn(found.joints_px))
        if again.fit > found.fit:
            return again, next_box(again)
    return found, moved_to


def next_box(found: Found) -> NDArray[np.float64]:
    """Where to look in the next frame: around the joints, or in the same place when they say nothing."""
    box = person_box(found.joints_px, found.peaks)
    return box if np.isfinite(box).all() else found.box_xyxy_px


def look(box: NDArray[np.float64], estimate: Estimate, turn_rad: float = 0.0) -> Found:
    """Stage 1 in one box (4,), of somebody who leans by so much."""
    answer = estimate(box[None], np.array([turn_rad]))
    return Found(box, answer.joints_px[0], answer.peaks[0], answer.heatmaps[0])
