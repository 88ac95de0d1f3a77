"""Smoothing a noisy series in both directions of time: Kalman filter forwards, Rauch-Tung-Striebel backwards.

The model is a point whose acceleration is white noise. Where measurements are equally sure and frequent, what comes out
is what went in, low-passed by 1 / (1 + (f / cutoff)^4), without delay: the response of a Butterworth filter of second
order that is run forwards and backwards, which motion laboratories smooth with. Unlike that filter it weighs every
measurement by its confidence, bridges missing ones, and takes them at uneven times.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MIN_CONFIDENCE = 0.05
"""Less sure than this nothing counts: a joint that has been seen by nobody for a while is still roughly there."""

_VAGUE = 1e4  # variance of place and speed before the first measurement, enormous beside that of a measurement
_STUDENT_DOF = 4.0
_PASSES = 3
_ASSUMED_STEP_S = 1 / 30  # of a series without two times


class _State(NamedTuple):
    """Belief about N points: place and speed (N, D), their variances and covariance (N, 1), alike in all D."""

    place: Array
    speed: Array
    var_place: Array
    covariance: Array
    var_speed: Array


def smooth_series(
    times_s: Array, values: Array, confidence: Array, *, cutoff_hz: float, spread: Array | float
) -> Array:
    """Smooth N points through time, robustly.

    Outliers lose weight as under Student's t distribution with four degrees of freedom, up to a factor that leaves a
    point without a residual its full weight: fit, weigh by the residuals, fit again, three passes.

    Args:
        times_s: (T,) seconds, not decreasing.
        values: (T, N, D); a point with a NaN is not measured in that frame.
        confidence: (T, N) from 0 to 1: the standard deviation of a measurement is inverse to it, so that the cutoff
            goes with its root.
        cutoff_hz: frequency that is halved, of a point with confidence 1.
        spread: usual error of a measurement of confidence 1, in the unit of ``values``, (T, N) or one number; the scale
            of what an outlier is.

    Returns:
        (T, N, D), also where nothing was measured: in between, and before and after as the speed there has it. NaN for
        points that are never measured.
    """
    times_s, values = np.asarray(times_s, np.float64), np.asarray(values, np.float64)
    measured: NDArray[np.bool_] = np.asarray(np.isfinite(values).all(axis=-1))
    if not measured.any():
        return np.full(values.shape, np.nan)
    values = np.where(measured[..., None], values, 0.0)
    sure = np.maximum(confidence, MIN_CONFIDENCE)
    steps = np.maximum(np.diff(times_s), 0.0)
    usual_step = float(np.median(steps)) if len(steps) and np.median(steps) > 0 else _ASSUMED_STEP_S
    precision = np.where(measured, usual_step * (2 * math.pi * cutoff_hz) ** 4 * sure**2, 0.0)
    squared_spread = np.broadcast_to((np.asarray(spread, np.float64) / sure) ** 2, measured.shape)
    # A mean that is far from zero would cost digits.
    centre = values.sum(axis=0) / np.maximum(measured.sum(axis=0), 1)[:, None]
    values = np.where(measured[..., None], values - centre, 0.0)
    weight = np.ones(measured.shape)
    for number in range(_PASSES):
        smooth = _smooth_once(steps, values, precision * weight)
        if number < _PASSES - 1:
            residual = ((values - smooth) ** 2).sum(axis=-1)
            weight = 1 / (1 + residual / (_STUDENT_DOF * squared_spread))
    ever: NDArray[np.bool_] = np.asarray(measured.any(axis=0))
    return np.where(ever[:, None], smooth + centre, np.nan)


def _smooth_once(steps_s: Array, values: Array, precision: Array) -> Array:
    """Both sweeps, for acceleration noise of density 1; ``precision`` (T, N) is 1 / variance, 0 for no measurement."""
    num_frames, num_points, _ = values.shape
    zero, vague = np.zeros_like(values[0]), np.full((num_points, 1), _VAGUE)
    predicted = _State(zero, zero, vague, np.zeros_like(vague), vague)
    after: list[_State] = []
    for k in range(num_frames):
        if k:
            predicted = _predict(after[-1], float(steps_s[k - 1]))
        after.append(_update(predicted, values[k], precision[k, :, None]))
    smooth = np.empty_like(values)
    last = after.pop()
    smooth[-1], speed = last.place, last.speed
    for k in range(num_frames - 2, -1, -1):
        now, dt = after.pop(), float(steps_s[k])  # what is through is let go, and predictions are made again: memory
        smooth[k], speed = _backwards(now, _predict(now, dt), smooth[k + 1], speed, dt)
    return smooth


def _predict(state: _State, dt: float) -> _State:
    """Where the points are a step later."""
    return _State(
        state.place + dt * state.speed,
        state.speed,
        state.var_place + dt * (2 * state.covariance + dt * state.var_speed) + dt**3 / 3,
        state.covariance + dt * state.var_speed + dt**2 / 2,
        state.var_speed + dt,
    )


def _update(state: _State, measured: Array, precision: Array) -> _State:
    """What a measurement of the places adds."""
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
    """Place and speed now, given what is known of them a step later from the whole series."""
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
