"""What ``hourlift predict`` writes of one source: the poses first, then films and a page, each by itself."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import cv2

from hourlift.formats.atomic import replacing
from hourlift.formats.json import FrameWriter, Header, PoseFile, read_source_id, writing
from hourlift.formats.table import FORMATS, FormatName, write_poses
from hourlift.formats.tracks import NobodyError
from hourlift.media.images import Image
from hourlift.media.prefetch import behind
from hourlift.media.sources import Source
from hourlift.media.video import Frames, VideoWriter
from hourlift.pose import Pose, PoseFrame
from hourlift.view.overlay import draw_pose
from hourlift.view.page import write_page
from hourlift.view.space import SideBySide

_log = logging.getLogger("hourlift")

Show = Callable[[Image, PoseFrame], None]
"""Takes a picture and who is in it."""


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

    def without_pictures(self) -> "Wanted":
        """The same without what shows the source's pictures."""
        return replace(self, overlay=False, side_by_side=False, rerun=False)

    @property
    def at_the_end(self) -> list[FormatName]:
        """Formats that need all frames at once; JSON is written frame by frame."""
        return [name for name in self.formats if name != "json" and self.folder is not None]


class Results:
    """The files of one source. Each appears when it is whole; one that fails costs no other.

    Attributes:
        files: those that are there, in the order in which they were finished.
        failures: what could not be written and why, in words.
    """

    def __init__(self, source: Source, wanted: Wanted) -> None:
        self._source = source
        self._wanted = wanted
        self.files: list[Path] = []
        self.failures: list[str] = []

    def path(self, suffix: str) -> Path:
        """OUT/NAME + suffix."""
        assert self._wanted.folder is not None
        return self._wanted.folder / f"{self._source.name}{suffix}"

    @contextmanager
    def file(self, suffix: str, *, keep: bool = False) -> Iterator[Path]:
        """A temporary path that becomes OUT/NAME + suffix; ``keep`` as `replacing` has it."""
        path = self.path(suffix)
        with replacing(path, keep=keep) as temporary:
            yield temporary
        self.files.append(path)

    @contextmanager
    def extra(self, what: str) -> Iterator[None]:
        """What fails within the block is said, and costs no other result."""
        try:
            yield
        except BrokenPipeError:
            raise
        except Exception as error:
            self.fail(what, error)

    def fail(self, what: str, error: BaseException) -> None:
        """Say that a result could not be written, and remember it."""
        if isinstance(error, OSError) and error.strerror:
            reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        else:
            reason = " ".join(str(error).split()) or type(error).__name__
        self.failures.append(f"{what}: {reason}")
        _log.warning("%s: %s could not be written: %s", self._source.label, what, reason)

    @contextmanager
    def json_writer(self, header: Header) -> Iterator["JsonWriter"]:
        """Write frames to the JSON file, to standard output, or to both."""
        with ExitStack() as stack:
            targets: list[Path | TextIO] = []
            if self._wanted.folder is not None and "json" in self._wanted.formats:
                targets.append(self.path(".json"))
            if self._wanted.json_stdout:
                targets.append(sys.stdout)
            yield JsonWriter([stack.enter_context(writing(target, header)) for target in targets])
        self.files += [target for target in targets if isinstance(target, Path)]

    def write_poses(self, document: PoseFile) -> None:
        """Write the poses in all formats that are wanted, JSON first."""
        with self.json_writer(document.header) as write:
            for frame in document.frames:
                write(frame)
        self.write_formats(document)

    def write_formats(self, document: PoseFile) -> None:
        """Write the other formats that are wanted; one that cannot hold these poses is left out with a warning."""
        for name in self._wanted.at_the_end:
            path = self.path(FORMATS[name].suffix)
            try:
                self.files += write_poses(path, document)
            except NobodyError as error:
                _log.warning("%s; the file is left out", error)
            except Exception as error:
                self.fail(path.name, error)

    def write_page(self, frames: Sequence[PoseFrame], **how: Any) -> None:
        """Write the page, if one is wanted; arguments as `view.page.write_page` takes them."""
        if self._wanted.folder is not None and self._wanted.page:
            with self.extra("the page"):
                write_page(self.path(".html"), frames, **how)  # whole or not at all, by itself
                self.files.append(self.path(".html"))

    @contextmanager
    def films(self, wanted: Wanted, video: Frames, header: Header) -> Iterator[Show]:
        """Draw each frame into the films that are wanted, and into Rerun; what fails is left out from then on."""
        with ExitStack() as stack:
            shows = [stack.enter_context(self._film(*film)) for film in self._films(wanted, video, header)]

            def show(image_rgb: Image, frame: PoseFrame) -> None:
                for each in shows:
                    each(image_rgb, frame)

            yield show

    def _films(
        self, wanted: Wanted, video: Frames, header: Header
    ) -> Iterator[tuple[str, AbstractContextManager[Show]]]:
        """Each film's name and the film, which is not open yet."""
        if wanted.folder is not None and wanted.overlay:
            yield "the overlay", self._drawn(".overlay.mp4", video.image_wh, video.fps, draw_pose)
        if wanted.folder is not None and wanted.side_by_side:
            yield "the pose beside the film", self._pair(video, header)
        if wanted.rerun:
            yield "what Rerun shows", self.rerun_log(header)

    @contextmanager
    def _film(self, what: str, film: AbstractContextManager[Show]) -> Iterator[Show]:
        """A film that is closed, and left out, once something fails in it."""
        failed = False

        def attempt(work: Callable[..., Any], *arguments: Any) -> Any:
            nonlocal failed
            if failed:
                return None
            try:
                return work(*arguments)
            except Exception as error:
                failed = True
                self.fail(what, error)
                with suppress(Exception):  # what fails in closing it tells nothing new
                    film.__exit__(type(error), error, error.__traceback__)
                return None

        show = attempt(film.__enter__)
        try:
            yield lambda image_rgb, frame: attempt(show, image_rgb, frame)
        except BaseException as error:
            if not failed:
                film.__exit__(type(error), error, error.__traceback__)
            raise
        attempt(film.__exit__, None, None, None)

    @contextmanager
    def _pair(self, video: Frames, header: Header) -> Iterator[Show]:
        """Frames with their people drawn in and in 3D beside them."""
        pair = SideBySide(video.image_wh, header.world)
        with self._drawn(".side-by-side.mp4", pair.size_wh, video.fps, pair.draw) as draw:
            yield draw

    @contextmanager
    def _drawn(
        self,
        suffix: str,
        image_wh: tuple[int, int],
        fps: float,
        draw: Callable[[Image, Sequence[Pose]], Image],
    ) -> Iterator[Show]:
        """A film of what ``draw`` makes of pictures and people, which has a thread of its own beside the encoder's."""
        with (
            self.file(suffix) as path,
            VideoWriter(path, image_wh, fps) as film,
            behind(film.write) as encode,
            behind(lambda image_rgb, frame: encode(draw(image_rgb, frame.people), frame.time_s)) as hand_over,
        ):
            yield hand_over

    @contextmanager
    def rerun_log(self, header: Header) -> Iterator[Show]:
        """Send pictures and people to Rerun."""
        from hourlift.view.rerun_log import RerunLog

        with RerunLog(header.source, header.camera, self._wanted.rrd) as log:
            yield log.log
        if self._wanted.rrd is not None:
            self.files.append(self._wanted.rrd)


