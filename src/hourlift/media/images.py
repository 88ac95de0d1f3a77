"""Reading photos: any common file to an upright RGB array, with the focal length from EXIF.

The header is read first, so that an image too large for memory, a truncated file or a file that is not an image is
rejected with a clear message before anything is decoded.
"""

import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.error import FFmpegError, InvalidDataError
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.geometry.camera import Camera
from hourlift.media import heif

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff"),
    *(".jp2", ".j2k", ".avif", ".heic", ".heif", ".dng"),
)
MAX_IMAGE_PIXELS = 200_000_000
"""The largest image that is decoded: 600 MB as RGB; phones with a 200-megapixel sensor stay just below."""

_EXIF_IFD = 0x8769  # tags of EXIF 2.32: pointer to the EXIF directory,
_FOCAL_LENGTH_35MM = 0xA405  # 35 mm equivalent focal length in mm, 0 when unknown
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_SUBFILE = 0x0100, 0x0101, 0x00FE
_DNG_VERSION = 0xC612
_PLAUSIBLE_35MM = (4.0, 3000.0)  # from the widest fisheye to a telescope
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are BigTIFF
_NEARLY_BLACK = 24
_MOST_PAGES = 10_000
_JPEG_END = b"\xff\xd9"
_GARBAGE = (b"", b"\0" * 256, b"\x55" * 256, bytes(range(1, 255)))  # entropy-coded bits without a marker

_log = logging.getLogger("hourlift")


@dataclass(frozen=True, kw_only=True, eq=False)
class Photo:
    """A decoded image.

    Attributes:
        image_rgb: (H, W, 3) uint8, upright.
        focal_35mm: 35 mm equivalent focal length in mm from EXIF; None if absent.
        damaged: whether part of the image could not be decoded and is made up.
    """

    image_rgb: Image
    focal_35mm: float | None = None
    damaged: bool = False

    @property
    def image_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image_rgb.shape[1], self.image_rgb.shape[0]

    def camera(self) -> Camera:
        """The camera that EXIF describes, or the default field of view; `Camera.source` says which."""
        if self.focal_35mm is None:
            return Camera.from_fov(self.image_wh)
        return Camera.from_focal_35mm(self.image_wh, self.focal_35mm)


def read_image(path: str | Path) -> Photo:
    """Read a JPEG, PNG, WebP, BMP, TIFF, JPEG 2000, AVIF or HEIF image; the content decides, not the name.

    If the file holds several images, the first is read, with a warning. EXIF orientation is applied. Grey, palette and
    CMYK images are converted to RGB, and 16 bits per channel to 8. Transparency is dropped; the colours under it stay,
    except in a TIFF, where they become darker. A JPEG with an error within its data is read, with a warning.

    Args:
        path: the file.

    Returns:
        The image, upright, (H, W, 3) uint8 RGB, with EXIF's focal length.

    Raises:
        ValueError: the file is empty, truncated, damaged, too large for memory or not an image; the message names it.
        OSError: the file does not exist or cannot be read.
    """
    data = Path(path).read_bytes()
    if not data:
        raise UserError(f"{path}: the file is empty")
    try:
        width, height = _size_in_header(data)
    except (struct.error, IndexError):
        raise UserError(f"{path}: the file is cut off within its header") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    if width * height > MAX_IMAGE_PIXELS:
        raise UserError(
            f"{path}: {width} x {height} pixels is more than the limit of {MAX_IMAGE_PIXELS // 10**6} megapixels; "
            "make the image smaller first"
        )
    if _is_cut_off(data):
        if not _is_whole_jpeg(data):
            raise UserError(f"{path}: the file is cut off: the end of the image is missing")
        data += _JPEG_END
    num_pages = _num_pages(data)
    if num_pages > 1:
        _log.warning("%s: this file holds %d images; only the first is read", path, num_pages)
    photo = _decode(path, data)
    if photo.image_rgb.max() < _NEARLY_BLACK:  # as 12 bits are when stored as 16
        _log.warning("%s: the image is nearly black: no value is above %d of 255", path, photo.image_rgb.max())
    return photo


