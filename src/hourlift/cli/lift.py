"""One source of ``hourlift predict`` from end to end: read, predict, write."""

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from hourlift.cli.people import Whereabouts
from hourlift.cli.results import JsonWriter, Results, Wanted, at_most, write_picture
from hourlift.cli.sources import Source
from hourlift.cli.tally import Tally, write_video_page
from hourlift.formats.json import Header, PoseFile
from hourlift.geometry.camera import Camera
from hourlift.geometry.world import World
from hourlift.pose import PoseFrame
from hourlift.pose_log import PoseLog
from hourlift.predict import PosePredictor
from hourlift.predict.film import finish
from hourlift.predict.follow import FoundFrame, FrameByFrame
from hourlift.predict.given import camera_at
from hourlift.predict.images import Image, read_image
from hourlift.predict.one_euro import LiveSmoother
from hourlift.predict.pipeline import ahead, undivided
from hourlift.predict.video import Frames, TimedImage, VideoReader, Webcam, is_easy
from hourlift.view.overlay import draw_pose
from hourlift.view.space import SideBySide

_log = logging.getLogger("hourlift")
_JPEG_MAX_SIDE = 65_500  # libjpeg's limit
_PAGE_PICTURE_SIDE = 1600
_MOST_AT_ONCE, _WAITING_PIXELS = 8, 16_000_000
_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)

Report = Callable[[int, int | None], None]
"""Takes how many frames are done, and of how many (None: nobody knows)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """What the user knows about the pictures: the camera, where and how tall people are, how much of a video counts."""

    camera: Camera | None = None
    fov_deg: float | None = None
    boxes_xyxy: NDArray[np.float64] | None = None
    seconds: float | None = None
    stature_mm: float | None = None
    pitch_deg: float | None = None
    where: Whereabouts = field(default_factory=Whereabouts)

    def say_doubts(self) -> None:
        """Warn of a camera that can hardly be."""
        camera = self.camera or (None if self.fov_deg is None else Camera.from_fov((1000, 1000), self.fov_deg))
        for doubt in [] if camera is None else camera.doubts():
            _log.warning("the camera given: %s", doubt)

    @property
    def knows_room(self) -> bool:
        """Whether something is known that puts people in their place in the room."""
        return self.stature_mm is not None or self.pitch_deg is not None

    def camera_for(self, image_wh: tuple[int, int], from_file: Camera | None = None) -> Camera:
        """The camera given, else one of the field of view given, else what the file says, else the default."""
        if self.camera is not None:
            return camera_at(self.camera, image_wh)
        if self.fov_deg is not None:
            return Camera.from_fov(image_wh, self.fov_deg, source="given")
        return from_file or Camera.from_fov(image_wh)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came out of a source.

    Frames, those with somebody, people, an example, files, room, what could not be written, why frames are missing, and
    the poses if they are kept.
    """

    num_frames: int
    num_found: int
    num_people: int
    best: PoseFrame
    files: list[Path]
    world: World | None = None
    failures: Sequence[str] = ()
    incomplete: str | None = None
    poses: PoseFile | None = None


def lift_photo(predictor: PosePredictor, source: Source, view: View, wanted: Wanted) -> Done:
    """Lift the people of a photo.

    Raises:
        ValueError, OSError: the photo cannot be read, or its poses cannot be written; no result is left then.
    """
    photo = read_image(source.label)
    camera = view.camera_for(photo.image_wh, photo.camera())
    located = view.where.in_photo(Path(source.label).name, photo.image_rgb)
    boxes = view.boxes_xyxy if located is None else located
    people = predictor.predict(photo.image_rgb, boxes, camera, people=view.where.num_people or 1)
    frame = PoseFrame(index=0, time_s=0.0, people=people)
    (frame,), world = finish([frame], smooth=False, stature_mm=view.stature_mm, pitch_deg=view.pitch_deg)
    world = world if view.pitch_deg is not None else None  # one picture does not tell
    header = Header(
        source=source.title,
        kind="photo",
        image_wh=photo.image_wh,
        camera=camera,
        world=world,
        networks=predictor.networks,
        source_id=source.id,
    )
    poses = PoseFile(header=header, frames=[frame])
    results = Results(source, wanted)
    with results.json_writer(header) as write:
        write(frame)
    results.write_formats(poses)
    if wanted.rerun:
        with results.extra("what Rerun shows"), results.rerun_log(header) as log:
            log(photo.image_rgb, frame)
    if wanted.folder is not None and (wanted.overlay or wanted.page):
        with results.extra("the overlay"):
            drawn = draw_pose(photo.image_rgb, frame.people)
            if wanted.overlay:
                _write_drawn(results, ".overlay", drawn)
            if wanted.page:
                _write_photo_page(results, header, frame, drawn)
    if wanted.folder is not None and wanted.side_by_side:
        with results.extra("the pose beside the picture"):
            both = SideBySide(photo.image_wh, world).draw(photo.image_rgb, frame.people)
            _write_drawn(results, ".side-by-side", both)
    return Done(
        num_frames=1,
        num_found=int(bool(people)),
        num_people=len(people),
        best=frame,
        files=results.files,
        world=world,
        failures=results.failures,
        poses=poses,
    )


