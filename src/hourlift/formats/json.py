"""Poses as JSON: one document per source, schema version 1; docs/formats.md describes it for readers.

The documents are strict JSON (NaN becomes null) with one frame per line, so that an hour of video can be written and
read without holding it in memory.
"""

import contextlib
import errno
import hashlib
import io
import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from hourlift import __version__
from hourlift.errors import UserError
from hourlift.formats.atomic import is_disk_full, replacing
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17
from hourlift.geometry.world import World
from hourlift.pose import Pose, PoseFrame, PoseSequence
from hourlift.pose_log import PoseLog

SCHEMA = "hourlift-poses"
SCHEMA_VERSION = 1
SCHEMA_MINOR_VERSION = 4
"""Minor version, raised when keys are added: 1 added `world`, 2 added `spread_mm`, 3 added `networks`,
`source_id`, `incomplete` and a frame's `damaged`, 4 added `foot_points`, `feet_2d_px` and `feet_confidence`."""

CONVENTIONS = {
    "joints_2d_px": "x right, y down, pixels of the upright image; pixel centres are integers",
    "confidence": "0 (a guess) to 1 (certain)",
    "joints_3d_mm": "millimetres relative to the pelvis, camera axes: x right, y down, z forward",
    "root_cam_mm": "the pelvis in the camera frame, millimetres; add it to joints_3d_mm",
    "box_xyxy_px": "left, top, right, bottom of the person",
    "world": "z up, millimetres, floor at z = 0; point_world = rotation (point_cam - origin_cam_mm)",
    "feet_2d_px": "as joints_2d_px, of foot_points: back of the heel, tip of the big toe; null if the model finds none",
    "feet_confidence": "as confidence",
    "spread_mm": "expected distance of each of joints_3d_mm to the truth, millimetres; null if unknown",
    "time_s": "seconds from the first frame",
    "incomplete": "why frames of the source are missing; null if none are",
    "damaged": "true if the decoder had to conceal errors in the frame; otherwise absent",
    "null": "unknown",
}

_FRAMES_IN_MEMORY = 512  # frames of longer documents are kept in a temporary file
_TAIL_BYTES = 1 << 20  # holds several frames
_HEADER_LINES = 40  # more than the header can have
_DECIMALS = {"joints_2d_px": 2, "confidence": 3, "joints_3d_mm": 1, "root_cam_mm": 1, "box_xyxy_px": 2}
_FEET_DECIMALS = {"feet_2d_px": 2, "feet_confidence": 3}


@dataclass(frozen=True, kw_only=True)
class Header:
    """The properties shared by all frames of a source.

    Attributes:
        source: the file's name, or "webcam:0".
        kind: "photo" or "video".
        image_wh: width and height of the upright images in pixels.
        camera: the camera that was used.
        fps: average frame rate; None for a photo. Use the frames' times for timing.
        world: pose of the camera in the world frame; None if unknown.
        networks: name, runtime and precision of the "hourglass" and the "lifter"; None if unknown.
        source_id: distinguishes the source from others of the same name; None if unknown.
        incomplete: why frames of the source are missing, as text; None if none are.
    """

    source: str
    kind: Literal["photo", "video"]
    image_wh: tuple[int, int]
    camera: Camera
    fps: float | None = None
    world: World | None = None
    networks: Mapping[str, Mapping[str, str]] | None = None
    source_id: str | None = None
    incomplete: str | None = None


def source_id(source: str) -> str:
    """An id that depends on a source's absolute path or URL alone: its stem, for readability, and a hash."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePosixPath(source).stem)[:40]
    return f"{stem}-{hashlib.sha256(os.fsencode(source)).hexdigest()[:16]}"


def read_source_id(path: str | Path) -> str | None:
    """The `Header.source_id` of a document, read from its first lines; None if it has none or is no document."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in islice(stream, _HEADER_LINES):
                key, _, value = line.partition(": ")
                if key == '"source_id"':
                    found = json.loads(value.rstrip(",\n"))
                    return found if isinstance(found, str) else None
    except (OSError, ValueError):
        pass
    return None


@dataclass(frozen=True, kw_only=True)
class PoseFile:
    """A JSON document read back."""

    header: Header
    frames: Sequence[PoseFrame]

    @property
    def person_ids(self) -> list[int]:
        """The people in any of the frames."""
        return sorted({pose.person_id for frame in self.frames for pose in frame.people})

    def sequence(self, person_id: int = 0) -> PoseSequence:
        """One person's track through all frames.

        Raises:
            UserError: The person is in no frame.
        """
        return PoseSequence.from_frames(self.frames, person_id, self.header.world)


