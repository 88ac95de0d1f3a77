"""Images, videos and everything else told apart."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from hourlift.media.images import read_image
from hourlift.media.kinds import kind_of

GREY = np.full((32, 48, 3), 90, np.uint8)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif", ".jp2", ".avif"])
def test_pictures_by_their_first_bytes(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "unnamed").write_bytes(cv2.imencode(suffix, GREY)[1].tobytes())
    assert kind_of(tmp_path / "unnamed") == "photo"
    assert read_image(tmp_path / "unnamed").image_wh == (48, 32)


@pytest.mark.parametrize(
    ("container", "codec"),
    [("mp4", "libx264"), ("mpegts", "libx264"), ("flv", "flv1"), ("matroska", "libx264"), ("avi", "mpeg4"),
     ("mpeg", "mpeg2video"), ("asf", "mpeg4"), ("mov", "mpeg4"), ("yuv4mpegpipe", "rawvideo"), ("h264", "libx264")],
)  # fmt: skip
def test_videos_by_their_first_bytes(tmp_path: Path, container: str, codec: str) -> None:
    with av.open(str(tmp_path / "unnamed"), "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for _ in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(GREY, format="rgb24")))
        output.mux(stream.encode(None))
    assert kind_of(tmp_path / "unnamed") == "video"


def test_everything_else(tmp_path: Path) -> None:
    for name, content in {
        "notes.txt": b"The wide world",
        "page.ts": b"export const a = 1;",
        "a.zip": b"PK\x03\x04",
        "a.json": b"{}",
        "BMW": b"BM and more text than a header",
    }.items():
        (tmp_path / name).write_bytes(content)
        assert kind_of(tmp_path / name) is None, name
    (tmp_path / "empty.JFIF").touch()
    (tmp_path / "empty.m2ts").touch()
    assert kind_of(tmp_path / "empty.JFIF") == "photo"
    assert kind_of(tmp_path / "empty.m2ts") == "video"
    assert kind_of(tmp_path / "missing") is None


def test_files_that_begin_like_one_picture(tmp_path: Path) -> None:
    """JPEGs in turn, and an image sequence in HEIF that holds no still image."""
    (tmp_path / "camera.mjpeg").write_bytes(2 * cv2.imencode(".jpg", GREY)[1].tobytes())
    assert kind_of(tmp_path / "camera.mjpeg") == "video"
    for brand in (b"hevc", b"msf1"):
        start = b"\0\0\0\x10ftyp" + brand + bytes(4)
        (tmp_path / "a.heics").write_bytes(start + b"\0\0\0\x08moov")
        assert kind_of(tmp_path / "a.heics") == "video"
        (tmp_path / "a.heics").write_bytes(start + b"\0\0\0\x08meta")
        assert kind_of(tmp_path / "a.heics") == "photo"
