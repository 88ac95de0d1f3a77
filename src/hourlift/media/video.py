"""Videos: reading any codec upright with correct timing, writing H.264, and webcams.

Frames are identified by presentation time, not by frame number, so that videos with a variable frame rate and their
results keep their timing.
"""

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import av
import cv2
import numpy as np
from av.error import FFmpegError

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.media.clock import Clock, typical_rate
from hourlift.media.frame import deinterlaced, display_matrix, shown, to_rgb
from hourlift.media.images import MAX_IMAGE_PIXELS

VIDEO_SUFFIXES = (
    *(".mp4", ".mov", ".qt", ".m4v", ".f4v", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".divx", ".flv", ".ogv"),
    *(".mpg", ".mpeg", ".m2v", ".vob", ".ts", ".mts", ".m2ts", ".wmv", ".asf", ".mxf", ".dv", ".y4m", ".gif"),
    *(".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".obu", ".mjpeg", ".mjpg"),
)

_log = logging.getLogger("hourlift")
_ASSUMED_FPS = 30.0  # for a source without a frame rate
_MAX_FPS = 1000.0  # higher values of a file or driver are wrong
_EASY_PIXELS = 1280 * 720
_RATE_TOLERANCE = 0.005  # between the header's rate and that of all time stamps
_PACKETS_FOR_RATE = 250
_MAY_BE_JOINED = 0x0200  # FFmpeg's AVFMT_TS_DISCONT, of containers such as MPEG-TS
_UNTIMED = ("h264", "hevc", "vvc", "obu", "mjpeg", "mjpeg_2000", "m4v", "mpegvideo", "cavsvideo", "vc1")
"""FFmpeg's names of formats that are a coded stream without a container, and so without time stamps."""
_FRAGMENT_S = 1
_CLOCK = 90_000  # ticks a second of the videos written, as in MPEG: every common frame rate divides it


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


class VideoReader:
    """The frames of a video file, upright, with square pixels. A context manager; iterate it once.

    Args:
        path: the file.

    Attributes:
        image_wh: width and height of the frames as delivered.
        fps: average frame rate; more exact once all have been read.
        num_frames: number expected from the header; None if unknown.
        is_counted: whether the header states it, so that it is not an estimate.
        incomplete: as in `Frames`.

    Raises:
        ValueError: the file is not a video, or no frame of it can be decoded.
        OSError: the file does not exist or cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self.incomplete: str | None = None
        with ExitStack() as stack:
            self._container = _open(path, stack)
            self._stream = _video_stream(self._container, path)
            self.fps = _rate(self._stream, path)
            self._duration_s = _duration_s(self._container, self._stream)
            self.is_counted = self._stream.frames > 0
            self.num_frames = self._stream.frames or (round(self._duration_s * self.fps) or None)
            self._damaged = 0
            joins = bool(self._container.format.flags & _MAY_BE_JOINED)
            self._clock = Clock(str(path), 1 / self.fps, may_be_joined=joins)
            self._timed = self._clock.timed((frame, _stamp_s(frame)) for frame in deinterlaced(self._decode()))
            self._first = next(self._timed, None)
            if self._first is None:
                raise UserError(f"{path}: no frame of this video can be decoded")
            self._other_sizes: set[tuple[int, int]] = set()
            self.image_wh = self._upright_wh(self._first[0])
            if self._container.format.name in _UNTIMED:
                _log.warning("%s: this file has no time stamps; %g frames/s are assumed", path, self.fps)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[TimedImage]:
        assert self._first is not None, "a video can be iterated once"
        first, self._first = self._first, None
        num_damaged, index, last_s = 0, -1, 0.0
        for index, (frame, time_s) in enumerate(chain([first], self._timed)):
            last_s = time_s
            num_damaged += frame.is_corrupt
            yield TimedImage(index, time_s, self._to_image(frame), damaged=frame.is_corrupt)
        if index > 0 and abs(index / last_s / self.fps - 1) > _RATE_TOLERANCE:
            self.fps = min(index / last_s, _MAX_FPS)
        if num_damaged:
            _log.warning(
                "%s: %d of %d frames are damaged; people found in them may be wrong",
                *(self._path, num_damaged, index + 1),
            )
        self._warn_if_cut_off(index + 1, last_s + 1 / self.fps + self._clock.left_out_s)

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Every frame that can be decoded; damaged packets are counted and skipped."""
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
                if self._damaged > 1000:  # a demuxer that cannot recover repeats the error forever
                    return
                continue
            yield from frames

    def _upright_wh(self, frame: av.VideoFrame) -> tuple[int, int]:
        """Size after conversion to square pixels and rotation.

        Raises:
            ValueError: the frames are too large for memory.
        """
        width = max(round(frame.width * float(self._stream.sample_aspect_ratio or 1)), 1)
        if width * frame.height > MAX_IMAGE_PIXELS:
            raise UserError(f"{self._path}: frames of {width} x {frame.height} pixels are too large")
        return (width, frame.height) if display_matrix(frame)[0] else (frame.height, width)

    def _to_image(self, frame: av.VideoFrame) -> Image:
        """Convert a frame to an upright RGB array of the size of the first one.

        A frame of another shape is fitted in, with black around it.
        """
        matrix = display_matrix(frame)
        own_wh = self._upright_wh(frame)
        if own_wh == self.image_wh:
            width, height = own_wh if matrix[0] else own_wh[::-1]
            return shown(to_rgb(frame, width, height), matrix)
        if own_wh not in self._other_sizes:
            self._other_sizes.add(own_wh)
            text = "%s: the frames change from %d x %d to %d x %d pixels; they are fitted into the first size"
            _log.warning(text, self._path, *self.image_wh, *own_wh)
        scale = min(all_ / own for all_, own in zip(self.image_wh, own_wh, strict=True))
        fitted_wh = tuple(max(round(n * scale), 1) for n in own_wh)
        width, height = fitted_wh if matrix[0] else fitted_wh[::-1]
        left, top = ((all_ - own) // 2 for all_, own in zip(self.image_wh, fitted_wh, strict=True))
        image = np.zeros((self.image_wh[1], self.image_wh[0], 3), np.uint8)
        image[top : top + fitted_wh[1], left : left + fitted_wh[0]] = shown(to_rgb(frame, width, height), matrix)
        return image

    def _warn_if_cut_off(self, num_read: int, end_s: float) -> None:
        """Warn if fewer frames were read than the header announces."""
        missing_s = self._duration_s - end_s
        if self._damaged or missing_s > max(5 / self.fps, 0.05 * self._duration_s):
            expected = f" of {self._duration_s:.1f} s" if self._duration_s else ""
            read = f"{num_read} frames, {end_s:.1f} s{expected}, could be read"
            self.incomplete = f"the video is cut off or damaged; {read}"
            _log.warning("%s: %s", self._path, self.incomplete)


class Webcam:
    """The images of a webcam, until Ctrl-C or a time limit. A context manager; iterate it once.

    Images that arrive during processing are dropped, so that results stay current. If the camera stops sending images,
    the iteration ends.

    Args:
        number: 0 for the first camera.
        seconds: stop after this long; None for no limit.
        stop: set it, from a signal handler or another thread, to end the iteration. Without it, Ctrl-C ends the
            iteration instead of the program, if the camera is opened in the main thread.

    Attributes:
        patience_s: A camera that sends nothing for this long counts as lost.
        incomplete: why the camera was lost, as text; None if it was not.

    Raises:
        ValueError: there is no such camera.
    """

    patience_s = 5.0

    def __init__(self, number: int, seconds: float | None = None, stop: threading.Event | None = None) -> None:
        self._camera = Camera(number)
        self.image_wh, self.fps = self._camera.image_wh, self._camera.fps
        self.num_frames: int | None = None
        self.incomplete: str | None = None
        self._seconds = float("inf") if seconds is None else seconds
        self._listens = stop is None
        self._stop = stop or threading.Event()

    def __enter__(self) -> Self:
        if self._listens and threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGINT, lambda _number, _frame: self._stop.set())
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "_handler"):
            signal.signal(signal.SIGINT, self._handler)
        self._camera.close()

    def __iter__(self) -> Iterator[TimedImage]:
        try:
            for image in self.frames(self._stop):
                if image.time_s > self._seconds:
                    return
                yield image
        except CameraLostError as error:
            self.incomplete = str(error)

    def frames(self, stop: threading.Event) -> Iterator[TimedImage]:
        """Every image as soon as it arrives, until `stop` is set.

        Raises:
            CameraLostError: The camera has stopped sending images.
        """
        start_s, index = time.monotonic(), 0
        while not stop.is_set():
            image_rgb = self._camera.read()
            yield TimedImage(index, time.monotonic() - start_s, image_rgb)
            index += 1


