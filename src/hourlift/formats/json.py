"""Poses as JSON: one document a source, schema version 1; docs/formats.md describes it for readers.

The documents are strict JSON (NaN becomes null) with one frame a line, so that an hour of video is written
and looked through without holding it in memory.
"""

import contextlib
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np
from numpy.typing import NDArray

from hourlift import __version__
from hourlift.formats.atomic import replacing
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.world import World
from hourlift.pose import Pose, PoseFrame

SCHEMA = "hourlift-poses"
SCHEMA_VERSION = 1
SCHEMA_MINOR_VERSION = 3
"""Counts the keys that were added within a version: 1 added `world`, 2 added `spread_mm`, 3 added `networks`."""

CONVENTIONS = {
    "joints_2d_px": "x right, y down, pixels of the upright picture; pixel centres are integers",
    "confidence": "0 (a guess) to 1 (certain)",
    "joints_3d_mm": "millimetres relative to the pelvis, camera axes: x right, y down, z forward",
    "root_cam_mm": "the pelvis in the camera frame, millimetres; add it to joints_3d_mm",
    "box_xyxy_px": "left, top, right, bottom of the person",
    "world": "z up, millimetres, floor at z = 0; point_world = rotation (point_cam - origin_cam_mm)",
    "spread_mm": "expected distance of each of joints_3d_mm to the truth, millimetres; null where nobody knows",
    "time_s": "seconds from the first frame",
    "null": "unknown",
}

_DECIMALS = {"joints_2d_px": 2, "confidence": 3, "joints_3d_mm": 1, "root_cam_mm": 1, "box_xyxy_px": 2}


@dataclass(frozen=True, kw_only=True)
class Header:
    """What holds for all frames of a source.

    Attributes:
        source: the file's name, or "webcam:0".
        kind: "photo" or "video".
        image_wh: width and height of the upright pictures in pixels.
        camera: the camera that was used.
        fps: average frames a second; None for a photo. The frames' own times count.
        world: where the camera stands in the room; None when nobody has found out.
        networks: name, runtime and precision of the "hourglass" and the "lifter"; None where nobody told.
    """

    source: str
    kind: Literal["photo", "video"]
    image_wh: tuple[int, int]
    camera: Camera
    fps: float | None = None
    world: World | None = None
    networks: Mapping[str, Mapping[str, str]] | None = None


@dataclass(frozen=True, kw_only=True)
class PoseFile:
    """A JSON document read back."""

    header: Header
    frames: Sequence[PoseFrame]


@contextlib.contextmanager
def writing(target: str | Path | TextIO, header: Header) -> Iterator[Callable[[PoseFrame], None]]:
    """Write a document frame by frame.

    >>> with writing("clip.json", header) as write:  # doctest: +SKIP
    ...     for frame in frames:
    ...         write(frame)

    Args:
        target: a file's path, which appears when the block ends well, or an open text stream.
        header: what holds for all frames.

    Yields:
        A function that appends a frame.

    Raises:
        OSError: the file cannot be written.
    """
    if not isinstance(target, str | Path):
        yield from _write_document(target, header)
        return
    with replacing(target) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        yield from _write_document(stream, header)


def dump(target: str | Path | TextIO, header: Header, frames: Sequence[PoseFrame]) -> None:
    """Write a whole document at once; see `writing`."""
    with writing(target, header) as write:
        for frame in frames:
            write(frame)


def write(path: Path, document: PoseFile) -> None:
    """Write a document that is held as a whole."""
    dump(path, document.header, document.frames)


