"""Images that phones store as tiles."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from hourlift.media.images import read_image

TILE = 64
COLOURS = ((220, 30, 40), (20, 180, 60), (30, 50, 210), (240, 240, 240))


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I", 8 + len(data)) + kind + data


def full(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def coded_tile(rgb: tuple[int, int, int]) -> tuple[bytes, bytes]:
    """An AV1 image of one colour, as OpenCV's AVIF holds it: its decoder configuration and its bytes."""
    image = np.full((TILE, TILE, 3), rgb[::-1], np.uint8)
    avif = cv2.imencode(".avif", image)[1].tobytes()
    at = avif.index(b"av1C") - 4
    configuration = avif[at : at + int.from_bytes(avif[at : at + 4], "big")]
    mdat = avif.index(b"mdat")
    return configuration, avif[mdat + 4 :]


def heif(columns: int, rows: int, size_wh: tuple[int, int], *turns: bytes, missing: int = 0) -> bytes:
    """A grid of tiles of the four colours, written by the standard's description of its boxes."""
    tiles = [coded_tile(COLOURS[i % 4]) for i in range(columns * rows)]
    numbers = list(range(2, 2 + len(tiles)))
    items = [full(b"infe", struct.pack(">HH", 1, 0), b"grid", b"\0", version=2)]
    items += [full(b"infe", struct.pack(">HH", n, 0), b"av01", b"\0", version=2) for n in numbers]
    exif = struct.pack(">I", 0) + b"II*\0" + struct.pack("<I", 8)
    exif += struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0) + struct.pack("<HHHIII", 1, 0xA405, 3, 1, 28, 0)
    items.append(full(b"infe", struct.pack(">HH", 99, 0), b"Exif", b"\0", version=2))
    configuration, bits = tiles[0][0], b"".join([b"\0\0\0\x10pixi", bytes(4), b"\3\x08\x08\x08"])
    properties = [configuration, bits, full(b"ispe", struct.pack(">II", TILE, TILE))]
    properties += [full(b"ispe", struct.pack(">II", *size_wh)), *turns]
    own = bytes([4, *range(5, 5 + len(turns))])
    links = [struct.pack(">HB", 1, len(own)) + own, *(struct.pack(">HB", n, 3) + bytes([1, 2, 3]) for n in numbers)]
    ipma = full(b"ipma", struct.pack(">I", len(links)), *links)
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size_wh)
    shown = numbers[: len(numbers) - missing]
    iref = full(
        b"iref",
        box(b"dimg", struct.pack(f">HH{len(shown)}H", 1, len(shown), *shown)),
        box(b"cdsc", struct.pack(">HHH", 99, 1, 1)),
    )
    contents = [(1, grid), *zip(numbers, (data for _, data in tiles), strict=True), (99, exif)]

    def meta(start: int) -> bytes:
        places, at = [], start
        for number, data in contents:
            places.append(struct.pack(">HHHII", number, 0, 1, at, len(data)))
            at += len(data)
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", struct.pack(">H", 1)),
            full(b"iloc", bytes([0x44, 0]), struct.pack(">H", len(places)), *places),
            full(b"iinf", struct.pack(">H", len(items)), *items),
            iref,
            box(b"iprp", box(b"ipco", *properties), ipma),
        )

    head = box(b"ftyp", b"mif1", bytes(4), b"mif1", b"miaf")
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", *(data for _, data in contents))


def test_tiles_are_one_picture(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(heif(2, 2, (120, 100)))
    photo = read_image(tmp_path / "a.heic")
    assert photo.image_wh == (120, 100)
    assert photo.focal_35mm == 28
    at = photo.image_rgb[[30, 30, 90, 90], [30, 90, 30, 90]]
    np.testing.assert_allclose(at, COLOURS, atol=8)


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (box(b"irot", b"\1"), (1, 3, 0, 2)),  # a quarter counter-clockwise
        (box(b"irot", b"\2"), (3, 2, 1, 0)),
        (box(b"imir", b"\0"), (2, 3, 0, 1)),  # top to bottom
        (box(b"imir", b"\1"), (1, 0, 3, 2)),  # left to right
    ],
)
@pytest.mark.parametrize("brand", [b"mif1", b"avif"])
def test_turned_and_mirrored(tmp_path: Path, turn: bytes, expected: tuple[int, ...], brand: bytes) -> None:
    (tmp_path / "a.heic").write_bytes(heif(2, 2, (128, 128), turn).replace(b"ftypmif1", b"ftyp" + brand))
    at = read_image(tmp_path / "a.heic").image_rgb[[30, 30, 90, 90], [30, 90, 30, 90]]
    np.testing.assert_allclose(at, [COLOURS[i] for i in expected], atol=8)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(heif(2, 2, (128, 128), missing=1))
    with pytest.raises(ValueError, match=r"a\.heic: 4 tiles are needed, but 3 exist"):
        read_image(tmp_path / "a.heic")
    whole = heif(2, 2, (128, 128))
    for part in (0.05, 0.2, 0.4, 0.6, 0.8):
        (tmp_path / "cut.heic").write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(ValueError, match=r"cut\.heic: "):
            read_image(tmp_path / "cut.heic")
