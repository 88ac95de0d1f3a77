"""Work that runs side by side: what is needed next is made while the last is worked on, and put away behind it.

Each end of a video's way has a thread of its own: decoding `ahead`, drawing and encoding `behind`. They overlap as
PyAV, OpenCV and the networks let go of Python's lock. The line between two of them holds a few things at most, so that
memory does not grow with the video's length, and who is fast waits for who is slow.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import cv2

DEPTH = 4
"""How many things wait between two threads."""

T = TypeVar("T")

_NICENESS = 10


def _step_aside() -> None:
    """Let the networks' thread go first where cores are short, also before threads that this one starts (x264's)."""
    if sys.platform == "linux":  # elsewhere niceness is the whole process's
        thread = threading.get_native_id()
        # Never nearer to the front than the process: that is not allowed.
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


@contextmanager
def ahead(things: Iterable[T], depth: int = DEPTH, *, urgent: bool = False) -> Iterator[Iterator[T]]:
    """Make things in a thread of its own, some ahead of whoever takes them.

    Args:
        things: iterated in that thread.
        depth: how many are made in advance.
        urgent: whether everything else waits for these things: then the thread does not step aside.

    Yields:
        The same things in order; taking one raises what making it raised. When the block ends, so has the thread.
    """
    iterator, end = iter(things), object()
    with ThreadPoolExecutor(1, initializer=None if urgent else _step_aside) as pool:
        waiting: deque[Future] = deque(pool.submit(next, iterator, end) for _ in range(depth))

        def made() -> Iterator[T]:
            while (thing := waiting.popleft().result()) is not end:
                waiting.append(pool.submit(next, iterator, end))
                yield thing

        try:
            yield made()
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def behind(take: Callable[..., object], depth: int = DEPTH) -> Iterator[Callable[..., None]]:
    """Put things away in a thread of its own, in the order in which they are handed over.

    Args:
        take: called in that thread.
        depth: how many may wait; handing over more blocks.

    Yields:
        A function that takes the same arguments and returns at once. What ``take`` raised, a later hand-over or the
        end of the block raises; nothing is taken after that. When the block ends, all is put away.
    """
    with ThreadPoolExecutor(1, initializer=_step_aside) as pool:
        waiting: deque[Future] = deque()

        def hand_over(*thing: object) -> None:
            waiting.append(pool.submit(take, *thing))
            if len(waiting) > depth:
                waiting.popleft().result()

        try:
            yield hand_over
            while waiting:
                waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


@contextmanager
def undivided() -> Iterator[None]:
    """Within the block OpenCV works in the thread that calls it, without help from threads of its own."""
    kept = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(kept)