def load(path: str | Path) -> PoseFile:
    """Read a document that hourlift wrote.

    Args:
        path: the file.

    Returns:
        Its header and frames; null is NaN again.

    Raises:
        ValueError: the file is no JSON, or not of this schema and version; the message names it.
        OSError: the file cannot be read.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: this is not a JSON file ({error})") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"{path}: this JSON file does not hold hourlift's poses (schema {SCHEMA!r})")
    if document.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{path}: schema version {document.get('schema_version')!r} cannot be read, only {SCHEMA_VERSION}"
        )
    if document.get("joint_names") != list(H36M17.joint_names):
        raise ValueError(f"{path}: the joints are not those of {H36M17.name}")
    try:
        return _parse(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: a value is missing or malformed ({error!r})") from None


def header_fields(header: Header) -> dict[str, Any]:
    """A header as plain values, with the schema's name and version."""
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "schema_minor_version": SCHEMA_MINOR_VERSION,
        "generator": f"hourlift {__version__}",
        "source": header.source,
        "kind": header.kind,
        "image_wh": list(header.image_wh),
        "fps": None if header.fps is None else round(header.fps, 6),
        "camera": header.camera.to_dict(),
        "world": None if header.world is None else header.world.to_dict(),
        "networks": header.networks,
    }


def parse_header(fields: dict[str, Any]) -> Header:
    """The header of plain values; undoes `header_fields`.

    Raises:
        KeyError, TypeError, ValueError: a value is missing or malformed.
    """
    width, height = fields["image_wh"]
    fps = None if fields["fps"] is None else float(fields["fps"])
    if fps is not None and not 0 < fps < math.inf:
        raise ValueError(f"fps is {fps}")
    return Header(
        source=str(fields["source"]),
        kind=fields["kind"],
        image_wh=(int(width), int(height)),
        camera=Camera.from_dict(fields["camera"]),
        fps=fps,
        world=World.from_dict(fields["world"]) if fields.get("world") is not None else None,
        networks=fields.get("networks"),
    )


def _write_document(stream: TextIO, header: Header) -> Iterator[Callable[[PoseFrame], None]]:
    """The header, the frames one a line, and the end."""
    fields = header_fields(header) | {
        "skeleton": H36M17.name,
        "joint_names": list(H36M17.joint_names),
        "parents": list(H36M17.parents),
        "conventions": CONVENTIONS,
    }
    stream.write("{\n")
    for key, value in fields.items():
        stream.write(f"{_compact(key)}: {_compact(value)},\n")
    stream.write('"frames": [')
    separator = "\n"

    def write(frame: PoseFrame) -> None:
        nonlocal separator
        people = [_person_fields(pose) for pose in frame.people]
        line = _compact({"index": frame.index, "time_s": round(frame.time_s, 6), "people": people})
        stream.write(separator + line)
        separator = ",\n"

    yield write
    stream.write("\n]\n}\n")
    stream.flush()


def _person_fields(pose: Pose) -> dict[str, Any]:
    """A pose as plain values, rounded to what means something."""
    arrays = {name: _nulled(getattr(pose, name), decimals) for name, decimals in _DECIMALS.items()}
    spread_mm = None if pose.spread_mm is None else _nulled(pose.spread_mm, 1)
    return {"person_id": pose.person_id} | arrays | {"spread_mm": spread_mm}


def _nulled(values: NDArray[np.float32], decimals: int) -> list[Any]:
    """Nested lists with None for NaN and infinity."""
    rounded = np.round(values.astype(np.float64), decimals)
    plain = rounded.astype(object)
    plain[~np.isfinite(rounded)] = None
    return plain.tolist()


def _compact(value: object) -> str:
    """JSON in one line; a NaN that came so far is our mistake and raises."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _parse(document: dict[str, Any]) -> PoseFile:
    """The objects that a document of the right schema describes."""
    header = parse_header(document)
    frames = []
    for frame in document["frames"]:
        people = [
            Pose(
                person_id=int(person["person_id"]),
                camera=header.camera,
                spread_mm=None if person.get("spread_mm") is None else np.array(person["spread_mm"], dtype=np.float32),
                **{name: np.array(person[name], dtype=np.float32) for name in _DECIMALS},
            )
            for person in frame["people"]
        ]
        frames.append(PoseFrame(index=int(frame["index"]), time_s=float(frame["time_s"]), people=people))
    return PoseFile(header=header, frames=frames)


def dumps(header: Header, frames: Sequence[PoseFrame]) -> str:
    """A whole document as text; see `writing`."""
    stream = io.StringIO()
    dump(stream, header, frames)
    return stream.getvalue()
