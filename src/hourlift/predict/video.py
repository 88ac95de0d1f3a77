"""Videos: reading any codec upright and in time, writing H.264, and the webcam.

Reading goes by presentation time, not by frame number, so that a video whose frame rate varies keeps its
timing, and so do the results.
"""

import logging
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Protocol, Self

import av
import cv2
import numpy as np
from av.error import FFmpegError

from hourlift.predict.images import MAX_IMAGE_PIXELS, Image

VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".mts", ".3gp", ".gif")

_log = logging.getLogger("hourlift")
_ASSUMED_FPS = 30.0  # of a source that does not say
_EASY_PIXELS = 1280 * 720
_CLOCK = 90_000  # ticks a second of the videos written, as in MPEG: every common frame rate divides it


@dataclass(frozen=True, eq=False)
class TimedImage:
    """One picture of a video: its number, when it is shown in seconds from the first, (H, W, 3) uint8 RGB."""

    index: int
    time_s: float
    image_rgb: Image


def is_easy(image_wh: tuple[int, int]) -> bool:
    """Whether frames of a width and height in pixels are worked on sooner than a network has looked at them.

    Then each step does without threads of its own: they would take the cores from the network, and a step on busy cores
    waits for the last of them.
    """
    width, height = image_wh
    return width * height <= _EASY_PIXELS


class Frames(Protocol):
    """A source of pictures in time: a video file or a webcam."""

    image_wh: tuple[int, int]
    fps: float
    num_frames: int | None

    def __iter__(self) -> Iterator[TimedImage]: ...


class VideoReader:
    """The frames of a video file, upright, with square pixels. A context manager; iterate it once.

    Args:
        path: the file.

    Attributes:
        image_wh: width and height of the frames as delivered.
        fps: average frames a second.
        num_frames: how many the header lets expect; None when it does not say.

    Raises:
        ValueError: the file is no video, or no frame of it can be decoded.
        OSError: the file does not exist or cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._container = _open(path)
        try:
            self._stream = _video_stream(self._container, path)
            self.fps = float(self._stream.average_rate or self._stream.guessed_rate or _ASSUMED_FPS)
            self._duration_s = _duration_s(self._container, self._stream)
            self.num_frames = self._stream.frames or (round(self._duration_s * self.fps) or None)
            self._damaged = 0
            self._decoded = self._decode()
            self._first = next(self._decoded, None)
            if self._first is None:
                raise ValueError(f"{path}: no frame of this video can be decoded")
            self.image_wh = self._upright_wh(self._first)
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[TimedImage]:
        assert self._first is not None, "a video can be iterated once"
        frame: av.VideoFrame | None = self._first
        start_s = self._first.time or 0.0
        self._first = None
        index, last_s = 0, 0.0
        while frame is not None:
            # Some containers give no times: then frames follow each other evenly.
            time_s = frame.time - start_s if frame.time is not None else index / self.fps
            last_s = max(time_s, last_s)
            yield TimedImage(index, last_s, self._to_image(frame))
            index += 1
            frame = next(self._decoded, None)
        self._warn_if_cut_off(index, last_s + 1 / self.fps)

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Every frame that can be decoded; damaged packets are counted and left out."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                frames = next(packets).decode()
            except StopIteration:
                return
            except EOFError:
                return
            except FFmpegError:
                self._damaged += 1
                if self._damaged > 1000:  # a demuxer that fails for good repeats itself forever
                    return
                continue
            yield from frames

    def _upright_wh(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Size after square pixels and rotation.

        Raises:
            ValueError: the frames are too large for memory.
        """
        width = round(frame.width * float(self._stream.sample_aspect_ratio or 1))
        if width * frame.height > MAX_IMAGE_PIXELS:
            raise ValueError(f"{self._path}: frames of {width} x {frame.height} pixels are too large")
        return (frame.height, width) if frame.rotation % 180 else (width, frame.height)

    def _to_image(self, frame: av.VideoFrame) -> Image:
        """An upright RGB array of the size of the first frame."""
        quarter_turns = round(frame.rotation / 90) % 4  # counter-clockwise, as np.rot90 turns
        width, height = self.image_wh[::-1] if quarter_turns % 2 else self.image_wh
        image = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
        return np.ascontiguousarray(np.rot90(image, quarter_turns))

    def _warn_if_cut_off(self, num_read: int, end_s: float) -> None:
        """Say once when less than the header announces came out."""
        missing_s = self._duration_s - end_s
        if self._damaged or missing_s > max(5 / self.fps, 0.05 * self._duration_s):
            expected = f" of {self._duration_s:.1f} s" if self._duration_s else ""
            _log.warning(
                "%s: the video is cut off or damaged; %d frames, %.1f s%s, could be read",
                *(self._path, num_read, end_s, expected),
            )


