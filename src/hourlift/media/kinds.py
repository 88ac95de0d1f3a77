"""Distinguishing images, videos and other files: by their first bytes, else by their name."""

import re
from pathlib import Path, PurePath
from typing import Literal

from hourlift.media.images import IMAGE_SUFFIXES
from hourlift.media.video import VIDEO_SUFFIXES

MediaKind = Literal["photo", "video"]

_HEAD_BYTES = 1024
_PHOTO_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif"})
_SEQUENCE_BRANDS = frozenset({b"hevc", b"hevx", b"msf1"})
"""HEIF files of these may hold a still image, described in a box "meta", or only a sequence of images."""
_PHOTO = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP|BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0"
    rb"|II[*+]\0|MM\0[*+]|\0\0\0\x0cjP  |\xff\x4f\xff\x51|\xff\x0a|\0\0\0\x0cJXL ",
    re.DOTALL,
)
_VIDEO = re.compile(
    rb"\x1aE\xdf\xa3|RIFF....AVI |FLV\x01|OggS|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\0\0\x01[\xb3\xba]|GIF8[79]a"
    rb"|....(?:ftyp|moov|mdat)|\0\0\0.(?:wide|skip|free)|\x1f\x07\0|DKIF|YUV4MPEG2 |\x06\x0e\x2b\x34|\.RMF"
    rb"|\0?\0\0\x01(?:[\x09\x27\x47\x67]|[\x40\x46]\x01)|\x12\0\x0a"
    rb"|(?:....)?G.{187}(?:....)?G.{187}(?:....)?G",
    re.DOTALL,
)
"""The last lines are H.264, HEVC and AV1 without a container, and MPEG-TS with and without Blu-ray's time codes."""
_JPEGS_IN_TURN = (".mjpeg", ".mjpg")  # files that begin like one JPEG


def kind_of(path: str | Path) -> MediaKind | None:
    """The kind of a file by its first bytes; if they are not known, by its name.

    Returns:
        None if it is neither an image nor a video, as far as can be found without reading all of it.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return kind_by_name(path)
    if Path(path).suffix.lower() in _JPEGS_IN_TURN:
        return "video"
    if head[4:8] == b"ftyp" and head[8:12] in _PHOTO_BRANDS:
        return "photo" if head[8:12] not in _SEQUENCE_BRANDS or b"meta" in head else "video"
    if _PHOTO.match(head):
        return "photo"
    if _VIDEO.match(head):
        return "video"
    is_text = Path(path).suffix.lower() == ".ts" and bool(head)  # TypeScript ends in .ts, too
    return None if is_text else kind_by_name(path)


def kind_by_name(path: str | PurePath) -> MediaKind | None:
    """The kind by a file's name."""
    suffix = PurePath(path).suffix.lower()
    return "photo" if suffix in IMAGE_SUFFIXES else "video" if suffix in VIDEO_SUFFIXES else None
