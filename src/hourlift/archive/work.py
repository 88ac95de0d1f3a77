"""One source of an archive from end to end: fetch, predict, write, and say what became of it."""

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
"""A source whose worker died so often, as codecs do on some files, is given up."""

Lift = Callable[[Path, Kind], PoseFile]
"""Finds and lifts the people of a file."""


class OutputError(OSError):
    """The results cannot be written: no fault of the source, and the next would fare no better."""


class Worker:
    """Works on one source after the other; holds the loaded networks.

    Args:
        out: folder of the results, as `Store` takes it.
        load: loads the networks and returns what lifts a file.
    """

    def __init__(self, out: str, load: Callable[[], Lift]) -> None:
        self._store = Store(out)
        self._lift = load()

    def __call__(self, item: Item) -> Record:
        """Work on a source that is not done yet; whatever is wrong with it goes into the record.

        Raises:
            OutputError: the results cannot be written.
        """
        try:
            done = self._store.record(item)
            if done is not None and done.status == "done":  # the worker that did it died before it could say so
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
        except Exception as error:  # one source must not stop the others, whatever is the matter with it
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
    """See that the archive can say which source a row is of.

    Raises:
        ValueError: it cannot.
    """
    try:
        source.encode()
    except UnicodeEncodeError:
        raise UserError(f"{source}: the name is no UTF-8, as an archive's text is; rename the file") from None


@contextmanager
def _at_hand(source: str) -> Iterator[Path]:
    """A path to the file of a source; that of a URL is a copy which is gone afterwards.

    Codecs jump about in a file, MP4 to its end before anything else, which over a network costs more than one copy.
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
    """What hourlift warns of meanwhile, which is said with what became of the source, and nowhere else."""
    told: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("hourlift")
    usual, log.handlers = log.handlers, [handler]
    try:
        yield told
    finally:
        log.handlers = usual


def _renamed(text: Any, path: Path, source: str) -> Any:
    """The text, with a copy's path called by the source's name."""
    return text.replace(str(path), source) if isinstance(text, str) else text


def _in_words(item: Item, error: Exception) -> str:
    """One line that names the source."""
    if isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if is_disk_full(error) and error.filename else error.strerror
    elif (answer := _answer(error)) is not None:
        text = answer
    elif isinstance(error, ValueError | OSError | ImportError):
        text = " ".join(str(error).split())
    else:  # a mistake of ours or of a library: its kind helps whoever reports it
        text = " ".join(f"{type(error).__name__}: {error}".split())
    if text in item.source:  # as file systems say that there is nothing
        text = "there is no such file" if isinstance(error, FileNotFoundError) else type(error).__name__
    return text if item.source in text else f"{item.source}: {text or type(error).__name__}"


def _answer(error: BaseException) -> str | None:
    """What a server answered, which may lie deep within an error; None if it is none of a server's."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        status, message = getattr(following, "status", None), getattr(following, "message", None)
        if isinstance(status, int) and status >= 400:
            return f"the server answers {status} {message or ''}".strip()
        if "Redirect" in type(following).__name__ or isinstance(status, int) and 300 <= status < 400:
            return "the server sends from one address to the next without end"
        following = following.__cause__ or following.__context__
    return None
