"""Orderly termination: Ctrl-C, SIGTERM, and a closed terminal."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_PATIENCE_S = 2.0
"""Signals within this time of the first are the same request: service managers and shells send several."""

_Handler = Callable[[int, FrameType | None], None]


class Interrupted(KeyboardInterrupt):
    """A signal asks the program to end; ``args`` holds its number."""


class Stop(threading.Event):
    """Set when the program is asked to end; ``number`` is the signal's."""

    number: int = signal.SIGINT


@contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, termination signals raise `Interrupted`, so that incomplete files are removed."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    with _handled(on_signal):
        yield


@contextmanager
def in_good_order() -> Iterator[Stop]:
    """Within the block, the first signal sets the event; one some seconds later raises `Interrupted`."""
    stop = Stop()
    first_s = 0.0

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal first_s
        if not stop.is_set():
            first_s, stop.number = time.monotonic(), number
            stop.set()
        elif time.monotonic() - first_s > _PATIENCE_S:
            raise Interrupted(number)

    with _handled(on_signal):
        yield stop


@contextmanager
def _handled(handler: _Handler) -> Iterator[None]:
    """Install a handler for all signals that are not ignored, as under nohup; in the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in _SIGNALS}
    changed = {number: before for number, before in kept.items() if before not in (signal.SIG_IGN, None)}
    for number in changed:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, before in changed.items():
            signal.signal(number, before)
