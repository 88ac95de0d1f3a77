"""The page with the skeleton in 3D."""

import logging
import tempfile
from pathlib import Path

from hourlift.arrays import Image
from hourlift.formats.json import Header, PoseFile
from hourlift.media.images import at_most, write_image
from hourlift.pipeline.sinks.drawn import OverlaySink
from hourlift.pipeline.sinks.sink import Sink
from hourlift.pose import PoseFrame
from hourlift.pose_log import PoseLog
from hourlift.view.overlay import draw_pose
from hourlift.view.page import write_page

MAX_FRAMES = 20_000
"""Most frames in a page, which are all in memory, here and in the browser; longer videos show every n-th frame."""
MAX_MEDIA_BYTES = 200_000_000
"""Browsers cannot open much larger pages; the page of a larger video shows the skeleton alone."""
_IMAGE_SIDE = 1600

_log = logging.getLogger("hourlift")


class PageSink(Sink):
    """A page that opens in a browser without a network.

    Args:
        path: The file.
        overlay: The video that a video's page shows, closed before the page is; None shows the skeleton alone.
        is_photo: Whether the source is a photo, whose page shows the image.
    """

    what = "the page"

    def __init__(self, path: Path, overlay: OverlaySink | None, *, is_photo: bool) -> None:
        super().__init__()
        self._path, self._overlay = path, overlay
        self.shows_images = is_photo
        self.frames = PoseLog()
        self.stride = 1
        self._num_frames = 0

    def open(self, header: Header) -> None:
        """Keep the header for the page."""
        self._header = header
        self._folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory()))

    def write(self, image_rgb: Image | None, frame: PoseFrame) -> None:
        """Keep all frames, or every second, fourth, ... of a long video, and a photo's image."""
        if self._num_frames % self.stride == 0:
            self.frames.append(frame)
        if len(self.frames) > MAX_FRAMES:
            self.frames = self.frames[::2]
            self.stride *= 2
        self._num_frames += 1
        if self.shows_images and image_rgb is not None:
            write_image(self._folder / "image.jpg", at_most(draw_pose(image_rgb, frame.people), _IMAGE_SIDE))

    def close(self, poses: PoseFile) -> None:
        """Write the page."""
        header = self._header
        write_page(
            self._path,
            self.frames,
            image_wh=header.image_wh,
            fps=None if header.fps is None else header.fps / self.stride,
            media=self._media(),
            title=header.source,
            world=header.world,
        )
        self.files.append(self._path)
        super().close(poses)

    def _media(self) -> Path | None:
        if self.shows_images:
            return self._folder / "image.jpg"
        if self._overlay is None or not self._overlay.files:
            return None
        (video,) = self._overlay.files
        if video.stat().st_size <= MAX_MEDIA_BYTES:
            return video
        _log.warning("%s: the video is too large for the page, which shows the skeleton alone", self._header.source)
        return None
