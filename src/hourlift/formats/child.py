"""Reading a file in a child process: for parsers in C, which a damaged file can crash.

    people = read_in_child(read_mat, path, "MATLAB file")

The process is limited to `MAX_BYTES` of memory (not on Windows) and `MAX_SECONDS`.
"""

import importlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hourlift.errors import UserError

MAX_BYTES = 8 << 30
MAX_SECONDS = 600.0

_T = TypeVar("_T")


def read_in_child(read: Callable[[Path], _T], path: str | Path, what: str, *, max_seconds: float = MAX_SECONDS) -> _T:
    """Call a reader in a child process and return its result.

    Args:
        read: a module-level function of the path; it raises ValueError or OSError for a damaged file.
        path: the file.
        what: expected type, such as "MATLAB file".
        max_seconds: time limit.

    Raises:
        ValueError: as the reader, or reading crashed or took too long; the message names the file.
        OSError: as the reader.
        RuntimeError: the reader has a bug.
    """
    command = [sys.executable, "-P", "-m", __name__, read.__module__, read.__qualname__, os.fspath(path)]
    places = os.pathsep.join(filter(None, sys.path))
    settings = {"PYTHONPATH": places, "OPENBLAS_NUM_THREADS": "1"}  # each thread uses part of the memory limit
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=max_seconds, env=os.environ | settings
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{path} is not a valid {what}: it was not read in {max_seconds:g} seconds") from None
    if done.returncode == 1:
        raise RuntimeError(f"{read.__qualname__} failed:\n{done.stderr.decode(errors='replace')}")
    if done.returncode:
        raise UserError(f"{path} is not a valid {what}: its reader crashed")
    answer: _T | ValueError | OSError = pickle.loads(done.stdout)
    if isinstance(answer, ValueError | OSError):
        raise answer
    return answer


def _answer(module: str, name: str, path: str) -> None:
    """The child's main function: it pickles the result or the error to standard output."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keep what a parser prints out of the result
    _limit_memory()
    read = getattr(importlib.import_module(module), name)
    try:
        answer = read(Path(path))
    except (ValueError, OSError) as error:
        answer = error
    with out:
        pickle.dump(answer, out, protocol=pickle.HIGHEST_PROTOCOL)


def _limit_memory() -> None:
    try:
        import resource
    except ModuleNotFoundError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = MAX_BYTES if most == resource.RLIM_INFINITY else min(MAX_BYTES, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _answer(*sys.argv[1:])
