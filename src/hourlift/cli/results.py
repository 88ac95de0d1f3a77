"""What ``hourlift predict`` writes of one source: its files, which appear together or not at all, and its films."""

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import cv2

from hourlift.cli.sources import Source
from hourlift.formats.atomic import replacing
from hourlift.formats.json import Header, PoseFile, writing
from hourlift.formats.table import FORMATS, FormatName, stage_poses
from hourlift.pose import Pose, PoseFrame
from hourlift.predict.images import Image
from hourlift.predict.pipeline import behind
from hourlift.predict.video import Frames, VideoWriter
from hourlift.view.overlay import draw_pose
from hourlift.view.space import SideBySide

_log = logging.getLogger("hourlift")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which results to write. ``folder`` None: none but the JSON on standard output, and what Rerun gets.

    ``rerun``: send everything to the viewer Rerun, or into the file ``rrd``.
    """

    folder: Path | None
    overlay: bool = True
    page: bool = True
    side_by_side: bool = False
    json_stdout: bool = False
    smooth: bool = False
    rerun: bool = False
    rrd: Path | None = None
    formats: tuple[FormatName, ...] = ("json",)
    keep: bool = False
    """Also hand back all poses, in memory."""

    @property
    def pictures(self) -> bool:
        """Whether any of the results shows the source's pictures."""
        return self.rerun or (self.folder is not None and (self.overlay or self.side_by_side))

    @property
    def at_the_end(self) -> list[FormatName]:
        """Formats that need all frames at once; JSON is written frame by frame."""
        return [name for name in self.formats if name != "json" and self.folder is not None]


class Results:
    """The files of one source; they appear together when the block ends well, or not at all."""

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self._source = source
        self._wanted = wanted
        self._stack = ExitStack()
        self.files: list[Path] = []

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, *error: object) -> bool | None:
        return self._stack.__exit__(*error)  # type: ignore[arg-type]

    def file(self, suffix: str) -> Path:
        """A temporary path that will become OUT/NAME + suffix."""
        assert self._wanted.folder is not None
        path = self._wanted.folder / f"{self._source.name}{suffix}"
        self.files.append(path)
        return self._stack.enter_context(replacing(path))

    @contextmanager
    def json_writer(self, header: Header) -> Iterator[Callable[[PoseFrame], None]]:
        """Write frames to the JSON file, to standard output, or to both."""
        targets: list[Path | TextIO] = []
        if self._wanted.folder is not None and "json" in self._wanted.formats:
            targets.append(self.file(".json"))
        if self._wanted.json_stdout:
            targets.append(sys.stdout)
        with ExitStack() as stack:
            writers = [stack.enter_context(writing(target, header)) for target in targets]

            def write(frame: PoseFrame) -> None:
                for writer in writers:
                    writer(frame)

            yield write

    def write_formats(self, document: PoseFile) -> None:
        """Write the other formats that are wanted; one that cannot hold these poses is left out with a warning."""
        for name in self._wanted.at_the_end:
            assert self._wanted.folder is not None
            path = self._wanted.folder / f"{self._source.name}{FORMATS[name].suffix}"
            try:
                with ExitStack() as attempt:
                    self.files += stage_poses(path, document, attempt)
                    self._stack.enter_context(attempt.pop_all())
            except ValueError as error:
                _log.warning("%s; the file is left out", error)


@contextmanager
def film_writer(path: Path | None, video: Frames) -> Iterator[Callable[[Image, PoseFrame], None]]:
    """Write frames with their people drawn in; without a path, do nothing."""
    if path is None:
        yield lambda _image, _frame: None
        return
    with _drawn(path, video.image_wh, video.fps, draw_pose) as draw:
        yield draw


@contextmanager
def pair_writer(path: Path | None, video: Frames, header: Header) -> Iterator[Callable[[Image, PoseFrame], None]]:
    """Write frames with their people drawn in and in 3D beside them; without a path, do nothing."""
    if path is None:
        yield lambda _image, _frame: None
        return
    pair = SideBySide(video.image_wh, header.world)
    with _drawn(path, pair.size_wh, video.fps, pair.draw) as draw:
        yield draw


@contextmanager
def _drawn(
    path: Path, image_wh: tuple[int, int], fps: float, draw: Callable[[Image, Sequence[Pose]], Image]
) -> Iterator[Callable[[Image, PoseFrame], None]]:
    """A film of what ``draw`` makes of pictures and people, which has a thread of its own beside the encoder's."""
    with (
        VideoWriter(path, image_wh, fps) as film,
        behind(film.write) as encode,
        behind(lambda image_rgb, frame: encode(draw(image_rgb, frame.people), frame.time_s)) as hand_over,
    ):
        yield hand_over


@contextmanager
def rerun_log(results: Results, wanted: Wanted, header: Header) -> Iterator[Callable[[Image, PoseFrame], None]]:
    """Send pictures and people to Rerun; if that is not wanted, do nothing."""
    if not wanted.rerun:
        yield lambda _image, _frame: None
        return
    from hourlift.view.rerun_log import RerunLog

    with RerunLog(header.source, header.camera, wanted.rrd) as log:
        yield log.log
    if wanted.rrd is not None:
        results.files.append(wanted.rrd)


def write_picture(path: Path, image_rgb: Image) -> None:
    """Encode a picture by its suffix and write it; unlike cv2.imwrite this says why it fails."""
    done, data = cv2.imencode(path.suffix, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert done, path
    path.write_bytes(data.tobytes())


def at_most(image_rgb: Image, side: int) -> Image:
    """The picture, made smaller if its longer side is more than ``side`` pixels."""
    height, width = image_rgb.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return image_rgb
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return cv2.resize(image_rgb, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
