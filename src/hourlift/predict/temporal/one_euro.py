"""Causal smoothing for live video: the One-Euro filter, which uses past frames only.

Casiez, Roussel and Vogel: 1 euro filter, a simple speed-based low-pass filter for noisy input in interactive systems
(CHI 2012). Slow joints are smoothed strongly to reduce jitter; fast ones only slightly to reduce lag.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from hourlift.arrays import Array
from hourlift.errors import UserError
from hourlift.pose import Pose, PoseFrame

FORGET_S = 0.5
"""The filters of a person who has not been seen for this long start afresh."""


class OneEuro:
    """A One-Euro filter for any number of points.

    One deviation from the paper: all coordinates of a point share one cutoff, which depends on the magnitude of its
    velocity, so that the result does not depend on the orientation of the axes.

    Args:
        min_cutoff_hz: cutoff for a point at rest.
        beta: rise of the cutoff, in Hz, per unit of speed (units of the values per second).
        speed_cutoff_hz: cutoff of the low-pass filter on the velocity.

    Raises:
        ValueError: a cutoff is not positive, or beta is negative.
    """

    def __init__(self, min_cutoff_hz: float, beta: float, speed_cutoff_hz: float = 1.0) -> None:
        if not (min_cutoff_hz > 0 and speed_cutoff_hz > 0 and beta >= 0):
            raise UserError(
                f"cutoffs must be above 0 and beta at least 0, got {min_cutoff_hz}, {speed_cutoff_hz} and {beta}"
            )
        self._min_cutoff_hz, self._beta, self._speed_cutoff_hz = min_cutoff_hz, beta, speed_cutoff_hz
        self._time_s: float | None = None
        self._place: Array | None = None
        self._speed: Array | None = None

    def __call__(self, time_s: float, values: ArrayLike, unit: float = 1.0) -> Array:
        """Filter the next values.

        Args:
            time_s: when they were seen. A time not later than the previous one changes nothing.
            values: (..., D), always of one shape; a non-finite point becomes NaN, and its filter starts afresh.
            unit: size, in the values, of the unit that ``beta`` refers to; it may change over time.

        Returns:
            The smoothed values, of the same shape.
        """
        values = np.asarray(values, np.float64)
        values = np.where(np.isfinite(values).all(axis=-1, keepdims=True), values, np.nan)
        if self._time_s is None or self._place is None or self._speed is None:
            self._time_s, self._place, self._speed = time_s, values, np.zeros_like(values)
            return values
        step = time_s - self._time_s
        if not step > 0:
            return self._place
        fresh = ~np.isfinite(self._place).all(axis=-1, keepdims=True)
        speed = np.where(fresh, 0.0, (values - self._place) / step)
        speed = self._speed + _share(self._speed_cutoff_hz, step) * (speed - self._speed)
        speed = np.where(np.isfinite(speed), speed, 0.0)
        cutoff_hz = self._min_cutoff_hz + self._beta / unit * np.linalg.norm(speed, axis=-1, keepdims=True)
        place = np.where(fresh, values, self._place + _share(cutoff_hz, step) * (values - self._place))
        self._time_s, self._place, self._speed = time_s, place, speed
        return place


@dataclass(frozen=True, kw_only=True)
class LiveConfig:
    """Parameters of the smoothing of live people. Speeds are in m/s (in the image: those of a person 1.7 m tall).

    Attributes:
        min_cutoff_hz: cutoff for joints at rest.
        beta: rise of the cutoff, Hz per m/s.
        depth_min_cutoff_hz: cutoff for the distance from the camera, which is noisier.
    """

    min_cutoff_hz: float = 0.8
    beta: float = 1.5
    depth_min_cutoff_hz: float = 0.3


class LiveSmoother:
    """One-Euro filters for all people in a stream of frames. Call it with each frame in turn.

    Args:
        config: the parameters.
    """

    def __init__(self, config: LiveConfig | None = None) -> None:
        self._config = config or LiveConfig()
        self._people: dict[int, _Person] = {}

    def __call__(self, frame: PoseFrame) -> PoseFrame:
        """Return the frame with the 2D joints, 3D joints and root of all its people smoothed; confidence is unchanged.

        Args:
            frame: the next frame; it is not modified.
        """
        gone = [who for who, person in self._people.items() if frame.time_s - person.seen_s > FORGET_S]
        for who in gone:
            del self._people[who]
        return replace(frame, people=[self._smoothed(frame.time_s, pose) for pose in frame.people])

    def _smoothed(self, time_s: float, pose: Pose) -> Pose:
        person = self._people.setdefault(pose.person_id, _Person(self._config))
        return person.step(time_s, pose)


class _Person:
    """The filters of one person."""

    def __init__(self, config: LiveConfig) -> None:
        self._joints_px = OneEuro(config.min_cutoff_hz, config.beta)
        self._joints_mm = OneEuro(config.min_cutoff_hz, config.beta)
        self._ray = OneEuro(config.min_cutoff_hz, config.beta)
        self._log_depth = OneEuro(config.depth_min_cutoff_hz, config.beta)
        self._metre_px = math.inf  # until it is known, the speed is ignored
        self.seen_s = -math.inf

    def step(self, time_s: float, pose: Pose) -> Pose:
        """The person's next pose, smoothed."""
        self.seen_s = time_s
        scale = pixels_per_mm(pose.joints_2d_px, pose.joints_3d_mm)
        self._metre_px = 1000 * float(scale) if scale > 0 else self._metre_px
        joints_px = self._joints_px(time_s, pose.joints_2d_px, unit=self._metre_px)
        joints_mm = self._joints_mm(time_s, pose.joints_3d_mm, unit=1000.0)
        depth_mm = float(pose.root_cam_mm[2])
        known = np.isfinite(pose.root_cam_mm).all() and depth_mm > 0
        ray = pose.root_cam_mm / depth_mm if known else np.full(3, np.nan)
        smooth_ray = self._ray(time_s, ray)
        smooth_depth = self._log_depth(time_s, [math.log(depth_mm) if known else math.nan])
        return replace(
            pose,
            joints_2d_px=joints_px.astype(np.float32),
            joints_3d_mm=joints_mm.astype(np.float32),
            root_cam_mm=(smooth_ray * np.exp(smooth_depth)).astype(np.float32),
        )


