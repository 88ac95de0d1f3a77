"""Live images: capturing, predicting and showing each have their own thread, and only the newest image is kept.

Between two threads is a slot for one image. A slow thread finds the newest image there; older ones are dropped. The
latency is thus bounded by the time of one image and does not accumulate.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

import numpy as np

from hourlift.arrays import Image
from hourlift.media.timed import Frames, TimedImage
from hourlift.media.webcam import CameraLostError
from hourlift.pose import PoseFrame

_JOIN_S = 3.0  # a driver may hang for good: then its thread ends with the program
_WAIT_S = 0.2  # interval at which a waiting thread checks whether to stop
_REMEMBERED = 10_000  # latencies kept for the report's percentiles
_RECENT_S = 1.0  # window of the averages shown on the image

T = TypeVar("T")


class Newest(Generic[T]):
    """A slot for one item between two threads: a new item replaces one that was not taken."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._content: list[T] = []
        self._closed = False

    def put(self, thing: T) -> None:
        """Put an item in, replacing any item there."""
        with self._changed:
            self._content = [thing]
            self._changed.notify_all()

    def close(self) -> None:
        """Close the slot; an item in it can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether it is closed and empty."""
        with self._changed:
            return self._closed and not self._content

    def take(self, timeout_s: float) -> T | None:
        """Wait for an item and take it; None on timeout, or if the slot is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._content or self._closed, timeout_s)
            return self._content.pop() if self._content else None


class LiveSource(Protocol):
    """A source of images in real time.

    ``patience_s``: the source counts as lost if it sends nothing for this long.
    """

    image_wh: tuple[int, int]
    fps: float
    patience_s: float

    def frames(self, stop: threading.Event) -> Iterator[TimedImage]:
        """Every image as soon as it arrives, until the end or until ``stop`` is set; `CameraLostError` if it fails."""
        ...


class PacedVideo:
    """A video played in real time: every image is delivered at its time in the video.

    Args:
        video: an opened video, which is not closed here.
    """

    patience_s = float("inf")

    def __init__(self, video: Frames) -> None:
        self._video = video
        self.image_wh, self.fps = video.image_wh, video.fps

    def frames(self, stop: threading.Event) -> Iterator[TimedImage]:
        """As `LiveSource`."""
        start_s = time.monotonic()
        for shot in self._video:
            if stop.wait(max(start_s + shot.time_s - time.monotonic(), 0)):
                return
            yield shot


@dataclass(frozen=True, kw_only=True, eq=False)
class LiveShot:
    """An image with the people in it; ``captured_s`` by time.monotonic()."""

    image: TimedImage
    frame: PoseFrame
    captured_s: float

    @property
    def image_rgb(self) -> Image:
        """(H, W, 3) uint8."""
        return self.image.image_rgb


@dataclass(kw_only=True, eq=False)
class LiveReport:
    """Statistics of a live run, so far or in total.

    Attributes:
        captured, predicted, shown: number of images captured, predicted on, and shown.
        found: number of images shown with at least one person.
        elapsed_s: from the first image to the last one shown.
        latencies_s: from an image's arrival until it was shown, of the last 10,000 images.
        lost: why the camera was lost; None if it was not.
    """

    captured: int = 0
    predicted: int = 0
    shown: int = 0
    found: int = 0
    elapsed_s: float = 0.0
    latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    lost: str | None = None
    _recent: deque[tuple[float, float]] = field(default_factory=deque)

    def latency_ms(self, percent: float = 50) -> float:
        """Percentile of the latency in milliseconds; NaN before the first image is shown."""
        return float(np.percentile(self.latencies_s, percent)) * 1000 if self.latencies_s else float("nan")

    @property
    def recent(self) -> tuple[float, float]:
        """Images per second and mean latency in ms, over the last second and at least two images; NaN at first."""
        if len(self._recent) < 2:
            return float("nan"), float("nan")
        span_s = self._recent[-1][0] - self._recent[0][0]
        rate = (len(self._recent) - 1) / span_s if span_s > 0 else float("nan")
        return rate, 1000 * sum(latency for _, latency in self._recent) / len(self._recent)

    def _add(self, shot: LiveShot, first_s: float) -> None:
        now_s = time.monotonic()
        self.shown += 1
        self.found += bool(shot.frame.people)
        self.elapsed_s = now_s - first_s
        self.latencies_s.append(now_s - shot.captured_s)
        self._recent.append((now_s, now_s - shot.captured_s))
        while len(self._recent) > 2 and now_s - self._recent[0][0] > _RECENT_S:
            self._recent.popleft()


Predict = Callable[[int, float, Image], PoseFrame]
"""Takes an image's number, time in seconds and pixels, as `predict.follow.FrameByFrame` does."""
Show = Callable[[LiveShot, LiveReport], None]
"""Draws an image and shows it."""


