"""Messages and a progress bar for long operations."""

import time
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hourlift.formats.text import plain, plain_lines, without_secrets

PATIENCE_S = 2.0


class LateProgress:
    """A progress bar on standard error, shown after two seconds, and only in a terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._task = self._progress.add_task("", total=None)
        self._begin_s = time.monotonic()
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hide()

    def update(self, description: str, done: int, total: int | None) -> None:
        """Update the progress; ``total`` is None if unknown."""
        if not self._shown and self._console.is_terminal and time.monotonic() - self._begin_s > PATIENCE_S:
            self._progress.start()
            self._shown = True
        description = plain(without_secrets(description))
        self._progress.update(self._task, description=description, completed=done, total=total)

    def say(self, line: str, stream: TextIO) -> None:
        """Print one or more lines, with unprintable characters escaped; the bar is hidden until the next update."""
        self._hide()
        print(plain_lines(without_secrets(line)), file=stream, flush=True)

    def _hide(self) -> None:
        if self._shown:
            self._progress.stop()
            self._shown = False
