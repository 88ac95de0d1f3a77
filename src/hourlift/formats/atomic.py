"""Writing a file, or a folder of files, whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Hand out a temporary file beside ``path`` that takes its place when the block ends well.

    A reader sees the old file or the new one; after an error the old one is still there.

    Args:
        path: the file to be; its folder exists.

    Yields:
        The temporary file's path, with the same suffix; create it and close it within the block.

    Raises:
        OSError: the folder cannot be written to.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
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
