"""Webcams."""

import signal
import threading
import time
from collections.abc import Iterator
from typing import Self

import cv2

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.media.timed import ASSUMED_FPS, MAX_FPS, TimedImage


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
        self.fps = fps if 1 <= fps <= MAX_FPS else ASSUMED_FPS

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
