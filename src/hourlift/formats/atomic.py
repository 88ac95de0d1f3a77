"""Writing a file whole or not at all."""

import contextlib
import os
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
