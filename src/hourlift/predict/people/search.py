"""Finding a person without a detector, by how well a crop fits the hourglass.

The heatmaps of a crop are sharp and high when one person fills it. The search estimates the whole frame, then smaller
squares at more and more positions. Around each promising result it estimates the box of the joints found, until that
box is stable. The box with the highest mean peak wins. The search uses scores instead of calibrated confidence, which
is valid only for joints in the person's own box.

This finds one person, more reliably the more of the frame they fill. To find a few more, the search is repeated and
skips poses that are already known. It cannot find crowds.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.arrays import Array
from hourlift.geometry.boxes import iou
from hourlift.geometry.crop import BOX_GROWTH, box_from_joints, whole_image_box
from hourlift.geometry.skeleton import H36M17
from hourlift.predict.models.keypoints import Estimate, Joints2D

FOUND_CONFIDENCE = 0.05
"""`fit` above which a crop holds a person."""
SURE_CONFIDENCE = 0.6
"""`fit` above which the search stops."""
IMPROVEMENT = 1.1
"""Gain in `fit` by which a smaller person is preferred to a larger one, and the search continues."""
JOINT_CONFIDENCE = 0.15
"""Heatmap peak above which a joint is used for the person's box."""
MIN_JOINTS = 3
"""Least number of confident joints that locate a person."""
STABLE_IOU = 0.9
"""Overlap (intersection over union) of two successive boxes above which the box is stable."""
SAME_PERSON_OKS = 0.5
"""`oks` above which two results show the same person."""
OKS_FALLOFF = 0.16
"""Falloff over the person's size, at which a joint scores 0.6: the mean of COCO's for wrists, hips, ankles, ..."""
MAX_REFINEMENTS = 5
SEARCH_SIDES = (1.0, 0.6, 0.36)
"""Side of the searched squares over the shorter side of the image, level by level."""
SMALLEST_SEARCH_SIDE = 0.1
"""Least side of a square over the longer side of the image: it bounds the search of very long images."""

_STEP = 0.5  # distance of neighbouring squares over their side: a person cut in half by one is inside the next
_NUM_REFINED = 3  # candidates of a level that are refined
_MISSING_GROWTH = 0.5  # growth of the box if no joint is found; proportional to the share of missing joints


class Detection(NamedTuple):
    """A person in an image: box (4,) xyxy px, joints (17, 2) px, heatmap scores (17,) and heatmaps (17 or 21, H, W)."""

    box_xyxy_px: Array
    joints_px: Array
    scores: Array
    heatmaps: NDArray[np.float32] | None = None
    """None if the joints were given instead of estimated; the scores are their confidence then."""
    feet_px: Array | None = None
    """(4, 2) FOOT_POINTS; None if unknown."""

    @property
    def crop_score(self) -> float:
        """How well the box fits a person, 0 to 1; see `crop_score`."""
        return float(crop_score(self.scores))


def find_person(image_wh: tuple[int, int], estimate: Estimate, levels: int | None = None) -> Detection | None:
    """Search an image for its most visible person.

    Args:
        image_wh: size of the image.
        estimate: stage 1 on this image.
        levels: of `search_boxes`, how many to search; None: all.

    Returns:
        The person in the box that fits best, or None if no box reaches `FOUND_CONFIDENCE`.
    """
    best: Detection | None = None
    for boxes in islice(search_boxes(image_wh), levels):
        found = refine(boxes, estimate)
        improved = found is not None and (best is None or found.crop_score > IMPROVEMENT * best.crop_score)
        best = found if improved else best
        if best is not None and (
            best.crop_score >= SURE_CONFIDENCE or (best.crop_score >= FOUND_CONFIDENCE and not improved)
        ):
            break
    return best if best is not None and best.crop_score >= FOUND_CONFIDENCE else None


def find_people(
    image_wh: tuple[int, int],
    estimate: Estimate,
    num_people: int,
    known: Sequence[Detection] = (),
    levels: int | None = None,
) -> list[Detection]:
    """Search an image for a few people, the most visible first.

    Args:
        image_wh: size of the image.
        estimate: stage 1 on this image.
        num_people: maximum number of people.
        known: people to skip.
        levels: as in `find_person`.

    Returns:
        The people found; the first is that of `find_person` if no people are known.
    """
    people: list[Detection] = []
    while len(people) < num_people:
        person = find_person(image_wh, _passing_over([*known, *people], estimate), levels)
        if person is None:
            break
        people.append(person)
    return people


def search_boxes(image_wh: tuple[int, int]) -> Iterator[Array]:
    """Boxes to search, from coarse to fine: (N, 4) per level; the first is the whole frame."""
    yield whole_image_box(image_wh)[None]
    left, top, right, bottom = whole_image_box(image_wh)
    for fraction in SEARCH_SIDES:
        side = max(fraction * min(image_wh), SMALLEST_SEARCH_SIDE * max(image_wh))
        starts_x, starts_y = _starts(left, right, side), _starts(top, bottom, side)
        yield np.array([[x, y, x + side, y + side] for y in starts_y for x in starts_x])


