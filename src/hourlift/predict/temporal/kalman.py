"""Bidirectional smoothing of a noisy series: Kalman filter forwards, Rauch-Tung-Striebel smoother backwards.

The model is a point whose acceleration is white noise. For equally spaced measurements of equal confidence, the result
is the input low-passed by 1 / (1 + (f / cutoff)^4), without delay: the response of a second-order Butterworth filter
run forwards and backwards, which motion laboratories use. Unlike that filter, it weights each measurement by its
confidence, bridges missing measurements, and accepts irregular times.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.pose_log import blocks

MIN_CONFIDENCE = 0.05
"""Least confidence of a measurement; less is as good as unmeasured."""

_VAGUE = 1e4  # variance of position and velocity before the first measurement, far above a measurement's
_STUDENT_DOF = 4.0
_PASSES = 3
_ASSUMED_STEP_S = 1 / 30  # for a series without two distinct times


class _State(NamedTuple):
    """State estimate of N points: position and velocity (N, D), variances and covariance (N, 1), shared by all D."""

    place: Array
    speed: Array
    var_place: Array
    covariance: Array
    var_speed: Array


def smooth_series(
    times_s: Array,
    values: NDArray[np.floating],
    confidence: NDArray[np.floating],
    *,
    cutoff_hz: float,
    spread: Array | float,
    out: NDArray[np.floating] | None = None,
) -> NDArray[np.floating]:
    """Smooth N points over time, robustly.

    Outliers are downweighted as under Student's t distribution with four degrees of freedom, scaled so that a point
    without residual keeps its full weight. Three passes: fit, and weight by the residuals before each further fit.

    Only the weights are held for all frames, besides input and output; the rest is computed in blocks.

    Args:
        times_s: (T,) seconds, not decreasing.
        values: (T, N, D); a point with a NaN is not measured in that frame.
        confidence: (T, N) from 0 to 1: the standard deviation of a measurement is inversely proportional to it, so the
            cutoff is proportional to its square root.
        cutoff_hz: frequency whose amplitude is halved, for a point with confidence 1.
        spread: typical error of a measurement of confidence 1, in the unit of ``values``, (T, N) or one number; the
            scale for detecting outliers.
        out: (T, N, D) where the result is written; it may be ``values``. None allocates a new array.

    Returns:
        (T, N, D), also where nothing was measured: interpolated between measurements, and extrapolated with the
        estimated velocity before and after them. NaN for points that are never measured.
    """
    times_s = np.asarray(times_s, np.float64)
    out = np.empty(values.shape) if out is None else out
    count, total = np.zeros(values.shape[1]), np.zeros(values.shape[1:])
    for part in blocks(len(values)):
        measured = np.isfinite(values[part]).all(axis=-1)
        count += measured.sum(axis=0)
        total += np.where(measured[..., None], values[part], 0.0).sum(axis=0, dtype=np.float64)
    if not count.any():
        out[:] = np.nan
        return out
    centre = total / np.maximum(count, 1)[:, None]  # a mean far from zero would cost precision
    steps = np.maximum(np.diff(times_s), 0.0)
    usual_step = float(np.median(steps)) if len(steps) and np.median(steps) > 0 else _ASSUMED_STEP_S
    spread = np.broadcast_to(spread, values.shape[:2])
    weight = np.ones(values.shape[:2], np.float32)

    def sure(part: slice) -> Array:
        return np.maximum(confidence[part], MIN_CONFIDENCE, dtype=np.float64)

    def measurements(part: slice) -> tuple[Array, Array]:
        """Values (t, N, D) less their mean, and 1 / variance (t, N), 0 for a missing measurement."""
        measured = np.isfinite(values[part]).all(axis=-1)
        precision = usual_step * (2 * math.pi * cutoff_hz) ** 4 * sure(part) ** 2 * weight[part]
        return np.where(measured[..., None], values[part] - centre, 0.0), np.where(measured, precision, 0.0)

    for number in range(_PASSES):
        for part, smooth in _smooth_once(steps, len(values), measurements):
            if number < _PASSES - 1:
                residual = ((measurements(part)[0] - smooth) ** 2).sum(axis=-1)
                weight[part] = 1 / (1 + residual / (_STUDENT_DOF * (spread[part] / sure(part)) ** 2))
            else:
                out[part] = np.where(count[:, None] > 0, smooth + centre, np.nan)
    return out


def _smooth_once(
    steps_s: Array, num_frames: int, measurements: Callable[[slice], tuple[Array, Array]]
) -> Iterator[tuple[slice, Array]]:
    """Forward and backward pass, for acceleration noise of density 1, in blocks, the last block first.

    The forward pass stores only its state at the start of each block, and is recomputed for each block that the
    backward pass reaches.
    """
    parts = blocks(num_frames)
    zero = np.zeros_like(measurements(parts[0])[0][0])
    vague = np.full((len(zero), 1), _VAGUE)
    starts = [_State(zero, zero, vague, np.zeros_like(vague), vague)]
    for part in parts[:-1]:
        (last,) = deque(_forwards(starts[-1], steps_s[part], *measurements(part)), maxlen=1)
        starts.append(_predict(last, float(steps_s[part.stop - 1])))
    place = speed = zero
    while parts:
        part = parts.pop()
        after = list(_forwards(starts.pop(), steps_s[part], *measurements(part)))
        smooth = np.empty((len(after), *zero.shape))
        for k in range(part.stop - 1, part.start - 1, -1):
            now = after.pop()
            if k == num_frames - 1:
                place, speed = now.place, now.speed
            else:
                dt = float(steps_s[k])
                place, speed = _backwards(now, _predict(now, dt), place, speed, dt)
            smooth[k - part.start] = place
        yield part, smooth


def _forwards(predicted: _State, steps_s: Array, values: Array, precision: Array) -> Iterator[_State]:
    """The states after each of the measurements, from the state before the first."""
    for k in range(len(values)):
        after = _update(predicted, values[k], precision[k, :, None])
        yield after
        if k < len(values) - 1:
            predicted = _predict(after, float(steps_s[k]))


def _predict(state: _State, dt: float) -> _State:
    """Predict the state one step later."""
    return _State(
        state.place + dt * state.speed,
        state.speed,
        state.var_place + dt * (2 * state.covariance + dt * state.var_speed) + dt**3 / 3,
        state.covariance + dt * state.var_speed + dt**2 / 2,
        state.var_speed + dt,
    )


def _update(state: _State, measured: Array, precision: Array) -> _State:
    """Update the state with a measurement of the positions."""
    share = precision / (1 + state.var_place * precision)
    innovation = share * (measured - state.place)
    kept = 1 / (1 + state.var_place * precision)
    return _State(
        state.place + state.var_place * innovation,
        state.speed + state.covariance * innovation,
        kept * state.var_place,
        kept * state.covariance,
        state.var_speed - state.covariance**2 * share,
    )


def _backwards(now: _State, later: _State, place: Array, speed: Array, dt: float) -> tuple[Array, Array]:
    """Smooth the current state, given the smoothed state one step later."""
    by_place = now.var_place + dt * now.covariance, now.covariance
    by_speed = now.covariance + dt * now.var_speed, now.var_speed
    determinant = later.var_place * later.var_speed - later.covariance**2
    missed_place, missed_speed = place - later.place, speed - later.speed
    pull_place = (later.var_speed * missed_place - later.covariance * missed_speed) / determinant
    pull_speed = (later.var_place * missed_speed - later.covariance * missed_place) / determinant
    return (
        now.place + by_place[0] * pull_place + by_place[1] * pull_speed,
        now.speed + by_speed[0] * pull_place + by_speed[1] * pull_speed,
    )
