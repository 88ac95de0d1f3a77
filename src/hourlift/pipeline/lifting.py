"""From a photo, video or webcam to poses and files: read, find people, lift, finish, write.

A photo is processed as a video of one frame, except that its person is searched for more thoroughly.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Event

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.formats.json import Header, PoseFile
from hourlift.media.prefetch import ahead, undivided
from hourlift.media.sources import Source, StillImage
from hourlift.media.timed import TimedImage, is_easy
from hourlift.media.video import VideoReader
from hourlift.media.webcam import Webcam
from hourlift.pipeline.options import Outputs, View
from hourlift.pipeline.sinks import Sinks, sinks_of
from hourlift.pipeline.summary import LiftResult, Summary
from hourlift.pose import PoseFrame
from hourlift.pose_log import PoseLog
from hourlift.predict import PosePredictor
from hourlift.predict.people.follow import DetectedFrame, FrameByFrame
from hourlift.predict.temporal.one_euro import LiveSmoother
from hourlift.predict.world.finish import finish

_NO_IMAGE = "{}: no image was received"
_MOST_AT_ONCE, _WAITING_PIXELS = 8, 16_000_000

Report = Callable[[int, int | None], None]
"""Called with the number of finished frames and the total (None if unknown)."""
Reader = StillImage | VideoReader | Webcam
LiftedFrames = Iterator[tuple[Image | None, PoseFrame]]
"""Images (None if not available) and the people in them."""


def lift_source(
    predictor: PosePredictor,
    source: Source,
    view: View,
    outputs: Outputs,
    report: Report | None = None,
    stop: Event | None = None,
) -> LiftResult:
    """Lift the people of a photo, a video or a webcam's images.

    Args:
        predictor: The networks.
        source: What to read.
        view: Known facts about the images.
        outputs: Which results to write.
        report: Called after every frame of a video.
        stop: Set it to end a video early. The poses found so far are written, and the video is not read a second time.

    Raises:
        ValueError, OSError: The source cannot be read, or its poses cannot be written; no result is left then.
    """
    if source.kind == "webcam" and view.knows_world:
        raise UserError(f"{source.label}: --height and --pitch need a whole video; record it first")
    return _Lifting(predictor, source, view, outputs, report or (lambda _done, _all: None), stop or Event()).run()


class _Lifting:
    """The processing of one source; arguments as in `lift_source`."""

    def __init__(
        self,
        predictor: PosePredictor,
        source: Source,
        view: View,
        outputs: Outputs,
        report: Report,
        stop: Event,
    ) -> None:
        self._predictor, self._source, self._view, self._outputs = predictor, source, view, outputs
        self._stop = stop
        self._report: Report = report if source.kind != "photo" else lambda _done, _all: None
        self._sinks = sinks_of(source, outputs)
        self._summary = Summary()

    def run(self) -> LiftResult:
        """Lift it."""
        source, view = self._source, self._view
        with self._opened() as reader:
            header = Header(
                source=source.title,
                kind="photo" if source.kind == "photo" else "video",
                image_wh=reader.image_wh,
                camera=view.camera_for(reader.image_wh, reader.camera if isinstance(reader, StillImage) else None),
                fps=reader.fps,
                networks=self._predictor.networks,
                source_id=source.id,
            )
            smooths = self._outputs.smooth and source.kind == "video"
            with self._lifted(reader, header) as frames:
                if smooths or source.kind == "photo" or view.knows_world:
                    poses = self._finish_and_write(frames, header, reader, smooth=smooths)
                else:
                    poses = self._write_as_they_come(frames, header, reader)
        assert self._summary.best is not None
        return LiftResult(
            num_frames=self._summary.num_frames,
            num_found=self._summary.num_found,
            num_people=len(self._summary.ids),
            best=self._summary.best,
            files=self._sinks.files,
            world=poses.header.world,
            failures=self._sinks.failures,
            incomplete=poses.header.incomplete,
            poses=poses if self._outputs.keep or source.kind == "photo" else None,
        )

    @contextmanager
    def _opened(self) -> Iterator[Reader]:
        """The source, open."""
        source = self._source
        if source.kind == "photo":
            yield StillImage(source.label)
            return
        is_webcam = source.kind == "webcam"
        with (
            Webcam(source.webcam_number, self._view.seconds, stop=self._stop)
            if is_webcam
            else VideoReader(source.label) as video,
            undivided() if is_easy(video.image_wh) else nullcontext(),
        ):
            yield video

    @contextmanager
    def _lifted(self, reader: Reader, header: Header) -> Iterator[LiftedFrames]:
        """The frames of a source, with people found and lifted."""
        if isinstance(reader, StillImage):
            yield self._lifted_photo(reader, header)
            return
        view, is_webcam = self._view, self._source.kind == "webcam"
        if not is_webcam:
            assert isinstance(reader, VideoReader)
            view.people.check_video(reader.num_frames if reader.is_counted else None, reader.image_wh)
        follow = self._predictor.follow(
            view.boxes_xyxy, header.camera, people=view.people.num_people, locate=view.people.in_video()
        )
        at_once = 1 if is_webcam else _lifted_at_once(reader.image_wh)
        with ExitStack() as stack:
            # No queue for a webcam: its images would be outdated when they are processed.
            images = reader if is_webcam else stack.enter_context(ahead(reader))
            found = self._found(images, follow)
            found = found if is_webcam else stack.enter_context(ahead(found, at_once, urgent=True))
            frames = _lifted(found, follow, at_once)
            yield _smoothed_live(frames) if is_webcam and self._outputs.smooth else frames

    def _lifted_photo(self, photo: StillImage, header: Header) -> LiftedFrames:
        """A photo's only frame."""
        people, image_rgb = self._view.people, photo.image_rgb
        located = people.in_photo(Path(self._source.label).name, image_rgb)
        boxes = self._view.boxes_xyxy if located is None else located
        lifted = self._predictor.predict(image_rgb, boxes, header.camera, people=people.num_people)
        yield image_rgb, PoseFrame(index=0, time_s=0.0, people=lifted, damaged=photo.damaged)

    def _found(self, images: Iterable[TimedImage], follow: FrameByFrame) -> Iterator[tuple[Image, DetectedFrame]]:
        """A video's images in turn, each with the people found."""
        num_frames, seconds = 0, self._view.seconds
        for image in images:
            if self._stop.is_set() and num_frames:
                return
            if seconds is not None and image.time_s >= seconds:
                return
            found = follow.find(image.index, image.time_s, image.image_rgb)
            yield image.image_rgb, replace(found, damaged=image.damaged)
            num_frames += 1
        self._view.people.check_end(num_frames)

    def _write_as_they_come(self, frames: LiftedFrames, header: Header, reader: Reader) -> PoseFile:
        """Write every frame as soon as it is lifted; the result has frames only if they are to be kept."""
        kept = PoseLog()
        keeps = self._sinks.needs_all or self._outputs.keep
        with self._sinks.opened(header) as write:
            for image_rgb, frame in frames:
                write(image_rgb, frame)
                self._summary.add(frame)
                if keeps:
                    kept.append(frame)
                self._report(self._summary.num_frames, reader.num_frames)
            poses = PoseFile(header=replace(header, incomplete=self._why_incomplete(reader)), frames=kept)
            if not self._summary.num_frames:
                raise UserError(_NO_IMAGE.format(self._source.label))
            self._sinks.close(poses)
        return poses

    def _finish_and_write(self, frames: LiftedFrames, header: Header, reader: Reader, *, smooth: bool) -> PoseFile:
        """Lift all frames, smooth them and find the world frame; write the poses, then the outputs with images."""
        log, image_rgb = PoseLog(), None
        num_all = reader.num_frames and 2 * reader.num_frames
        for image_rgb, frame in frames:  # noqa: B007  a photo's image is used below
            log.append(frame)
            self._report(len(log), num_all)
        if not log:
            raise UserError(_NO_IMAGE.format(self._source.label))
        view = self._view
        finished, world = finish(log, smooth=smooth, height_mm=view.height_mm, pitch_deg=view.pitch_deg)
        if self._source.kind == "photo" and view.pitch_deg is None:
            world = None  # up cannot be estimated from one image
        header = replace(header, world=world)
        poses = PoseFile(header=replace(header, incomplete=self._why_incomplete(reader)), frames=finished)
        of_poses, others = self._sinks.split()
        with of_poses.opened(header) as write:
            for frame in finished:
                write(None, frame)
            of_poses.close(poses)
        if self._stop.is_set():
            others.drop_images()
        again = [(image_rgb, finished[0])] if self._source.kind == "photo" else self._again(finished, others)
        with others.opened(header) as write:
            for image, frame in again:
                write(image, frame)
                self._summary.add(frame)
                self._report(len(finished) + self._summary.num_frames, 2 * len(finished))
            others.close(poses)
        return poses

    def _again(self, frames: PoseLog, sinks: Sinks) -> LiftedFrames:
        """Finished frames, each with its image; if images are needed, the video is read a second time.

        Frames after `stop` was set have no image.
        """
        num_shown = 0
        if sinks.shows_images:
            with VideoReader(self._source.label) as video, ahead(islice(video, len(frames))) as images:
                for frame, image in zip(frames, images, strict=False):  # the video may be longer than --seconds
                    if self._stop.is_set():
                        break
                    num_shown += 1
                    yield image.image_rgb, frame
        yield from ((None, frames[i]) for i in range(num_shown, len(frames)))

    def _why_incomplete(self, reader: Reader) -> str | None:
        """Why a video was not fully processed; None if it was. Stopping a webcam is not an interruption."""
        is_interrupted = self._stop.is_set() and self._source.kind == "video"
        return reader.incomplete or ("interrupted" if is_interrupted else None)


def _lifted(found: Iterator[tuple[Image, DetectedFrame]], follow: FrameByFrame, at_once: int) -> LiftedFrames:
    """Lift the people of the frames, several frames at once."""
    while group := list(islice(found, at_once)):
        images, frames = zip(*group, strict=True)
        yield from zip(images, follow.lift(frames), strict=True)


def _lifted_at_once(image_wh: tuple[int, int]) -> int:
    """Number of frames lifted at once: fewer for large images, to save memory."""
    width, height = image_wh
    return min(max(_WAITING_PIXELS // (width * height), 1), _MOST_AT_ONCE)


def _smoothed_live(frames: LiftedFrames) -> LiftedFrames:
    """Smooth the frames, using past frames only."""
    smooth = LiveSmoother()
    for image_rgb, frame in frames:
        yield image_rgb, smooth(frame)
