"""Frames with their time, as videos and webcams give them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from hourlift.arrays import Image

ASSUMED_FPS = 30.0
"""For a source without a frame rate."""
MAX_FPS = 1000.0
"""Higher values of a file or driver are wrong."""
_EASY_PIXELS = 1280 * 720


@dataclass(frozen=True, eq=False)
class TimedImage:
    """One frame of a video: its number, its time in seconds from the first, (H, W, 3) uint8 RGB.

    ``damaged``: the decoder had to conceal errors in it.
    """

    index: int
    time_s: float
    image_rgb: Image
    damaged: bool = False


def is_easy(image_wh: tuple[int, int]) -> bool:
    """Whether decoding and drawing frames of this width and height (pixels) is faster than the network.

    If so, each of these steps uses one thread: more would take cores from the network, and a parallel step on busy
    cores waits for its slowest part.
    """
    width, height = image_wh
    return width * height <= _EASY_PIXELS


class Frames(Protocol):
    """A source of timed images: a video file or a webcam.

    ``incomplete``: why images are missing, as text; None if none are. Known once all have been read.
    """

    image_wh: tuple[int, int]
    fps: float
    num_frames: int | None
    incomplete: str | None

    def __iter__(self) -> Iterator[TimedImage]: ...
