"""Reading photographs: any common file to an upright RGB array, with the focal length the camera wrote down.

The header is read first, so that a picture too large for memory, a cut-off file and a file that is no
picture are refused in one clear sentence before anything is decoded.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.geometry.camera import Camera

Image = NDArray[np.uint8]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
MAX_IMAGE_PIXELS = 200_000_000
"""The largest picture that is decoded: 600 MB as RGB; phones with a 200-megapixel sensor stay just below."""

_EXIF_IFD = 0x8769  # tags of EXIF 2.32: pointer to the EXIF directory,
_FOCAL_LENGTH_35MM = 0xA405  # 35 mm equivalent focal length in mm, 0 when unknown
_TIFF_WIDTH, _TIFF_HEIGHT = 0x0100, 0x0101


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A decoded picture.

    Attributes:
        image_rgb: (H, W, 3) uint8, upright.
        focal_35mm: 35 mm equivalent focal length in mm out of EXIF; None when the file does not say.
    """

    image_rgb: Image
    focal_35mm: float | None = None

    @property
    def image_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image_rgb.shape[1], self.image_rgb.shape[0]

    def camera(self) -> Camera:
        """The camera that EXIF describes, else the default field of view; `Camera.source` says which."""
        if self.focal_35mm is None:
            return Camera.from_fov(self.image_wh)
        return Camera.from_focal_35mm(self.image_wh, self.focal_35mm)


def read_image(path: str | Path) -> Photo:
    """Read a JPEG, PNG, WebP, BMP or TIFF picture; what the file holds counts, not its name.

    EXIF orientation is applied. Grey, palette and CMYK pictures become RGB; 16 bits a channel become 8;
    transparency is dropped and the colours under it are kept.

    Args:
        path: the file.

    Returns:
        The picture, upright, (H, W, 3) uint8 RGB, with EXIF's focal length.

    Raises:
        ValueError: the file is empty, cut off, damaged, too large for memory or no picture; the message names it.
        OSError: the file does not exist or cannot be read.
    """
    data = Path(path).read_bytes()
    if not data:
        raise ValueError(f"{path}: the file is empty")
    try:
        width, height = _size_in_header(data)
    except (struct.error, IndexError):
        raise ValueError(f"{path}: the file is cut off within its header") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if width * height > MAX_IMAGE_PIXELS:
        raise ValueError(
            f"{path}: {width} x {height} pixels is more than the limit of {MAX_IMAGE_PIXELS // 10**6} megapixels; "
            "make the picture smaller first"
        )
    if _is_cut_off(data):
        raise ValueError(f"{path}: the file is cut off: the end of the picture is missing")
    return _decode(path, data)


def _decode(path: str | Path, data: bytes) -> Photo:
    """Decode a whole file whose header is in order."""
    try:
        image, kinds, blocks = cv2.imdecodeWithMetadata(np.frombuffer(data, np.uint8), flags=cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise ValueError(f"{path}: the picture cannot be decoded ({error.err})") from None
    if image is None:
        raise ValueError(f"{path}: the picture cannot be decoded; it is damaged or of an unusual pixel type")
    exif = next((bytes(b) for k, b in zip(kinds, blocks, strict=True) if k == cv2.IMAGE_METADATA_EXIF), b"")
    if data[:4] in (b"II*\0", b"MM\0*"):
        exif = data  # a TIFF file is one EXIF block with a picture in it
    return Photo(image_rgb=image, focal_35mm=_focal_35mm(exif))  # type: ignore[arg-type]


def _size_in_header(data: bytes) -> tuple[int, int]:
    """Width and height as stored (before EXIF turns the picture).

    Raises:
        ValueError: the signature is that of none of the formats.
        struct.error, IndexError: the header is cut off.
    """
    if data[:2] == b"\xff\xd8":
        return _jpeg_frame(data)[:2]
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _unpack(">II", data, 16)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp_size(data)
    if data[:2] == b"BM" and len(data) > 18:
        core_header = struct.unpack_from("<I", data, 14)[0] == 12  # OS/2 1.x: 16-bit sizes
        width, height = _unpack("<HH" if core_header else "<ii", data, 18)
        return abs(width), abs(height)  # a negative height means rows from top to bottom
    if data[:4] in (b"II*\0", b"MM\0*"):
        tags = _tiff_tags(data, _first_directory(data))
        return tags.get(_TIFF_WIDTH, 0), tags.get(_TIFF_HEIGHT, 0)
    raise ValueError("this is not a JPEG, PNG, WebP, BMP or TIFF picture")


def _unpack(layout: str, data: bytes, offset: int) -> tuple[int, int]:
    """Two integers out of a header."""
    first, second = struct.unpack_from(layout, data, offset)
    return first, second


def _jpeg_frame(data: bytes) -> tuple[int, int, int]:
    """Walk the segments to the frame header, SOF (ITU-T T.81, B.2.2): width, height, and where it stands."""
    position = 2
    while True:
        position = data.find(b"\xff", position)
        if position < 0:
            raise IndexError("no frame header")
        while data[position] == 0xFF:  # any number of fill bytes may stand before a marker
            position += 1
        marker = data[position]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = _unpack(">HH", data, position + 4)
            return width, height, position
        if 0xD0 <= marker <= 0xD8 or marker == 0x01:  # markers without a length
            position += 1
        else:
            position += 1 + struct.unpack_from(">H", data, position + 1)[0]


def _webp_size(data: bytes) -> tuple[int, int]:
    """The first chunk's size fields (RFC 9649, sections 2.4 to 2.7)."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = _unpack("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _is_cut_off(data: bytes) -> bool:
    """Whether the end of a JPEG, PNG or WebP file is missing: their decoders paint the rest grey without a word."""
    if data[:2] == b"\xff\xd8":
        # Coded pixels never hold an end marker. A thumbnail before the frame header does, and so may what
        # phones append to the picture.
        return data.find(b"\xff\xd9", _jpeg_frame(data)[2]) < 0
    if data[:4] == b"\x89PNG":
        return b"IEND\xaeB`\x82" not in data
    if data[:4] == b"RIFF":
        return len(data) < 8 + struct.unpack_from("<I", data, 4)[0]
    return False


def _focal_35mm(exif: bytes) -> float | None:
    """FocalLengthIn35mmFilm of an EXIF block; None when it is absent, zero or damaged."""
    try:
        exif_directory = _tiff_tags(exif, _first_directory(exif)).get(_EXIF_IFD)
        if exif_directory is None:
            return None
        return float(_tiff_tags(exif, exif_directory).get(_FOCAL_LENGTH_35MM, 0)) or None
    except struct.error:
        return None


def _first_directory(tiff: bytes) -> int:
    """Where the first directory of a TIFF structure begins."""
    return int(struct.unpack_from(_byte_order(tiff) + "I", tiff, 4)[0])


def _tiff_tags(tiff: bytes, offset: int) -> dict[int, int]:
    """The tags of one directory that hold a single 16- or 32-bit integer (TIFF 6.0, section 2)."""
    order = _byte_order(tiff)
    tags = {}
    for i in range(struct.unpack_from(order + "H", tiff, offset)[0]):
        entry = offset + 2 + 12 * i
        tag, kind, count = struct.unpack_from(order + "HHI", tiff, entry)
        if count == 1 and kind in (3, 4):  # SHORT, LONG
            tags[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), tiff, entry + 8)[0]
    return tags


def _byte_order(tiff: bytes) -> str:
    """The struct prefix of a TIFF structure's byte order."""
    return ">" if tiff[:2] == b"MM" else "<"
