"""Offline smoothing of a track: reject impossible values, fill short gaps, keep bone lengths constant.

These filters use future frames, too; for live video see `one_euro`.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.geometry.bones import bone_lengths, bone_vectors, with_bone_lengths
from hourlift.geometry.camera import solve_root
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import POSE_SHAPES, PoseSequence
from hourlift.pose_log import blocks, by_blocks
from hourlift.predict.temporal.kalman import MIN_CONFIDENCE, smooth_series
from hourlift.predict.temporal.one_euro import pixels_per_mm

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SmoothConfig:
    """Parameters of the smoothing of a track.

    Attributes:
        cutoff_hz: frequency of motion whose amplitude is halved, for a joint with confidence 1; for confidence c it is
            sqrt(c) times that.
        depth_cutoff_hz: the same for the person's distance from the camera, which is noisier.
        jitter_mm: typical error of a joint; joints with much larger errors are downweighted.
        max_gap_s: gaps up to this length are filled; longer ones stay NaN.
        max_speed_mm_s: a joint that departs from its running median faster than this, and returns, is rejected.
        bone_tolerance: a joint whose bone differs from its usual length by more than this share is rejected.
    """

    cutoff_hz: float = 4.0
    depth_cutoff_hz: float = 0.7
    jitter_mm: float = 50.0
    max_gap_s: float = 0.5
    max_speed_mm_s: float = 8000.0
    bone_tolerance: float = 0.5


_COURSE_S = 0.1  # half width of the window of a joint's running median
_LOG_DEPTH_JITTER = 0.05
_DEFAULT = SmoothConfig()


def smooth_track(sequence: PoseSequence, config: SmoothConfig = _DEFAULT) -> PoseSequence:
    """Smooth one person's track and fill its gaps.

    2D joints, 3D joints and feet are smoothed separately. Each 3D bone gets one length for the whole track, the same
    left and right. Then the root is solved again from 2D and 3D, and its distance is smoothed. Values that were filled
    in, rejected and replaced, or NaN have confidence 0; all other confidences are unchanged.

    Args:
        sequence: the person's track; gaps, NaN, infinity, no frames and a single frame are all allowed.
        config: the parameters.

    Returns:
        The track with the same frames. NaN where nothing is known within `max_gap_s`.
    """
    track = replace(sequence, **{name: getattr(sequence, name).copy() for name in POSE_SHAPES})
    smooth_in_place(track, config)
    return track


def smooth_in_place(track: PoseSequence, config: SmoothConfig = _DEFAULT) -> None:
    """As `smooth_track`, but in place, so that long tracks are not held in memory twice."""
    times_s, joints_px, joints_mm = track.times_s, track.joints_2d_px, track.joints_3d_mm
    if not np.isfinite(joints_px).any() and not np.isfinite(joints_mm).any():
        return
    for values in (joints_px, joints_mm, track.root_cam_mm, track.box_xyxy_px):
        values[~np.isfinite(values)] = np.nan
    confidence = np.nan_to_num(track.confidence, copy=False, posinf=0.0)
    px_per_mm = _filled_scale(times_s, by_blocks(pixels_per_mm, joints_px, joints_mm))

    steady = ~leaving_course(times_s, joints_px, config.max_speed_mm_s * px_per_mm)
    known = _smooth(times_s, joints_px, steady, confidence, config, config.jitter_mm * px_per_mm)
    if np.isfinite(track.feet_2d_px).any():
        _smooth_feet(track, config, px_per_mm)
    track.box_xyxy_px[:] = _filled_boxes(track, config.max_gap_s)

    steady = ~wrong_bones(joints_mm, confidence, config.bone_tolerance, config.jitter_mm)
    known &= _smooth(times_s, joints_mm, steady, confidence, config, config.jitter_mm)
    for part in blocks(len(track)):
        joints_mm[part] -= joints_mm[part][:, [H36M17.root]]
    lengths_mm = bone_lengths(joints_mm, np.where(known, confidence, 0.0))
    for part in blocks(len(track)):
        joints_mm[part] = with_bone_lengths(joints_mm[part], lengths_mm)
    track.root_cam_mm[:] = _smooth_root(track, confidence, config)
    confidence[~known] = 0


def leaving_course(times_s: Array, points: Floats, max_speed: Array | float) -> Bools:
    """Find points that depart from their running median and return faster than is possible.

    Args:
        times_s: (T,) seconds.
        points: (T, N, D).
        max_speed: maximum speed of the points, (T,) or one number, in their unit per second.

    Returns:
        (T, N) bool. The running median covers 0.1 s to both sides; a point may be away from it by half the distance
        that the maximum speed allows in 0.1 s.
    """
    usual_step_s = _usual_step_s(times_s)
    reach = min(max(round(_COURSE_S / usual_step_s), 1), max(len(points) - 1, 1))
    limit = np.broadcast_to(max_speed, len(points))[:, None] * max(_COURSE_S, reach * usual_step_s) / 2
    leaves = np.zeros(points.shape[:2], bool)
    for part in blocks(len(points)):
        start, stop = max(part.start - reach, 0), min(part.stop + reach, len(points))
        beyond = (reach - part.start + start, reach - stop + part.stop)
        padded = np.pad(points[start:stop], (beyond, (0, 0), (0, 0)), constant_values=np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)
        course = np.full(points[part].shape, np.nan)
        for n in range(points.shape[1]):  # one by one: the windows of all points would need too much memory
            known = np.isfinite(windows[:, n]).any(axis=-1)
            course[:, n][known] = np.nanmedian(windows[:, n][known], axis=-1)
        away = np.linalg.norm(points[part] - course, axis=-1)
        leaves[part] = away > np.where(np.isfinite(limit[part]), limit[part], np.inf)
    return leaves


def wrong_bones(joints_mm: Floats, confidence: Floats, tolerance: float, jitter_mm: float) -> Bools:
    """Find the joints (T, 17) at the end of a bone whose length differs from its length in the track.

    The tolerance is a share ``tolerance`` of the length plus ``jitter_mm``, as the errors of a short bone's ends change
    its length by a larger share.
    """
    usual = bone_lengths(joints_mm, confidence)

    def wrong(joints_mm: Array) -> Bools:
        lengths = np.linalg.norm(bone_vectors(joints_mm), axis=-1)
        return np.asarray(np.abs(lengths - usual) > tolerance * usual + jitter_mm)

    return by_blocks(wrong, joints_mm)


def within_reach(times_s: Array, known: Bools, max_gap_s: float) -> Bools:
    """Find values that are known, or lie in a gap of at most ``max_gap_s``.

    Args:
        times_s: (T,) seconds.
        known: (T, ...).
        max_gap_s: time from the last known value to the next, less one frame.

    Returns:
        bool, of the shape of ``known``.
    """
    reached = known.copy()
    for column in reached.reshape(len(known), math.prod(known.shape[1:])).T:  # one by one, to save memory
        last = np.maximum.accumulate(np.where(column, times_s, -np.inf))
        following = np.minimum.accumulate(np.where(column, times_s, np.inf)[::-1])[::-1]
        column |= following - last - _usual_step_s(times_s) <= max_gap_s + 1e-6
    return reached


def _smooth(
    times_s: Array, points: Floats, trusted: Bools, confidence: Floats, config: SmoothConfig, jitter: Array | float
) -> Bools:
    """Smooth (T, N, D) in place and return which points were measured and trusted; others are filled in or NaN.

    Rejected points are kept where the rejected stretch is longer than a gap may be, or at an end of the track.
    """
    known = np.isfinite(points).all(axis=-1)
    measured = known & (trusted | ~within_reach(times_s, known & trusted, config.max_gap_s))
    spread = jitter if np.ndim(jitter) == 0 else np.asarray(jitter)[:, None]
    points[~measured] = np.nan
    smooth_series(times_s, points, confidence, cutoff_hz=config.cutoff_hz, spread=spread, out=points)
    points[~within_reach(times_s, measured, config.max_gap_s)] = np.nan
    return measured


def _smooth_feet(track: PoseSequence, config: SmoothConfig, px_per_mm: Array) -> None:
    """Smooth the foot points like the 2D joints, in place."""
    feet_px, confidence = track.feet_2d_px, np.nan_to_num(track.feet_confidence, copy=False, posinf=0.0)
    feet_px[~np.isfinite(feet_px)] = np.nan
    steady = ~leaving_course(track.times_s, feet_px, config.max_speed_mm_s * px_per_mm)
    known = _smooth(track.times_s, feet_px, steady, confidence, config, config.jitter_mm * px_per_mm)
    confidence[~known] = 0


def _smooth_root(track: PoseSequence, confidence: Floats, config: SmoothConfig) -> Array:
    """(T, 3) the position that best reprojects the track, with its distance smoothed along the viewing ray."""

    def solve(joints_px: Floats, joints_mm: Floats, confidence: Floats, root_mm: Floats) -> Array:
        solved = solve_root(joints_mm, track.camera.unproject(joints_px), np.maximum(confidence, MIN_CONFIDENCE))
        return np.where(np.isfinite(solved), solved, root_mm)

    root = by_blocks(solve, track.joints_2d_px, track.joints_3d_mm, confidence, track.root_cam_mm)
    depth = np.where(np.isfinite(root).all(axis=-1) & (root[:, 2] > 0), root[:, 2], np.nan)
    smooth = smooth_series(
        track.times_s,
        np.log(depth)[:, None, None],
        confidence.mean(axis=-1, keepdims=True, dtype=np.float64),
        cutoff_hz=config.depth_cutoff_hz,
        spread=_LOG_DEPTH_JITTER,
    )[:, 0, 0]
    seen = np.isfinite(track.joints_3d_mm).all(axis=-1).any(axis=-1)
    fillable = within_reach(track.times_s, np.isfinite(depth), config.max_gap_s) & seen
    direction = _filled(track.times_s, root / depth[:, None])
    return np.where(fillable[:, None], direction * np.exp(smooth)[:, None], np.nan)


def _filled_scale(times_s: Array, scale: Array) -> Array:
    """Pixels per millimetre (T,) in every frame, robust to one or two wrong joints; infinite if unknown."""
    reach = max(round(_COURSE_S / _usual_step_s(times_s)), 1)
    filled = _filled(times_s, scale[:, None])[:, 0]
    padded = np.pad(filled, reach, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=-1)
    return np.nan_to_num(smooth, nan=np.inf)


def _filled_boxes(sequence: PoseSequence, max_gap_s: float) -> Array:
    """Boxes (T, 4), interpolated over the filled gaps."""
    boxes = _finite(sequence.box_xyxy_px)
    reached = within_reach(sequence.times_s, np.asarray(np.isfinite(boxes).all(axis=-1)), max_gap_s)
    return np.where(reached[:, None], _filled(sequence.times_s, boxes), np.nan)


def _filled(times_s: Array, values: Array) -> Array:
    """Values (T, D), interpolated linearly over gaps, with the nearest value at the ends; NaN if all are NaN."""
    known: Bools = np.asarray(np.isfinite(values).all(axis=-1))
    if not known.any():
        return np.full(values.shape, np.nan)
    columns = [np.interp(times_s, times_s[known], column[known]) for column in values.T]
    return np.where(known[:, None], values, np.stack(columns, axis=-1))


def _usual_step_s(times_s: Array) -> float:
    """Median time between frames; 1/30 s for fewer than two frames."""
    steps = np.diff(times_s)
    step = float(np.median(steps)) if len(steps) else 0.0
    return step if step > 0 else 1 / 30


def _finite(values: NDArray[np.floating]) -> Array:
    """As float64, non-finite values as NaN."""
    values = np.asarray(values, np.float64)
    return np.where(np.isfinite(values), values, np.nan)
