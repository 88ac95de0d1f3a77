"""Writing a file, or a folder of files, whole or not at all."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

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
        raise ValueError(f"{path} exists already and is not an empty folder; name another one")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():  # the empty folder; not every system lets a rename replace it
            path.rmdir()
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
