"""Human3.6M's cameras: the pose for each subject, and the intrinsics.

A point X of the world (mm, z up) is R (X - T) in camera axes; R is `rotation`, T is `position_mm`. Human3.6M's own
projection halves one of the two terms of tangential distortion that OpenCV's model, and `Camera`, has: a tenth of a
pixel on average, half a pixel at the corners.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import ArrayLike

from hourlift.arrays import Array
from hourlift.data.human36m.protocol import CAMERA_SIZES_WH
from hourlift.data.human36m.restricted_npz import read_pickle
from hourlift.errors import UserError
from hourlift.formats.guarded import parsing
from hourlift.geometry.camera import Camera

METADATA = "metadata.xml"
CAMERAS_PICKLE = "cameras.pkl"
_NUM_SUBJECTS = 11  # in the table of extrinsics, including subjects whose data are not published
_INTRINSICS_FROM = 264  # start of the table of 4 x 9 intrinsics
_NUM_VALUES = 300
_FOCAL_GUESS_PX = 1145.0
_MIN_POINTS = 100
_MAX_RESIDUAL_PX = 2.0


@dataclass(frozen=True, kw_only=True, eq=False)
class WorldCamera:
    """A camera in the world frame: `camera`, `rotation` (3, 3) world to camera, `position_mm` (3,) in the world."""

    camera: Camera
    rotation: Array
    position_mm: Array

    def to_camera(self, points_world_mm: ArrayLike) -> Array:
        """Transform world points (..., 3) to the camera's axes, mm."""
        return (np.asarray(points_world_mm, np.float64) - self.position_mm) @ self.rotation.T


Cameras = Mapping[tuple[str, str], WorldCamera]
"""Key: subject and camera, such as ("S1", "54138969")."""


def find_cameras(folders: Iterable[Path]) -> Cameras | None:
    """Return the cameras of the first metadata.xml or cameras.pkl in the folders; None if there is none.

    Raises:
        ValueError: The file cannot be read.
    """
    for folder in folders:
        if (folder / METADATA).is_file():
            return read_metadata(folder / METADATA)
        if (folder / CAMERAS_PICKLE).is_file():
            return read_cameras_pickle(folder / CAMERAS_PICKLE)
    return None


def read_metadata(path: str | Path) -> Cameras:
    """Read Human3.6M's metadata.xml.

    Its `w0` holds 300 numbers: for each of 4 cameras and 11 subjects three angles (rotation Rx Ry Rz) and the position
    in mm, then for each camera focal lengths, principal point, k1 k2 k3, p1 p2.

    Raises:
        ValueError: The file has another format.
    """
    with parsing(path, "XML file"):
        root = ElementTree.parse(path).getroot()
    ids = [element.text or "" for element in root.findall("dbcameras/index2id/*")]
    try:
        values = np.array(re.split(r"[\s,;]+", (root.findtext("w0") or "").strip(" \n[]")), np.float64)
    except ValueError:
        values = np.zeros(0)
    if len(values) < _NUM_VALUES or len(ids) < len(CAMERA_SIZES_WH):
        raise UserError(
            f"{path} is not Human3.6M's metadata: it has {len(values)} numbers in w0, not {_NUM_VALUES}, "
            f"and {len(ids)} cameras in dbcameras, not {len(CAMERA_SIZES_WH)}"
        )
    if not np.isfinite(values[:_NUM_VALUES]).all():
        raise UserError(f"{path}: w0 holds a number that is not finite")
    cameras = {}
    for c, name in enumerate(ids[: len(CAMERA_SIZES_WH)]):
        if name not in CAMERA_SIZES_WH:
            raise UserError(f"{path} names a camera {name}; Human3.6M's are {', '.join(CAMERA_SIZES_WH)}")
        fx, fy, cx, cy, k1, k2, k3, p1, p2 = values[_INTRINSICS_FROM + 9 * c :][:9].tolist()
        distortion = (k1, k2, p1, p2, k3)
        try:
            camera = Camera(fx=fx, fy=fy, cx=cx, cy=cy, image_wh=CAMERA_SIZES_WH[name], distortion=distortion)
        except ValueError as error:
            raise UserError(f"{path}: camera {name}: {error}") from error
        for s in range(_NUM_SUBJECTS):
            place = values[6 * (c * _NUM_SUBJECTS + s) :][:6]
            cameras[f"S{s + 1}", name] = WorldCamera(
                camera=camera, rotation=_rotation(place[:3]), position_mm=place[3:]
            )
    return cameras


