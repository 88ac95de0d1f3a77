"""One video or webcam from end to end: read, follow, lift, finish, write."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from itertools import islice
from threading import Event

import numpy as np

from hourlift.formats.json import Header, PoseFile
from hourlift.media.images import Image
from hourlift.media.prefetch import ahead, undivided
from hourlift.media.sources import Source
from hourlift.media.video import Frames, TimedImage, VideoReader, Webcam, is_easy
from hourlift.pipeline.options import View
from hourlift.pipeline.outputs import JsonWriter, Results, Wanted
from hourlift.pipeline.summary import LiftResult, Summary, write_video_page
from hourlift.pose import PoseFrame
from hourlift.pose_log import PoseLog
from hourlift.predict import PosePredictor
from hourlift.predict.people.follow import FoundFrame, FrameByFrame
from hourlift.predict.temporal.one_euro import LiveSmoother
from hourlift.predict.world.finish import finish

_MOST_AT_ONCE, _WAITING_PIXELS = 8, 16_000_000
_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)

Report = Callable[[int, int | None], None]
"""Takes how many frames are done, and of how many (None: nobody knows)."""


def lift_video(
    predictor: PosePredictor, source: Source, view: View, wanted: Wanted, report: Report, stop: Event | None = None
) -> LiftResult:
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
        summary = Summary()
        kept = PoseLog()
        writer = results.json_writer(header) if poses is None else nullcontext(JsonWriter([]))
        with writer as write, results.films(wanted, video, header) as show:
            for image_rgb, frame in shown:
                write(frame)
                if image_rgb.size:
                    show(image_rgb, frame)
                summary.add(frame)
                if poses is None and (wanted.at_the_end or wanted.keep):
                    kept.append(frame)
                report(num_done + summary.num_frames, num_all)
            write.end_early(_why_incomplete(video, stop, is_webcam))
        if summary.best is None:
            raise ValueError(f"{source.label}: not one picture came")
        if poses is None:
            poses = PoseFile(header=replace(header, incomplete=_why_incomplete(video, stop, is_webcam)), frames=kept)
            results.write_formats(poses)
        if wanted.folder and wanted.page:
            write_video_page(results, summary, video, header)
        return LiftResult(
            num_frames=summary.num_frames,
            num_found=summary.num_found,
            num_people=len(summary.ids),
            best=summary.best,
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