def _decode(path: str | Path, data: bytes) -> Photo:
    """Decode a whole file whose header is valid."""
    if _is_heif(data):
        try:
            stored = heif.read_layout(data)
            return Photo(image_rgb=heif.decode(data, stored), focal_35mm=_plausible_focal(path, stored.exif))
        except ValueError as error:
            raise UserError(f"{path}: {error}") from None
    try:
        image, kinds, blocks = cv2.imdecodeWithMetadata(np.frombuffer(data, np.uint8), flags=cv2.IMREAD_COLOR_RGB)
    except cv2.error as error:
        raise UserError(f"{path}: the image cannot be decoded ({error.err})") from None
    if image is None:
        raise UserError(f"{path}: the image cannot be decoded; it is damaged or of an unusual pixel type")
    exif = next((bytes(b) for k, b in zip(kinds, blocks, strict=True) if k == cv2.IMAGE_METADATA_EXIF), b"")
    if data[:4] in _TIFF:
        exif = data  # EXIF blocks have the structure of a TIFF file
    damaged = _has_damaged_jpeg_data(data)
    if damaged:
        _log.warning("%s: the file is damaged; part of the image is wrong or missing", path)
    return Photo(image_rgb=image, focal_35mm=_plausible_focal(path, exif), damaged=damaged)  # type: ignore[arg-type]


def _is_heif(data: bytes) -> bool:
    """Whether a file is HEIF, which includes AVIF."""
    return data[4:8] == b"ftyp"


def _num_pages(data: bytes) -> int:
    """How many images a file holds: pages of a TIFF, frames of an animated PNG, WebP or AVIF."""
    if data[:4] in _TIFF:
        return sum(not tags.get(_TIFF_SUBFILE, 0) & 1 for tags in _directories(data))  # 1: a thumbnail
    if data[:4] == b"RIFF":
        return data.count(b"ANMF")
    if data[:4] == b"\x89PNG" and (place := data.find(b"acTL", 0, 4096)) > 0:
        return int.from_bytes(data[place + 4 : place + 8], "big")
    if data[4:12] == b"ftypavis" and (place := data.find(b"stsz")) > 0:  # the table of frame sizes
        return int.from_bytes(data[place + 12 : place + 16], "big")
    return 1


def _size_in_header(data: bytes) -> tuple[int, int]:
    """Width and height as stored (before EXIF turns the image).

    Raises:
        ValueError: the signature matches no format.
        struct.error, IndexError: the header is truncated.
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
    if data[:4] in _TIFF:
        return _tiff_size(data)
    if data[:12] == b"\0\0\0\x0cjP  \r\n\x87\n":
        place = data.find(b"ihdr", 0, 4096)
        height, width = _unpack(">II", data, place + 4) if place > 0 else (0, 0)
        return width, height
    if data[:4] == b"\xff\x4f\xff\x51":  # JPEG 2000 without a container
        right, bottom, left, top = struct.unpack_from(">IIII", data, 8)
        return right - left, bottom - top
    if data[4:8] == b"ftyp":
        return heif.read_layout(data).stored_wh
    raise UserError("this is not a JPEG, PNG, WebP, BMP, TIFF, JPEG 2000, AVIF or HEIF image")


def _tiff_size(data: bytes) -> tuple[int, int]:
    """Width and height of the first image.

    Raises:
        ValueError: it is only a preview of a camera's raw data, which are not supported.
        struct.error: the header is truncated.
    """
    tags = next(_directories(data), {})
    if _DNG_VERSION in tags or tags.get(_TIFF_SUBFILE, 0) & 1 or data[8:10] == b"CR":
        raise UserError("these are a camera's raw data; convert them to a JPEG or TIFF image first")
    return tags.get(_TIFF_WIDTH, 0), tags.get(_TIFF_HEIGHT, 0)


def _unpack(layout: str, data: bytes, offset: int) -> tuple[int, int]:
    """Two integers from a header."""
    first, second = struct.unpack_from(layout, data, offset)
    return first, second


def _jpeg_frame(data: bytes) -> tuple[int, int, int]:
    """Walk the segments to the frame header, SOF (ITU-T T.81, B.2.2): width, height, and its position."""
    position = 2
    while True:
        position = data.find(b"\xff", position)
        if position < 0:
            raise IndexError("no frame header")
        while data[position] == 0xFF:  # any number of fill bytes may precede a marker
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
    """Whether the end of a JPEG, PNG or WebP file is missing: their decoders silently fill the rest with grey."""
    if data[:2] == b"\xff\xd8":
        # Entropy-coded data never contains an end marker. A thumbnail before the frame header does, and so may data
        # that phones append to the image.
        return data.find(b"\xff\xd9", _jpeg_frame(data)[2]) < 0
    if data[:4] == b"\x89PNG":
        return b"IEND\xaeB`\x82" not in data
    if data[:4] == b"RIFF":
        return len(data) < 8 + struct.unpack_from("<I", data, 4)[0]
    return False


def _is_whole_jpeg(data: bytes) -> bool:
    """Whether a JPEG without its end marker still has all pixels.

    Data appended to complete pixels changes nothing; appended to incomplete ones, it is decoded as pixels.
    """
    if data[:2] != b"\xff\xd8":
        return False
    first, *others = (_jpeg_planes(data + garbage + _JPEG_END) for garbage in _GARBAGE)
    return first is not None and all(other is not None and np.array_equal(first, other) for other in others)


def _jpeg_planes(data: bytes) -> NDArray[np.uint8] | None:
    """A JPEG decoded by FFmpeg, which unlike libjpeg does not print what is wrong; None if decoding fails."""
    try:
        frames = _jpeg_frames(data, {})
        return frames[0].to_ndarray() if frames else None
    except (FFmpegError, ValueError):
        return None


def _has_damaged_jpeg_data(data: bytes) -> bool:
    """Whether a JPEG has an error within its compressed data.

    OpenCV makes up the pixels after such an error without a word. Kinds of JPEG that FFmpeg does not decode pass.
    """
    if data[:2] != b"\xff\xd8":
        return False
    try:
        _jpeg_frames(data, {"err_detect": "explode"})
    except InvalidDataError:
        return True
    except FFmpegError:
        return False
    return False


def _jpeg_frames(data: bytes, options: dict[str, str]) -> list[Any]:
    """The frame of a JPEG, decoded by FFmpeg.

    Raises:
        FFmpegError: it cannot be decoded.
    """
    decoder: Any = av.CodecContext.create("mjpeg", "r")
    decoder.options = options
    return [*decoder.decode(av.Packet(data)), *decoder.decode(None)]


def _plausible_focal(path: str | Path, exif: bytes) -> float | None:
    """The focal length of an EXIF block; an implausible one is dropped with a warning."""
    focal_mm = _focal_35mm(exif)
    if focal_mm is None or _PLAUSIBLE_35MM[0] <= focal_mm <= _PLAUSIBLE_35MM[1]:
        return focal_mm
    _log.warning("%s: the focal length in EXIF, %g mm, is implausible and not used", path, focal_mm)
    return None


def _focal_35mm(exif: bytes) -> float | None:
    """FocalLengthIn35mmFilm of an EXIF block; None if it is absent, zero or damaged."""
    exif = exif.removeprefix(b"Exif\0\0")
    try:
        exif_directory = next(_directories(exif), {}).get(_EXIF_IFD)
        if exif_directory is None:
            return None
        return float(_directory(exif, exif_directory)[0].get(_FOCAL_LENGTH_35MM, 0)) or None
    except struct.error:
        return None


_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""struct codes of TIFF's integer tag types, and of pointers to directories."""


