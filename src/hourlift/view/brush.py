"""Drawing for the overlay and the 3D view: outlined limbs of any width, and captions."""

import math
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.geometry.skeleton_style import CENTRE_RGB, OUTLINE_RGB

Colour = tuple[int, int, int]

_SHIFT = 4  # fixed-point bits of a coordinate: 1/16 pixel
_ARC_RAD = np.linspace(-np.pi / 2, np.pi / 2, 9)
_HALF_CIRCLE = np.stack([np.cos(_ARC_RAD), np.sin(_ARC_RAD)], axis=-1)
_AROUND = np.concatenate([_HALF_CIRCLE, -_HALF_CIRCLE])  # outline of a limb along x, around its end and its start
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_CAPITAL_PX = 22  # height of the font's capitals at scale 1


class Limb(NamedTuple):
    """A straight limb in pixels; ``opacity`` in (0, 1]."""

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    radius: float
    rim: float
    colour: Colour
    opacity: float


def paint(canvas: Image, limb: Limb) -> None:
    """Draw one outlined limb into the canvas in place, blended if it is not opaque."""
    height, width = canvas.shape[:2]
    (x0, y0), (x1, y1) = limb.start.tolist(), limb.end.tolist()
    reach = limb.radius + limb.rim + 1
    left, right = max(math.floor(min(x0, x1) - reach), 0), min(math.ceil(max(x0, x1) + reach + 1), width)
    top, bottom = max(math.floor(min(y0, y1) - reach), 0), min(math.ceil(max(y0, y1) + reach + 1), height)
    if right <= left or bottom <= top:
        return  # outside the image
    window = canvas[top:bottom, left:right]
    layer = window if limb.opacity == 1 else window.copy()
    length = math.hypot(x1 - x0, y1 - y0)
    cos, sin = ((x1 - x0) / length, (y1 - y0) / length) if length else (1.0, 0.0)
    around = _AROUND @ np.array([[cos, sin], [-sin, cos]])
    ends = np.repeat([[x1 - left, y1 - top], [x0 - left, y0 - top]], len(_HALF_CIRCLE), axis=0)
    for radius, colour in ((limb.radius + limb.rim, OUTLINE_RGB), (limb.radius, limb.colour)):
        # A polygon, because cv2.line only has integer widths.
        fixed_point = np.round((ends + radius * around) * 2**_SHIFT).astype(np.int32)
        cv2.fillConvexPoly(layer, fixed_point, colour, cv2.LINE_AA, _SHIFT)
    if layer is not window:
        cv2.addWeighted(layer, limb.opacity, window, 1 - limb.opacity, 0, dst=window)


def caption(
    canvas: Image,
    text: str,
    at_px: tuple[float, float],
    size_px: float,
    colour: Colour = CENTRE_RGB,
    outline: Colour = OUTLINE_RGB,
    anchor: Literal["left", "centre"] = "left",
) -> None:
    """Write a line of ASCII with an outline into the canvas in place.

    Args:
        canvas: (H, W, 3) uint8.
        text: what to write.
        at_px: left end, or centre, of the baseline.
        size_px: height of a capital.
        colour: colour of the letters.
        outline: colour of their outline.
        anchor: which of these ``at_px`` is.
    """
    scale, thick, rim = size_px / _CAPITAL_PX, max(round(size_px / 11), 1), max(round(size_px / 8), 1)
    (width, height), below = cv2.getTextSize(text, _FONT, scale, thick)
    left, base = round(at_px[0] - (width / 2 if anchor == "centre" else 0)), round(at_px[1])
    margin = rim + thick + 2
    x0, y0 = max(left - margin, 0), max(base - height - margin, 0)
    window = canvas[y0 : max(base + below + margin, 0), x0 : max(left + width + margin, 0)]
    if window.size == 0:
        return  # outside the image
    # The outline is dilated letters: OpenCV would also space thicker letters farther apart.
    letters = np.zeros(window.shape[:2], np.uint8)
    cv2.putText(letters, text, (left - x0, base - y0), _FONT, scale, 255, thick, cv2.LINE_AA)
    grown = cv2.dilate(letters, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1)))
    for mask, ink in ((grown, outline), (letters, colour)):
        share = mask[..., None] / 255
        window[:] = np.round(window * (1 - share) + np.array(ink) * share)
