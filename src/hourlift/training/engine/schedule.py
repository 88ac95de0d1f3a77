"""Learning-rate schedules: share of the full learning rate as a function of progress.

Each takes t, the share of the run's steps that are done, in [0, 1]; warmup, the share of the run in which the rate
rises linearly; and floor, the share of the full rate at the end.
"""

import math
from typing import Literal, assert_never

ScheduleKind = Literal["cosine", "one_cycle", "exponential", "trapezoid"]

_ONE_CYCLE_START = 1 / 25
_TRAPEZOID_DECAY = 0.3


def schedule(kind: ScheduleKind, t: float, *, warmup: float, floor: float) -> float:
    """Return the value at t of the schedule named in the config."""
    match kind:
        case "cosine":
            return cosine(t, warmup=warmup, floor=floor)
        case "one_cycle":
            return one_cycle(t, warmup=warmup, floor=floor)
        case "exponential":
            return exponential(t, warmup=warmup, floor=floor)
        case "trapezoid":
            return trapezoid(t, warmup=warmup, floor=floor)
        case _:
            assert_never(kind)


def cosine(t: float, *, warmup: float, floor: float) -> float:
    """Linear warm-up, then half a cosine from 1 to the floor."""
    return t / warmup if t < warmup else _half_cosine(_share(t, warmup, 1.0), 1.0, floor)


def one_cycle(t: float, *, warmup: float, floor: float) -> float:
    """Half a cosine from 1/25 up to 1, then half a cosine down to the floor (Smith and Topin 2019)."""
    if t < warmup:
        return _half_cosine(t / warmup, _ONE_CYCLE_START, 1.0)
    return _half_cosine(_share(t, warmup, 1.0), 1.0, floor)


def exponential(t: float, *, warmup: float, floor: float) -> float:
    """Linear warm-up, then exponential decay to the floor."""
    return t / warmup if t < warmup else floor ** _share(t, warmup, 1.0)


def trapezoid(t: float, *, warmup: float, floor: float) -> float:
    """Linear warm-up, the full rate, and a linear decay to the floor over the last 30 % of the run."""
    if t < warmup:
        return t / warmup
    return 1.0 - (1.0 - floor) * max(0.0, _share(t, 1.0 - _TRAPEZOID_DECAY, 1.0))


def _share(t: float, start: float, end: float) -> float:
    """Position of t between start and end, in [0, 1]; 1 if start equals end."""
    return (t - start) / (end - start) if end > start else 1.0


def _half_cosine(t: float, start: float, end: float) -> float:
    """Interpolate from start to end as t goes from 0 to 1, with slope 0 at both ends."""
    return end + (start - end) * (1.0 + math.cos(math.pi * t)) / 2