def run_live(
    source: LiveSource,
    predict: Predict,
    show: Show,
    *,
    stop: threading.Event | None = None,
    seconds: float | None = None,
    max_frames: int | None = None,
) -> LiveReport:
    """Process a source's images in real time until it ends, it is stopped, or a limit is reached.

    Args:
        source: the source of images; read in a separate thread.
        predict: finds the people, in a separate thread.
        show: called in the caller's thread, with images in temporal order.
        stop: set it, from any thread or a signal handler, to end early.
        seconds: end after this long.
        max_frames: end after showing this many images.

    Returns:
        The statistics. A lost camera is reported there, not raised, as earlier results are valid.

    Raises:
        Exception: what ``source``, ``predict`` or ``show`` raised, after all threads have ended.
    """
    line = _Line(source, predict, stop or threading.Event())
    with line:
        while not line.stop.is_set() and not line.done.ended:
            shot = line.done.take(_WAIT_S)
            if shot is not None:
                show(shot, line.report)
                line.report._add(shot, line.first_s)
            if max_frames is not None and line.report.shown >= max_frames:
                break
            if seconds is not None and time.monotonic() - line.begin_s >= seconds:
                break
            if not line.source_ended and time.monotonic() - line.last_s > source.patience_s:
                line.report.lost = f"the camera has sent no image for {source.patience_s:.3g} seconds"
                break
    return line.report


class _Line:
    """The capture and prediction threads; leaving the context ends them and raises their errors."""

    def __init__(self, source: LiveSource, predict: Predict, stop: threading.Event) -> None:
        self._source, self._predict = source, predict
        self._fresh: Newest[tuple[TimedImage, float]] = Newest()
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._capture, self._work)]
        self.stop = stop
        self.done: Newest[LiveShot] = Newest()
        self.report = LiveReport()
        self.begin_s = self.first_s = self.last_s = time.monotonic()
        self.source_ended = False

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join(timeout=_JOIN_S)
        if error is None and self._errors:
            raise self._errors[0]

    def _capture(self) -> None:
        try:
            for shot in self._source.frames(self.stop):
                self.last_s = time.monotonic()
                if self.report.captured == 0:
                    self.first_s = self.last_s
                self.report.captured += 1
                self._fresh.put((shot, self.last_s))
                if self.stop.is_set():
                    break
        except CameraLostError as error:
            self.report.lost = str(error)
        except BaseException as error:  # handed to the caller's thread
            self._errors.append(error)
        finally:
            self.source_ended = True
            self._fresh.close()

    def _work(self) -> None:
        try:
            while not self.stop.is_set() and not self._fresh.ended:
                taken = self._fresh.take(_WAIT_S)
                if taken is not None:
                    image, captured_s = taken
                    frame = self._predict(image.index, image.time_s, image.image_rgb)
                    self.report.predicted += 1
                    self.done.put(LiveShot(image=image, frame=frame, captured_s=captured_s))
        except BaseException as error:  # handed to the caller's thread
            self._errors.append(error)
        finally:
            self.done.close()
