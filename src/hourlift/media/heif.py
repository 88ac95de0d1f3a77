"""HEIF files, as phones write photos: an image may be stored as tiles, each coded separately (ISO/IEC 23008-12).

PyAV decodes the tiles. Their positions, the image's orientation and its EXIF are in the file's own boxes, which are
read here.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import av
import numpy as np
from av.error import FFmpegError

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.media.frame import to_rgb

_MOST_ITEMS = 10_000


@dataclass(frozen=True, kw_only=True)
class HeifImage:
    """The main image of a file.

    Attributes:
        stored_wh: width and height before rotation.
        tiles: ids of the coded images that form it, row by row; a single one if it is not tiled.
        columns: tiles per row.
        turns: operations on the stored image, in order: ("turn", quarters counter-clockwise) or ("mirror", axis),
            0 top to bottom, 1 left to right.
        exif: the EXIF block, empty if there is none.
    """

    stored_wh: tuple[int, int]
    tiles: list[int]
    columns: int
    turns: list[tuple[str, int]]
    exif: bytes


def read_layout(data: bytes) -> HeifImage:
    """Read the structure of a HEIF file's main image.

    Raises:
        ValueError: there is no image, or its structure is not supported.
        struct.error, IndexError: the file is truncated.
    """
    meta = _child(data, 0, len(data), b"meta")
    boxes = {box.kind: box for box in _boxes(data, meta.start + 4, meta.end)}
    if not {b"pitm", b"iinf", b"iprp", b"iloc"} <= boxes.keys():
        raise UserError("the file names no main image")
    main = _number(data, boxes[b"pitm"].start + 4, 2 if data[boxes[b"pitm"].start] == 0 else 4)
    kinds = dict(_item_kinds(data, boxes[b"iinf"]))
    properties = list(_properties(data, boxes[b"iprp"], main))
    size = next((p for p in properties if p.kind == b"ispe"), None)
    if size is None:
        raise UserError("the file does not state the size of the image")
    width, height = struct.unpack_from(">II", data, size.start + 4)
    turns = [
        ("turn", data[p.start] & 3) if p.kind == b"irot" else ("mirror", data[p.start] & 1)
        for p in properties
        if p.kind in (b"irot", b"imir")
    ]
    places = _Places(data, boxes[b"iloc"], boxes.get(b"idat"))
    references = list(_references(data, boxes[b"iref"])) if b"iref" in boxes else []
    exif_items = [a for kind, a, b in references if kind == b"cdsc" and main in b and kinds.get(a) == b"Exif"]
    exif = places.read(exif_items[0]) if exif_items else b""
    exif = exif[4 + _number(exif, 0, 4) :] if len(exif) > 4 else b""
    kind = kinds.get(main, b"")
    if kind == b"grid":
        tiles = next((b for kind, a, b in references if kind == b"dimg" and a == main), [])
        grid = places.read(main)
        rows, columns = grid[2] + 1, grid[3] + 1
        width, height = struct.unpack_from(">II" if grid[1] & 1 else ">HH", grid, 4)
        if len(tiles) != rows * columns:
            raise UserError(f"{rows * columns} tiles are needed, but {len(tiles)} exist")
        return HeifImage(stored_wh=(width, height), tiles=tiles, columns=columns, turns=turns, exif=exif)
    if kind not in (b"hvc1", b"hev1", b"av01", b"jpeg", b"avc1"):
        raise UserError(f"images of type {kind.decode('latin1')!r} are not supported")
    return HeifImage(stored_wh=(width, height), tiles=[main], columns=1, turns=turns, exif=exif)


def decode(data: bytes, stored: HeifImage) -> Image:
    """Decode the tiles and assemble the image.

    Returns:
        (H, W, 3) uint8 RGB, upright.

    Raises:
        ValueError: a tile is missing or cannot be decoded.
    """
    width, height = stored.stored_wh
    canvas = np.zeros((height, width, 3), np.uint8)
    left = top = row_height = 0
    decoded = _decoded(data, set(stored.tiles))
    for number, tile in enumerate(stored.tiles):
        if tile not in decoded:
            which = "the image" if len(stored.tiles) == 1 else f"tile {number + 1} of {len(stored.tiles)}"
            raise UserError(f"{which} cannot be decoded; the file is cut off or damaged")
        if number % stored.columns == 0:
            left, top = 0, top + row_height
        image = decoded[tile]
        row_height = image.shape[0]
        part = canvas[top : top + image.shape[0], left : left + image.shape[1]]
        part[:] = image[: part.shape[0], : part.shape[1]]
        left += image.shape[1]
    for what, how in stored.turns:
        canvas = np.rot90(canvas, how) if what == "turn" else np.flip(canvas, axis=how)
    return np.ascontiguousarray(canvas)


def _decoded(data: bytes, wanted: set[int]) -> dict[int, Image]:
    """Coded images by their ids, without those that cannot be decoded."""
    found: dict[int, Image] = {}
    try:
        container: Any
        with av.open(io.BytesIO(data), metadata_errors="replace") as container:
            streams = [stream for stream in container.streams.video if stream.id in wanted]
            for stream in streams:
                stream.codec_context.options = {"err_detect": "explode"}
            for packet in container.demux(streams):
                number = packet.stream.id
                try:
                    frames = packet.decode() if number not in found else []
                except FFmpegError:
                    continue
                for frame in (frame for frame in frames if not frame.is_corrupt):
                    found[number] = to_rgb(frame, frame.width, frame.height)
    except FFmpegError:
        pass
    return found


class _Box(NamedTuple):
    """A box of the file: its type, and the start and end of its content."""

    kind: bytes
    start: int
    end: int


def _boxes(data: bytes, start: int, end: int) -> Iterator[_Box]:
    """The sibling boxes in a part of the file (ISO/IEC 14496-12, 4.2)."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        stop = end if size == 0 else start + size
        if stop < start + head:
            raise UserError("a box of the file has no size")
        yield _Box(kind, start + head, min(stop, end))
        start = stop