class Webcam:
    """The pictures of a webcam, until Ctrl-C or a time limit. A context manager; iterate it once.

    Pictures that arrive while the last one is being worked on are dropped: the answers stay current.

    Args:
        number: 0 for the first camera.
        seconds: stop after this long; None goes on until Ctrl-C, which ends the iteration, not the program.

    Raises:
        ValueError: there is no such camera.
    """

    def __init__(self, number: int, seconds: float | None = None) -> None:
        self._capture = cv2.VideoCapture(number)
        shown, first = self._capture.read()
        if not shown:
            self._capture.release()
            raise ValueError(f"webcam:{number}: there is no camera that can be opened")
        self.image_wh = (first.shape[1], first.shape[0])
        self.fps = float(self._capture.get(cv2.CAP_PROP_FPS)) or _ASSUMED_FPS
        self.num_frames: int | None = None
        self._seconds = float("inf") if seconds is None else seconds
        self._stopped = False

    def __enter__(self) -> Self:
        self._previous_handler = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._previous_handler)
        self._capture.release()

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopped = True

    def __iter__(self) -> Iterator[TimedImage]:
        start = time.monotonic()
        index = 0
        while not self._stopped:
            shown, image_bgr = self._capture.read()
            time_s = time.monotonic() - start
            if not shown or time_s > self._seconds:
                return
            yield TimedImage(index, time_s, cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB))  # type: ignore[arg-type]
            index += 1


class VideoWriter:
    """Writes an H.264 video that every browser plays. A context manager.

    Args:
        path: where; the container is MP4 whatever the name. Hand in a temporary name to stay atomic.
        image_wh: size of the frames; odd sizes gain one black row or column.
        fps: nominal rate; each frame keeps its own time all the same.

    Raises:
        ValueError: H.264 cannot hold frames of this size; raised by the first `write`.
        OSError: the file cannot be written.
    """

    def __init__(self, path: str | Path, image_wh: tuple[int, int], fps: float) -> None:
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        rate = Fraction(min(max(fps, 1.0), 240.0)).limit_denominator(1001)
        stream = self._container.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
        stream.width, stream.height = (n + n % 2 for n in image_wh)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        if is_easy((stream.width, stream.height)):
            stream.codec_context.thread_count = 1
        self._stream = stream
        self._last_tick = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._encode(None)
        finally:
            self._container.close()

    def write(self, image_rgb: Image, time_s: float) -> None:
        """Append a frame (H, W, 3) uint8 that is shown from ``time_s`` on; times must not go back."""
        height, width = image_rgb.shape[:2]
        if height % 2 or width % 2:
            image_rgb = cv2.copyMakeBorder(image_rgb, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT)  # type: ignore[assignment]
        # Not left to libswscale, which takes longer for packed RGB.
        planes: Image = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2YUV_I420)  # type: ignore[assignment]
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        self._last_tick = max(round(time_s * _CLOCK), self._last_tick + 1)
        frame.pts, frame.time_base = self._last_tick, Fraction(1, _CLOCK)
        self._encode(frame)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        """Append a frame, or with None what the encoder still holds."""
        try:
            self._container.mux(self._stream.encode(frame))
        except OSError:
            raise
        except FFmpegError as error:
            size = f"{self._stream.width} x {self._stream.height}"
            raise ValueError(f"a film of {size} pixels cannot be written as H.264 ({error.strerror})") from None


def _open(path: str | Path) -> Any:
    """Open a media file for reading; a file that is none becomes one clear sentence."""
    if Path(path).is_file() and Path(path).stat().st_size == 0:
        raise ValueError(f"{path}: the file is empty")
    try:
        return av.open(str(path))
    except OSError:
        raise
    except FFmpegError as error:
        raise ValueError(f"{path}: this is not a video that can be opened ({error.strerror})") from None


def _video_stream(container: Any, path: str | Path) -> Any:
    """The first video stream that is no cover picture, ready to decode, large frames on several threads."""
    streams = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
    if not streams:
        raise ValueError(f"{path}: there are no moving pictures in this file")
    codec = streams[0].codec_context
    if is_easy((codec.width, codec.height)):
        codec.thread_count = 1
    else:
        codec.thread_type = "AUTO"
    return streams[0]


def _duration_s(container: Any, stream: Any) -> float:
    """Length that the header announces in seconds; 0 when it does not say."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return float(container.duration or 0) / av.time_base
