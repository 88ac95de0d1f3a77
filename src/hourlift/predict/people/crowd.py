"""Following several people through a video, with or without given boxes."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.geometry.boxes import iou
from hourlift.predict.models.keypoints import Estimate
from hourlift.predict.people.identity import REMEMBER_S, Identities, Person
from hourlift.predict.people.search import SAME_PERSON_OKS, Detection, find_people, oks
from hourlift.predict.people.track import KEEP_CONFIDENCE, SEARCH_INTERVAL_S, Search, look, look_around

SEARCH_FOR_MORE_INTERVAL_S = 1.0
"""While people are found and none is missing, frames are searched for more people at this interval."""
CLEAR_CONFIDENCE = 0.3
"""`detect.crop_score` above which a person who overlaps a more confident one is not a mix of the two."""
OVERLAP_IOU = 0.1
"""Intersection over union above which two boxes overlap."""
COVERED_IOU = 0.5
"""A person whose expected box overlaps a given box by this much is estimated in the given box."""


class Locate(Protocol):
    """Source of people's boxes in a frame: a file of boxes or a detector."""

    def __call__(self, index: int, image_rgb: Image, /) -> NDArray[np.float64]:
        """Boxes (N, 4) xyxy px of frame number ``index``, the most confident first."""


class CrowdFollower:
    """Finds the people in each frame of a video in turn, and assigns ids to them.

    Args:
        num_people: maximum number of people to follow; finite if frames are searched.
        searches: whether frames are searched for people outside the given boxes.

    Raises:
        ValueError: SciPy is missing.
    """

    def __init__(self, num_people: float, *, searches: bool = True) -> None:
        assert np.isfinite(num_people) or not searches
        self._num_people = num_people
        self._searches = searches
        self._identities = Identities()
        self._search = Search()

    def step(
        self, boxes_xyxy_px: NDArray[np.float64] | None, time_s: float, image_rgb: Image, estimate: Estimate
    ) -> list[tuple[int, Detection]]:
        """Find the people in the next frame.

        Args:
            boxes_xyxy_px: (N, 4) where people are, the most confident first; None if unknown.
            time_s: time of the frame.
            image_rgb: (H, W, 3) uint8.
            estimate: stage 1 on this frame.

        Returns:
            Ids and people, in the order of the ids.
        """
        image_wh = (image_rgb.shape[1], image_rgb.shape[0])
        expected = self._identities.remembered(time_s)
        given = np.zeros((0, 4)) if boxes_xyxy_px is None else boxes_xyxy_px
        again, fresh = _each_once(
            self._look_again(expected, given, time_s, estimate), [look(box, estimate) for box in given]
        )
        num_found = len(again) + len(fresh)
        if self._is_search_due(num_found, expected, time_s, image_rgb):
            levels = None if expected else self._search.levels
            new = find_people(image_wh, estimate, int(self._num_people) - num_found, [*again, *fresh], levels)
            self._search.done(time_s, image_rgb, found=bool(new or num_found))
            fresh += new
        return self._identities.name(again, fresh, time_s, image_rgb, self._num_people)

    def _look_again(
        self, expected: Sequence[Person], given: NDArray[np.float64], time_s: float, estimate: Estimate
    ) -> list[Detection]:
        """Estimate the tracked people whom no given box shows."""
        # With given boxes, this bridges frames in which a detector misses a person; it does not replace the boxes.
        since_s = -np.inf if self._searches else time_s - REMEMBER_S
        people = [person.expected(time_s) for person in expected if person.confirmed_s >= since_s]
        looks = [
            look_around(each, estimate) for each in people if not (iou(given, each.box_xyxy_px) >= COVERED_IOU).any()
        ]
        return [found for found in looks if found.crop_score >= KEEP_CONFIDENCE]

    def _is_search_due(self, num_found: int, expected: Sequence[Person], time_s: float, image_rgb: Image) -> bool:
        """Whether to search this frame: often while a person is missing, else now and then."""
        if not self._searches or num_found >= self._num_people:
            return False
        all_there = 0 < num_found >= len(expected)
        if all_there:
            return self._search.is_due(time_s, None, SEARCH_FOR_MORE_INTERVAL_S)
        if expected:  # a person is missing
            return self._search.is_due(time_s, None, SEARCH_INTERVAL_S)
        return self._search.is_due(time_s, image_rgb)


def _each_once(again: Sequence[Detection], fresh: Sequence[Detection]) -> tuple[list[Detection], list[Detection]]:
    """The most confident result for each person: where two cross, both boxes may show the one in front, or mix both."""
    answers = [*again, *fresh]
    kept: list[int] = []
    for i in sorted(range(len(answers)), key=lambda i: -answers[i].crop_score):
        surer = [answers[k] for k in kept]
        is_same = bool((oks(surer, [answers[i]]) >= SAME_PERSON_OKS).any())
        overlaps = any(iou(other.box_xyxy_px, answers[i].box_xyxy_px) > OVERLAP_IOU for other in surer)
        if not is_same and not (i < len(again) and overlaps and answers[i].crop_score < CLEAR_CONFIDENCE):
            kept.append(i)
    kept.sort()
    return [answers[i] for i in kept if i < len(again)], [answers[i] for i in kept if i >= len(again)]