def _child(data: bytes, start: int, end: int, kind: bytes) -> _Box:
    for box in _boxes(data, start, end):
        if box.kind == kind:
            return box
    raise UserError(f"the file has no box {kind.decode()}")


def _number(data: bytes, offset: int, size: int) -> int:
    """A big-endian integer of the given number of bytes; 0 for 0 bytes."""
    if offset + size > len(data):
        raise IndexError("the file is cut off")
    return int.from_bytes(data[offset : offset + size], "big")


def _item_kinds(data: bytes, iinf: _Box) -> Iterator[tuple[int, bytes]]:
    """Every item's id and four-letter type."""
    for box in _boxes(data, iinf.start + (6 if data[iinf.start] == 0 else 8), iinf.end):
        if box.kind == b"infe" and data[box.start] >= 2:
            size = 2 if data[box.start] == 2 else 4
            yield _number(data, box.start + 4, size), data[box.start + 6 + size : box.start + 10 + size]


def _properties(data: bytes, iprp: _Box, item: int) -> Iterator[_Box]:
    """The properties of an item, in order."""
    known = list(_boxes(data, *_child(data, iprp.start, iprp.end, b"ipco")[1:]))
    for ipma in (box for box in _boxes(data, iprp.start, iprp.end) if box.kind == b"ipma"):
        version, wide = data[ipma.start], data[ipma.start + 3] & 1
        at = ipma.start + 8
        for _ in range(min(_number(data, ipma.start + 4, 4), _MOST_ITEMS)):
            size = 2 if version == 0 else 4
            owner, count = _number(data, at, size), data[at + size]
            at += size + 1
            for _ in range(count):
                index = _number(data, at, 1 + wide) & (0x7FFF if wide else 0x7F)
                at += 1 + wide
                if owner == item and 0 < index <= len(known):
                    yield known[index - 1]


def _references(data: bytes, iref: _Box) -> Iterator[tuple[bytes, int, list[int]]]:
    """The references between items: type, source, targets."""
    size = 2 if data[iref.start] == 0 else 4
    for box in _boxes(data, iref.start + 4, iref.end):
        count = _number(data, box.start + size, 2)
        first = box.start + size + 2
        yield box.kind, _number(data, box.start, size), [_number(data, first + i * size, size) for i in range(count)]


class _Places:
    """Positions of the items' bytes (ISO/IEC 14496-12, 8.11.3)."""

    def __init__(self, data: bytes, iloc: _Box, idat: _Box | None) -> None:
        self._data = data
        self._parts: dict[int, list[tuple[int, int]]] = {}
        version, at = data[iloc.start], iloc.start + 4
        sizes = data[at] >> 4, data[at] & 15, data[at + 1] >> 4, data[at + 1] & 15 if version else 0
        offset_size, length_size, base_size, index_size = sizes
        wide = 4 if version == 2 else 2
        count = _number(data, at + 2, wide)
        at += 2 + wide
        for _ in range(min(count, _MOST_ITEMS)):
            item = _number(data, at, wide)
            at += wide
            in_idat = version and _number(data, at, 2) & 15 == 1 and idat is not None
            at += 4 if version else 2
            base = _number(data, at, base_size) + (idat.start if in_idat and idat is not None else 0)
            extents = _number(data, at + base_size, 2)
            at += base_size + 2
            for _ in range(extents):
                offset = base + _number(data, at + index_size, offset_size)
                length = _number(data, at + index_size + offset_size, length_size)
                self._parts.setdefault(item, []).append((offset, length))
                at += index_size + offset_size + length_size

    def read(self, item: int) -> bytes:
        """The bytes of an item; empty if it has none."""
        return b"".join(self._data[start : start + size] for start, size in self._parts.get(item, []))
