"""Joint angles in degrees, as used in sport and clinic; docs/angles.md illustrates and explains each.

All angles except the trunk's are between body parts, so they do not depend on the camera or the person's size.
Seventeen joints do not determine a limb's rotation about its own axis, so there is no such angle here.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from hourlift.arrays import Array
from hourlift.errors import UserError
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.vectors import unit
from hourlift.geometry.world import CAMERA_UP

_SIDEWAYS_DEG = 20.0  # the angle in a plane is unreliable for a limb this close to the plane's normal


@dataclass(frozen=True, kw_only=True)
class Angle:
    """One angle: its name, its title, its sign convention, and whether each side of the body has one."""

    name: str
    title: str
    sign: str
    sided: bool = True

    @property
    def keys(self) -> tuple[str, ...]:
        """Its keys in `joint_angles`: ``l_NAME`` and ``r_NAME``, or NAME alone."""
        return (f"l_{self.name}", f"r_{self.name}") if self.sided else (self.name,)


ANGLES: tuple[Angle, ...] = (
    Angle(name="knee_flexion", title="Knee flexion", sign="0 straight, bent is positive"),
    Angle(name="hip_flexion", title="Hip flexion", sign="thigh forward is positive"),
    Angle(name="hip_abduction", title="Hip abduction", sign="thigh outward is positive"),
    Angle(name="elbow_flexion", title="Elbow flexion", sign="0 straight, bent is positive"),
    Angle(name="shoulder_flexion", title="Shoulder flexion", sign="arm forward is positive"),
    Angle(name="shoulder_abduction", title="Shoulder abduction", sign="arm outward is positive"),
    Angle(name="trunk_inclination", title="Trunk inclination", sign="from upright, any direction", sided=False),
    Angle(name="trunk_forward", title="Trunk forward lean", sign="forward is positive", sided=False),
    Angle(name="trunk_side", title="Trunk side lean", sign="to the subject's right is positive", sided=False),
)
ANGLE_KEYS: tuple[str, ...] = tuple(key for angle in ANGLES for key in angle.keys)
"""The keys of the dictionary that `joint_angles` returns, in order."""


def joint_angles(joints_mm: ArrayLike, up: ArrayLike = CAMERA_UP) -> dict[str, Array]:
    """Angles of the joints of Human3.6M-17.

    Args:
        joints_mm: (..., 17, 3) joints in any right-handed frame, unit and origin. NaN where unknown.
        up: (3,) the direction up in that frame, of any length; only the trunk's angles use it. By default that
            of a level camera's frame.

    Returns:
        Degrees by the names of `ANGLE_KEYS`, each of shape (...). NaN where a joint that it needs is unknown, where
        two joints coincide, and where a limb lies within 20 degrees of the normal of the angle's plane.

    Raises:
        ValueError: the joints are not (..., 17, 3), or ``up`` is not a direction.
    """
    joints = np.asarray(joints_mm, dtype=np.float64)
    if joints.shape[-2:] != (H36M17.num_joints, 3):
        raise UserError(f"joint angles need joints (..., {H36M17.num_joints}, 3), got {joints.shape}")
    vertical = np.asarray(up, dtype=np.float64)
    if vertical.shape != (3,) or not np.isfinite(vertical).all() or not vertical.any():
        raise UserError(f"up must be three finite numbers that are not all 0, got {up!r}")
    angles = _limb_angles(joints) | _trunk_angles(joints, unit(vertical))
    return {key: angles[key] for key in ANGLE_KEYS}


def _limb_angles(joints: Array) -> dict[str, Array]:
    """Flexion and abduction of both sides' knees, hips, elbows and shoulders."""
    # As in the ISB's joint coordinate systems: the hips' line is exact in the pelvis, the spine's line in the thorax.
    pelvis_right = _bone(joints, "l_hip", "r_hip")
    pelvis_up = _across(_bone(joints, "pelvis", "spine"), pelvis_right)
    thorax_up = _bone(joints, "spine", "thorax")
    thorax_right = _across(_bone(joints, "l_shoulder", "r_shoulder"), thorax_up)
    angles = {}
    for side, outward in (("l", -1.0), ("r", 1.0)):
        thigh, shank = _bone(joints, f"{side}_hip", f"{side}_knee"), _bone(joints, f"{side}_knee", f"{side}_ankle")
        arm = _bone(joints, f"{side}_shoulder", f"{side}_elbow")
        forearm = _bone(joints, f"{side}_elbow", f"{side}_wrist")
        down, forward, out = _components(thigh, pelvis_up, pelvis_right * outward, outward)
        angles[f"{side}_knee_flexion"] = _between(thigh, shank)
        angles[f"{side}_hip_flexion"] = _in_plane(forward, down)
        angles[f"{side}_hip_abduction"] = np.degrees(np.arcsin(np.clip(out, -1, 1)))
        down, forward, out = _components(arm, thorax_up, thorax_right * outward, outward)
        angles[f"{side}_elbow_flexion"] = _between(arm, forearm)
        angles[f"{side}_shoulder_flexion"] = _in_plane(forward, down)
        angles[f"{side}_shoulder_abduction"] = _in_plane(out, down)
    return angles


def _trunk_angles(joints: Array, upward: Array) -> dict[str, Array]:
    """Lean of the line from pelvis to thorax: in total, and in the person's two vertical planes."""
    trunk = _bone(joints, "pelvis", "thorax")
    right = _across(_bone(joints, "l_hip", "r_hip"), upward)
    forward = np.cross(upward, right)
    rise = _dot(trunk, upward)
    return {
        "trunk_inclination": _between(trunk, upward),
        "trunk_forward": _in_plane(_dot(trunk, forward), rise, low_deg=-180),
        "trunk_side": _in_plane(_dot(trunk, right), rise, low_deg=-180),
    }


def _bone(joints: Array, start: str, end: str) -> Array:
    """(..., 3) unit vector from one joint to another; NaN if they coincide."""
    return unit(joints[..., H36M17.index(end), :] - joints[..., H36M17.index(start), :])


def _across(vectors: Array, axis: Array) -> Array:
    """The normalised component of unit vectors perpendicular to a unit axis; NaN if they are nearly parallel."""
    part = vectors - _dot(vectors, axis)[..., None] * axis
    enough = np.linalg.norm(part, axis=-1, keepdims=True) >= math.sin(math.radians(_SIDEWAYS_DEG))
    return np.where(enough, unit(part), np.nan)


def _components(limb: Array, up: Array, outward: Array, hand: float) -> tuple[Array, Array, Array]:
    """A limb's components down, forward and outward, in orthogonal axes; ``hand`` is -1 if outward is left."""
    forward = hand * np.cross(up, outward)
    return -_dot(limb, up), _dot(limb, forward), _dot(limb, outward)


def _in_plane(share: Array, along: Array, low_deg: float = -90.0) -> Array:
    """Angle of (share, along) from ``along`` in [low, low + 360); NaN if the limb is nearly normal to the plane."""
    enough = np.hypot(share, along) >= math.sin(math.radians(_SIDEWAYS_DEG))
    angle = np.degrees(np.arctan2(share, along))
    return np.where(enough, (angle - low_deg) % 360 + low_deg, np.nan)


def _between(a: Array, b: Array) -> Array:
    """Angle between unit vectors, 0 to 180 degrees; by the arctangent, which is accurate near 0 and 180 (Kahan)."""
    return np.degrees(2 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)))


def _dot(a: Array, b: Array) -> Array:
    return np.asarray((a * b).sum(axis=-1))
