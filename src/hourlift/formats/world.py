"""The world frame: z up, millimetres. Files for animation and motion analysis use it.

If the camera's orientation is unknown, the camera is assumed to be level: the world's x is the camera's x (right), its
y is the camera's z (away from it), its z is up, and its origin is the camera.
"""

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.formats.json import Header
from hourlift.pose import PoseSequence

LEVEL_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""(3, 3) rotation from a level camera's axes to the world's."""

_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def to_world(points_cam_mm: NDArray[np.floating], header: Header) -> Array:
    """Transform points from the camera frame to the world frame.

    Args:
        points_cam_mm: (..., 3) in the frame of the document's camera.
        header: the document's header; its `world` may be None.

    Returns:
        (..., 3) millimetres, z up; NaN stays NaN.
    """
    points_cam_mm = np.asarray(points_cam_mm, np.float64)
    world = getattr(header, "world", None)
    return points_cam_mm @ LEVEL_CAMERA.T if world is None else np.asarray(world.to_world(points_cam_mm))


def joints_world_mm(sequence: PoseSequence, header: Header) -> Array:
    """A person's joints in the world frame.

    Returns:
        (T, 17, 3) millimetres, z up; NaN where the person, the joint or the pelvis's position is unknown.
    """
    return to_world(sequence.joints_cam_mm, header)


def y_up_m(points_mm: Array) -> Array:
    """World points (..., 3) for animation software: y up, metres; x is the same, towards the camera is z."""
    return points_mm @ _Y_UP.T / 1000
