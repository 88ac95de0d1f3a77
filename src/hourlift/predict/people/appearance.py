"""Appearance of people: the colours of their clothes, which distinguish them where their paths cross."""

from collections.abc import Sequence

import cv2
import numpy as np

from hourlift.arrays import Array, Image
from hourlift.geometry.skeleton import H36M17
from hourlift.predict.people.search import JOINT_CONFIDENCE, Detection

COLOUR_FALLOFF = 16.0
"""Difference of colours (CIE 1976, 2.3 is just noticeable) at which two people have a similarity of 0.6."""

# Lines between joints, each on one piece of clothing, or on hair and face.
_PARTS: dict[str, tuple[tuple[str, str], ...]] = {
    "head": (("nose", "head"),),
    "torso": (("l_shoulder", "r_hip"), ("r_shoulder", "l_hip"), ("thorax", "pelvis")),
    "arms": (("l_shoulder", "l_elbow"), ("r_shoulder", "r_elbow")),
    "thighs": (("l_hip", "l_knee"), ("r_hip", "r_knee")),
    "shins": (("l_knee", "l_ankle"), ("r_knee", "r_ankle")),
}
_ALONG = np.linspace(0.2, 0.8, 9)[:, None]  # positions along a line; its ends may lie on another part


def colours(image_rgb: Image, person: Detection) -> Array:
    """The colours of a person's parts.

    Args:
        image_rgb: (H, W, 3) uint8.
        person: their joints.

    Returns:
        (5, 3) median L*, a*, b* of head, torso, upper arms, thighs and shins; NaN for parts that are not seen.
    """
    return np.array([_colour(image_rgb, person, lines) for lines in _PARTS.values()])


def alike(people: Sequence[Array], others: Sequence[Array]) -> Array:
    """Similarity of people's appearance.

    Args:
        people: N times (5, 3) colours.
        others: M times (5, 3) colours.

    Returns:
        (N, M) from 0 to 1; 1 if no part is known for both.
    """
    shape = (-1, len(_PARTS), 3)
    difference = np.array(people).reshape(shape)[:, None] - np.array(others).reshape(shape)[None]
    squared = np.square(difference).sum(axis=-1)
    known = np.isfinite(squared)
    mean = np.where(known, squared, 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    return np.exp(-mean / (2 * COLOUR_FALLOFF**2))


def _colour(image_rgb: Image, person: Detection, lines: Sequence[tuple[str, str]]) -> Array:
    """(3,) the median colour along the lines whose joints are confident and in the image."""
    ends = np.array([H36M17.indices(*line) for line in lines])
    ends = ends[(person.scores[ends] >= JOINT_CONFIDENCE).all(axis=1)]
    start, end = person.joints_px[ends[:, :1]], person.joints_px[ends[:, 1:]]
    points = np.round(start + _ALONG * (end - start)).reshape(-1, 2)
    height, width = image_rgb.shape[:2]
    points = points[((points >= 0) & (points < (width, height))).all(axis=1)].astype(int)
    if len(points) == 0:
        return np.full(3, np.nan)
    pixels = image_rgb[points[:, 1], points[:, 0]][None].astype(np.float32) / 255
    return np.median(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB)[0], axis=0).astype(np.float64)
