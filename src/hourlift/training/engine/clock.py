"""How far a run is: the learning rate and the curriculum go by it."""

import time

STALL_S = 2.0
"""A longer step counts as one of this length: whoever compiles kernels or validates is not training."""


class Clock:
    """Progress in [0, 1] of a run, by steps or by time.

    By steps it is a function of the step, which makes a run one of its seed. By time, what is left of the run is spread
    over the minutes that are left, stalls left out: it ends with them, however fast the machine is.

    Attributes:
        steps: Of the whole run; None goes by time.
        minutes: From `start` on, in which a run by time is to end.
        progress: Of a run by time; one that is taken up begins with what it had.
    """

    def __init__(self, steps: int | None, minutes: float = 0.0) -> None:
        self.steps, self.minutes, self.progress = steps, minutes, 0.0
        self.start()

    def start(self) -> None:
        """Begin, or go on."""
        self._before = time.monotonic()
        self._end = self._before + 60 * self.minutes

    def tick(self) -> None:
        """Note that a step is done."""
        now = time.monotonic()
        left = self._end - self._before
        share = min(now - self._before, STALL_S) / left if now < self._end else 1.0
        self.progress += (1.0 - self.progress) * share
        self._before = now

    @property
    def is_over(self) -> bool:
        """Whether a run by time is at its end; one by steps ends with them."""
        return self.steps is None and self.progress >= 1

    def at(self, step: int) -> float:
        """Progress at a step. By time it is that of now: nobody knows when a later step will be."""
        return self.progress if self.steps is None else min(1.0, step / self.steps)
