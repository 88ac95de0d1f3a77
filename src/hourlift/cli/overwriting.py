"""No command overwrites its inputs, or one output with another: one rule for all of them, checked before any work."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from hourlift.errors import UserError

_OUTPUTS = frozenset({"out", "rrd", "sheet", "plot", "manifest", "clip"})
"""Options that name outputs; every other option that names a file or folder is an input."""
_NO_DATA = frozenset({"runs"})
"""Folders of results, into which further results may be written."""


def check_arguments(arguments: Mapping[str, object]) -> None:
    """Check that no argument of a command names an output that it also reads, or an output twice.

    Args:
        arguments: the parsed arguments by their names.

    Raises:
        ValueError: one does.
    """
    inputs = {name: value for name, value in arguments.items() if name not in _OUTPUTS}
    outputs = [path for name in _OUTPUTS & arguments.keys() for path in _paths(arguments[name])]
    keep_apart(outputs)
    files = [path for path in outputs if path.is_file()]
    keep_inputs((path for value in inputs.values() for path in _paths(value)), files)
    folders = [path for name, value in inputs.items() if name not in _NO_DATA for path in _paths(value)]
    for file in files:
        for folder in folders:
            if folder.is_dir() and folder.resolve() in file.resolve().parents:
                raise UserError(f"{file} already exists in {folder}, which is read; name another output file")


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


def _paths(value: object) -> Iterator[Path]:
    """The paths in an argument: a path, text that names one, or several."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, str) and value and "\0" not in value:
        yield Path(value)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _paths(part)
