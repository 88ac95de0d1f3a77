"""Progress of a run, which controls the learning rate and the curriculum."""

import time
from collections import deque
from statistics import median

STALL_S, STALL_FACTOR = 2.0, 4.0
"""A step that takes longer than the first, and so many times as long as most, counts as one of this length: compiling
kernels and validating is not training."""
_RECENT = 16


class Clock:
    """Progress in [0, 1] of a run, by steps or by time.

    By steps, it is a function of the step, so that a run is reproducible from its seed. By time, the rest of the run is
    spread over the remaining minutes, without stalls: the run ends on time on a machine of any speed.

    Attributes:
        steps: Total steps of the run; None measures progress by time.
        minutes: Time from `start` in which a run by time must end.
        progress: Initial progress of a run by time; a resumed run starts with its previous progress.
    """

    def __init__(self, steps: int | None, minutes: float = 0.0) -> None:
        self.steps, self.minutes, self.progress = steps, minutes, 0.0
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self.start()

    def start(self) -> None:
        """Start or resume."""
        self._before = time.monotonic()
        self._end = self._before + 60 * self.minutes

    def tick(self) -> None:
        """Record that a step is done."""
        now = time.monotonic()
        left = self._end - self._before
        taken = now - self._before
        longest = max(STALL_S, STALL_FACTOR * median(self._recent)) if self._recent else STALL_S
        self._recent.append(taken)
        share = min(taken, longest) / left if now < self._end else 1.0
        self.progress += (1.0 - self.progress) * share
        self._before = now

    @property
    def is_over(self) -> bool:
        """Whether a run by time is over. A run by steps ends with its last step."""
        return self.steps is None and self.progress >= 1

    def at(self, step: int) -> float:
        """Return the progress at a step. By time, it is the current progress: the time of a later step is unknown."""
        return self.progress if self.steps is None else min(1.0, step / self.steps)
