"""Images and videos with the skeleton drawn on them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from hourlift.arrays import Image
from hourlift.formats.atomic import replacing
from hourlift.formats.json import Header, PoseFile
from hourlift.media.images import write_image
from hourlift.media.prefetch import behind
from hourlift.media.video_writer import VideoWriter
from hourlift.pipeline.sinks.sink import Sink
from hourlift.pose import Pose, PoseFrame
from hourlift.view.overlay import draw_pose
from hourlift.view.space import SideBySide

_JPEG_MAX_SIDE = 65_500  # libjpeg's limit

Draw = Callable[[Image, Sequence[Pose]], Image]
"""Draws people into a copy of an image, or beside it."""


class _DrawnSink(Sink):
    """A drawn image or video.

    Args:
        folder: Where to write it.
        name: The file's stem.
    """

    shows_images = True
    suffix = ""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__()
        self._stem = folder / name
        self._path: Path | None = None
        self._hand_over: Callable[..., None] | None = None

    def _prepare(self, header: Header) -> tuple[Draw, tuple[int, int]]:
        """The function that draws, and the width and height of its images."""
        raise NotImplementedError

    def open(self, header: Header) -> None:
        """Open a video; a photo's image is written at once."""
        self._draw, size_wh = self._prepare(header)
        if header.kind == "video":
            enter = self._resources.enter_context
            self._path = self._stem.with_name(f"{self._stem.name}{self.suffix}.mp4")
            assert header.fps is not None
            video = enter(VideoWriter(enter(replacing(self._path)), size_wh, header.fps))
            encode = enter(behind(video.write))  # drawing and encoding have a thread each
            draw = self._draw
            self._hand_over = enter(behind(lambda image, frame: encode(draw(image, frame.people), frame.time_s)))

    def write(self, image_rgb: Image | None, frame: PoseFrame) -> None:
        """Draw the people into an image."""
        if image_rgb is None:
            return
        if self._hand_over is not None:
            self._hand_over(image_rgb, frame)
            return
        drawn = self._draw(image_rgb, frame.people)
        suffix = ".jpg" if max(drawn.shape) <= _JPEG_MAX_SIDE else ".png"
        self._path = self._stem.with_name(f"{self._stem.name}{self.suffix}{suffix}")
        write_image(self._resources.enter_context(replacing(self._path)), drawn)

    def close(self, poses: PoseFile) -> None:
        """Finish the file."""
        super().close(poses)
        self.files += [] if self._path is None else [self._path]


class OverlaySink(_DrawnSink):
    """The image or video with the people's skeletons drawn on it."""

    what = "the overlay"
    suffix = ".overlay"

    def _prepare(self, header: Header) -> tuple[Draw, tuple[int, int]]:
        return draw_pose, header.image_wh


class SideBySideSink(_DrawnSink):
    """The overlay, and the people in 3D beside it."""

    what = "the pose beside the image"
    suffix = ".side-by-side"

    def _prepare(self, header: Header) -> tuple[Draw, tuple[int, int]]:
        pair = SideBySide(header.image_wh, header.world)
        return pair.draw, pair.size_wh
