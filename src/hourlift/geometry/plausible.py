"""Anatomical plausibility of a pose: bone lengths, and the bending direction of knees and elbows.

It needs no ground truth, so it works for predictions on unlabelled images. Frame: any right-handed one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.arrays import Array
from hourlift.geometry.bones import bone_vectors
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.vectors import unit_or_zero

BENT_DEG = 20.0
"""Least flexion at which a knee's or an elbow's bending direction is defined."""
WRONG_WITHIN_DEG = 45.0
"""A knee that bends within this angle of forward is wrong, as is an elbow that bends within it of backward."""
RAISED_DEG = 90.0
"""Elbows of upper arms raised by more are not checked: the shoulder's rotation permits any direction."""
LENGTHS: dict[str, tuple[float, float]] = {
    "knee": (0.68, 1.15),  # thigh
    "ankle": (0.73, 1.12),  # shin
    "elbow": (0.47, 0.70),  # upper arm
    "wrist": (0.40, 0.66),  # forearm
    "hip": (0.21, 0.34),  # half of the hips' width
    "shoulder": (0.24, 0.42),  # from the base of the neck
}
"""Human lengths of the bone that ends in a joint, over the length of the trunk, pelvis to spine to thorax: the range of
all but one in a thousand of the generator's people, ten years and older, extended by a tenth of the median at either
end."""


@dataclass(frozen=True, kw_only=True)
class Plausibility:
    """Shares of implausible poses.

    Attributes:
        knee_wrong: Share of poses with a knee that bends forward.
        elbow_wrong: Share of poses with an elbow that bends backward.
        lengths_wrong: Share of poses with a bone whose length is outside `LENGTHS`.
        asymmetry: Median over poses of the largest difference between a bone's left and right length, as a share of
            their mean.
    """

    knee_wrong: float
    elbow_wrong: float
    lengths_wrong: float
    asymmetry: float


def plausibility(joints: ArrayLike) -> Plausibility:
    """Check poses (N, 17, 3) in any unit, all joints known, in camera or world axes."""
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

    Forward is the pelvis's forward axis, carried to the thigh by the smallest rotation that takes its down axis to the
    thigh. Hips rotate the thigh about itself, so a knee may point far sideways; one in a thousand true poses is wrong.
    """
    flexion, forward, _ = _bends(joints, ("hip", "knee", "ankle"), "pelvis", "spine")
    return np.asarray((flexion > BENT_DEG) & (forward > np.cos(np.radians(WRONG_WITHIN_DEG))))


def wrong_elbows(joints: ArrayLike) -> NDArray[np.bool_]:
    """Which elbows bend backward, (..., 2) left and right, of joints (..., 17, 3); see `wrong_knees`, RAISED_DEG."""
    flexion, forward, raised = _bends(joints, ("shoulder", "elbow", "wrist"), "spine", "thorax")
    judged = (flexion > BENT_DEG) & (raised < RAISED_DEG)
    return np.asarray(judged & (forward < -np.cos(np.radians(WRONG_WITHIN_DEG))))


def _bends(joints: ArrayLike, limb: tuple[str, str, str], below: str, above: str) -> tuple[Array, Array, Array]:
    """Bending of the left and the right limb (..., 2).

    Args:
        joints: (..., 17, 3).
        limb: its joints, from the trunk outwards.
        below: joint of the trunk from which
        above: this one is up.

    Returns:
        Flexion in degrees; the forward component of the bend's direction in the axes of the upper bone; and how far
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
