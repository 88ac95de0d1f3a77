"""Classify the pose of an annotated person from the 2D joints alone, to group errors by pose.

Directions are the person's: "along the trunk" is from pelvis to thorax, whatever its direction in the image.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.arrays import Array
from hourlift.geometry.skeleton import H36M17

UPRIGHT_DEG = 45.0
"""A person counts as upright if pelvis to thorax is within this angle of straight up in the image."""

_HORIZONTAL_DEG = 90.0  # above this angle, the head is below the hips
_FACING = 0.3  # minimum width of shoulders and hips, in torsos, unless seen from the side
_BENT_HIP_DEG, _BENT_KNEE_DEG, _SPREAD_DEG = 110.0, 90.0, 70.0
_RAISED = 0.3  # minimum distance of a raised wrist beyond the thorax, along the trunk, in trunk lengths

_SEGMENTS = ("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")

Mask = NDArray[np.bool_]


def is_upright(joints_px: ArrayLike) -> Mask:
    """Return whether the torso points up in the image.

    Args:
        joints_px: (..., 17, 2).

    Returns:
        (...,) also False if pelvis or thorax is unknown.
    """
    return trunk_angle_deg(joints_px) <= UPRIGHT_DEG


def trunk_angle_deg(joints_px: ArrayLike) -> Array:
    """Angle between the direction pelvis to thorax and straight up in the image, 0 to 180: (..., 17, 2) -> (...,)."""
    trunk = _joint(joints_px, "thorax") - _joint(joints_px, "pelvis")
    return np.degrees(np.arctan2(np.abs(trunk[..., 0]), -trunk[..., 1]))


def pose_types(joints_px: ArrayLike) -> dict[str, Mapping[str, Mask]]:
    """Group people by pose.

    Args:
        joints_px: (N, 17, 2) true joints.

    Returns:
        By aspect and kind, a mask (N,). Kinds of `trunk` and `facing` are exclusive; the rest may overlap, and `other`
            holds people of no kind. Kinds that need an unknown joint of a person do not apply.
    """
    joints = np.asarray(joints_px, np.float64)
    angle, facing = trunk_angle_deg(joints), facing_camera(joints)
    return {
        "trunk": {
            "upright": angle <= UPRIGHT_DEG,
            "leaning": (angle > UPRIGHT_DEG) & (angle <= _HORIZONTAL_DEG),
            "head below hips": angle > _HORIZONTAL_DEG,
        },
        "facing": {
            "the camera": facing > _FACING,
            "sideways": np.abs(facing) <= _FACING,
            "away": facing < -_FACING,
        },
        "limbs": _with_others(
            {
                "hip bent": _either(_bend_deg(joints, "thorax", "{side}_hip", "{side}_knee", _BENT_HIP_DEG)),
                "knee bent": _either(_bend_deg(joints, "{side}_hip", "{side}_knee", "{side}_ankle", _BENT_KNEE_DEG)),
                "legs spread": _angle_deg(_thigh(joints, "l"), _thigh(joints, "r")) > _SPREAD_DEG,
                "arm raised": _either(_raised(joints, side) for side in "lr"),
                "arm before the trunk": _either(_before_trunk(joints, side) for side in "lr"),
                "legs crossed": _crossed(joints, _SEGMENTS[:2]),
                "arms crossed": _crossed(joints, _SEGMENTS[2:]),
            }
        ),
    }


def facing_camera(joints_px: ArrayLike) -> Array:
    """Signed width of the body in the image: positive if the person faces the camera.

    Returns:
        (...,) mean of shoulder and hip widths across the trunk, in lengths of the trunk's diagonal (as in PCK);
            negative for a person seen from behind, about 0 for a person seen from the side.
    """
    joints = np.asarray(joints_px, np.float64)
    trunk = _joint(joints, "thorax") - _joint(joints, "pelvis")
    across = np.stack([-trunk[..., 1], trunk[..., 0]], -1)
    width = sum(_joint(joints, f"l_{name}") - _joint(joints, f"r_{name}") for name in ("shoulder", "hip")) / 2
    diagonal = np.linalg.norm(_joint(joints, "l_shoulder") - _joint(joints, "r_hip"), axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (width * across).sum(-1) / np.linalg.norm(across, axis=-1) / diagonal


def _with_others(kinds: dict[str, Mask]) -> dict[str, Mask]:
    return {**kinds, "other": ~np.any(list(kinds.values()), axis=0)}


def _either(masks: Iterable[Mask]) -> Mask:
    return np.any(list(masks), axis=0)


def _bend_deg(joints: Array, before: str, middle: str, after: str, most_deg: float) -> list[Mask]:
    """For left and right: whether the angle at a joint is below the threshold."""
    found = []
    for side in "lr":
        a, b, c = (_joint(joints, name.format(side=side)) for name in (before, middle, after))
        found.append(_angle_deg(a - b, c - b) < most_deg)
    return found


def _thigh(joints: Array, side: str) -> Array:
    return _joint(joints, f"{side}_knee") - _joint(joints, f"{side}_hip")


def _raised(joints: Array, side: str) -> Mask:
    thorax = _joint(joints, "thorax")
    trunk, reach = thorax - _joint(joints, "pelvis"), _joint(joints, f"{side}_wrist") - thorax
    return np.asarray((reach * trunk).sum(-1) > _RAISED * (trunk**2).sum(-1))


def _before_trunk(joints: Array, side: str) -> Mask:
    """Whether a wrist is in the image within the quadrangle of shoulders and hips, in front of or behind it."""
    corners = [_joint(joints, name) for name in ("l_shoulder", "r_shoulder", "r_hip", "l_hip")]
    wrist = _joint(joints, f"{side}_wrist")
    turns = np.stack([_turn(a, b, wrist) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)])
    return np.asarray((turns > 0).all(0) | (turns < 0).all(0))


def _crossed(joints: Array, segments: tuple[tuple[str, str], ...]) -> Mask:
    """Whether a segment of the left limb crosses one of the right limb."""
    found = []
    for first in segments:
        for second in segments:
            a, b = (_joint(joints, f"l_{name}") for name in first)
            c, d = (_joint(joints, f"r_{name}") for name in second)
            found.append((_turn(a, b, c) * _turn(a, b, d) < 0) & (_turn(c, d, a) * _turn(c, d, b) < 0))
    return np.any(found, axis=0)


def _turn(a: Array, b: Array, c: Array) -> Array:
    """Twice the signed area of the triangle a, b, c."""
    ab, ac = b - a, c - a
    return ab[..., 0] * ac[..., 1] - ab[..., 1] * ac[..., 0]


def _angle_deg(a: Array, b: Array) -> Array:
    cross, dot = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0], (a * b).sum(-1)
    return np.degrees(np.abs(np.arctan2(cross, dot)))


def _joint(joints_px: ArrayLike, name: str) -> Array:
    return np.asarray(joints_px, np.float64)[..., H36M17.index(name), :]