class CameraLostError(OSError):
    """A camera has stopped sending images after it was opened."""


class Camera:
    """A webcam's images, one by one, validated, as drivers fail in many ways.

    Args:
        number: 0 for the first camera.

    Attributes:
        image_wh: width and height of all its images.
        fps: frame rate reported by the driver.

    Raises:
        ValueError: there is no such camera.
    """

    def __init__(self, number: int) -> None:
        self._name = f"webcam:{number}"
        self._capture = cv2.VideoCapture(number)
        first = self._next()
        if first is None:
            self.close()
            raise UserError(f"{self._name}: no camera can be opened")
        self.image_wh = (first.shape[1], first.shape[0])
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 1 <= fps <= _MAX_FPS else _ASSUMED_FPS

    def read(self) -> Image:
        """Wait for the next image, (H, W, 3) uint8 RGB.

        Raises:
            CameraLostError: no image arrived, or its size changed.
        """
        image_rgb = self._next()
        if image_rgb is None:
            raise CameraLostError(f"{self._name}: the camera stopped sending images; is it still plugged in?")
        height, width = image_rgb.shape[:2]
        if (width, height) != self.image_wh:
            before = "{} x {}".format(*self.image_wh)
            raise CameraLostError(f"{self._name}: the camera changed from {before} to {width} x {height} pixels")
        return image_rgb

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()

    def _next(self) -> Image | None:
        """The next image; None if there is no valid one."""
        try:
            shown, image = self._capture.read()
        except Exception:  # a driver's error: OpenCV and its back ends have many exceptions
            return None
        if not shown or image is None or not image.size:
            return None
        codes = {2: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}
        return cv2.cvtColor(image, codes[image.ndim if image.ndim == 2 else image.shape[2]])  # type: ignore[return-value]


