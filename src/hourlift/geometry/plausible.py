"""Whether a pose is one that a human body can take: bone lengths, and the way in which knees and elbows bend.

It needs no truth, so it judges predictions on images of which nothing is known. Frames: any right-handed one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.arrays import Array
from hourlift.geometry.bones import bone_vectors
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.vectors import unit_or_zero

BENT_DEG = 20.0
"""From this flexion on a knee or an elbow bends in some direction."""
WRONG_WITHIN_DEG = 45.0
"""A knee that bends within this angle of forward bends the wrong way, and an elbow within it of backward."""
RAISED_DEG = 90.0
"""A shoulder turns so far that an upper arm raised by more leaves the elbow's way open: it is not judged."""
LENGTHS: dict[str, tuple[float, float]] = {
    "knee": (0.68, 1.15),  # thigh
    "ankle": (0.73, 1.12),  # shin
    "elbow": (0.47, 0.70),  # upper arm
    "wrist": (0.40, 0.66),  # forearm
    "hip": (0.21, 0.34),  # half of the hips' width
    "shoulder": (0.24, 0.42),  # from the base of the neck
}
"""Human lengths of the bone that ends in a joint, as shares of the trunk, pelvis to spine to thorax: what all but one
in a thousand of the generator's people have, who are ten years old and more, and a tenth of the median on either
side."""


@dataclass(frozen=True, kw_only=True)
class Plausibility:
    """Shares of poses.

    Attributes:
        knee_wrong: Of poses with a knee that bends forward.
        elbow_wrong: Of poses with an elbow that bends backward.
        lengths_wrong: Of poses with a bone whose length is outside of `LENGTHS`.
        asymmetry: Median over poses of the largest difference between a bone's left and right length, as a share of
            their mean.
    """

    knee_wrong: float
    elbow_wrong: float
    lengths_wrong: float
    asymmetry: float


def plausibility(joints: ArrayLike) -> Plausibility:
    """Judge poses (N, 17, 3) in any unit, all joints known, camera or world axes."""
    joints = np.asarray(joints, np.float64)
    lengths = np.linalg.norm(bone_vectors(joints), axis=-1)
    trunk = lengths[..., H36M17.indices("spine", "thorax")].sum(-1)
    outside = np.zeros(len(joints), bool)
    for name, (low, high) in LENGTHS.items():
        share = lengths[..., H36M17.indices(f"l_{name}", f"r_{name}")] / trunk[..., None]
        outside |= ((share < low) | (share > high)).any(-1)
    return Plausibility(
        knee_wrong=float(wrong_knees(joints).any(-1).mean()),
        elbow_wrong=float(wrong_elbows(joints).any(-1).mean()),
        lengths_wrong=float(outside.mean()),
        asymmetry=float(np.median(asymmetry(joints))),
    )


def asymmetry(joints: ArrayLike) -> Array:
    """(...) largest difference between the left and right length of a bone over their mean, of joints (..., 17, 3)."""
    joints = np.asarray(joints, np.float64)
    lengths = np.linalg.norm(bone_vectors(joints), axis=-1)
    right, left = lengths[..., [a for a, _ in H36M17.flip_pairs]], lengths[..., [b for _, b in H36M17.flip_pairs]]
    return np.asarray((2 * np.abs(right - left) / (right + left)).max(-1))


def wrong_knees(joints: ArrayLike) -> NDArray[np.bool_]:
    """Which knees bend forward, (..., 2) left and right, of joints (..., 17, 3).

    Forward is the pelvis's, carried to the thigh by the smallest turn that brings its down onto the thigh. Hips turn
    the thigh about itself, so that a knee may point far aside; of true poses one in a thousand bends into the zone.
    """
    flexion, forward, _ = _bends(joints, ("hip", "knee", "ankle"), "pelvis", "spine")
    return np.asarray((flexion > BENT_DEG) & (forward > np.cos(np.radians(WRONG_WITHIN_DEG))))


def wrong_elbows(joints: ArrayLike) -> NDArray[np.bool_]:
    """Which elbows bend backward, (..., 2) left and right, of joints (..., 17, 3); see `wrong_knees`, RAISED_DEG."""
    flexion, forward, raised = _bends(joints, ("shoulder", "elbow", "wrist"), "spine", "thorax")
    judged = (flexion > BENT_DEG) & (raised < RAISED_DEG)
    return np.asarray(judged & (forward < -np.cos(np.radians(WRONG_WITHIN_DEG))))


def _bends(joints: ArrayLike, limb: tuple[str, str, str], below: str, above: str) -> tuple[Array, Array, Array]:
    """How the left and the right limb (..., 2) bend.

    Args:
        joints: (..., 17, 3).
        limb: its joints, from the trunk outwards.
        below: joint of the trunk from which
        above: this one is up.

    Returns:
        Flexion in degrees; the share of the bend's direction that is forward in the axes of the upper bone; and how far
        that bone is raised from hanging, degrees.
    """
    joints = np.asarray(joints, np.float64)

    def at(*names: str) -> Array:
        return joints[..., H36M17.indices(*names), :]

    start, middle, end = (at(f"l_{name}", f"r_{name}") for name in limb)
    upper, lower = unit_or_zero(middle - start), unit_or_zero(end - middle)
    down = unit_or_zero(at(below) - at(above))
    forward = unit_or_zero(
        np.cross(down, start[..., :1, :] - start[..., 1:, :])
    )  # down x left, in a right-handed frame
    aligned = (upper * down).sum(-1, keepdims=True)
    axis = np.cross(np.broadcast_to(down, upper.shape), upper)
    carried = forward + np.cross(axis, forward)
    carried = carried + np.cross(axis, np.cross(axis, forward)) / np.maximum(1 + aligned, 1e-9)
    bend = unit_or_zero(lower - (lower * upper).sum(-1, keepdims=True) * upper)
    flexion = np.degrees(np.arccos(np.clip((upper * lower).sum(-1), -1, 1)))
    raised = np.degrees(np.arccos(np.clip(aligned[..., 0], -1, 1)))
    return flexion, (bend * carried).sum(-1), raised
