"""The folder of an archive's results, on a disk or any fsspec URL.

    OUT/source_id=ID/poses.parquet            the poses of a source
    OUT/_sources/source_id=ID/source.parquet  one row: the record of the source; written last, as the commit
    OUT/_run.json                             the settings that all results share
    OUT/_attempts/ID                          which workers have begun a source; removed at the end of the run

Every file is written atomically, under a name that depends on its source alone: a source that is processed twice,
because a worker died or seemed to, replaces its own results and adds nothing.
"""

import dataclasses
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from hourlift import __version__
from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.formats.guarded import parse_json, parsing
from hourlift.formats.json import source_id
from hourlift.formats.text import plain, without_secrets

SCHEMA = "hourlift-archive"
SCHEMA_VERSION = 1

Kind = Literal["photo", "video"]


@dataclass(frozen=True, kw_only=True)
class Item:
    """One source of an archive.

    Attributes:
        source: absolute path or URL.
        kind: photo or video.
    """

    source: str
    kind: Kind

    @property
    def id(self) -> str:
        """A folder name that depends on the source alone."""
        return source_id(self.source)


@dataclass(frozen=True, kw_only=True)
class Record:
    """The record of a source; a row of the table of sources.

    Attributes:
        source, kind: as in the `Item`; the stored source has no URL's user, password or query.
        status: "done", or "failed" for a reason that lies in the source.
        error: that reason, in one line.
        warning: warnings logged while it was read, for example that the video is truncated.
        frames: number of images processed.
        people: number of distinct people.
        rows: number of poses written.
        header: camera, size, frame rate and world as JSON, as in docs/formats.md.
    """

    source: str
    kind: Kind
    status: Literal["done", "failed"]
    error: str | None = None
    warning: str | None = None
    frames: int = 0
    people: int = 0
    rows: int = 0
    header: str | None = None

    @property
    def item(self) -> Item:
        """The source."""
        return Item(source=self.source, kind=self.kind)


_TYPES = {"frames": pa.int64(), "people": pa.int32(), "rows": pa.int64()}
RECORD_SCHEMA = pa.schema(
    [pa.field(field.name, _TYPES.get(field.name, pa.string())) for field in dataclasses.fields(Record)]
)


