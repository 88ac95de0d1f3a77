"""Threads at both ends of a loop: order, bounds, overlap, errors, and that nothing is left running."""

import os
import sys
import threading
import time
from collections.abc import Iterator

import cv2
import pytest

from hourlift.media.prefetch import ahead, behind, undivided


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


@pytest.mark.skipif(sys.platform != "linux", reason="niceness is the whole process's elsewhere")
def test_only_what_is_urgent_goes_first() -> None:
    def niceness() -> Iterator[int]:
        yield os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    own = next(niceness())
    for urgent, expected in ((False, max(10, own)), (True, own)):
        with ahead(niceness(), urgent=urgent) as things:
            assert list(things) == [expected]
    assert next(niceness()) == own


def test_ends_overlap() -> None:
    second_made, first_handed_over = threading.Event(), threading.Event()

    def numbers() -> Iterator[int]:
        yield 0
        second_made.set()
        yield 1

    def take(_thing: int) -> None:
        assert first_handed_over.wait(10)

    with ahead(numbers()) as things, behind(take) as hand_over:
        for thing in things:
            assert second_made.wait(10)  # made while the first is worked on
            hand_over(thing)  # returns while the first is put away
            first_handed_over.set()


def test_errors_reach_the_caller_after_what_came_before() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    with ahead(broken()) as things:
        assert next(things) == 1
        with pytest.raises(OSError, match="disk is gone"):
            next(things)

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


def test_opencv_works_undivided_for_a_while() -> None:
    before = cv2.getNumThreads()
    with pytest.raises(KeyError), undivided():
        assert cv2.getNumThreads() == 1
        raise KeyError
    assert cv2.getNumThreads() == before
