"""Writing a file, or a folder of files, atomically."""

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
"""Age, since the last write, above which a temporary file or folder belongs to a killed run."""
_MAX_STEM_BYTES = 200  # file systems allow 255 for a name; temporary names are longer than the file's
_DISK_FULL = frozenset(getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name))


def is_disk_full(error: BaseException) -> bool:
    """Whether an error means that the disk is full, so that other files would fail, too."""
    return isinstance(error, OSError) and error.errno in _DISK_FULL


@contextlib.contextmanager
def replacing(path: str | Path, *, keep: bool = False) -> Iterator[Path]:
    """Yield a temporary file beside ``path`` that replaces it when the block ends without an error.

    A reader sees the old file or the new one; after an error the old one remains.

    Args:
        path: the final file; its folder exists.
        keep: replace ``path`` also after an error, if anything was written: for files such as recordings, which are
            valid as far as they go.

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
    except OSError as error:  # the system names no file for a failed write, and the temporary file otherwise
        if error.filename == str(temporary) or (error.filename is None and is_disk_full(error)):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` that becomes ``path`` when the block ends without an error.

    Args:
        path: the final folder; missing parent folders are created.

    Yields:
        The temporary folder's path. After an error it is removed with its content.

    Raises:
        ValueError: ``path`` exists and is not an empty folder.
        OSError: the parent folder cannot be written to.
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
    """Remove what killed runs left of this file or folder: with this process id, or not written to for long."""
    beginning, _, end = temporary.name.rpartition(f".{os.getpid()}.part")
    for leftover in temporary.parent.glob(f"{glob.escape(beginning)}.*.part{glob.escape(end)}"):
        if not leftover.name[len(beginning) + 1 : len(leftover.name) - len(f".part{end}")].isdigit():
            continue  # belongs to a file whose name begins the same
        with contextlib.suppress(OSError):  # another process may remove it, too, or keep it open
            written = max(path.lstat().st_mtime for path in (leftover, *leftover.rglob("*")))
            if leftover == temporary or time.time() - written > LEFTOVER_AFTER_S:
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
