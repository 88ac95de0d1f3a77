"""The interface of a sink, and a group of sinks."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from hourlift.arrays import Image
from hourlift.formats.json import Header, PoseFile
from hourlift.pose import PoseFrame

_log = logging.getLogger("hourlift")


class Sink:
    """Receives the poses of one source, frame by frame. Its output appears when it is closed, complete or not at all.

    Attributes:
        what: Its output, as named in messages.
        shows_images: Whether it needs the images, not only the poses.
        needs_all: Whether it needs all frames at once, when it is closed.
        is_essential: Whether the source fails if the sink does; otherwise a failed sink is dropped with a warning.
        files: The files written.
    """

    what = ""
    shows_images = False
    needs_all = False
    is_essential = False

    def __init__(self) -> None:
        self.files: list[Path] = []
        self._resources = ExitStack()

    def open(self, header: Header) -> None:
        """Begin."""

    def write(self, image_rgb: Image | None, frame: PoseFrame) -> None:
        """Take the next frame and its image (H, W, 3) uint8 RGB; None if the image is not available."""

    def close(self, poses: PoseFile) -> None:
        """Finish; `poses` has all frames of the source if `needs_all`, otherwise it may have none."""
        self._resources.close()

    def abort(self, error: BaseException) -> None:
        """Stop, and remove incomplete output."""
        with suppress(Exception):  # a second error would hide the first
            self._resources.__exit__(type(error), error, error.__traceback__)


class Sinks:
    """The sinks of one source.

    Args:
        label: The source, as named in messages.
        sinks: In the order in which they are opened, written and closed.

    Attributes:
        failures: Which outputs could not be written and why, as text.
    """

    def __init__(self, label: str, sinks: Iterable[Sink]) -> None:
        self._label, self._sinks = label, list(sinks)
        self.failures: list[str] = []

    @property
    def files(self) -> list[Path]:
        """The files written."""
        return [file for sink in self._sinks for file in sink.files]

    @property
    def shows_images(self) -> bool:
        """Whether any sink needs the images."""
        return any(sink.shows_images for sink in self._sinks)

    @property
    def needs_all(self) -> bool:
        """Whether any sink needs all frames at once."""
        return any(sink.needs_all for sink in self._sinks)

    def split(self) -> tuple["Sinks", "Sinks"]:
        """The sinks of poses alone, which do not need the images again, and the others."""
        of_poses = Sinks(self._label, (sink for sink in self._sinks if sink.is_essential or sink.needs_all))
        others = Sinks(self._label, (sink for sink in self._sinks if sink not in of_poses._sinks))
        of_poses.failures = others.failures = self.failures
        return of_poses, others

    def drop_images(self) -> None:
        """Drop the sinks that need images."""
        self._sinks = [sink for sink in self._sinks if not sink.shows_images]

    @contextmanager
    def opened(self, header: Header) -> Iterator[Callable[[Image | None, PoseFrame], None]]:
        """Open all sinks and yield a function that writes a frame to all; the caller calls `close`.

        Yields:
            A function of an image and its frame.
        """
        self._open = [*self._sinks]
        try:
            self._each(lambda sink: sink.open(header))
            yield lambda image_rgb, frame: self._each(lambda sink: sink.write(image_rgb, frame))
        except BaseException as error:
            for sink in self._open:
                sink.abort(error)
            raise

    def close(self, poses: PoseFile) -> None:
        """Close all sinks, within the block of `opened`."""
        self._each(lambda sink: sink.close(poses))

    def _each(self, work: Callable[[Sink], None]) -> None:
        """Call a function with every open sink; one that fails is closed and dropped."""
        for sink in [*self._open]:
            try:
                work(sink)
            except Exception as error:
                if sink.is_essential:
                    raise
                self._open.remove(sink)
                sink.abort(error)
                self._fail(sink.what, error)

    def _fail(self, what: str, error: Exception) -> None:
        if isinstance(error, OSError) and error.strerror:
            reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        else:
            reason = " ".join(str(error).split()) or type(error).__name__
        self.failures.append(f"{what}: {reason}")
        _log.warning("%s: %s could not be written: %s", self._label, what, reason)
