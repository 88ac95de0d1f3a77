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
"""Where processes have different reasons, the later one holds; "finished" is none."""


@dataclass
class StopRequests:
    """Whether to stop after this step."""

    deadline: float
    signalled: bool = False

    def reason(self) -> StopReason | None:
        """None: go on."""
        if self.signalled:
            return "signal"
        return "time limit" if time.monotonic() > self.deadline else None


def deadline_after(max_minutes: float | None) -> float:
    """So many minutes from now, as `stop_requests` takes it; None is never."""
    return math.inf if max_minutes is None else time.monotonic() + 60 * max_minutes


@contextmanager
def stop_requests(deadline: float) -> Iterator[StopRequests]:
    """Turn SIGTERM and Ctrl-C into a request to stop after the step; a second one acts at once.

    Args:
        deadline: Of `time.monotonic()`, from which a stop is requested too.
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
