"""Reading videos of any codec, upright and with correct timing.

Frames are identified by presentation time, not by frame number, so that videos with a variable frame rate and their
results keep their timing.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from av.error import FFmpegError

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.media.clock import Clock, typical_rate
from hourlift.media.frame import deinterlaced, display_matrix, shown, to_rgb
from hourlift.media.images import MAX_IMAGE_PIXELS
from hourlift.media.timed import ASSUMED_FPS, MAX_FPS, TimedImage, is_easy

VIDEO_SUFFIXES = (
    *(".mp4", ".mov", ".qt", ".m4v", ".f4v", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".divx", ".flv", ".ogv"),
    *(".mpg", ".mpeg", ".m2v", ".vob", ".ts", ".mts", ".m2ts", ".wmv", ".asf", ".mxf", ".dv", ".y4m", ".gif"),
    *(".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".obu", ".mjpeg", ".mjpg"),
)

_log = logging.getLogger("hourlift")
_RATE_TOLERANCE = 0.005  # between the header's rate and that of all time stamps
_PACKETS_FOR_RATE = 250
_MAY_BE_JOINED = 0x0200  # FFmpeg's AVFMT_TS_DISCONT, of containers such as MPEG-TS
_UNTIMED = ("h264", "hevc", "vvc", "obu", "mjpeg", "mjpeg_2000", "m4v", "mpegvideo", "cavsvideo", "vc1")
"""FFmpeg's names of formats that are a coded stream without a container, and so without time stamps."""


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
            self.fps = min(index / last_s, MAX_FPS)
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
    stated = [float(rate) for rate in (stream.average_rate, stream.guessed_rate) if rate and rate <= MAX_FPS]
    found = _first_rate(path, stream.index)
    if found is None:
        return stated[0] if stated else ASSUMED_FPS
    agreeing = [rate for rate in stated if found / 2 < rate < found * 2]
    return agreeing[0] if agreeing else min(found, MAX_FPS)


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
