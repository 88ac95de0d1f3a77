"""Threads at both ends of a loop: order, bounds, overlap, errors, and that nothing is left running."""

import threading
import time
from collections.abc import Iterator

import pytest

from hourlift.predict.pipeline import ahead, behind


def test_order_and_bound() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for i in range(50):
            made.append(i)
            yield i

    taken = []
    with ahead(numbers(), depth=3) as things:
        for thing in things:
            taken.append(thing)
            assert len(made) <= len(taken) + 3
    assert taken == list(range(50))


def test_put_away_in_order_and_bounded() -> None:
    gate, put = threading.Event(), []
    taken = []

    def take(thing: int) -> None:
        gate.wait()
        put.append(thing)

    with behind(take, depth=2) as hand_over:
        for i in range(2):
            hand_over(i)  # returns although nobody takes yet
        assert put == []
        threading.Timer(0.05, gate.set).start()
        for i in range(2, 20):
            hand_over(i)
            taken.append(i)
            assert len(taken) - len(put) <= 3
    assert put == list(range(20))


def test_ends_overlap() -> None:
    def slow() -> Iterator[int]:
        for i in range(10):
            time.sleep(0.02)
            yield i

    begin = time.monotonic()
    with ahead(slow()) as things, behind(lambda _thing: time.sleep(0.02)) as hand_over:
        for thing in things:
            time.sleep(0.02)
            hand_over(thing)
    assert time.monotonic() - begin < 0.85 * 3 * 10 * 0.02  # one after the other it takes 0.6 s


def test_errors_reach_the_caller_after_what_came_before() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    taken = []
    with pytest.raises(OSError, match="disk is gone"), ahead(broken()) as things:
        taken.extend(things)
    assert taken in ([], [1])
    with ahead(broken()) as things:
        assert next(things) == 1

    def full(thing: int) -> None:
        put.append(thing)
        if thing == 3:
            raise OSError("the disk is full")

    put: list[int] = []
    with pytest.raises(OSError, match="disk is full"), behind(full, depth=1) as hand_over:
        for i in range(100):
            hand_over(i)
    assert len(put) < 10


def test_leaving_early_ends_the_threads() -> None:
    before = threading.active_count()
    with ahead(iter(int, 1)) as things:  # endless zeros
        assert next(things) == 0
    with pytest.raises(KeyError), behind(time.sleep) as hand_over:
        hand_over(0.0)
        raise KeyError
    assert threading.active_count() == before
