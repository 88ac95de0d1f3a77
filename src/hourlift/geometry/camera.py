"""The pinhole camera with OpenCV distortion, the virtual camera, and the root in closed form.

Camera frame: x right, y down, z forward. Pixel centres are integers (see ``geometry.crop``).
"""

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from hourlift.arrays import Array
from hourlift.errors import UserError
from hourlift.geometry.crop import rescale_points

DEFAULT_FOV_DEG = 60.0
"""Field of view along the longer image side assumed for an unknown camera."""

PLAUSIBLE_FOV_DEG = (10.0, 150.0)
"""Fields of view along the longer image side outside this range usually result from wrong units."""

_MOST_UNEQUAL = 1.5  # fx over fy; pixels of old video formats are up to 1.46 times as wide as high
_DIAGONAL_35MM = math.hypot(36.0, 24.0)
_NEWTON_STEPS = 20
_NEWTON_TOLERANCE = 1e-9  # in the plane z = 1: a millionth of a pixel at f = 1000


@dataclass(frozen=True, kw_only=True)
class Camera:
    """Intrinsics of one camera.

    Attributes:
        fx, fy: Focal lengths in pixels.
        cx, cy: Principal point in pixels.
        image_wh: Width and height of the image these belong to.
        distortion: OpenCV's coefficients k1 k2 p1 p2 [k3 [k4 k5 k6]]; empty for none.
        source: Where the numbers come from: ``"given"``, ``"exif"`` or ``"default"`` (a guess).
    """

    fx: float
    fy: float
    cx: float
    cy: float
    image_wh: tuple[int, int]
    distortion: tuple[float, ...] = ()
    source: str = "given"

    def __post_init__(self) -> None:
        numbers = (self.fx, self.fy, self.cx, self.cy, *self.distortion)
        if not all(math.isfinite(n) for n in numbers) or min(self.fx, self.fy) <= 0:
            raise UserError(f"A camera needs finite numbers and focal lengths above 0, got {self}.")
        if len(self.image_wh) != 2 or min(self.image_wh) < 1:
            raise UserError(f"A camera needs image_wh = width, height in pixels, got {self.image_wh}.")
        if len(self.distortion) not in (0, 4, 5, 8):
            raise UserError(f"Distortion has 0, 4, 5 or 8 coefficients (OpenCV order), got {len(self.distortion)}.")

    @classmethod
    def from_fov(cls, image_wh: tuple[int, int], fov_deg: float = DEFAULT_FOV_DEG, source: str | None = None) -> Self:
        """Camera with square pixels and a centred principal point.

        Args:
            image_wh: Width and height in pixels.
            fov_deg: Field of view along the longer side.
            source: By default ``"default"`` if ``fov_deg`` is the default, else ``"given"``.

        Raises:
            ValueError: The field of view is not between 0 and 180 degrees.
        """
        if not 0 < fov_deg < 180:
            raise UserError(f"A field of view lies between 0 and 180 degrees, got {fov_deg}.")
        focal = max(image_wh) / 2 / math.tan(math.radians(fov_deg) / 2)
        return cls._centred(image_wh, focal, source or ("default" if fov_deg == DEFAULT_FOV_DEG else "given"))

    @classmethod
    def from_focal_35mm(cls, image_wh: tuple[int, int], focal_mm: float, source: str = "exif") -> Self:
        """Camera from a 35 mm equivalent focal length (EXIF FocalLengthIn35mmFilm).

        Equivalent means: the same angle over the diagonal as on a 36 x 24 mm sensor (CIPA DCG-001).

        Raises:
            ValueError: The focal length is not positive.
        """
        if not focal_mm > 0:
            raise UserError(f"A focal length is above 0 mm, got {focal_mm}.")
        return cls._centred(image_wh, focal_mm * math.hypot(*image_wh) / _DIAGONAL_35MM, source)

    @classmethod
    def _centred(cls, image_wh: tuple[int, int], focal_px: float, source: str) -> Self:
        width, height = image_wh
        cx, cy = (width - 1) / 2, (height - 1) / 2
        return cls(fx=focal_px, fy=focal_px, cx=cx, cy=cy, image_wh=(width, height), source=source)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a camera from a .json or .toml file with the keys of ``to_dict``.

        Raises:
            ValueError: The file is of another type, invalid, or lacks a key.
            OSError: The file cannot be read.
        """
        path = Path(path)
        parse = {".json": json.loads, ".toml": tomllib.loads}.get(path.suffix.lower())
        if parse is None:
            raise UserError(f"{path}: a camera file ends in .json or .toml.")
        data = path.read_bytes()
        try:
            return cls.from_dict(parse(data.decode(json.detect_encoding(data))))
        except (ValueError, RecursionError) as error:  # includes the errors of both parsers and of the decoder
            raise UserError(f"{path}: {error}") from error

    def doubts(self) -> list[str]:
        """Implausible properties of the camera, as text; empty if there are none."""
        found = []
        width, height = self.image_wh
        fov_deg = max(math.degrees(2 * math.atan(n / 2 / f)) for n, f in ((width, self.fx), (height, self.fy)))
        if not PLAUSIBLE_FOV_DEG[0] <= fov_deg <= PLAUSIBLE_FOV_DEG[1]:
            found.append(
                f"a field of view of {fov_deg:.3g} degrees is implausible; focal lengths are in pixels, not millimetres"
            )
        if not (-0.5 <= self.cx <= width - 0.5 and -0.5 <= self.cy <= height - 0.5):
            found.append(
                f"the principal point {self.cx:g}, {self.cy:g} lies outside the image of {width} x {height} pixels"
            )
        elif max(self.cx, self.cy) <= 1 < min(width, height) / 4:
            found.append(f"the principal point {self.cx:g}, {self.cy:g} is in pixels, not in fractions of the image")
        if self._bends_too_much():
            found.append(f"the distortion {', '.join(f'{k:g}' for k in self.distortion)} is stronger than of any lens")
        if not 1 / _MOST_UNEQUAL <= self.fx / self.fy <= _MOST_UNEQUAL:
            found.append(f"fx {self.fx:g} and fy {self.fy:g} differ too much for a camera with square pixels")
        return found

    def _bends_too_much(self) -> bool:
        """Whether the distortion more than doubles or halves an angle in the middle half of the image."""
        if not any(self.distortion):
            return False
        width, height = self.image_wh
        points = np.array([[x * width, y * height] for x in (0.25, 0.75) for y in (0.25, 0.75)])
        straight, bent = (c.unproject(points)[:, :2] for c in (replace(self, distortion=()), self))
        ratio = np.linalg.norm(bent, axis=-1) / np.linalg.norm(straight, axis=-1)
        return not bool(((ratio > 0.5) & (ratio < 2)).all())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Inverse of ``to_dict``; ``distortion`` and ``source`` may be left out.

        Raises:
            ValueError: A key is missing or unknown, or a value is not a number.
        """
        if not isinstance(values, Mapping):
            raise UserError("a camera is a table of fx, fy, cx, cy and image_wh.")
        if values.get("skew", 0) == 0:
            values = {key: value for key, value in values.items() if key != "skew"}
        else:
            raise UserError(f"a camera's skew must be 0, got {values['skew']!r}: pixels are assumed to be rectangular.")
        known = {f.name for f in fields(cls)}
        missing = sorted(known - {"distortion", "source"} - set(values))
        unknown = sorted(set(values) - known)
        if missing or unknown:
            raise UserError(f"camera keys missing: {missing or 'none'}, unknown: {unknown or 'none'}.")
        try:
            width, height = (_number(n) for n in values["image_wh"])
            if not (width.is_integer() and height.is_integer()):
                raise UserError(f"image_wh must be whole numbers of pixels, got {values['image_wh']!r}.")
            return cls(
                **{key: _number(values[key]) for key in ("fx", "fy", "cx", "cy")},
                image_wh=(int(width), int(height)),
                distortion=tuple(_number(k) for k in values.get("distortion") or ()),
                source=str(values.get("source", "given")),
            )
        except (TypeError, OverflowError) as error:
            raise UserError(f"a camera value is not a number: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: fx, fy, cx, cy, image_wh, distortion, source."""
        return asdict(self) | {"image_wh": list(self.image_wh), "distortion": list(self.distortion)}

    @property
    def matrix(self) -> Array:
        """(3, 3) intrinsic matrix."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def scaled(self, image_wh: tuple[int, int]) -> Self:
        """Camera of the same image resized to another width and height."""
        sx, sy = image_wh[0] / self.image_wh[0], image_wh[1] / self.image_wh[1]
        cx, cy = rescale_points((self.cx, self.cy), (sx, sy)).tolist()
        return replace(self, fx=self.fx * sx, fy=self.fy * sy, cx=cx, cy=cy, image_wh=image_wh)

    def project(self, points_cam: ArrayLike) -> Array:
        """Project points to the image.

        Args:
            points_cam: (..., 3) in the camera frame, any length unit.

        Returns:
            (..., 2) pixels, distortion applied; NaN for points that are NaN or not in front of the camera.
        """
        points = np.asarray(points_cam, np.float64)
        depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
        plane = points[..., :2] / depth
        if any(self.distortion):
            plane = _distort(plane, self.distortion)[0]
        return plane * (self.fx, self.fy) + (self.cx, self.cy)

    def unproject(self, points_px: ArrayLike) -> Array:
        """Viewing rays of image points.

        Args:
            points_px: (..., 2) pixels.

        Returns:
            (..., 3) rays in the camera frame with z = 1, distortion removed; NaN for points that are NaN or that
            the distortion model cannot reach.
        """
        plane = (np.asarray(points_px, np.float64) - (self.cx, self.cy)) / (self.fx, self.fy)
        if any(self.distortion):
            plane = _undistort(plane, self.distortion)
        return np.concatenate([plane, np.ones_like(plane[..., :1])], axis=-1)


def _number(value: object) -> float:
    """A JSON or TOML number.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(repr(value))
    return float(value)


def _distort(plane: Array, distortion: tuple[float, ...]) -> tuple[Array, Array]:
    """OpenCV's rational model in the plane z = 1.

    Returns:
        The distorted points (..., 2) and the symmetric Jacobian's entries (..., 3): xx, xy, yy.
    """
    k1, k2, p1, p2, k3, k4, k5, k6 = (*distortion, 0.0, 0.0, 0.0, 0.0)[:8]
    x, y = plane[..., 0], plane[..., 1]
    r2 = x * x + y * y
    top, bottom = 1 + r2 * (k1 + r2 * (k2 + r2 * k3)), 1 + r2 * (k4 + r2 * (k5 + r2 * k6))
    top_slope, bottom_slope = k1 + r2 * (2 * k2 + 3 * r2 * k3), k4 + r2 * (2 * k5 + 3 * r2 * k6)
    radial = top / bottom
    slope = (top_slope - radial * bottom_slope) / bottom  # d radial / d r2
    distorted = np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=-1,
    )
    jacobian = np.stack(
        [
            radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x,
            2 * x * y * slope + 2 * p1 * x + 2 * p2 * y,
            radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x,
        ],
        axis=-1,
    )
    return distorted, jacobian


