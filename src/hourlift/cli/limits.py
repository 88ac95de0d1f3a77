"""Limits of numeric options: one table for all commands, checked before any work."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hourlift.errors import UserError


@dataclass(frozen=True)
class Limit:
    """The numbers from `low` to `high`; `open` excludes the two limits."""

    low: float
    high: float
    open: bool = False

    def complaint(self, value: float) -> str | None:
        """What the number must be, if it is outside the limits; NaN always is."""
        if self.low < value < self.high or (not self.open and value in (self.low, self.high)):
            return None
        if math.isnan(value):
            return "must be a number"
        below, above = ("above", "below") if self.open else ("at least", "at most")
        return f"must be {below} {self.low:.16g}" if value <= self.low else f"must be {above} {self.high:.16g}"


_COUNT = Limit(1, 10**9)
_PROCESSES = Limit(0, 1024)
_TIME = Limit(0, math.inf, open=True)
_SHARE = Limit(0, 1)

LIMITS: Mapping[str, Limit] = {
    "batch_size": Limit(1, 10**6),
    "check_count": _COUNT,
    "count": _COUNT,
    "crop_margin": Limit(0.5, 3),
    "epochs": Limit(1, 10**6),
    "fov": Limit(0, 180, open=True),
    "fps": Limit(30, 60),
    "input_size": Limit(32, 4096),
    "max_frames": _COUNT,
    "max_minutes": Limit(0, 10**7),  # with 0, a run only writes its initial checkpoint
    "min_confidence": _SHARE,
    "min_score": _SHARE,
    "minutes": _TIME,
    "people": Limit(1, 10**6),
    "per_shard": Limit(1, 10**6),
    "person": Limit(0, 10**9),
    "pitch": Limit(-90, 90),
    "port": Limit(0, 65535),
    "reach": Limit(-math.inf, math.inf, open=True),
    "read_workers": _PROCESSES,
    "render_workers": _PROCESSES,
    "seconds": _TIME,
    "seed": Limit(0, 2**63 - 1),
    "sheet_count": Limit(1, 10**4),
    "size": Limit(32, 2048),
    "stacks": Limit(1, 64),
    "steps": _COUNT,
    "stride": _COUNT,
    "threads": Limit(1, 1024),
    "train_minutes": _TIME,
    "validate_every": _COUNT,
    "width": Limit(1, 2**14),
    "workers": _PROCESSES,
    "worst": Limit(1, 10**4),
}
"""By the option's name, which has the same meaning in all commands; a command may be stricter."""


def check_numbers(arguments: Mapping[str, object]) -> None:
    """Check that every number is within its option's limits.

    Args:
        arguments: the parsed arguments by their names; None and other types are ignored.

    Raises:
        ValueError: one is not.
    """
    for name, value in arguments.items():
        if name in LIMITS and isinstance(value, int | float):
            complaint = LIMITS[name].complaint(value)
            if complaint is not None:
                raise UserError(f"--{name.replace('_', '-')} {complaint}, got {value}")