def refine(boxes_xyxy_px: Array, estimate: Estimate) -> Detection | None:
    """Move boxes onto the person of whom they show a part.

    Each box is replaced by the box of the joints found in it, until it is stable. The final box counts, not the best
    one on the way: a crop that cuts off a foot shows the rest larger and more clearly.

    Args:
        boxes_xyxy_px: (N, 4) initial boxes.
        estimate: stage 1 on this image.

    Returns:
        The result of best fit, however low; None if no box shows enough joints.
    """
    first = estimate(boxes_xyxy_px)
    order = np.argsort(-crop_score(first.scores))[:_NUM_REFINED]
    boxes, answer = boxes_xyxy_px[order], first.take(order)
    for _ in range(MAX_REFINEMENTS):
        next_boxes = person_box(answer.joints_px, answer.scores)
        clear = (_num_confident(answer.scores) >= MIN_JOINTS) & np.isfinite(next_boxes).all(axis=-1)
        moving = clear & (iou(next_boxes, boxes) < STABLE_IOU)
        if not moving.any():
            break
        boxes[moving] = next_boxes[moving]
        answer.put(moving, estimate(boxes[moving]))
    best = int(np.argmax(crop_score(answer.scores)))
    if _num_confident(answer.scores[best]) < MIN_JOINTS:
        return None
    return Detection(boxes[best], *list(answer.rows())[best])


def crop_score(scores: Array) -> Array:
    """How well a crop fits a whole person: mean heatmap peak (..., 17) -> (...,), lower for missing joints."""
    return np.asarray(scores.sum(axis=-1) * _num_confident(scores) / H36M17.num_joints**2)


def person_box(joints_px: Array, scores: Array) -> Array:
    """The box in which to look for a person, given the joints found so far.

    Args:
        joints_px: (..., 17, 2).
        scores: (..., 17); joints below `JOINT_CONFIDENCE` are ignored. The more are missing, the larger the box: the
            rest of the person must be nearby.

    Returns:
        (..., 4) xyxy in whole pixels, so that rounding in the network does not change the course of a search; NaN if no
        joint is confident, or all of them lie within one pixel.
    """
    confident = scores >= JOINT_CONFIDENCE
    tight = box_from_joints(np.where(confident[..., None], joints_px, np.nan), growth=BOX_GROWTH)
    missing = 1.0 - confident.mean(axis=-1, keepdims=True)
    extent = np.tile(tight[..., 2:] - tight[..., :2], 2)
    box = tight + _MISSING_GROWTH / 2 * missing * extent * np.array([-1.0, -1.0, 1.0, 1.0])
    return np.where(extent.max(axis=-1, keepdims=True) >= 1, np.rint(box), np.nan)


def oks(people: Sequence[Detection], others: Sequence[Detection], falloff: ArrayLike = OKS_FALLOFF) -> Array:
    """Similarity of people's poses: object keypoint similarity, weighted by the scores.

    COCO's measure with one falloff for all joints. The size is the square root of the first person's box area.

    Args:
        people: N people.
        others: M people.
        falloff: one for all, or (N, 1) for each of ``people``.

    Returns:
        (N, M) from 0 to 1; 0 where no joint has a peak in both.
    """
    joints, scores, boxes = _stacked(people)
    other_joints, other_peaks, _ = _stacked(others)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=-1)[:, None]
    squared = np.square(joints[:, None] - other_joints[None]).sum(axis=-1)
    spread = 2 * np.square(np.asarray(falloff, np.float64)) * np.maximum(area, 1.0)
    weights = np.minimum(scores[:, None], other_peaks[None])
    total = weights.sum(axis=-1)
    alike = (weights * np.exp(-squared / spread[..., None])).sum(axis=-1)
    return np.divide(alike, total, out=np.zeros_like(total), where=total > 0)


def _stacked(people: Sequence[Detection]) -> tuple[Array, Array, Array]:
    """Joints (N, 17, 2), scores (N, 17) and boxes (N, 4) of people; N may be 0."""
    joints = np.array([person.joints_px for person in people]).reshape(-1, H36M17.num_joints, 2)
    scores = np.array([person.scores for person in people]).reshape(-1, H36M17.num_joints)
    return joints, scores, np.array([person.box_xyxy_px for person in people]).reshape(-1, 4)


def _passing_over(known: Sequence[Detection], estimate: Estimate) -> Estimate:
    """Stage 1 with scores of 0 for joints in the poses of known people."""
    if not known:
        return estimate

    def estimate_others(boxes_xyxy_px: Array, turns_rad: Array | None = None, /) -> Joints2D:
        answer = estimate(boxes_xyxy_px, turns_rad)
        seen = [Detection(box, *person) for box, person in zip(boxes_xyxy_px, answer.rows(), strict=True)]
        is_new = oks(known, seen).max(axis=0)[:, None] < SAME_PERSON_OKS
        return answer._replace(scores=is_new * answer.scores)

    return estimate_others


def _num_confident(scores: Array) -> NDArray[np.intp]:
    """(..., 17) -> (...,) number of confident joints."""
    return (scores >= JOINT_CONFIDENCE).sum(axis=-1)


def _starts(low: float, high: float, side: float) -> Array:
    """Start positions of squares that cover [low, high] evenly, at most `_STEP` sides apart."""
    steps = int(np.ceil((high - low - side) / (_STEP * side) - 1e-9))
    if steps <= 0:
        return np.array([(low + high - side) / 2])
    return np.linspace(low, high - side, steps + 1)
