"""The viewer Rerun."""

from pathlib import Path

from hourlift.arrays import Image
from hourlift.formats.json import Header, PoseFile
from hourlift.pipeline.sinks.sink import Sink
from hourlift.pose import PoseFrame


class RerunSink(Sink):
    """Images, 2D and 3D joints for Rerun.

    Args:
        rrd: The file to write instead of opening the viewer.
    """

    what = "what Rerun shows"
    shows_images = True

    def __init__(self, rrd: Path | None) -> None:
        super().__init__()
        self._rrd = rrd

    def open(self, header: Header) -> None:
        """Open the viewer or the file."""
        from hourlift.view.rerun_log import RerunLog

        self._log = self._resources.enter_context(RerunLog(header.source, header.camera, self._rrd))

    def write(self, image_rgb: Image | None, frame: PoseFrame) -> None:
        """Send an image and its people."""
        if image_rgb is not None:
            self._log.log(image_rgb, frame)

    def close(self, poses: PoseFile) -> None:
        """Finish the file."""
        super().close(poses)
        self.files += [] if self._rrd is None else [self._rrd]
