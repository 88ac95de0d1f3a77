"""From an image to the finder's input, and from its maps to boxes. Without PyTorch: prediction uses this as well.

The finder answers for each cell of `STRIDE` input pixels how likely it is that the middle of a person's box lies in it,
and how far the box's sides are from the middle of the cell.
"""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array, Image
from hourlift.geometry.boxes import suppress
from hourlift.geometry.crop import box_counted_from_corner

STRIDE = 8
"""Input pixels per cell."""
SIZE_MULTIPLE = 64
"""The sides of the input are multiples of this."""
PADDING = 114
"""Grey level of the input beside the image."""
MOST_IOU = 0.6
"""Intersection over union above which two boxes are of the same person."""
MOST_PEOPLE = 300
"""Boxes that are returned at most: those with the highest scores."""


class Found(NamedTuple):
    """People: boxes (N, 4) xyxy pixels and scores (N,) from 0 to 1, the highest score first."""

    boxes: Array
    scores: Array


class Fitted(NamedTuple):
    """An image made to fit the input.

    Attributes:
        input: (H, W, 3) uint8; the image is in the top-left corner.
        scale_xy: (2,) pixels of the input per pixel of the image.
    """

    input: Image
    scale_xy: Array


def fit(image_rgb: Image, size: int) -> Fitted:
    """Resize an image so that its longer side has `size` pixels, and pad it to sides that the network takes.

    Args:
        image_rgb: (H, W, 3) uint8.
        size: a multiple of `SIZE_MULTIPLE`.
    """
    height, width = image_rgb.shape[:2]
    scale = size / max(height, width)
    fitted_wh = (min(max(round(width * scale), 1), size), min(max(round(height * scale), 1), size))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image_rgb, fitted_wh, interpolation=method)
    padded_wh = [-(-side // SIZE_MULTIPLE) * SIZE_MULTIPLE for side in fitted_wh]
    canvas = np.full((padded_wh[1], padded_wh[0], 3), PADDING, np.uint8)
    canvas[: fitted_wh[1], : fitted_wh[0]] = resized
    return Fitted(canvas, np.array(fitted_wh) / (width, height))


def decode(scores: NDArray[np.floating], sides: NDArray[np.floating], min_score: float) -> Found:
    """Boxes in pixels of the input, from the maps of one image.

    Args:
        scores: (h, w) from 0 to 1: how likely the middle of a person's box is in the cell.
        sides: (4, h, w) distances in input pixels from the middle of the cell to the left, top, right and bottom side.
        min_score: cells with a lower score are ignored.
    """
    around = cv2.dilate(scores.astype(np.float32), np.ones((3, 3), np.uint8))
    rows, columns = np.nonzero((scores >= around) & (scores >= min_score))
    x, y = (columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE
    left, top, right, bottom = sides[:, rows, columns].astype(np.float64)
    boxes = box_counted_from_corner(np.stack([x - left, y - top, x + right, y + bottom], axis=-1))
    likely = scores[rows, columns].astype(np.float64)
    kept = suppress(boxes, likely, MOST_IOU)[:MOST_PEOPLE]
    return Found(boxes[kept], likely[kept])


def in_image(found: Found, scale_xy: Array, image_wh: tuple[int, int]) -> Found:
    """Boxes in pixels of the image, cut at its border, from boxes in pixels of the input.

    Args:
        found: as `decode` returns it.
        scale_xy: (2,) as `fit` returns it.
        image_wh: size of the image.

    Returns:
        Those with at least one pixel in the image.
    """
    low, high = np.full(2, -0.5), np.array(image_wh) - 0.5
    boxes = (found.boxes + 0.5) / np.tile(scale_xy, 2) - 0.5  # as geometry.crop.rescale_points
    boxes = np.clip(boxes, np.tile(low, 2), np.tile(high, 2))
    seen = (boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)
    return Found(boxes[seen], found.scores[seen])
