"""Reasons for a run to stop before its last step."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal, get_args

StopReason = Literal["finished", "end of data", "time limit", "signal"]
STOP_REASONS: tuple[StopReason, ...] = get_args(StopReason)
"""If processes have different reasons, the later one in this list applies; "finished" is none."""


@dataclass
class StopRequests:
    """Decides whether to stop after a step."""

    deadline: float
    signalled: bool = False

    def reason(self) -> StopReason | None:
        """Return the reason to stop, or None to continue."""
        if self.signalled:
            return "signal"
        return "time limit" if time.monotonic() > self.deadline else None


def deadline_after(max_minutes: float | None) -> float:
    """Convert minutes from now to a deadline for `stop_requests`; None means never."""
    return math.inf if max_minutes is None else time.monotonic() + 60 * max_minutes


@contextmanager
def stop_requests(deadline: float) -> Iterator[StopRequests]:
    """Turn SIGTERM and Ctrl-C into a request to stop after the step; a second signal takes effect at once.

    Args:
        deadline: Value of `time.monotonic()` from which a stop is requested.
    """
    requests = StopRequests(deadline)
    if threading.current_thread() is not threading.main_thread():  # where Python allows no signal handlers
        yield requests
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        requests.signalled = True
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, handle)
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