def pixels_per_mm(joints_px: ArrayLike, joints_mm: ArrayLike) -> Array:
    """Approximate size in the image of a millimetre at the person (weak perspective, robust).

    Args:
        joints_px: (..., J, 2).
        joints_mm: (..., J, 3) in camera axes.

    Returns:
        (...,) the ratio of the joints' median distances from their centre; NaN where fewer than two are known.
    """
    joints_px, joints_mm = np.asarray(joints_px, np.float64), np.asarray(joints_mm, np.float64)[..., :2]
    known = np.isfinite(joints_px).all(-1) & np.isfinite(joints_mm).all(-1)
    enough = known.sum(-1) >= 2

    def spread(points: Array) -> Array:
        points = np.where((known & enough[..., None])[..., None], points, np.nan)
        points = np.where(enough[..., None, None], points, 0.0)  # a median of nothing would warn
        away = points - np.nanmedian(points, axis=-2, keepdims=True)
        return np.asarray(np.nanmedian(np.linalg.norm(away, axis=-1), axis=-1))

    in_mm = spread(joints_mm)
    return np.where(enough & (in_mm > 0), spread(joints_px) / np.where(in_mm > 0, in_mm, 1.0), np.nan)


def _share(cutoff_hz: ArrayLike, step_s: float) -> Array:
    """Weight of a new value in a first-order low-pass filter: 1 / (1 + tau / step), tau = 1 / (2 pi cutoff)."""
    return np.asarray(1 / (1 + 1 / (2 * math.pi * np.asarray(cutoff_hz, np.float64) * step_s)))