def _write_drawn(results: Results, name: str, drawn: Image) -> None:
    """Write a picture as JPEG, or as PNG if it is too large for one."""
    with results.file(f"{name}.jpg" if max(drawn.shape) <= _JPEG_MAX_SIDE else f"{name}.png") as path:
        write_picture(path, drawn)


def _write_photo_page(results: Results, header: Header, frame: PoseFrame, drawn: Image) -> None:
    """The page of a photo, with the picture in it."""
    with results.extra("the page"), tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.jpg"
        write_picture(picture, at_most(drawn, _PAGE_PICTURE_SIDE))
        how = {"image_wh": header.image_wh, "media": picture, "title": header.source, "world": header.world}
        results.write_page([frame], **how)


def lift_video(
    predictor: PosePredictor, source: Source, view: View, wanted: Wanted, report: Report, stop: Event | None = None
) -> Done:
    """Follow people through a video or a webcam's pictures.

    Args:
        predictor: the networks.
        source: the video or webcam.
        view: what is known about the pictures.
        wanted: which results to write.
        report: told of every frame.
        stop: set it to end early. Poses of what was seen until then are written, but no further film is read.

    Raises:
        ValueError, OSError: as `lift_photo`.
    """
    is_webcam = source.kind == "webcam"
    if is_webcam and view.knows_room:
        raise ValueError(f"{source.label}: --stature and --pitch need a whole video; record it first")
    stop = stop or Event()
    results = Results(source, wanted)
    with (
        Webcam(source.webcam_number, view.seconds, stop=stop) if is_webcam else VideoReader(source.label) as video,
        undivided() if is_easy(video.image_wh) else nullcontext(),
        # A webcam's pictures would grow old in the line.
        nullcontext(video) if is_webcam else ahead(video) as shots,
        ExitStack() as line,
    ):
        camera = view.camera_for(video.image_wh)
        header = Header(
            source=source.title,
            kind="video",
            image_wh=video.image_wh,
            camera=camera,
            fps=video.fps,
            networks=predictor.networks,
            source_id=source.id,
        )
        if isinstance(video, VideoReader):
            view.where.check_video(video.num_frames if video.is_counted else None, video.image_wh)
        follow = predictor.follow(view.boxes_xyxy, camera, people=view.where.num_people, locate=view.where.in_video())
        found = _found(shots, follow, view, stop)
        at_once = 1 if is_webcam else _lifted_at_once(video.image_wh)
        shown = _lifted(found if is_webcam else line.enter_context(ahead(found, at_once, urgent=True)), follow, at_once)
        num_done, num_all = 0, video.num_frames
        poses: PoseFile | None = None
        if wanted.smooth and is_webcam:
            shown = _smoothed_live(shown)
        elif wanted.smooth or view.knows_room:
            num_all = num_all and 2 * num_all
            frames, header = _finished(shown, header, view, wanted, lambda count: report(count, num_all))
            poses = PoseFile(header=replace(header, incomplete=_why_incomplete(video, stop, is_webcam)), frames=frames)
            results.write_poses(poses)
            wanted = wanted.without_pictures() if stop.is_set() else wanted
            shown = _again(source, frames, wanted, stop)
            num_done, num_all = len(frames), 2 * len(frames)
        tally = Tally()
        kept = PoseLog()
        writer = results.json_writer(header) if poses is None else nullcontext(JsonWriter([]))
        with writer as write, results.films(wanted, video, header) as show:
            for image_rgb, frame in shown:
                write(frame)
                if image_rgb.size:
                    show(image_rgb, frame)
                tally.add(frame)
                if poses is None and (wanted.at_the_end or wanted.keep):
                    kept.append(frame)
                report(num_done + tally.num_frames, num_all)
            write.end_early(_why_incomplete(video, stop, is_webcam))
        if tally.best is None:
            raise ValueError(f"{source.label}: not one picture came")
        if poses is None:
            poses = PoseFile(header=replace(header, incomplete=_why_incomplete(video, stop, is_webcam)), frames=kept)
            results.write_formats(poses)
        if wanted.folder and wanted.page:
            write_video_page(results, tally, video, header)
        return Done(
            num_frames=tally.num_frames,
            num_found=tally.num_found,
            num_people=len(tally.ids),
            best=tally.best,
            files=results.files,
            world=header.world,
            failures=results.failures,
            incomplete=poses.header.incomplete,
            poses=poses if wanted.keep else None,
        )