def _directories(tiff: bytes) -> Iterator[dict[int, int]]:
    """The tags of each directory of a TIFF structure; each directory is one image.

    Raises:
        struct.error: it is truncated within the first; later errors only end the iteration.
    """
    is_big = tiff[:4] in _TIFF[2:]
    offset = struct.unpack_from(_byte_order(tiff) + ("Q" if is_big else "I"), tiff, 8 if is_big else 4)[0]
    seen: set[int] = set()
    while offset and offset not in seen and len(seen) < _MOST_PAGES:
        seen.add(offset)
        try:
            tags, offset = _directory(tiff, offset)
        except struct.error:
            if len(seen) == 1:
                raise
            return
        yield tags


def _directory(tiff: bytes, offset: int) -> tuple[dict[int, int], int]:
    """The tags of one directory whose value is an integer, and the next directory's position (TIFF 6.0, section 2)."""
    order, is_big = _byte_order(tiff), tiff[:4] in _TIFF[2:]
    head, entry_layout, size, pointer = ("Q", "HHQ", 20, "Q") if is_big else ("H", "HHI", 12, "I")
    first = offset + struct.calcsize("<" + head)
    tags = {}
    count = struct.unpack_from(order + head, tiff, offset)[0]
    for entry in islice(range(first, len(tiff), size), count):
        tag, kind, number = struct.unpack_from(order + entry_layout, tiff, entry)
        layout = _INTEGERS.get(kind)
        if layout is not None and (number == 1 or tag == _DNG_VERSION):
            tags[tag] = struct.unpack_from(order + layout, tiff, entry + struct.calcsize("<" + entry_layout))[0]
    end = first + count * size
    following = (
        struct.unpack_from(order + pointer, tiff, end)[0] if end + struct.calcsize("<" + pointer) <= len(tiff) else 0
    )
    return tags, following


def _byte_order(tiff: bytes) -> str:
    """The struct prefix of a TIFF structure's byte order."""
    return ">" if tiff[:2] == b"MM" else "<"


def write_image(path: Path, image_rgb: Image) -> None:
    """Encode an image in the format of the suffix and write it; unlike cv2.imwrite, errors give the reason."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 92] if path.suffix == ".jpg" else []
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), quality)
    assert done, path
    path.write_bytes(data.tobytes())


def at_most(image_rgb: Image, side: int) -> Image:
    """The image, downscaled if its longer side is more than ``side`` pixels."""
    height, width = image_rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image_rgb
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
