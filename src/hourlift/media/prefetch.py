"""Concurrent reading and writing: prepare the next items during processing, and write the last ones afterwards.

Decoding (`ahead`) and drawing and encoding (`behind`) each have a separate thread. They overlap, as PyAV, OpenCV and
the networks release Python's lock. The queue between two threads is short, so that memory does not grow with the
video's length; the faster thread waits.
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
"""Length of the queue between two threads."""

T = TypeVar("T")

_NICENESS = 10


def _step_aside() -> None:
    """Give the networks' thread priority when cores are scarce, also over threads that this one starts (x264's)."""
    if sys.platform == "linux":  # elsewhere, niceness applies to the whole process
        thread = threading.get_native_id()
        # Never below the process's own niceness: raising the priority is not allowed.
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))


@contextmanager
def ahead(things: Iterable[T], depth: int = DEPTH, *, urgent: bool = False) -> Iterator[Iterator[T]]:
    """Produce items in a separate thread, some in advance.

    Args:
        things: the items; iterated in that thread.
        depth: number of items produced in advance.
        urgent: whether everything else waits for these items: then the thread keeps its priority.

    Yields:
        The same items in order; errors of producing one are raised when it is taken. The thread ends with the block.
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
    """Consume items in a separate thread, in the order in which they are handed over.

    Args:
        take: called in that thread.
        depth: number of items that may wait; handing over more blocks.

    Yields:
        A function that takes the same arguments and returns at once. An error of ``take`` is raised by a later call or
        at the end of the block, and no further item is taken. All items are taken when the block ends.
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
    """Run OpenCV in the calling thread only, within the block."""
    kept = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(kept)
