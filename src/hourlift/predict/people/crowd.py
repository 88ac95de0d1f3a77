"""Following several people through a video, with boxes from outside or without."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.predict.models.keypoints import Estimate
from hourlift.predict.people.identity import REMEMBER_S, Identities, Person
from hourlift.predict.people.search import SAME_PERSON_OKS, Detection, find_people, iou, oks
from hourlift.predict.people.track import KEEP_CONFIDENCE, SEARCH_INTERVAL_S, Search, look, look_around

SEARCH_FOR_MORE_INTERVAL_S = 1.0
"""While somebody is there and nobody is missed, the frame is searched for more people this often."""
CLEAR_CONFIDENCE = 0.3
"""`detect.crop_score` from which a person who overlaps a surer one is told from parts of the two."""
OVERLAP_IOU = 0.1
"""Boxes that share more than this overlap."""
COVERED_IOU = 0.5
"""A person whose expected box overlaps a given box by this much is looked for in the given box."""


class Locate(Protocol):
    """Where people are in a frame, known from outside: a file of boxes or a detector."""

    def __call__(self, index: int, image_rgb: Image, /) -> NDArray[np.float64]:
        """Boxes (N, 4) xyxy px of frame number ``index``, the surest first."""


class CrowdFollower:
    """Finds people in each frame of a video in turn and keeps them apart.

    Args:
        num_people: how many are followed at most; a finite number if frames are searched.
        searches: whether frames are searched for people who are in no box.

    Raises:
        ValueError: scipy is missing.
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
            boxes_xyxy_px: (N, 4) where people are, the surest first; None when nobody says.
            time_s: when the frame is shown.
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
        """Who is still there, of the people whom no given box shows."""
        # Where boxes come from outside, a look bridges the frames that miss somebody, and does not take their place.
        since_s = -np.inf if self._searches else time_s - REMEMBER_S
        people = [person.expected(time_s) for person in expected if person.confirmed_s >= since_s]
        looks = [
            look_around(each, estimate) for each in people if not (iou(given, each.box_xyxy_px) >= COVERED_IOU).any()
        ]
        return [found for found in looks if found.crop_score >= KEEP_CONFIDENCE]

    def _is_search_due(self, num_found: int, expected: Sequence[Person], time_s: float, image_rgb: Image) -> bool:
        """Whether this frame is worth a search: often while somebody is missed, else now and then."""
        if not self._searches or num_found >= self._num_people:
            return False
        all_there = 0 < num_found >= len(expected)
        if all_there:
            return self._search.is_due(time_s, None, SEARCH_FOR_MORE_INTERVAL_S)
        if expected:  # somebody is missed
            return self._search.is_due(time_s, None, SEARCH_INTERVAL_S)
        return self._search.is_due(time_s, image_rgb)


def _each_once(again: Sequence[Detection], fresh: Sequence[Detection]) -> tuple[list[Detection], list[Detection]]:
    """The surest answer for each person: when two cross, both boxes may show the one in front, or parts of both."""
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
