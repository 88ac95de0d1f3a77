"""Boxes of people in an image: how much two of them overlap, and which of many to keep."""

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array


def iou(boxes_a: Array, boxes_b: Array) -> Array:
    """Intersection over union of boxes (..., 4), pairwise; 0 if one is NaN."""
    low = np.maximum(boxes_a[..., :2], boxes_b[..., :2])
    high = np.minimum(boxes_a[..., 2:], boxes_b[..., 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=-1)
    area_a = (boxes_a[..., 2:] - boxes_a[..., :2]).prod(axis=-1)
    area_b = (boxes_b[..., 2:] - boxes_b[..., :2]).prod(axis=-1)
    return np.nan_to_num(shared / (area_a + area_b - shared))


def suppress(boxes: Array, scores: Array, most_iou: float) -> NDArray[np.intp]:
    """Non-maximum suppression: drop every box that overlaps one with a higher score.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,).
        most_iou: intersection over union up to which both of two boxes are kept.

    Returns:
        Indices of the boxes that are kept, the highest score first.
    """
    left = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(left):
        first, left = int(left[0]), left[1:]
        kept.append(first)
        left = left[iou(boxes[first], boxes[left]) <= most_iou]
    return np.array(kept, np.intp)
