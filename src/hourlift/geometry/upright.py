"""Which way is up: from the camera's axes to a frame that stands upright, z up."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

CAMERA_UP = (0.0, -1.0, 0.0)
"""The direction up in the camera frame of a camera that is held level."""


def checked_up(up: ArrayLike) -> Array:
    """(3,) the direction up with length 1.

    Raises:
        ValueError: it is none.
    """
    vertical = np.asarray(up, dtype=np.float64)
    if vertical.shape != (3,) or not np.isfinite(vertical).all() or not vertical.any():
        raise ValueError(f"up must be three finite numbers that are not all 0, got {up!r}")
    return np.asarray(vertical / np.linalg.norm(vertical))


def up_of_pitched_camera(pitch_deg: float) -> Array:
    """(3,) the direction up in the frame of a camera that looks ``pitch_deg`` degrees down, not tilted sideways."""
    pitch = math.radians(pitch_deg)
    return np.array([0.0, -math.cos(pitch), -math.sin(pitch)])


def level_rotation(up_cam: ArrayLike = CAMERA_UP) -> Array:
    """The rotation from camera axes to an upright frame: x to the camera's right, y away from it, z up.

    Args:
        up_cam: (3,) the direction up in the camera frame, of any length.

    Returns:
        (3, 3) rotation; ``joints_cam @ rotation.T`` are joints in the upright frame.

    Raises:
        ValueError: ``up_cam`` is no direction, or the camera lies on its side (up is to its right or left).
    """
    z = checked_up(up_cam)
    x = np.array([1.0, 0.0, 0.0]) - z[0] * z
    length = np.linalg.norm(x)
    if length < 1e-6:
        raise ValueError("a camera that lies on its side has no right that could be kept; turn the picture first")
    x = x / length
    return np.stack([x, np.cross(z, x), z])