class VideoWriter:
    """Writes an H.264 video that all browsers play. A context manager.

    Args:
        path: the file; the container is MP4 whatever its name. Pass a temporary name for atomic writing.
        image_wh: size of the frames; odd sizes are padded by one black row or column.
        fps: nominal rate; each frame still has its own time.
        growing: write fragments, so that the file is playable even if writing is interrupted.

    Raises:
        ValueError: H.264 cannot hold frames of this size; raised by the first `write`.
        OSError: the file cannot be written.
    """

    def __init__(self, path: str | Path, image_wh: tuple[int, int], fps: float, *, growing: bool = False) -> None:
        options = {"movflags": "+frag_keyframe+empty_moov+default_base_moof" if growing else "+faststart"}
        options |= {"frag_duration": str(_FRAGMENT_S * 10**6)} if growing else {}
        # FFmpeg does not report a full disk. Python's files do, but do not allow rearrangement for a fast start.
        self._file = open(path, "wb", buffering=0) if growing else None  # noqa: SIM115 (closed with the video)
        self._container = av.open(self._file or str(path), "w", format="mp4", options=options)
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
            try:
                self._container.close()
            finally:
                if self._file is not None:
                    self._file.close()

    def write(self, image_rgb: Image, time_s: float) -> None:
        """Append a frame (H, W, 3) uint8 shown from ``time_s`` on; times must not decrease."""
        height, width = image_rgb.shape[:2]
        if height % 2 or width % 2:
            image_rgb = cv2.copyMakeBorder(image_rgb, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT)  # type: ignore[assignment]
        # Faster than libswscale for packed RGB.
        planes: Image = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2YUV_I420)  # type: ignore[assignment]
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        self._last_tick = max(round(time_s * _CLOCK), self._last_tick + 1)
        frame.pts, frame.time_base = self._last_tick, Fraction(1, _CLOCK)
        self._encode(frame)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        """Append a frame, or flush the encoder if None."""
        try:
            self._container.mux(self._stream.encode(frame))
        except OSError:
            raise
        except FFmpegError as error:
            size = f"{self._stream.width} x {self._stream.height}"
            raise UserError(f"a video of {size} pixels cannot be written as H.264 ({error.strerror})") from None


