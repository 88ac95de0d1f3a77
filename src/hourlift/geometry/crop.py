"""Boxes, the square crop that stage 1 reads, and the half-pixel convention.

Pixel centres are integers: (0, 0) is the centre of the top-left pixel, so an image of width W spans
[-0.5, W - 0.5]. No other module adds or subtracts half a pixel.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.errors import UserError

BOX_GROWTH = 0.15
"""Each side of a box moves out by this share of the joints' extent, for the body around the joints."""

CROP_MARGIN = 1.1
"""The square crop's side over the longer side of the box."""

EXPORTED_MARGIN = 1.0
"""The same for exported hourglasses, as the recipes zoom in during training: 2 to 3 points of PCK better than 1.1."""

MIN_GROWTH = 0.05
"""The sides move out at least by this share of the longer extent: a person seen edge-on is still some pixels wide."""


def whole_image_box(image_wh: tuple[int, int]) -> NDArray[np.float64]:
    """Box (4,) xyxy in pixels that covers an image of width, height exactly."""
    width, height = image_wh
    return np.array([-0.5, -0.5, width - 0.5, height - 0.5])


def box_counted_from_corner(box_xyxy: ArrayLike) -> NDArray[np.float64]:
    """Convert boxes (..., 4) from pixels with the origin at the image's top-left corner, as in detectors."""
    return np.asarray(box_xyxy, np.float64) - 0.5


def box_from_joints(joints_px: ArrayLike, growth: float = BOX_GROWTH) -> NDArray[np.float64]:
    """Box around the finite joints, grown on every side.

    Args:
        joints_px: (..., J, 2) pixels; a joint with a NaN is ignored.
        growth: Share of the extent in x (y) that is added left and right (above and below), at least 5 % of
            the longer extent.

    Returns:
        (..., 4) xyxy in pixels, not clipped to the image; NaN if no joint is finite.
    """
    joints = np.asarray(joints_px, np.float64)
    known = np.isfinite(joints).all(axis=-1, keepdims=True)
    low = np.where(known, joints, np.inf).min(axis=-2)
    high = np.where(known, joints, -np.inf).max(axis=-2)
    some = np.isfinite(low)
    low, high = np.where(some, low, np.nan), np.where(some, high, np.nan)
    extent = high - low
    pad = np.maximum(growth * extent, MIN_GROWTH * extent.max(axis=-1, keepdims=True))
    return np.concatenate([low - pad, high + pad], axis=-1)


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A square cut from an image and resized.

    Attributes:
        center_px: Centre (x, y) in image pixels.
        side_px: Side of the square in image pixels; it may extend beyond the image.
        size: Side of the resized square in crop pixels.
        turn_rad: Lean of the square to the right: up in the crop is (sin, -cos) of it in the image.
    """

    center_px: tuple[float, float]
    side_px: float
    size: int
    turn_rad: float = 0.0

    @classmethod
    def from_box(cls, box_xyxy_px: ArrayLike, size: int, margin: float = CROP_MARGIN) -> Self:
        """Square of side ``margin`` x the longer side of a box, centred on the box.

        Args:
            box_xyxy_px: (4,) x0, y0, x1, y1 in image pixels.
            size: Side of the resized crop.
            margin: Side of the square over the longer side of the box.

        Raises:
            ValueError: The box is not four finite numbers with x1 > x0 or y1 > y0, and no negative extent.
        """
        box = np.asarray(box_xyxy_px, np.float64)
        if box.shape != (4,) or not np.isfinite(box).all():
            raise UserError(f"A box is four finite numbers x0, y0, x1, y1, got {box.tolist()}.")
        extent = box[2:] - box[:2]
        if extent.min() < 0 or extent.max() <= 0:
            raise UserError(f"A box needs x0 < x1 and y0 < y1, got {box.tolist()}.")
        x, y = (box[:2] + box[2:]) / 2
        return cls(center_px=(float(x), float(y)), side_px=float(margin * extent.max()), size=size)

    @property
    def scale(self) -> float:
        """Crop pixels per image pixel."""
        return self.size / self.side_px

    @property
    def affine(self) -> NDArray[np.float64]:
        """(2, 3) matrix, image pixels to crop pixels, for ``cv2.warpAffine``.

        Without lean, x_crop = (x - (cx - side / 2)) * size / side - 0.5: its left edge goes to
        -0.5, the left edge of the crop's first pixel.
        """
        cos, sin = self.scale * math.cos(self.turn_rad), self.scale * math.sin(self.turn_rad)
        (x, y), middle = self.center_px, self.size / 2 - 0.5
        return np.array([[cos, sin, middle - cos * x - sin * y], [-sin, cos, middle + sin * x - cos * y]])

    def to_crop(self, points_px: ArrayLike) -> NDArray[np.float64]:
        """Image pixels (..., 2) to crop pixels; NaN is passed on."""
        affine = self.affine
        return np.asarray(points_px, np.float64) @ affine[:, :2].T + affine[:, 2]

    def to_image(self, points_crop_px: ArrayLike) -> NDArray[np.float64]:
        """Crop pixels (..., 2) to image pixels; NaN is passed on."""
        affine = self.affine
        return (np.asarray(points_crop_px, np.float64) - affine[:, 2]) @ affine[:, :2] / self.scale**2


def rescale_points(points_px: ArrayLike, scale: ArrayLike) -> NDArray[np.float64]:
    """Map points to their image resized by ``scale`` (new size over old), e.g. crop to heatmap.

    Args:
        points_px: (..., 2) pixels.
        scale: One number, or (2,) for x and y.

    Returns:
        (..., 2) pixels of the resized image: (p + 0.5) * scale - 0.5.
    """
    return (np.asarray(points_px, np.float64) + 0.5) * np.asarray(scale, np.float64) - 0.5
