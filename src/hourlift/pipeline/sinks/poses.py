"""Files of poses."""

import logging
import sys
from pathlib import Path

from hourlift.arrays import Image
from hourlift.formats.json import FrameWriter, Header, PoseFile, writing
from hourlift.formats.table import FORMATS, FormatName, write_poses
from hourlift.formats.tracks import NoPersonError
from hourlift.pipeline.sinks.sink import Sink
from hourlift.pose import PoseFrame

_log = logging.getLogger("hourlift")


class JsonSink(Sink):
    """The JSON file, written frame by frame.

    Args:
        path: The file; None is standard output.
    """

    what = "the JSON"
    is_essential = True

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self._path = path
        self._writer: FrameWriter | None = None

    def open(self, header: Header) -> None:
        """Write the header."""
        self._writer = self._resources.enter_context(writing(self._path or sys.stdout, header))

    def write(self, image_rgb: Image | None, frame: PoseFrame) -> None:
        """Append a frame."""
        del image_rgb
        assert self._writer is not None
        self._writer(frame)

    def close(self, poses: PoseFile) -> None:
        """Finish the document, marked as incomplete if it is."""
        assert self._writer is not None
        self._writer.incomplete = poses.header.incomplete or self._writer.incomplete
        super().close(poses)
        self.files += [] if self._path is None else [self._path]


class TableSink(Sink):
    """A file of another format, written at the end.

    Args:
        folder: Where to write it.
        name: Its stem.
        table: Its format.
    """

    needs_all = True

    def __init__(self, folder: Path, name: str, table: FormatName) -> None:
        super().__init__()
        self._path = folder / f"{name}{FORMATS[table].suffix}"
        self.what = self._path.name

    def close(self, poses: PoseFile) -> None:
        """Write the file, unless the format cannot hold a source without people."""
        try:
            self.files += write_poses(self._path, poses)
        except NoPersonError as error:
            _log.warning("%s; the file is not written", error)