def _why_incomplete(video: Frames, stop: Event, is_webcam: bool) -> str | None:
    """Why not all of a video has been seen; None when all has. To stop a webcam is no interruption."""
    return video.incomplete or ("interrupted" if stop.is_set() and not is_webcam else None)


Shown = Iterator[tuple[Image, PoseFrame]]
"""Pictures, and who is in them."""


def _found(
    shots: Iterable[TimedImage], follow: FrameByFrame, view: View, stop: Event
) -> Iterator[tuple[Image, FoundFrame]]:
    """A video's pictures as they come, each with the people found."""
    num_frames = 0
    for shot in shots:
        if stop.is_set() and num_frames:
            return
        if view.seconds is not None and shot.time_s >= view.seconds:
            return
        found = follow.find(shot.index, shot.time_s, shot.image_rgb)
        yield shot.image_rgb, replace(found, damaged=shot.damaged)
        num_frames += 1
    view.where.check_end(num_frames)


def _lifted(found: Iterator[tuple[Image, FoundFrame]], follow: FrameByFrame, at_once: int) -> Shown:
    """The same with the people lifted, some frames at once."""
    while group := list(islice(found, at_once)):
        pictures, frames = zip(*group, strict=True)
        yield from zip(pictures, follow.lift(frames), strict=True)


def _lifted_at_once(image_wh: tuple[int, int]) -> int:
    """So many pictures wait for each other: few of large ones, for the memory's sake."""
    width, height = image_wh
    return min(max(_WAITING_PIXELS // (width * height), 1), _MOST_AT_ONCE)


def _smoothed_live(shown: Shown) -> Shown:
    """The same, smoothed without a look ahead."""
    smooth = LiveSmoother()
    for image_rgb, frame in shown:
        yield image_rgb, smooth(frame)


def _finished(
    shown: Shown, header: Header, view: View, wanted: Wanted, report: Callable[[int], None]
) -> tuple[PoseLog, Header]:
    """All frames of a video, smoothed and placed as far as that is wanted, and the header that knows the world."""
    frames = PoseLog()
    for _, frame in shown:
        frames.append(frame)
        report(len(frames))
    finished, world = finish(frames, smooth=wanted.smooth, stature_mm=view.stature_mm, pitch_deg=view.pitch_deg)
    return finished, replace(header, world=world)


def _again(source: Source, frames: PoseLog, wanted: Wanted, stop: Event) -> Shown:
    """Frames that are known already, each with its picture, for which the video is read once more if need be.

    Those after ``stop`` was set have no picture.
    """
    num_shown = 0
    if wanted.pictures:
        with VideoReader(source.label) as video, ahead(islice(video, len(frames))) as shots:
            for frame, shot in zip(frames, shots, strict=False):  # the video may go on after --seconds
                if stop.is_set():
                    break
                num_shown += 1
                yield shot.image_rgb, frame
    yield from ((_NO_PICTURE, frames[i]) for i in range(num_shown, len(frames)))
