"""Poses drawn into the picture they were found in."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose
from hourlift.view.style import COLOURS, MIN_CONFIDENCE, OUTLINE_RGB, limb_sides, weight

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

_SHIFT = 4  # fixed-point bits of a coordinate: 1/16 pixel
_FAR_PX = 30_000.0  # joints farther out than this overflow OpenCV's fixed point and lie in no picture
_SIDES = limb_sides()


class _Limb(NamedTuple):
    """A straight limb in pixels; ``opacity`` in (0, 1]."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radius: float
    rim: float
    colour: Colour
    opacity: float


def draw_pose(image_rgb: Image, people: Sequence[Pose], min_confidence: float = MIN_CONFIDENCE) -> Image:
    """Draw people's 2D joints over a picture.

    The subject's left is blue, the right orange, the centre line pale. Limbs grow thin and transparent as
    confidence falls; one is left out when either end is NaN or less confident than ``min_confidence``. Nearer
    limbs and larger people cover the others.

    Args:
        image_rgb: (H, W, 3) uint8.
        people: poses whose ``joints_2d_px`` are pixels of this image; NaN joints are not drawn.
        min_confidence: in [0, 1].

    Returns:
        A copy of the image, (H, W, 3) uint8, with the people in it.

    Raises:
        ValueError: if the image is not (H, W, 3) uint8.
    """
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
        raise ValueError(f"expected an (H, W, 3) uint8 image, got {image_rgb.shape} {image_rgb.dtype}")
    canvas = np.array(image_rgb, order="C")
    for person in sorted(people, key=lambda person: _extent(person.joints_2d_px)):
        for limb in _limbs(person, min_confidence):
            _paint(canvas, limb)
    return canvas


def _extent(joints_px: NDArray[np.floating]) -> float:
    """Diagonal of the finite joints' bounding box in pixels; 0 if there are none."""
    finite = joints_px[np.isfinite(joints_px).all(axis=-1)]
    return float(np.hypot(*(finite.max(axis=0) - finite.min(axis=0)))) if len(finite) else 0.0


def _limbs(person: Pose, min_confidence: float) -> list[_Limb]:
    """A person's drawable limbs, farthest first."""
    joints = np.asarray(person.joints_2d_px, np.float64)
    weights = weight(person.confidence, min_confidence) * (np.abs(joints) < _FAR_PX).all(axis=-1)
    radius = max(0.009 * _extent(joints), 0.9)
    rim = max(0.35 * radius, 0.7)
    depth = np.nan_to_num(person.joints_3d_mm[:, 2])
    edges = sorted(H36M17.edges, key=lambda edge: -(depth[edge[0]] + depth[edge[1]]))
    limbs = []
    for parent, child in edges:
        strength = float(min(weights[parent], weights[child]))
        if strength > 0:
            thin = radius * (0.5 + 0.5 * strength)
            limbs.append(_Limb(joints[parent], joints[child], thin, rim, COLOURS[_SIDES[child]], strength))
    return limbs


def _paint(canvas: Image, limb: _Limb) -> None:
    """Draw one outlined limb into the canvas in place, blended if it is not opaque."""
    reach = limb.radius + limb.rim + 1
    height, width = canvas.shape[:2]
    low = np.floor(np.minimum(limb.start, limb.end) - reach).clip(0).astype(int)
    high = np.ceil(np.maximum(limb.start, limb.end) + reach + 1).clip(0, (width, height)).astype(int)
    if (high <= low).any():
        return  # outside the picture
    window = canvas[low[1] : high[1], low[0] : high[0]]
    layer = window.copy()
    start, end = limb.start - low, limb.end - low
    _fill_capsule(layer, start, end, limb.radius + limb.rim, OUTLINE_RGB)
    _fill_capsule(layer, start, end, limb.radius, limb.colour)
    window[:] = cv2.addWeighted(layer, limb.opacity, window, 1 - limb.opacity, 0)


def _fill_capsule(
    layer: Image, start: NDArray[np.float64], end: NDArray[np.float64], radius: float, colour: Colour
) -> None:
    """Fill the points within ``radius`` of a segment: a polygon, because cv2.line has whole-pixel widths only."""
    angle = np.arctan2(end[1] - start[1], end[0] - start[0])
    half_turn = angle + np.linspace(-np.pi / 2, np.pi / 2, 9)
    arc = radius * np.stack([np.cos(half_turn), np.sin(half_turn)], axis=-1)
    outline = np.concatenate([end + arc, start - arc])
    fixed_point = np.round(outline * 2**_SHIFT).astype(np.int32)
    cv2.fillConvexPoly(layer, fixed_point, colour, cv2.LINE_AA, _SHIFT)
