"""Style of drawn skeletons, in the image and on the page: colours, sides, and confidence as weight."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hourlift.geometry.skeleton import H36M17

# Sky blue and orange of Okabe and Ito's palette (2008): distinguishable under every common colour blindness, and light
# enough to contrast with a dark outline. The centre line is neutral.
LEFT_RGB = (86, 180, 233)
RIGHT_RGB = (230, 159, 0)
CENTRE_RGB = (240, 240, 236)
OUTLINE_RGB = (24, 26, 32)
# The same two hues for thin lines on white paper, where lighter ones would be too pale: blue and vermilion.
LEFT_INK_RGB = (0, 114, 178)
RIGHT_INK_RGB = (213, 94, 0)
INK_RGB = (40, 42, 48)

MIN_CONFIDENCE = 0.1  # below it, nine of ten joints are wrong
FULL_CONFIDENCE = 0.6  # from here, a joint is drawn at full weight

Side = str  # "left", "right" or "centre", the subject's
COLOURS: dict[Side, tuple[int, int, int]] = {"left": LEFT_RGB, "right": RIGHT_RGB, "centre": CENTRE_RGB}


def side_of(joint_name: str) -> Side:
    """The subject's side that a joint belongs to: "left", "right" or "centre"."""
    return {"l_": "left", "r_": "right"}.get(joint_name[:2], "centre")


def limb_sides(joint_names: Sequence[str] = H36M17.joint_names) -> list[Side]:
    """The side of the limb that ends in each joint: the collar bone belongs to the shoulder."""
    return [side_of(name) for name in joint_names]


def weight(confidence: NDArray[np.floating], min_confidence: float = MIN_CONFIDENCE) -> NDArray[np.float64]:
    """How strongly to draw a joint or limb.

    Args:
        confidence: any shape, peak of the joint's heatmap in [0, 1].
        min_confidence: confidence at which drawing stops.

    Returns:
        Same shape: 0 = not at all (also for NaN), then 0.25 rising linearly to 1 at ``FULL_CONFIDENCE``.
    """
    confidence = np.asarray(confidence, np.float64)
    span = max(FULL_CONFIDENCE - min_confidence, 1e-6)
    ramp = 0.25 + 0.75 * np.clip((confidence - min_confidence) / span, 0, 1)
    return np.where(confidence >= min_confidence, ramp, 0.0)
