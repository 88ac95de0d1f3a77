"""Poses drawn onto their image."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17, H36M21
from hourlift.geometry.skeleton_style import COLOURS, MIN_CONFIDENCE, limb_sides, weight
from hourlift.pose import Pose
from hourlift.view.brush import Limb, caption, paint

_FAR_PX = 30_000.0  # joints farther out overflow OpenCV's fixed point and are outside any image
_SIDES = limb_sides(H36M21.joint_names)
_ANKLES = H36M17.indices(*(f"{point[0]}_ankle" for point in FOOT_POINTS))


def draw_pose(image_rgb: Image, people: Sequence[Pose], min_confidence: float = MIN_CONFIDENCE) -> Image:
    """Draw people's 2D joints over an image.

    The subject's left is blue, the right orange, the centre line pale; feet are drawn if they are known. Limbs become
    thin and transparent with lower confidence; one is omitted if either end is NaN or less confident than
    ``min_confidence``. Nearer limbs and larger people cover the others. If there is more than one person, each has
    their id above the head.

    Args:
        image_rgb: (H, W, 3) uint8.
        people: poses whose ``joints_2d_px`` are pixels of this image; NaN joints are not drawn.
        min_confidence: in [0, 1].

    Returns:
        A copy of the image, (H, W, 3) uint8, with the people drawn on it.

    Raises:
        ValueError: if the image is not (H, W, 3) uint8.
    """
    if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
        raise UserError(f"expected an (H, W, 3) uint8 image, got {image_rgb.shape} {image_rgb.dtype}")
    canvas = np.array(image_rgb, order="C")
    for person in sorted(people, key=lambda person: _extent(person.joints_2d_px)):
        for limb in _limbs(person, min_confidence):
            paint(canvas, limb)
    if len(people) > 1:
        for person in people:
            _write_id(canvas, person, min_confidence)
    return canvas


def _write_id(canvas: Image, person: Pose, min_confidence: float) -> None:
    """The person's id above their highest drawn joint."""
    drawn = (weight(person.confidence, min_confidence) > 0) & (np.abs(person.joints_2d_px) < _FAR_PX).all(axis=-1)
    if drawn.any():
        top = person.joints_2d_px[drawn][person.joints_2d_px[drawn][:, 1].argmin()]
        size = float(np.clip(0.05 * _extent(person.joints_2d_px), 11, 40))
        caption(canvas, str(person.person_id), (float(top[0]), float(top[1]) - size), size, anchor="centre")


def _extent(joints_px: NDArray[np.floating]) -> float:
    """Diagonal of the finite joints' bounding box in pixels; 0 if there are none."""
    finite = joints_px[np.isfinite(joints_px).all(axis=-1)]
    return float(np.hypot(*(finite.max(axis=0) - finite.min(axis=0)))) if len(finite) else 0.0


def _limbs(person: Pose, min_confidence: float) -> list[Limb]:
    """A person's drawable limbs, farthest first."""
    joints = np.concatenate([person.joints_2d_px, person.feet_2d_px]).astype(np.float64)
    confidence = np.concatenate([person.confidence, person.feet_confidence])
    weights = weight(confidence, min_confidence) * (np.abs(joints) < _FAR_PX).all(axis=-1)
    radius = max(0.009 * _extent(person.joints_2d_px), 0.9)
    rim = max(0.35 * radius, 0.7)
    depth = np.nan_to_num(person.joints_3d_mm[:, 2])
    depth = np.concatenate([depth, depth[_ANKLES]])
    edges = sorted(H36M21.edges, key=lambda edge: -(depth[edge[0]] + depth[edge[1]]))
    limbs = []
    for parent, child in edges:
        strength = float(min(weights[parent], weights[child]))
        if strength > 0:
            thin = radius * (0.5 + 0.5 * strength)
            limbs.append(Limb(joints[parent], joints[child], thin, rim, COLOURS[_SIDES[child]], strength))
    return limbs
