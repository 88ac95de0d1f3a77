"""Smoothing a track as a whole: what is impossible is left out, short gaps are filled, bones keep their lengths.

Everything here looks at the future too; `one_euro` is for people as they come.
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
    """How a track is smoothed.

    Attributes:
        cutoff_hz: frequency of motion that is halved, of a joint with confidence 1; of one with confidence c it is
            sqrt(c) times that.
        depth_cutoff_hz: the same of the person's distance from the camera, which is noisier.
        jitter_mm: usual error of a joint; what is much farther off loses weight.
        max_gap_s: gaps up to this long are filled; what is unknown for longer stays NaN.
        max_speed_mm_s: a joint that leaves its course faster than this and comes back is left out.
        bone_tolerance: a joint whose bone differs from its usual length by more than this share is left out.
    """

    cutoff_hz: float = 4.0
    depth_cutoff_hz: float = 0.7
    jitter_mm: float = 50.0
    max_gap_s: float = 0.5
    max_speed_mm_s: float = 8000.0
    bone_tolerance: float = 0.5


_COURSE_S = 0.1  # a joint's course is the median of its places from so long before to so long after
_LOG_DEPTH_JITTER = 0.05
_DEFAULT = SmoothConfig()


def smooth_track(sequence: PoseSequence, config: SmoothConfig = _DEFAULT) -> PoseSequence:
    """Smooth and complete one person's track.

    2D and 3D joints are smoothed each for themselves, and the 3D ones given one length a bone for the whole track, left
    and right alike. Then the root is solved again from both, and its distance smoothed. What was filled in, or left out
    as impossible and replaced, has confidence 0, and so has what had NaN; all other confidences stay.

    Args:
        sequence: the person; gaps, NaN and infinity are fine, and so are no frames and a single one.
        config: how strongly.

    Returns:
        The track with the same frames. NaN where nothing is known within reach.
    """
    track = replace(sequence, **{name: getattr(sequence, name).copy() for name in POSE_SHAPES})
    smooth_in_place(track, config)
    return track


def smooth_in_place(track: PoseSequence, config: SmoothConfig = _DEFAULT) -> None:
    """As `smooth_track`, in the track's own arrays: long ones are not held twice."""
    times_s, joints_px, joints_mm = track.times_s, track.joints_2d_px, track.joints_3d_mm
    if not np.isfinite(joints_px).any() and not np.isfinite(joints_mm).any():
        return
    for values in (joints_px, joints_mm, track.root_cam_mm, track.box_xyxy_px):
        values[~np.isfinite(values)] = np.nan
    confidence = np.nan_to_num(track.confidence, copy=False, posinf=0.0)
    px_per_mm = _filled_scale(times_s, by_blocks(pixels_per_mm, joints_px, joints_mm))

    steady = ~leaving_course(times_s, joints_px, config.max_speed_mm_s * px_per_mm)
    known = _smooth(times_s, joints_px, steady, confidence, config, config.jitter_mm * px_per_mm)
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
    """Which points leave their course and come back faster than they can.

    Args:
        times_s: (T,) seconds.
        points: (T, N, D).
        max_speed: of the points, (T,) or one number, in their unit a second.

    Returns:
        (T, N). A point's course is its running median over 0.1 s to both sides; nobody gets farther away from it than
        half of what the speed allows in 0.1 s.
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
        for n in range(points.shape[1]):  # one by one: the windows of all points would fill the memory
            known = np.isfinite(windows[:, n]).any(axis=-1)
            course[:, n][known] = np.nanmedian(windows[:, n][known], axis=-1)
        away = np.linalg.norm(points[part] - course, axis=-1)
        leaves[part] = away > np.where(np.isfinite(limit[part]), limit[part], np.inf)
    return leaves


def wrong_bones(joints_mm: Floats, confidence: Floats, tolerance: float, jitter_mm: float) -> Bools:
    """Which joints (T, 17) end a bone that is not as long as it is through the track.

    It may differ by a share ``tolerance`` and, as short bones seem longer and shorter by the errors of their ends, by
    ``jitter_mm`` more.
    """
    usual = bone_lengths(joints_mm, confidence)

    def wrong(joints_mm: Array) -> Bools:
        lengths = np.linalg.norm(bone_vectors(joints_mm), axis=-1)
        return np.asarray(np.abs(lengths - usual) > tolerance * usual + jitter_mm)

    return by_blocks(wrong, joints_mm)


def within_reach(times_s: Array, known: Bools, max_gap_s: float) -> Bools:
    """Which values are known, or lie between two known ones that are not more than ``max_gap_s`` apart.

    Args:
        times_s: (T,) seconds.
        known: (T, ...).
        max_gap_s: from the last known to the next known, less one frame.

    Returns:
        The shape of ``known``.
    """
    reached = known.copy()
    for column in reached.reshape(len(known), math.prod(known.shape[1:])).T:  # one by one, for the memory's sake
        last = np.maximum.accumulate(np.where(column, times_s, -np.inf))
        following = np.minimum.accumulate(np.where(column, times_s, np.inf)[::-1])[::-1]
        column |= following - last - _usual_step_s(times_s) <= max_gap_s + 1e-6
    return reached


def _smooth(
    times_s: Array, points: Floats, trusted: Bools, confidence: Floats, config: SmoothConfig, jitter: Array | float
) -> Bools:
    """Smooth (T, N, D) in place; says which points were measured and trusted, the others are filled in or NaN.

    What is distrusted for longer than a gap may last, or at an end of the track, has to be taken as it is.
    """
    known = np.isfinite(points).all(axis=-1)
    measured = known & (trusted | ~within_reach(times_s, known & trusted, config.max_gap_s))
    spread = jitter if np.ndim(jitter) == 0 else np.asarray(jitter)[:, None]
    points[~measured] = np.nan
    smooth_series(times_s, points, confidence, cutoff_hz=config.cutoff_hz, spread=spread, out=points)
    points[~within_reach(times_s, measured, config.max_gap_s)] = np.nan
    return measured


def _smooth_root(track: PoseSequence, confidence: Floats, config: SmoothConfig) -> Array:
    """(T, 3) the place that best reprojects the track, its distance smoothed along the viewing ray."""

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
    """Pixels a millimetre (T,) in every frame, without what a wrong joint or two do to it; infinite if unknown."""
    reach = max(round(_COURSE_S / _usual_step_s(times_s)), 1)
    filled = _filled(times_s, scale[:, None])[:, 0]
    padded = np.pad(filled, reach, mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=-1)
    return np.nan_to_num(smooth, nan=np.inf)


def _filled_boxes(sequence: PoseSequence, max_gap_s: float) -> Array:
    """Boxes (T, 4), interpolated over the gaps that are filled."""
    boxes = _finite(sequence.box_xyxy_px)
    reached = within_reach(sequence.times_s, np.asarray(np.isfinite(boxes).all(axis=-1)), max_gap_s)
    return np.where(reached[:, None], _filled(sequence.times_s, boxes), np.nan)


def _filled(times_s: Array, values: Array) -> Array:
    """Values (T, D) with straight lines over the gaps, and the nearest value at the ends; NaN if all are."""
    known: Bools = np.asarray(np.isfinite(values).all(axis=-1))
    if not known.any():
        return np.full(values.shape, np.nan)
    columns = [np.interp(times_s, times_s[known], column[known]) for column in values.T]
    return np.where(known[:, None], values, np.stack(columns, axis=-1))


def _usual_step_s(times_s: Array) -> float:
    """Median time from frame to frame; 1/30 s where there is none."""
    steps = np.diff(times_s)
    step = float(np.median(steps)) if len(steps) else 0.0
    return step if step > 0 else 1 / 30


def _finite(values: NDArray[np.floating]) -> Array:
    """As float64, NaN for what is not finite."""
    values = np.asarray(values, np.float64)
    return np.where(np.isfinite(values), values, np.nan)
