"""Writing a file, or a folder of files, whole or not at all."""

import contextlib
import errno
import glob
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from hourlift.errors import UserError

LEFTOVER_AFTER_S = 3600.0
"""A temporary file or folder that nothing has been written to for so long is of a run that was killed."""
_MAX_STEM_BYTES = 200  # file systems allow 255 for a name; ours are longer than the file's own
_DISK_FULL = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name))


def is_disk_full(error: BaseException) -> bool:
    """Whether there is no room left for a file: the next one would fare no better."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL


@contextlib.contextmanager
def replacing(path: str | Path, *, keep: bool = False) -> Iterator[Path]:
    """Hand out a temporary file beside ``path`` that takes its place when the block ends well.

    A reader sees the old file or the new one; after an error the old one is still there.

    Args:
        path: the file to be; its folder exists.
        keep: also after an error what has been written takes the place, if anything has: for what grows, such as a
            recording, and is good as far as it goes.

    Yields:
        The temporary file's path, with the same suffix; create it and close it within the block.

    Raises:
        OSError: the folder cannot be written to, or the disk is full; it names ``path``.
    """
    path = Path(path)
    stem = os.fsdecode(os.fsencode(path.stem)[:_MAX_STEM_BYTES])
    temporary = path.with_name(f".{stem}.{os.getpid()}.part{path.suffix}")
    _remove_leftovers(temporary)
    try:
        try:
            yield temporary
        except BaseException:
            if keep and temporary.exists() and temporary.stat().st_size:
                os.replace(temporary, path)
            raise
        os.replace(temporary, path)
    except OSError as error:  # of a write that failed the system names no file, of others the temporary one
        if error.filename == str(temporary) or (error.filename is None and is_disk_full(error)):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Hand out a temporary folder beside ``path`` that becomes ``path`` when the block ends well.

    Args:
        path: the folder to be; missing folders above it are made.

    Yields:
        The temporary folder's path. After an error it is removed with all that is in it.

    Raises:
        ValueError: there is something at ``path``, other than an empty folder.
        OSError: the folder above cannot be written to.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UserError(f"{path} exists already and is not an empty folder; name another one")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    _remove_leftovers(temporary)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():  # the empty folder; not every system lets a rename replace it
            path.rmdir()
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _remove_leftovers(temporary: Path) -> None:
    """Removes what killed runs left of the same file or folder: of this process id, or not written to for long."""
    beginning, _, end = temporary.name.rpartition(f".{os.getpid()}.part")
    for leftover in temporary.parent.glob(f"{glob.escape(beginning)}.*.part{glob.escape(end)}"):
        if not leftover.name[len(beginning) + 1 : len(leftover.name) - len(f".part{end}")].isdigit():
            continue  # of a file whose name begins alike
        with contextlib.suppress(OSError):  # another process may remove it, too, or may not let it go
            written = max(path.lstat().st_mtime for path in (leftover, *leftover.rglob("*")))
            if leftover == temporary or time.time() - written > LEFTOVER_AFTER_S:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
