"""The room that people stand in: z up, millimetres. What is written for animation and motion analysis is in this frame.

Where nothing is known about the camera's tilt it is taken to be level: the room's x is the camera's x (right), its y is
the camera's z (away from it), its z is up, and its origin is the camera.
"""

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.formats.json import Header
from hourlift.pose import PoseSequence

LEVEL_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
"""(3, 3) from the axes of a level camera to the room's."""

_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def to_world(points_cam_mm: NDArray[np.floating], header: Header) -> Array:
    """Points of the camera frame in the room.

    Args:
        points_cam_mm: (..., 3) in the frame of the document's camera.
        header: of the document; it knows how the camera stands, or does not.

    Returns:
        (..., 3) millimetres, z up; NaN stays NaN.
    """
    points_cam_mm = np.asarray(points_cam_mm, np.float64)
    world = getattr(header, "world", None)
    return points_cam_mm @ LEVEL_CAMERA.T if world is None else np.asarray(world.to_world(points_cam_mm))


def joints_world_mm(sequence: PoseSequence, header: Header) -> Array:
    """A person's joints in the room.

    Returns:
        (T, 17, 3) millimetres, z up; NaN where the person, the joint or the pelvis's place is unknown.
    """
    return to_world(sequence.joints_cam_mm, header)


def y_up_m(points_mm: Array) -> Array:
    """The room (..., 3) as most animation software has it: y up, metres; x stays, and who faces the camera faces z."""
    return points_mm @ _Y_UP.T / 1000
