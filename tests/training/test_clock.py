"""Progress by steps and by a time that the test moves on."""

import pytest

from hourlift.training.engine import clock as clock_module
from hourlift.training.engine.clock import STALL_S, Clock


class Time:
    """A clock on the wall that stands still."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(clock_module, "time", time)
    return time


def run(clock: Clock, wall: Time, *steps_s: float) -> float:
    for seconds in steps_s:
        wall.now += seconds
        clock.tick()
    return clock.at(0)


def test_by_steps_it_is_a_function_of_the_step(wall: Time) -> None:
    clock = Clock(8)
    run(clock, wall, 5.0, 500.0)
    assert [clock.at(step) for step in (0, 2, 8, 9)] == [0, 0.25, 1, 1]


def test_by_time_it_is_the_share_of_the_time_that_is_used(wall: Time) -> None:
    clock = Clock(None, minutes=1.0)
    assert run(clock, wall, *[1.0] * 15) == pytest.approx(0.25)
    assert run(clock, wall, *[0.5] * 60) == pytest.approx(0.75)  # steps of another length
    assert run(clock, wall, *[1.5] * 10) == 1
    assert run(clock, wall, 1.0) == 1


def test_a_stall_is_left_out_and_the_rest_is_faster(wall: Time) -> None:
    clock = Clock(None, minutes=1.0)
    assert run(clock, wall, 30.0) == pytest.approx(STALL_S / 60)
    rest = 1 - STALL_S / 60
    assert run(clock, wall, *[1.0] * 15) == pytest.approx(STALL_S / 60 + rest / 2)
    assert run(clock, wall, *[1.0] * 15) == 1


def test_slow_steps_are_no_stalls(wall: Time) -> None:
    clock = Clock(None, minutes=60.0)
    assert run(clock, wall, *[10.0] * 180) == pytest.approx(0.5, abs=0.003)
    assert run(clock, wall, 100.0) == pytest.approx(0.5 + 0.5 * 40 / 1800, abs=0.003)  # a validation
    assert run(clock, wall, *[10.0] * 85) == pytest.approx(0.75, abs=0.01)


def test_a_run_that_is_taken_up_has_new_minutes_for_its_rest(wall: Time) -> None:
    clock = Clock(None, minutes=2.0)
    clock.progress = 0.5
    wall.now += 1000  # the network is built
    clock.start()
    assert run(clock, wall, *[1.0] * 60) == pytest.approx(0.75)
    assert run(clock, wall, *[1.0] * 60) == 1


def test_without_time_the_first_step_ends_it(wall: Time) -> None:
    assert run(Clock(None, minutes=0.0), wall, 0.1) == 1
