"""When a video's frames are shown, whatever its time stamps say."""

import logging
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_log = logging.getLogger("hourlift")
_STANDSTILL_S = 3600.0
"""No video shows one image for longer: a later time stamp is a mistake."""
_JOINT_S = 10.0
"""In a stream that may have been joined, as of television, so long a jump is the joint; FFmpeg's own limit."""

_LEAST_STEP = 0.01  # of the interval; what is less is rounding


class Clock:
    """Turns time stamps into times that start at 0 and always grow.

    Time stamps may be missing, start late, repeat, run backwards, or start again where two files were joined. Where
    they do not follow on each other, time goes on by the interval of the frames, and a warning says so at the end.

    Args:
        name: what warnings call the video.
        interval_s: between two frames.
        may_be_joined: whether the container is one that is cut and joined as it is, such as MPEG-TS.

    Attributes:
        left_out_s: how much time was skipped in all where it jumped ahead.
    """

    def __init__(self, name: str, interval_s: float, *, may_be_joined: bool) -> None:
        self._name = name
        self._interval_s = interval_s
        self._longest_s = _JOINT_S if may_be_joined else _STANDSTILL_S
        self._breaks = 0
        self.left_out_s = 0.0

    def timed(self, stamped: Iterable[tuple[T, float | None]]) -> Iterator[tuple[T, float]]:
        """Things with their time stamps in seconds -> the same things with times in seconds."""
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
                    time_s = (last_s + next_s) / 2  # one frame is out of step
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
                "%s: time stamps repeat, start again or jump in %d places; there time goes on by the frames' interval",
                *(self._name, self._breaks),
            )

    def _follows(self, time_s: float, last_s: float) -> bool:
        """Whether a frame can be shown then, after one at ``last_s``."""
        return last_s + _LEAST_STEP * self._interval_s < time_s <= last_s + self._longest_s


def typical_rate(stamps_s: Iterable[float]) -> float | None:
    """Frames a second of some consecutive frames, whatever their order; None where they do not tell.

    The last time minus the first over the frames between them, gaps and joints left out.
    """
    steps = np.diff(np.sort(np.fromiter(stamps_s, np.float64)))
    steps = steps[steps > 0]
    if not len(steps):
        return None
    steps = steps[steps <= 10 * np.median(steps)]
    return float(1 / steps.mean())