def read_cameras_pickle(path: str | Path) -> Cameras:
    """Read mmpose's cameras.pkl: {(subject, camera): {R camera to world, T in metres, f, c, k, p, w, h}}.

    Raises:
        ValueError: The file has another format, or it would execute code.
    """
    content = read_pickle(path)
    try:
        cameras = {}
        for (subject, name), values in content.items():
            (fx, fy), (cx, cy) = np.ravel(values["f"]).tolist(), np.ravel(values["c"]).tolist()
            (k1, k2, k3), (p1, p2) = np.ravel(values["k"]).tolist(), np.ravel(values["p"]).tolist()
            wh, distortion = (int(values["w"]), int(values["h"])), (k1, k2, p1, p2, k3)
            cameras[str(subject), str(name)] = WorldCamera(
                camera=Camera(fx=fx, fy=fy, cx=cx, cy=cy, image_wh=wh, distortion=distortion),
                rotation=np.reshape(values["R"], (3, 3)).astype(np.float64).T,
                position_mm=1000 * np.reshape(values["T"], 3).astype(np.float64),
            )
            place = cameras[str(subject), str(name)]
            if not (np.isfinite(place.rotation).all() and np.isfinite(place.position_mm).all()):
                raise UserError(f"camera {name} of {subject} has a position that is not finite")
        return cameras
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        told_error = f"{type(error).__name__} {error}"
        raise UserError(f"{path} is not mmpose's file of Human3.6M's cameras: {told_error}") from error


def resect(points_world_mm: ArrayLike, points_px: ArrayLike, image_wh: tuple[int, int]) -> WorldCamera:
    """Fit a camera to world points and their pixel positions.

    For data that come without cameras but with both sides of the projection, such as VideoPose3D's. If people are
    spread over a room of 4 m, the joints reproject to within 0.01 px, and the camera's position is recovered to within
    0.1 mm. Its axes may be rotated by 0.1 degrees, which the principal point compensates.

    Args:
        points_world_mm: (N, 3), not all in one plane.
        points_px: (N, 2) the same points in the image. Points outside the image and NaN are ignored.
        image_wh: Size of the image.

    Raises:
        ValueError: There are fewer than 100 points, or no camera fits them within 2 pixels.
    """
    world, pixels = np.asarray(points_world_mm, np.float32), np.asarray(points_px, np.float32)
    inside = ((pixels > 0) & (pixels < image_wh)).all(-1)  # the distortion polynomial is invalid far outside the image
    known = np.isfinite(world).all(-1) & inside
    if known.sum() < _MIN_POINTS:
        raise UserError(f"{known.sum()} points are too few to fit a camera")
    world, pixels = world[known], pixels[known]
    width, height = image_wh
    guess = np.array([[_FOCAL_GUESS_PX, 0, width / 2], [0, _FOCAL_GUESS_PX, height / 2], [0, 0, 1]])
    residual, matrix, distortion, turns, shifts = cv2.calibrateCamera(
        [world], [pixels], image_wh, guess, np.zeros(5), flags=cv2.CALIB_USE_INTRINSIC_GUESS
    )
    if not residual < _MAX_RESIDUAL_PX:
        raise UserError(f"no camera fits the points: the best is {residual:.1f} px off")
    rotation = cv2.Rodrigues(turns[0])[0].astype(np.float64)
    fx, fy, cx, cy = matrix[[0, 1, 0, 1], [0, 1, 2, 2]].tolist()
    return WorldCamera(
        camera=Camera(fx=fx, fy=fy, cx=cx, cy=cy, image_wh=image_wh, distortion=tuple(distortion.ravel().tolist())),
        rotation=rotation,
        position_mm=-rotation.T @ shifts[0].ravel(),
    )


def _rotation(angles: Array) -> Array:
    """Rotation Rx Ry Rz for angles in radians."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return x @ y @ z
