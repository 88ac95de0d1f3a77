"""Learning-rate schedules, by values worked out by hand."""

import math

import pytest

from hourlift.training.engine.schedule import ScheduleKind, cosine, exponential, one_cycle, schedule, trapezoid

KINDS: tuple[ScheduleKind, ...] = ("cosine", "one_cycle", "exponential", "trapezoid")


def test_cosine() -> None:
    values = [cosine(t, warmup=0.2, floor=0.1) for t in (0.0, 0.05, 0.1, 0.2, 0.6, 1.0)]
    assert values == pytest.approx([0, 0.25, 0.5, 1, 0.55, 0.1])


def test_one_cycle() -> None:
    values = [one_cycle(t, warmup=0.4, floor=0.0) for t in (0.0, 0.2, 0.4, 0.7, 1.0)]
    assert values == pytest.approx([0.04, 0.52, 1, 0.5, 0])


def test_exponential() -> None:
    values = [exponential(t, warmup=0.0, floor=0.01) for t in (0.0, 0.25, 0.5, 1.0)]
    assert values == pytest.approx([1, math.sqrt(0.1), 0.1, 0.01])


def test_trapezoid() -> None:
    values = [trapezoid(t, warmup=0.1, floor=0.0) for t in (0.05, 0.1, 0.5, 0.7, 0.85, 1.0)]
    assert values == pytest.approx([0.5, 1, 1, 1, 0.5, 0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("warmup", [0.0, 0.1, 1.0])
def test_every_schedule_rises_then_falls_to_the_floor(kind: ScheduleKind, warmup: float) -> None:
    values = [schedule(kind, step / 1000, warmup=warmup, floor=0.05) for step in range(1001)]
    top = values.index(max(values))
    assert all(0 <= value <= 1 for value in values)
    assert values[: top + 1] == sorted(values[: top + 1])
    assert values[top:] == sorted(values[top:], reverse=True)
    assert values[-1] == pytest.approx(0.05)
    assert max(abs(b - a) for a, b in zip(values, values[1:], strict=False)) < 0.02 or warmup == 1.0


def test_schedule_is_the_named_function() -> None:
    for kind, function in zip(KINDS, (cosine, one_cycle, exponential, trapezoid), strict=True):
        assert schedule(kind, 0.77, warmup=0.1, floor=0.2) == function(0.77, warmup=0.1, floor=0.2)
