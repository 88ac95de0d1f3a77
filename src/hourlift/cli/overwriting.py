"""No command overwrites what it reads: one rule for all of them, checked before any work."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hourlift.errors import UserError

_OUTPUTS = frozenset({"out", "rrd", "sheet", "plot", "manifest", "clip"})
"""Options that name what a command writes; every other one that names a file or folder is something it reads."""
_NO_DATA = frozenset({"runs"})
"""Folders of our own results, into which a further one may be written again."""


def check_arguments(arguments: Mapping[str, object]) -> None:
    """See that none of a command's arguments names an output that it also reads.

    Args:
        arguments: the parsed arguments by their names.

    Raises:
        ValueError: one does.
    """
    inputs = {name: value for name, value in arguments.items() if name not in _OUTPUTS}
    outputs = [path for name in _OUTPUTS & arguments.keys() for path in _paths(arguments[name])]
    files = [path for path in outputs if path.is_file()]
    keep_inputs((path for value in inputs.values() for path in _paths(value)), files)
    folders = [path for name, value in inputs.items() if name not in _NO_DATA for path in _paths(value)]
    for file in files:
        for folder in folders:
            if folder.is_dir() and folder.resolve() in file.resolve().parents:
                raise UserError(f"{file} is there already, in {folder}, which is read; name another file to write")


def keep_inputs(inputs: Iterable[str | Path | None], outputs: Iterable[Path | None]) -> None:
    """See that no output is one of the inputs, by whatever name, link or spelling.

    Args:
        inputs: what is read; None and what is no file on this computer do not count.
        outputs: what is written; None does not count, nor does what is not there yet.

    Raises:
        ValueError: one is.
    """
    kept = {key: path for path in inputs if path is not None and (key := _identity(path)) is not None}
    for output in outputs:
        key = None if output is None else _identity(output)
        if key in kept:
            raise UserError(f"{output} would overwrite its own input {kept[key]}; name another file or folder")


def _identity(path: str | Path) -> tuple[int, int] | None:
    """What tells a file from all others; None where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _paths(value: object) -> Iterator[Path]:
    """The paths in an argument, be it one, text that names one, or several."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, str) and value and "\0" not in value:
        yield Path(value)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _paths(part)