class FrameWriter:
    """Appends frames to an open document; made by `writing`.

    Attributes:
        incomplete: as in `Header`; may be set until the document ends.
    """

    def __init__(self, stream: TextIO, header: Header) -> None:
        self._stream = stream
        self._separator = "\n"
        self.incomplete = header.incomplete
        fields = {key: value for key, value in header_fields(header).items() if key != "incomplete"} | {
            "skeleton": H36M17.name,
            "joint_names": list(H36M17.joint_names),
            "parents": list(H36M17.parents),
            "foot_points": list(FOOT_POINTS),
            "conventions": CONVENTIONS,
        }
        stream.write("{\n")  # whether it is incomplete is known at the end, and written there
        for key, value in fields.items():
            stream.write(f"{_compact(key)}: {_compact(value)},\n")
        stream.write('"frames": [')

    def __call__(self, frame: PoseFrame) -> None:
        """Append a frame."""
        people = [_person_fields(pose) for pose in frame.people]
        fields: dict[str, Any] = {"index": frame.index, "time_s": round(frame.time_s, 6), "people": people}
        if frame.damaged:
            fields["damaged"] = True
        self._stream.write(self._separator + _compact(fields))
        self._separator = ",\n"

    def end(self) -> None:
        """Finish the document."""
        self._stream.write(f'\n],\n"incomplete": {_compact(self.incomplete)}\n}}\n')
        self._stream.flush()


@contextlib.contextmanager
def writing(target: str | Path | TextIO, header: Header) -> Iterator[FrameWriter]:
    """Write a document frame by frame.

    >>> with writing("clip.json", header) as write:  # doctest: +SKIP
    ...     for frame in frames:
    ...         write(frame)

    Args:
        target: a file's path, which is created when the block ends without an error, or an open text stream.
        header: properties shared by all frames.

    Yields:
        A function that appends a frame.

    Raises:
        OSError: the file cannot be written.
    """
    if not isinstance(target, str | Path):
        writer = FrameWriter(target, header)
        yield writer
        writer.end()
        return
    with replacing(target) as temporary:
        full: OSError | None = None
        stream = temporary.open("w", encoding="utf-8", newline="\n")
        try:
            writer = FrameWriter(stream, header)
            yield writer
            writer.end()
        except OSError as error:
            if not is_disk_full(error) or error.filename is not None:  # belongs to another file
                raise
            full = error
        finally:
            with contextlib.suppress(OSError):
                stream.close()
        if full is not None:
            _end_early(temporary, "the disk is full")
            os.replace(temporary, target)
            raise full


def _end_early(path: Path, reason: str) -> None:
    """Complete a document whose writing failed, with as many frames as have room.

    Raises:
        OSError: there is no room for even one frame.
    """
    end = f'\n],\n"incomplete": {_compact(reason)}\n}}\n'.encode()
    with path.open("r+b", buffering=0) as file:
        while (place := _last_frame(file)) is not None:
            file.truncate(place)
            file.seek(place)
            with contextlib.suppress(OSError):
                if file.write(end) == len(end):
                    return
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _last_frame(file: BinaryIO | io.FileIO) -> int | None:
    """Start of an open document's last frame, unless it is the first, with the comma before it."""
    begin = max(file.seek(0, io.SEEK_END) - _TAIL_BYTES, 0)
    file.seek(begin)
    place = (file.read() or b"").rfind(b",\n{")
    return None if place < 0 else begin + place


def dump(target: str | Path | TextIO, header: Header, frames: Sequence[PoseFrame]) -> None:
    """Write a whole document at once; see `writing`."""
    with writing(target, header) as write:
        for frame in frames:
            write(frame)


def write(path: Path, document: PoseFile) -> None:
    """Write a document that is held in memory."""
    dump(path, document.header, document.frames)


def load(path: str | Path) -> PoseFile:
    """Read a document that hourlift wrote.

    Args:
        path: the file.

    Returns:
        Its header and frames; null becomes NaN.

    Raises:
        ValueError: the file is not JSON, or not of this schema and version; the message names it.
        OSError: the file cannot be read.
    """
    frames: Sequence[PoseFrame] | None = None
    try:
        document, frames = _read_by_lines(Path(path))
    except _NotByLinesError:
        document = _read_at_once(Path(path))
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise UserError(f"{path}: this JSON file does not hold hourlift's poses (schema {SCHEMA!r})")
    if document.get("schema_version") != SCHEMA_VERSION:
        raise UserError(
            f"{path}: schema version {document.get('schema_version')!r} cannot be read, only {SCHEMA_VERSION}"
        )
    if document.get("joint_names") != list(H36M17.joint_names):
        raise UserError(f"{path}: the joints are not those of {H36M17.name}")
    try:
        header = parse_header(document)
        if frames is None:
            frames = [_parse_frame(fields, header.camera) for fields in document["frames"]]
        return PoseFile(header=header, frames=frames)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: a value is missing or malformed ({error!r})") from None


class _NotByLinesError(Exception):
    """A document does not have the line layout of `FrameWriter`."""


