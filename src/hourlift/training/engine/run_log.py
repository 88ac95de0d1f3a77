"""Log of a run: a line on the terminal, a line in log.jsonl, and TensorBoard if installed."""

import json
import math
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from hourlift.errors import UserError
from hourlift.formats.atomic import replacing


class RunLog:
    """Write a run's values; a context manager.

    log.jsonl has one object per line: the step and its values. Lines of steps after the first step of this run are
    removed: an earlier run was killed before it saved them.

    Args:
        out_dir: Folder for log.jsonl and TensorBoard's files.
        steps: Total steps of the run; None if unknown.
        start: First step of this run.
        enabled: Whether to log; False in all processes except the first.
    """

    def __init__(self, out_dir: Path, *, steps: int | None, start: int, enabled: bool = True) -> None:
        self._console = Console(stderr=True, quiet=not enabled)
        self._steps = steps
        if enabled:
            _forget_after(out_dir / "log.jsonl", start)
        self._file = (out_dir / "log.jsonl").open("a") if enabled else None
        self._board = _tensorboard(out_dir) if enabled else None
        self._bar = Progress(
            *(TextColumn("step"), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn()),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            disable=not self._console.is_terminal or not enabled,
        )
        self._task = self._bar.add_task("", total=steps, completed=start, text="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._file:
            self._file.close()
        if self._board:
            self._board.close()

    def at(self, step: int) -> None:
        """Update the progress bar."""
        self._bar.update(self._task, completed=step)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values of a step."""
        text = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        if not self._bar.disable:
            self._bar.update(self._task, text=text)
        else:
            whole = "" if self._steps is None else f"/{self._steps}"
            self.say(f"step {step}{whole}  {text}")
        if self._file:
            self._file.write(json.dumps({"step": step, **{k: float(f"{v:.6g}") for k, v in values.items()}}) + "\n")
            self._file.flush()
        if self._board:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def say(self, text: str) -> None:
        """Print a line on the terminal only."""
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


class Meter:
    """Sums the values of the steps between two log lines on their device, because reading them waits for the device."""

    def __init__(self, world_size: int) -> None:
        self.world_size = world_size
        self.sums: dict[str, Tensor | float] = {}
        self.counts: Counter[str] = Counter()
        self.steps, self.items, self.waited_s, self.started_at = 0, 0, 0.0, time.perf_counter()

    def add(self, items: int, values: Mapping[str, Tensor | float]) -> None:
        """Add a step."""
        self.steps += 1
        self.items += items
        for name, value in values.items():
            self.counts[name] += 1
            self.sums[name] = self.sums.get(name, 0.0) + (value.detach() if isinstance(value, Tensor) else value)

    def read(self, step: int) -> dict[str, float]:
        """Return means over the steps that have a value; items per second of all processes; share of time waiting.

        Raises:
            ValueError: Loss or gradient is not finite. Such a step makes all later weights invalid, so checking at log
                lines is enough.
        """
        means = {name: float(value) / self.counts[name] for name, value in self.sums.items()}
        if not math.isfinite(means["loss"]) or not math.isfinite(means["grad_norm"]):
            raise UserError(
                f"The loss became {means['loss']} (gradient {means['grad_norm']}) between the steps "
                f"{step - self.steps} and {step}: try a lower learning rate, gradient-norm clipping or float32."
            )
        elapsed = time.perf_counter() - self.started_at
        return {**means, "items_s": self.items * self.world_size / elapsed, "data_wait": self.waited_s / elapsed}


def _tensorboard(out_dir: Path) -> Any | None:
    """Return a writer, or None if TensorBoard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(out_dir))


def _forget_after(path: Path, step: int) -> None:
    """Remove incomplete lines and lines of later steps from a log; at step 0, all lines."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            if 0 < step >= int(entry["step"]):
                kept.append(line + "\n")
        except (ValueError, TypeError, KeyError):
            continue
    with replacing(path) as temporary:
        temporary.write_text("".join(kept), encoding="utf-8")
