"""Decoded frames of a video -> upright RGB images, as a player shows them.

A display matrix turns, mirrors or transposes. Colours follow the frame's tags; untagged frames of 720 and more lines
are BT.709, smaller ones BT.601, as in players. High dynamic range is mapped to standard dynamic range. Interlaced
frames are deinterlaced.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import cast

import av
import av.filter
import cv2
import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from hourlift.arrays import Image

_HD_LINES = 720
_COLOURS = {1: Colorspace.ITU709, 5: Colorspace.ITU601, 6: Colorspace.ITU601, 7: Colorspace.SMPTE240M}
"""H.273's matrix coefficients, as FFmpeg numbers them."""
_BT2020 = (9, 10)
_PQ, _HLG = 16, 18  # H.273's transfer characteristics
_WHITE_NITS = 203.0  # HDR luminance of standard-range white (BT.2408)
_KNEE = 0.8  # above this, brightness is compressed instead of clipped
_GAMMA = 2.4  # BT.1886
_BT2020_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)  # BT.2087
_LINEAR_STEPS = 4096


def to_rgb(frame: av.VideoFrame, width: int, height: int) -> Image:
    """The frame scaled to a size, in its stored orientation.

    Args:
        frame: decoded.
        width: in pixels.
        height: in pixels.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    is_yuv = not frame.format.is_rgb and len(frame.format.components) >= 3
    tags = {"src_colorspace": _colour_space(frame), "src_color_range": _colour_range(frame)} if is_yuv else {}
    if frame.color_trc in (_PQ, _HLG):
        deep = frame.reformat(width=width, height=height, format="rgb48le", **tags).to_ndarray()
        return _tone_mapped(deep, frame.color_trc)  # type: ignore[arg-type]
    return frame.reformat(width=width, height=height, format="rgb24", **tags).to_ndarray()  # type: ignore[return-value]


def _colour_space(frame: av.VideoFrame) -> int:
    """The frame's YUV matrix, in libswscale's numbering."""
    if frame.colorspace in _BT2020:
        return 9
    known = _COLOURS.get(int(frame.colorspace))
    return int(known or (Colorspace.ITU709 if frame.height >= _HD_LINES else Colorspace.ITU601))


def _colour_range(frame: av.VideoFrame) -> int:
    """Whether values use the full range; pixel formats whose name begins with yuvj do."""
    full = int(frame.color_range) == int(ColorRange.JPEG) or frame.format.name.startswith("yuvj")
    return int(ColorRange.JPEG if full else ColorRange.MPEG)


def _tone_mapped(deep: NDArray[np.uint16], transfer: int) -> Image:
    """(H, W, 3) 16-bit RGB in BT.2020 with PQ or HLG -> 8-bit RGB for a standard screen."""
    linear = cv2.transform(_to_linear(transfer)[deep], _BT2020_TO_709)
    np.clip(linear, 0.0, 1.0, out=linear)
    codes: Image = _from_linear()[(linear * (_LINEAR_STEPS - 1) + 0.5).astype(np.uint16)]
    return codes


@cache
def _to_linear(transfer: int) -> NDArray[np.float32]:
    """(65536,) light, 0 to 1, of each 16-bit code, compressed above the knee."""
    code = np.arange(65536) / 65535
    if transfer == _PQ:  # SMPTE ST 2084
        root = code ** (1 / 78.84375)
        nits = 10_000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (1 / 0.1593017578125)
    else:  # ARIB STD-B67 on a screen of 1,000 nits
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12)
        nits = 1000 * scene**1.2
    light = nits / _WHITE_NITS
    above = np.maximum(light - _KNEE, 0) / (1 - _KNEE)
    return np.where(light > _KNEE, _KNEE + (1 - _KNEE) * np.tanh(above), light).astype(np.float32)


@cache
def _from_linear() -> Image:
    """(_LINEAR_STEPS,) the 8-bit code of each light level."""
    light = np.arange(_LINEAR_STEPS) / (_LINEAR_STEPS - 1)
    return np.round(255 * light ** (1 / _GAMMA)).astype(np.uint8)


def display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Directions of the stored image's axes when it is shown: signs (a, b, c, d), x' = a x + c y, y' = b x + d y.

    One of a and b is 0, and so is one of c and d; (1, 0, 0, 1) is the identity.
    """
    for data in cast("list[SideData]", list(frame.side_data)):
        if data.type == Type.DISPLAYMATRIX:
            a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].astype(np.float64)
            if abs(a * d - b * c) > 0 and abs(a) >= abs(b):
                return int(np.sign(a)), 0, 0, int(np.sign(d))
            if abs(a * d - b * c) > 0:
                return 0, int(np.sign(b)), int(np.sign(c)), 0
    return 1, 0, 0, 1


def shown(image: Image, matrix: tuple[int, int, int, int]) -> Image:
    """The image (H, W, 3) turned and mirrored by a `display_matrix`."""
    a, b, c, d = matrix
    if a == 0:
        image = image.transpose(1, 0, 2)
    flipped = image[:: -1 if b + d < 0 else 1, :: -1 if a + c < 0 else 1]
    return np.ascontiguousarray(flipped)


def deinterlaced(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """The frames; from the first interlaced one on through FFmpeg's deinterlacer, which passes others unchanged."""
    graph: _Deinterlacer | None = None
    for frame in frames:
        if frame.interlaced_frame and (graph is None or not graph.takes(frame)):
            if graph is not None:
                yield from graph.rest()
            graph = _Deinterlacer(frame)
        elif graph is not None and not graph.takes(frame):
            yield from graph.rest()
            graph = None
        if graph is None:
            yield frame
        else:
            yield from graph(frame)
    if graph is not None:
        yield from graph.rest()


class _Deinterlacer:
    """FFmpeg's filter bwdif, for frames of one size and format."""

    def __init__(self, frame: av.VideoFrame) -> None:
        self._like = (frame.width, frame.height, frame.format.name)
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        bwdif = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        self._graph.configure()

    def takes(self, frame: av.VideoFrame) -> bool:
        """Whether the frame has the filter's size and format."""
        return self._like == (frame.width, frame.height, frame.format.name)

    def __call__(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Put in a frame and return the finished ones."""
        self._graph.push(frame)
        yield from self._ready()

    def rest(self) -> Iterator[av.VideoFrame]:
        """The remaining frames."""
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                yield cast(av.VideoFrame, self._graph.pull())
            except (BlockingIOError, EOFError, av.error.BlockingIOError, av.error.EOFError):
                return
