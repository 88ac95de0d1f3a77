"""Learning-rate schedules: the share of the full learning rate at a share of the run.

Each takes t, the share of the run's steps that are done, in [0, 1]; warmup, the share of the run in which the rate
rises linearly; and floor, the share of the full rate that is left at the end.
"""

import math
from typing import Literal, assert_never

ScheduleKind = Literal["cosine", "one_cycle", "exponential", "trapezoid"]

_ONE_CYCLE_START = 1 / 25
_TRAPEZOID_DECAY = 0.3


def schedule(kind: ScheduleKind, t: float, *, warmup: float, floor: float) -> float:
    """The schedule that a config names, at t."""
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
    """Linear warm-up, then the same factor every step, down to the floor."""
    return t / warmup if t < warmup else floor ** _share(t, warmup, 1.0)


def trapezoid(t: float, *, warmup: float, floor: float) -> float:
    """Linear warm-up, the full rate, and over the last 30 % of the run linearly down to the floor."""
    if t < warmup:
        return t / warmup
    return 1.0 - (1.0 - floor) * max(0.0, _share(t, 1.0 - _TRAPEZOID_DECAY, 1.0))


def _share(t: float, start: float, end: float) -> float:
    """How far t is on its way from start to end; at the end where both are one."""
    return (t - start) / (end - start) if end > start else 1.0


def _half_cosine(t: float, start: float, end: float) -> float:
    """From start to end as t goes from 0 to 1, flat at both."""
    return end + (start - end) * (1.0 + math.cos(math.pi * t)) / 2