def _undistort(distorted: Array, distortion: tuple[float, ...]) -> Array:
    """Invert ``_distort`` by Newton's method; NaN where it does not converge."""
    plane = distorted
    with np.errstate(all="ignore"):  # an unreachable point may diverge; it becomes NaN below
        for _ in range(_NEWTON_STEPS):
            value, jacobian = _distort(plane, distortion)
            dx, dy = np.moveaxis(distorted - value, -1, 0)
            xx, xy, yy = np.moveaxis(jacobian, -1, 0)
            det = xx * yy - xy * xy
            plane = plane + np.stack([yy * dx - xy * dy, xx * dy - xy * dx], axis=-1) / det[..., None]
        residual = np.abs(_distort(plane, distortion)[0] - distorted).max(axis=-1, keepdims=True)
        return np.where(residual < _NEWTON_TOLERANCE, plane, np.nan)


def virtual_rotation(ray: ArrayLike) -> Array:
    """Smallest rotation that turns a ray onto the optical axis: R @ ray = (0, 0, length).

    It defines the virtual camera that looks straight at the person, so that the lifter's input does not depend
    on where in the frame the person stands.

    Args:
        ray: (..., 3) in the camera frame, any length.

    Returns:
        (..., 3, 3) rotation, camera to virtual camera; its transpose goes back. NaN for a zero ray, a NaN ray and
        the ray straight backwards, for which the smallest rotation is not unique.
    """
    ray = np.asarray(ray, np.float64)
    length = np.linalg.norm(ray, axis=-1, keepdims=True)
    unit = ray / np.where(length > 0, length, np.nan)
    unit = np.where(unit[..., 2:] > -1, unit, np.nan)
    aside, ahead = unit[..., :2], unit[..., 2, None, None]
    rotation = np.empty((*ray.shape, 3))
    # Rodrigues' formula for the axis ray x (0, 0, 1), written out.
    rotation[..., :2, :2] = np.eye(2) - aside[..., :, None] * aside[..., None, :] / (1 + ahead)
    rotation[..., :2, 2] = -aside
    rotation[..., 2, :] = unit
    return rotation