def _read_by_lines(path: Path) -> tuple[dict[str, Any], Sequence[PoseFrame]]:
    """Read a document of `FrameWriter` with one frame in memory at a time: its other values, and its frames.

    Raises:
        _NotByLinesError: its layout differs, or a value is missing or malformed; `_read_at_once` finds out which.
        OSError: the file cannot be read.
    """
    fields: dict[str, Any] = {}
    frames: Sequence[PoseFrame] | None = None
    try:
        with path.open(encoding="utf-8") as stream:
            if next(stream) != "{\n":
                raise _NotByLinesError
            for line in stream:
                if line == '"frames": [\n':
                    frames = _read_frames(stream, parse_header(fields | {"incomplete": None}).camera)
                elif line != "}\n":
                    fields |= json.loads("{" + line.rstrip(",\n") + "}")
    except (ValueError, KeyError, TypeError, StopIteration, RecursionError):
        raise _NotByLinesError from None
    if frames is None:
        raise _NotByLinesError
    return fields, frames


def _read_frames(lines: Iterator[str], camera: Camera) -> Sequence[PoseFrame]:
    """The frames of a document, one per line, until their list ends; many are kept in a file."""
    frames: list[PoseFrame] | PoseLog = []
    for line in lines:
        if line in ("]\n", "],\n"):
            return frames
        if len(frames) == _FRAMES_IN_MEMORY:
            frames = PoseLog(frames)
        frames.append(_parse_frame(json.loads(line.rstrip(",\n")), camera))
    raise _NotByLinesError


def _read_at_once(path: Path) -> Any:
    """Read a document of any layout.

    Raises:
        ValueError: it is not JSON.
        OSError: the file cannot be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: this is not a JSON file ({error})") from None


def header_fields(header: Header) -> dict[str, Any]:
    """A header as plain values, with the schema's name and version."""
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "schema_minor_version": SCHEMA_MINOR_VERSION,
        "generator": f"hourlift {__version__}",
        "source": header.source,
        "source_id": header.source_id,
        "kind": header.kind,
        "image_wh": list(header.image_wh),
        "fps": None if header.fps is None else round(header.fps, 6),
        "camera": header.camera.to_dict(),
        "world": None if header.world is None else header.world.to_dict(),
        "networks": header.networks,
        "incomplete": header.incomplete,
    }


def parse_header(fields: dict[str, Any]) -> Header:
    """The header from plain values; the inverse of `header_fields`.

    Raises:
        KeyError, TypeError, ValueError: a value is missing or malformed.
    """
    width, height = fields["image_wh"]
    fps = None if fields["fps"] is None else float(fields["fps"])
    if fps is not None and not 0 < fps < math.inf:
        raise UserError(f"fps is {fps}")
    return Header(
        source=str(fields["source"]),
        kind=fields["kind"],
        image_wh=(int(width), int(height)),
        camera=Camera.from_dict(fields["camera"]),
        fps=fps,
        world=World.from_dict(fields["world"]) if fields.get("world") is not None else None,
        networks=fields.get("networks"),
        source_id=_text_or_none(fields.get("source_id")),
        incomplete=_text_or_none(fields.get("incomplete")),
    )


def _text_or_none(value: object) -> str | None:
    return None if value is None else str(value)


def _person_fields(pose: Pose) -> dict[str, Any]:
    """A pose as plain values, rounded to meaningful digits."""
    arrays = {name: _nulled(getattr(pose, name), decimals) for name, decimals in _DECIMALS.items()}
    spread_mm = None if pose.spread_mm is None else _nulled(pose.spread_mm, 1)
    feet: dict[str, Any] = dict.fromkeys(_FEET_DECIMALS)
    if np.isfinite(pose.feet_2d_px).any():
        feet = {name: _nulled(getattr(pose, name), decimals) for name, decimals in _FEET_DECIMALS.items()}
    return {"person_id": pose.person_id} | arrays | {"spread_mm": spread_mm} | feet


def _nulled(values: NDArray[np.float32], decimals: int) -> list[Any]:
    """Nested lists with None for NaN and infinity."""
    rounded = np.round(values.astype(np.float64), decimals)
    plain = rounded.astype(object)
    plain[~np.isfinite(rounded)] = None
    return plain.tolist()


def _compact(value: object) -> str:
    """JSON in one line; a NaN here is a bug of ours and raises."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _parse_frame(frame: dict[str, Any], camera: Camera) -> PoseFrame:
    """The frame that a document's fields describe.

    Raises:
        KeyError, TypeError, ValueError: a value is missing or malformed.
    """
    people = [
        Pose(
            person_id=int(person["person_id"]),
            camera=camera,
            spread_mm=None if person.get("spread_mm") is None else np.array(person["spread_mm"], dtype=np.float32),
            **{name: np.array(person[name], dtype=np.float32) for name in _DECIMALS},
            **{name: np.array(person[name], np.float32) for name in _FEET_DECIMALS if person.get(name) is not None},
        )
        for person in frame["people"]
    ]
    return PoseFrame(
        index=int(frame["index"]),
        time_s=float(frame["time_s"]),
        people=people,
        damaged=bool(frame.get("damaged", False)),
    )


def dumps(header: Header, frames: Sequence[PoseFrame]) -> str:
    """A whole document as text; see `writing`."""
    stream = io.StringIO()
    dump(stream, header, frames)
    return stream.getvalue()
