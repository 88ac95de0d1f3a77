"""Writing videos as H.264."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
from av.error import FFmpegError

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.media.timed import is_easy

_FRAGMENT_S = 1
_CLOCK = 90_000  # ticks a second, as in MPEG: every common frame rate divides it


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
