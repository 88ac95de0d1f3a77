"""The world frame: z up, the floor at z = 0, seen from one camera that does not move."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from hourlift.arrays import Array
from hourlift.errors import UserError

CAMERA_UP = (0.0, -1.0, 0.0)
"""Up in the camera frame of a level camera."""
SOURCES = ("given", "feet", "default")

_ORTHOGONAL_TOLERANCE = 1e-3  # a file may be rounded
_VERTICAL = 0.9999  # cosine between the optical axis and up


@dataclass(frozen=True, kw_only=True, eq=False)
class World:
    """Pose of a camera in the world frame.

    The world frame: millimetres, z up, the floor at z = 0, the origin on the floor below the camera, x to the camera's
    right, y horizontally away from it.

    Attributes:
        rotation: (3, 3) from camera axes to world axes.
        origin_cam_mm: (3,) the world's origin in the camera frame.
        source: how up was found: ``"given"`` as the camera's pitch by the user, from standing people and their
            ``"feet"``, or ``"default"``: the camera is assumed to be level.

    Raises:
        ValueError: the rotation is not one, the origin is not finite, or the source is unknown.
    """

    rotation: Array
    origin_cam_mm: Array
    source: str

    def __post_init__(self) -> None:
        rotation, origin = np.asarray(self.rotation, np.float64), np.asarray(self.origin_cam_mm, np.float64)
        if rotation.shape != (3, 3) or origin.shape != (3,) or not np.isfinite(origin).all():
            raise UserError(f"a world needs a (3, 3) rotation and a (3,) origin, got {rotation} and {origin}")
        residual = np.abs(rotation @ rotation.T - np.eye(3)).max()
        if not residual < _ORTHOGONAL_TOLERANCE or np.linalg.det(rotation) < 0:
            raise UserError(f"a world's rotation must be a rotation, got {rotation.tolist()}")
        if self.source not in SOURCES:
            raise UserError(f"a world's source is one of {', '.join(SOURCES)}, got {self.source!r}")
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(self, "origin_cam_mm", origin)

    @classmethod
    def from_up(cls, up_cam: ArrayLike, camera_height_mm: float, source: str) -> Self:
        """The world of a camera at a height over the floor.

        Args:
            up_cam: (3,) the direction up in the camera frame, of any length.
            camera_height_mm: height of the camera over the floor; negative below it.
            source: how ``up_cam`` was found.

        Raises:
            ValueError: ``up_cam`` is not a direction.
        """
        up = np.asarray(up_cam, np.float64)
        length = np.linalg.norm(up)
        if up.shape != (3,) or not 0 < length < math.inf:
            raise UserError(f"up must be three finite numbers that are not all 0, got {up.tolist()}")
        up = up / length
        forward = np.array([0.0, 0.0, 1.0])
        if abs(up[2]) > _VERTICAL:  # looks straight down or up: the image's top or bottom defines away
            forward = np.array([0.0, np.sign(up[2]), 0.0])
        right = np.cross(forward, up)
        right = right / np.linalg.norm(right)
        rotation = np.stack([right, np.cross(up, right), up])
        return cls(rotation=rotation, origin_cam_mm=-camera_height_mm * up, source=source)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises:
            KeyError, TypeError, ValueError: a key is missing or a value malformed.
        """
        return cls(
            rotation=np.array(values["rotation"], np.float64),
            origin_cam_mm=np.array(values["origin_cam_mm"], np.float64),
            source=str(values["source"]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: rotation, origin_cam_mm, source."""
        return {
            "rotation": np.round(self.rotation, 7).tolist(),
            "origin_cam_mm": np.round(self.origin_cam_mm, 1).tolist(),
            "source": self.source,
        }

    @property
    def up_cam(self) -> Array:
        """(3,) the direction up in the camera frame, length 1."""
        return np.asarray(self.rotation[2])

    @property
    def pitch_deg(self) -> float:
        """Downward pitch of the camera, degrees."""
        return math.degrees(math.asin(np.clip(-self.rotation[2, 2], -1.0, 1.0)))

    def to_world(self, points_cam_mm: ArrayLike) -> Array:
        """Transform points (..., 3) from the camera frame to the world; NaN stays NaN."""
        return (np.asarray(points_cam_mm, np.float64) - self.origin_cam_mm) @ self.rotation.T

    def to_camera(self, points_world_mm: ArrayLike) -> Array:
        """Inverse of `to_world`."""
        return np.asarray(points_world_mm, np.float64) @ self.rotation + self.origin_cam_mm


def up_of_pitched_camera(pitch_deg: float) -> Array:
    """(3,) the direction up in the frame of a camera pitched down by ``pitch_deg`` degrees, without roll.

    Raises:
        ValueError: the pitch is not between -90 and 90 degrees.
    """
    if not -90 <= pitch_deg <= 90:
        raise UserError(f"a camera's pitch must be between -90 (straight up) and 90 degrees, got {pitch_deg}")
    pitch = math.radians(pitch_deg)
    return np.array([0.0, -math.cos(pitch), -math.sin(pitch)])
