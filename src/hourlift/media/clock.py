"""Presentation times of a video's frames, robust to invalid time stamps."""

import logging
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_log = logging.getLogger("hourlift")
_STANDSTILL_S = 3600.0
"""No video shows one frame for longer: a later time stamp is wrong."""
_JOINT_S = 10.0
"""In a stream that may have been joined, such as television, a jump this long is a joint; FFmpeg's limit."""

_LEAST_STEP = 0.01  # over the interval; smaller steps are rounding errors


class Clock:
    """Converts time stamps to times that start at 0 and always increase.

    Time stamps may be missing, start late, repeat, run backwards, or restart where two files were joined. Where they
    are not consecutive, time continues at the interval of the frames, and a warning is logged at the end.

    Args:
        name: name of the video in warnings.
        interval_s: time between two frames.
        may_be_joined: whether streams of this container, such as MPEG-TS, may be cut and joined.

    Attributes:
        left_out_s: total time skipped where time stamps jumped ahead.
    """

    def __init__(self, name: str, interval_s: float, *, may_be_joined: bool) -> None:
        self._name = name
        self._interval_s = interval_s
        self._longest_s = _JOINT_S if may_be_joined else _STANDSTILL_S
        self._breaks = 0
        self.left_out_s = 0.0

    def timed(self, stamped: Iterable[tuple[T, float | None]]) -> Iterator[tuple[T, float]]:
        """Replace the time stamps of (time stamp, item) pairs, in seconds, by times."""
        iterator = iter(stamped)
        offset_s, last_s = None, -self._interval_s
        current = next(iterator, None)
        while current is not None:
            following = next(iterator, None)
            thing, stamp_s = current
            if stamp_s is None:
                time_s = last_s + self._interval_s
            else:
                offset_s = -stamp_s if offset_s is None else offset_s
                time_s = stamp_s + offset_s
                next_s = None if following is None or following[1] is None else following[1] + offset_s
                if last_s >= 0 and time_s <= last_s and next_s is not None and self._follows(next_s, last_s):
                    time_s = (last_s + next_s) / 2  # a single wrong time stamp
                elif last_s >= 0 and not self._follows(time_s, last_s):
                    self._breaks += 1
                    goes_on_s = last_s + self._interval_s
                    self.left_out_s += max(time_s - goes_on_s, 0.0)
                    offset_s, time_s = offset_s + goes_on_s - time_s, goes_on_s
            last_s = max(time_s, 0.0)
            yield thing, last_s
            current = following
        if self._breaks:
            _log.warning(
                "%s: time stamps repeat, start again or jump in %d places; time continues at the frames' interval",
                *(self._name, self._breaks),
            )

    def _follows(self, time_s: float, last_s: float) -> bool:
        """Whether a time is plausible for a frame after one at ``last_s``."""
        return last_s + _LEAST_STEP * self._interval_s < time_s <= last_s + self._longest_s


def typical_rate(stamps_s: Iterable[float]) -> float | None:
    """Frame rate, Hz, of consecutive frames in any order; None if it cannot be computed.

    The inverse mean interval of the frames, without gaps and joints.
    """
    steps = np.diff(np.sort(np.fromiter(stamps_s, np.float64)))
    steps = steps[steps > 0]
    if not len(steps):
        return None
    steps = steps[steps <= 10 * np.median(steps)]
    return float(1 / steps.mean())