def _open(path: str | Path, stack: ExitStack) -> Any:
    """Open a media file for reading; another file gives a clear error message."""
    if Path(path).is_file() and Path(path).stat().st_size == 0:
        raise UserError(f"{path}: the file is empty")
    # Opened here, as FFmpeg would interpret special names, and could be made to open other files.
    file = stack.enter_context(Path(path).open("rb"))  # noqa: SIM115 (the stack closes it)
    try:
        return stack.enter_context(av.open(file, metadata_errors="replace"))
    except OSError:
        raise
    except FFmpegError as error:
        raise UserError(f"{path}: this is not a video that can be opened ({error.strerror})") from None


def _video_stream(container: Any, path: str | Path) -> Any:
    """The stream that players show, ready to decode; large frames use several threads.

    Among those that are not a cover image, it is the one marked as default, then the one with the largest frames. A
    stream of one frame comes last: it is the still image in an animated AVIF file.
    """
    streams = [s for s in container.streams.video if not s.disposition & s.disposition.attached_pic]
    streams = [s for s in streams if s.codec_context is not None]
    if not streams:
        raise UserError(f"{path}: this file holds no video")
    stream = max(
        streams, key=lambda s: (s.frames != 1, bool(s.disposition & s.disposition.default), s.width * s.height)
    )
    if is_easy((stream.width, stream.height)):
        stream.codec_context.thread_count = 1
    else:
        stream.codec_context.thread_type = "AUTO"
    return stream


def _rate(stream: Any, path: str | Path) -> float:
    """Frame rate: the header's if the first time stamps agree with it, else theirs."""
    stated = [float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate and rate <= _MAX_FPS]
    found = _first_rate(path, stream.index)
    if found is None:
        return stated[0] if stated else _ASSUMED_FPS
    agreeing = [rate for rate in stated if found / 2 < rate < found * 2]
    return agreeing[0] if agreeing else min(found, _MAX_FPS)


def _first_rate(path: str | Path, index: int) -> float | None:
    """Frame rate by a stream's first time stamps; None if they do not suffice, or cannot be read twice."""
    if not Path(path).is_file():
        return None
    with ExitStack() as stack, suppress(FFmpegError):
        container = _open(path, stack)
        stream = container.streams[index]
        packets = islice(container.demux(stream), _PACKETS_FOR_RATE)
        return typical_rate([float(p.pts * p.time_base) for p in packets if p.pts is not None])
    return None


def _stamp_s(frame: av.VideoFrame) -> float | None:
    """The frame's time stamp in seconds, as in the file; None if it has none."""
    if frame.time is not None:
        return frame.time
    return None if frame.dts is None else float(frame.dts * frame.time_base)


def _duration_s(container: Any, stream: Any) -> float:
    """Duration by the header, seconds; 0 if unknown."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    # Matroska states the time of the end, also if the first frame starts late.
    start = container.start_time or 0 if "matroska" in container.format.name else 0
    return max(float((container.duration or 0) - start) / av.time_base, 0.0)
