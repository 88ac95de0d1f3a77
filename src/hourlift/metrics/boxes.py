"""How well people's boxes are found: matches, recall, precision, average precision."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.geometry.boxes import iou

FOUND_IOU = 0.5
"""Intersection over union from which on a box finds a person, as in PASCAL VOC."""


def match(boxes: Array, true_boxes: Array, least_iou: float = FOUND_IOU) -> NDArray[np.intp]:
    """Assign found boxes to people: each in turn takes the free person whom it overlaps most.

    Args:
        boxes: (N, 4) xyxy, the most confident first.
        true_boxes: (M, 4) of the people.
        least_iou: overlap from which on a box finds a person.

    Returns:
        (N,) index of the person, -1 for a box that finds none.
    """
    overlaps = iou(boxes[:, None], true_boxes[None]) if len(boxes) and len(true_boxes) else np.zeros((len(boxes), 0))
    found = np.full(len(boxes), -1, np.intp)
    for row, overlap in enumerate(overlaps):
        if overlap.size and overlap.max() >= least_iou:
            found[row] = overlap.argmax()
            overlaps[:, found[row]] = -1
    return found


def average_precision(scores: Sequence[Array], matches: Sequence[NDArray[np.intp]], num_people: int) -> float:
    """Area under the curve of precision over recall, with precision made to fall, as COCO does without its 101 points.

    Args:
        scores: of each image's boxes.
        matches: of each image's boxes, from `match`.
        num_people: in all images; NaN is returned for none.
    """
    if num_people == 0:
        return float("nan")
    together = np.concatenate([*scores, np.zeros(0)])
    order = np.argsort(-together, kind="stable")
    right = np.concatenate([*(each >= 0 for each in matches), np.zeros(0, bool)])[order]
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float(falling[right].sum() / num_people)
