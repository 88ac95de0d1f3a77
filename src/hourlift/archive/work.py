"""Processing one source of an archive: fetch, predict, write, and return its record."""

import logging
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec

from hourlift.archive.store import Item, Kind, Record, Store, shown
from hourlift.archive.urls import file_name
from hourlift.errors import UserError
from hourlift.formats.atomic import is_disk_full
from hourlift.formats.json import PoseFile
from hourlift.formats.parquet import pose_table

MAX_ATTEMPTS = 3
"""A source whose worker died this often is skipped; some files crash codecs."""

Lift = Callable[[Path, Kind], PoseFile]
"""Finds and lifts the people of a file."""


class OutputError(OSError):
    """The results cannot be written, which is not the source's fault and would fail for the next, too."""


class Worker:
    """Processes sources one by one; holds the loaded networks.

    Args:
        out: folder of the results, as for `Store`.
        load: loads the networks and returns a function that lifts a file.
    """

    def __init__(self, out: str, load: Callable[[], Lift]) -> None:
        self._store = Store(out)
        self._lift = load()

    def __call__(self, item: Item) -> Record:
        """Process a source unless it is done; its errors go into the record.

        Raises:
            OutputError: the results cannot be written.
        """
        try:
            done = self._store.record(item)
            if done is not None and done.status == "done":  # the worker that did it died before reporting it
                return replace(done, source=item.source)
            attempt = self._store.begin(item, f"{socket.gethostname()} {os.getpid()}")
        except OSError as error:
            raise self._output_error(error) from error
        if attempt > MAX_ATTEMPTS:
            record = _failed(item, f"{item.source}: the process that worked on it died, {MAX_ATTEMPTS} times")
            poses = None
        else:
            record, poses = self._try(item)
        try:
            self._store.finish(item, record, poses)
        except OSError as error:
            raise self._output_error(error) from error
        return record

    def _try(self, item: Item) -> tuple[Record, Any]:
        """The record and the table of poses, None if there are none."""
        try:
            _check_name(item.source)
            with _at_hand(item.source) as path, _warnings() as warnings:
                try:
                    document = self._lift(path, item.kind)
                except Exception as error:
                    error.args = tuple(_renamed(part, path, item.source) for part in error.args)
                    raise
            document = replace(document, header=replace(document.header, source_id=item.id))
            poses = pose_table(document, shown(item.source))
        except Exception as error:  # an error in one source must not stop the others
            return _failed(item, _in_words(item, error)), None
        record = Record(
            source=item.source,
            kind=item.kind,
            status="done",
            warning=_renamed("; ".join(warnings), path, item.source) or None,
            frames=len(document.frames),
            people=len({pose.person_id for frame in document.frames for pose in frame.people}),
            rows=len(poses),
            header=poses.schema.metadata[b"hourlift"].decode(),
        )
        return record, poses

    def _output_error(self, error: OSError) -> OutputError:
        return OutputError(f"{self._store.url}: {error.strerror or error}")


def _failed(item: Item, error: str) -> Record:
    return Record(source=item.source, kind=item.kind, status="failed", error=error)


def _check_name(source: str) -> None:
    """Check that a source's name can be stored.

    Raises:
        ValueError: it cannot.
    """
    try:
        source.encode()
    except UnicodeEncodeError:
        raise UserError(f"{source}: the name is not UTF-8, which archives need; rename the file") from None


@contextmanager
def _at_hand(source: str) -> Iterator[Path]:
    """A path to the source's file; for a URL, a temporary copy.

    Codecs seek in a file, MP4 to its end first, which over a network is slower than one copy.
    """
    if "://" not in source:
        yield Path(source)
        return
    with tempfile.TemporaryDirectory(prefix="hourlift-") as folder:
        path = Path(folder) / (file_name(source) or "source")
        with fsspec.open(source) as remote, path.open("wb") as local:
            shutil.copyfileobj(remote, local, 1 << 20)
        yield path


@contextmanager
def _warnings() -> Iterator[list[str]]:
    """Collect hourlift's warnings meanwhile; they go into the record only."""
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("hourlift")
    usual, log.handlers = log.handlers, [handler]
    try:
        yield messages
    finally:
        log.handlers = usual


def _renamed(text: Any, path: Path, source: str) -> Any:
    """The text, with a copy's path replaced by the source's name."""
    return text.replace(str(path), source) if isinstance(text, str) else text


def _in_words(item: Item, error: Exception) -> str:
    """One line that names the source."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if is_disk_full(error) and error.filename else error.strerror
    elif (answer := _answer(error)) is not None:
        text = answer
    elif isinstance(error, ValueError | OSError | ImportError):
        text = " ".join(str(error).split())
    else:  # an error of ours or of a library: its type helps to report it
        text = " ".join(f"{type(error).__name__}: {error}".split())
    if text in item.source:  # some file systems report a missing file by its name alone
        text = "no such file" if isinstance(error, FileNotFoundError) else type(error).__name__
    return text if item.source in text else f"{item.source}: {text or type(error).__name__}"


def _answer(error: BaseException) -> str | None:
    """A server's answer, which may be nested deep in an error; None if it is not a server's error."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        status, message = getattr(following, "status", None), getattr(following, "message", None)
        if isinstance(status, int) and status >= 400:
            return f"the server answered {status} {message or ''}".strip()
        if "Redirect" in type(following).__name__ or isinstance(status, int) and 300 <= status < 400:
            return "the server redirects endlessly"
        following = following.__cause__ or following.__context__
    return None