class JsonWriter:
    """Appends frames to some documents at once."""

    def __init__(self, writers: Sequence[FrameWriter]) -> None:
        self._writers = writers

    def __call__(self, frame: PoseFrame) -> None:
        """Append a frame."""
        for writer in self._writers:
            writer(frame)

    def end_early(self, reason: str | None) -> None:
        """Mark the documents as incomplete; None marks nothing."""
        for writer in self._writers:
            writer.incomplete = reason or writer.incomplete


def targets(source: Source, wanted: Wanted) -> list[Path]:
    """Every file that may be written of a source."""
    suffixes = [FORMATS[name].suffix for name in wanted.formats]
    suffixes += [".overlay.mp4", ".overlay.jpg", ".overlay.png"] if wanted.overlay else []
    suffixes += [f".side-by-side{suffix}" for suffix in (".mp4", ".jpg", ".png")] if wanted.side_by_side else []
    suffixes += [".html"] if wanted.page else []
    files = [] if wanted.folder is None else [wanted.folder / f"{source.name}{suffix}" for suffix in suffixes]
    return files if wanted.rrd is None else [*files, wanted.rrd]


def with_free_names(sources: Iterable[Source], wanted: Wanted) -> list[Source]:
    """The sources under names that no other source's results have in the folder; says where that changes one."""
    kept = list(sources)
    taken = {source.name.casefold() for source in kept}
    return [_with_free_name(source, wanted, taken) for source in kept]


def _with_free_name(source: Source, wanted: Wanted, taken: set[str]) -> Source:
    if wanted.folder is None:
        return source
    found, number = source, 1
    while _is_of_another(found, wanted.folder) or (number > 1 and found.name.casefold() in taken):
        number += 1
        found = replace(source, name=f"{source.name}-{number}")
    taken.add(found.name.casefold())
    if number > 1:
        _log.warning(
            "%s: %s is of another source of that name; the results of this one are called %s",
            *(source.label, wanted.folder / f"{source.name}.json", found.name),
        )
    return found


def say_replaced(sources: Iterable[Source], wanted: Wanted) -> None:
    """Warn of results that are replaced though nobody knows whose they are."""
    if (folder := wanted.folder) is None:
        return
    for source in sources:
        if read_source_id(folder / f"{source.name}.json") is None:
            there = [file.name for file in targets(source, wanted) if file.exists()]
            if there:
                _log.warning("%s: replaced in %s: %s", source.label, folder, ", ".join(there))


def _is_of_another(source: Source, folder: Path) -> bool:
    """Whether there are results under the source's name that are known to be of another source."""
    there = read_source_id(folder / f"{source.name}.json")
    return there is not None and there != source.id


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
