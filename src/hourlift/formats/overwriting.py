"""No output overwrites an input or another output: checks before any work."""

import os
from collections.abc import Iterable
from pathlib import Path

from hourlift.errors import UserError


def keep_inputs(inputs: Iterable[str | Path | None], outputs: Iterable[Path | None]) -> None:
    """Check that no output is one of the inputs, even under another name, link or spelling.

    Args:
        inputs: the inputs; None and other than local files are ignored.
        outputs: the outputs; None and files that do not exist yet are ignored.

    Raises:
        ValueError: one is.
    """
    kept = {key: path for path in inputs if path is not None and (key := _identity(path)) is not None}
    for output in outputs:
        key = None if output is None else _identity(output)
        if key in kept:
            raise UserError(f"{output} would overwrite its own input {kept[key]}; name another file or folder")


def keep_apart(outputs: Iterable[Path]) -> None:
    """Check that no two outputs are one file.

    Raises:
        ValueError: two are.
    """
    seen: set[str] = set()
    for path in outputs:
        key = os.path.realpath(path)
        if key in seen:
            raise UserError(f"{path} is the name of two outputs; name another file for one of them")
        seen.add(key)


def _identity(path: str | Path) -> tuple[int, int] | None:
    """A file's identity; None if it does not exist."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