def solve_root(joints_mm: ArrayLike, rays: ArrayLike, weights: ArrayLike) -> Array:
    """Position of the root at which the root-relative joints best reproject onto their viewing rays.

    With rays (u, 1), u in R^2, joints (p, z) and root (t, d), a perfect fit has p + t = u (z + d). The weighted
    sum of |t - u d - (u z - p)|^2 is the reprojection error times squared depth; its minimum is closed-form.

    Args:
        joints_mm: (..., J, 3) root-relative, in the axes of the camera of ``rays``.
        rays: (..., J, 3) viewing rays, z > 0.
        weights: (..., J) at least 0, e.g. confidence. Joints with a NaN are ignored.

    Returns:
        (..., 3) root in the camera frame, mm. NaN where fewer than two rays differ, or where a joint that was used
        would not be in front of the camera.
    """
    joints, rays, weights = (np.asarray(a, np.float64) for a in (joints_mm, rays, weights))
    known = np.isfinite(joints).all(-1) & np.isfinite(rays).all(-1) & (rays[..., 2] > 0) & (weights > 0)
    w = np.where(known, weights, 0.0)
    total = w.sum(-1, keepdims=True)
    w = (w / np.where(total > 0, total, 1.0))[..., None]
    joints = np.where(known[..., None], joints, 0.0)
    u = np.where(known[..., None], rays[..., :2] / np.where(known, rays[..., 2], 1.0)[..., None], 0.0)

    b = u * joints[..., 2:] - joints[..., :2]
    mean_u, mean_b = (w * u).sum(-2), (w * b).sum(-2)
    du, db = u - mean_u[..., None, :], b - mean_b[..., None, :]
    spread = (w * du * du).sum((-2, -1))
    depth = -(w * du * db).sum((-2, -1)) / np.where(spread > 1e-12, spread, np.nan)
    nearest = np.where(known, joints[..., 2], np.inf).min(-1) + depth
    depth = np.where(nearest > 0, depth, np.nan)[..., None]
    return np.concatenate([mean_u * depth + mean_b, depth], axis=-1) + 0 * depth
