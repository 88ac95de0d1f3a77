"""No command overwrites its inputs, or one output with another: one rule for all of them, checked before any work."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from hourlift.errors import UserError
from hourlift.formats.overwriting import keep_apart, keep_inputs

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


def _paths(value: object) -> Iterator[Path]:
    """The paths in an argument: a path, text that names one, or several."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, str) and value and "\0" not in value:
        yield Path(value)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _paths(part)