class Store:
    """The folder of results.

    Args:
        url: a folder's path, or its fsspec URL, writable by every worker.

    Raises:
        ValueError: no installed package can open such a URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self._files, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise UserError(f"{url}: {error}") from None
        self._root = root.rstrip("/")
        self.is_local = "file" in self._files.protocol

    def start(self, settings: Mapping[str, Any], *, resume: bool) -> None:
        """Claim the folder for a run, or resume the run in it.

        Raises:
            ValueError: it holds other files, or a run that must not be resumed or had other settings.
            OSError: it cannot be written to.
        """
        run_file = f"{self._root}/_run.json"
        if self._files.exists(run_file):
            if not resume:
                raise UserError(f"{self.url} already holds a run: continue it with --resume, or name another folder")
            _compare(self.url, parse_json(self._files.cat_file(run_file), f"{self.url}/_run.json"), settings)
        elif self._files.exists(self._root) and (self._files.isfile(self._root) or self._files.ls(self._root)):
            raise UserError(f"{self.url} exists and does not hold a run of `hourlift batch`; name another folder")
        else:
            run = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION, "generator": f"hourlift {__version__}"}
            self._write(run_file, json.dumps(run | {"settings": dict(settings)}, indent=1).encode())
        self.forget_attempts()

    def finished(self) -> set[str]:
        """The ids of all sources that are done."""
        files = self._files.glob(f"{self._root}/_sources/source_id=*/source.parquet")
        contents: Mapping[str, bytes] = self._files.cat(files) if files else {}
        found = ((_id_of(path), _parse(data, path)) for path, data in contents.items())
        return {item_id for item_id, record in found if record.status == "done"}

    def record(self, item: Item) -> Record | None:
        """The record of a source, if there is one."""
        try:
            data = self._files.cat_file(self._record_file(item))
        except FileNotFoundError:
            return None
        return _parse(data, self._record_file(item))

    def check_shared(self, item: Item) -> None:
        """Check that the results that a worker reports are visible here, too.

        Raises:
            ValueError: they are on a disk that only the worker sees.
        """
        if not self._files.exists(self._record_file(item)):
            raise UserError(
                f"{self.url}: a worker wrote to another disk; name a folder that all machines share, or a URL"
            )

    def begin(self, item: Item, worker: str) -> int:
        """Record that a worker begins a source; returns how many have in this run, including this one."""
        path = f"{self._root}/_attempts/{item.id}"
        before = self._files.cat_file(path) if self._files.exists(path) else b""
        attempts = before + worker.encode() + b"\n"
        self._write(path, attempts)
        return attempts.count(b"\n")

    def finish(self, item: Item, record: Record, poses: pa.Table | None) -> None:
        """Write a source's poses, then its record; no poses (None) if it failed.

        Raises:
            OSError: the folder cannot be written to.
        """
        pose_file = f"{self._root}/source_id={item.id}/poses.parquet"
        if poses is not None:
            self._write(pose_file, _to_parquet(poses))
        elif self._files.exists(pose_file):  # of an attempt that died between the two files
            self._files.rm_file(pose_file)
        stored = dataclasses.replace(
            record,
            source=shown(record.source),
            error=None if record.error is None else shown(record.error),
            warning=None if record.warning is None else shown(record.warning),
        )
        self._write(self._record_file(item), _to_parquet(_to_table([stored])))

    def forget_attempts(self) -> None:
        """Remove the records of attempts."""
        if self._files.exists(f"{self._root}/_attempts"):
            self._files.rm(f"{self._root}/_attempts", recursive=True)

    def _record_file(self, item: Item) -> str:
        return f"{self._root}/_sources/source_id={item.id}/source.parquet"

    def _write(self, path: str, data: bytes) -> None:
        """Write a file atomically; object stores do so anyway."""
        if not self.is_local:
            self._files.pipe_file(path, data)
            return
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(data)


def shown(text: str) -> str:
    """Text for storage and messages: without passwords and signatures of URLs, printable characters only."""
    return plain(without_secrets(text))


def _compare(url: str, run: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Check that a run is resumed with its settings.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(run, dict) or not isinstance(run.get("settings"), dict):
        raise UserError(f"{url}/_run.json is damaged: it does not hold a run's settings")
    if run.get("schema") != SCHEMA or run.get("schema_version") != SCHEMA_VERSION:
        raise UserError(f"{url}: its run is of another version of hourlift ({run.get('generator')})")
    before = run["settings"]
    changed = [name for name in settings if settings[name] != before.get(name)]
    if changed:
        there = ", ".join(f"{name} {before.get(name)}, not {settings[name]}" for name in changed)
        raise UserError(f"{url}: its run was started with {there}; resume with those, or name another folder")


def _to_table(records: Iterable[Record]) -> pa.Table:
    return pa.Table.from_pylist([dataclasses.asdict(record) for record in records], RECORD_SCHEMA)


def _to_parquet(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def _parse(data: bytes, path: str) -> Record:
    """The row in a record's file.

    Raises:
        ValueError: it is damaged or not a record.
    """
    with parsing(path, "record of a source"):
        if pq.read_metadata(io.BytesIO(data)).num_rows != 1:
            raise UserError("it does not have exactly one row")
        table = pq.read_table(io.BytesIO(data)).select(RECORD_SCHEMA.names).cast(RECORD_SCHEMA)
        (fields,) = table.to_pylist()
    for name, known in (("status", ("done", "failed")), ("kind", ("photo", "video"))):
        if fields[name] not in known:
            raise UserError(f"{path} is damaged: its {name} is {fields[name]!r}")
    return Record(**fields)


def _id_of(path: str) -> str:
    return PurePosixPath(path).parent.name.removeprefix("source_id=")
