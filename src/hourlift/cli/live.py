"""``hourlift live``: a webcam, or a video as if live, predicted and drawn as the images come."""

import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import tyro

from hourlift.arrays import Image
from hourlift.cli.option_groups import CameraOptions, NetworkOptions
from hourlift.cli.predict import route_messages
from hourlift.cli.stopping import in_good_order
from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.media.live import LiveReport, LiveShot, LiveSource, PacedVideo, run_live
from hourlift.media.sources import find_sources
from hourlift.media.video import VideoReader
from hourlift.media.video_writer import VideoWriter
from hourlift.media.webcam import Webcam
from hourlift.pipeline.options import View
from hourlift.pose import PoseFrame
from hourlift.predict.temporal.one_euro import LiveSmoother
from hourlift.view.brush import caption
from hourlift.view.overlay import draw_pose
from hourlift.view.space import SideBySide
from hourlift.view.stream import LiveStream

EXAMPLES = """
hourlift live
hourlift live webcam:1 --open --side-by-side
hourlift live webcam:0 --seconds 20 -o session.mp4
hourlift live dance.mp4 --no-serve -o as-if-live.mp4 --max-frames 100
"""

_arg = tyro.conf.arg
_flat = tyro.conf.OmitArgPrefixes


def command(
    source: Annotated[str, tyro.conf.Positional, _arg(metavar="SOURCE")] = "webcam:0",
    *,
    out: Annotated[Path | None, _arg(aliases=["-o"], metavar="FILE.mp4", help_behavior_hint="")] = None,
    serve: bool = True,
    port: Annotated[int, _arg(metavar="N")] = 0,
    open: bool = False,
    side_by_side: bool = False,
    smooth: bool = True,
    seconds: Annotated[float | None, _arg(metavar="S", help_behavior_hint="(default: until Ctrl-C)")] = None,
    max_frames: Annotated[int | None, _arg(metavar="N", help_behavior_hint="")] = None,
    camera: Annotated[CameraOptions, _flat] = CameraOptions(),  # noqa: B008 (frozen)
    networks: Annotated[NetworkOptions, _flat] = NetworkOptions(),  # noqa: B008
) -> int:
    """Lift people in a webcam's images as they come, and watch in the browser on this computer.

    Capturing, predicting and drawing run side by side, and the newest image wins: when predicting takes longer than
    an image, images are skipped instead of falling behind. Latency, from an image's arrival until it is drawn,
    and images a second stand in the image and are printed at the end. Ctrl-C ends it in good order.

    Args:
        source: webcam:0, or a video that is played at its own speed as if it were live.
        out: video of what was shown.
        serve: show the images on a page at 127.0.0.1, which no other computer can reach.
        port: of that page; 0 finds a free one.
        open: open the page in the browser.
        side_by_side: show the pose in 3D beside the image.
        smooth: smooth people's tracks as they come.
        seconds: end after this long.
        max_frames: end when so many images were shown.
        camera: without these options a photo's EXIF data are used, else a field of view of 60 degrees is assumed.
        networks: the two networks, and how they run.

    Returns:
        Exit status: 0, or 1 when the camera was lost.

    Raises:
        ValueError, OSError: there is no such camera or video, or an option makes no sense.
    """
    if not serve and out is None:
        raise UserError("--no-serve without -o FILE.mp4 would show the images nowhere")
    if out is not None and (out.suffix.lower() != ".mp4" or not out.parent.is_dir()):
        raise UserError(f"{out}: the video's name ends in .mp4, and its folder exists")
    route_messages()
    view = View(camera=camera.load(), fov_deg=camera.fov)
    view.say_doubts()
    with ExitStack() as stack:
        images = _open_source(source, stack)
        intrinsics = view.camera_for(images.image_wh)
        follow = networks.predictor().follow(None, intrinsics)
        smoother = LiveSmoother()
        draw, size_wh = _drawing(images.image_wh, side_by_side)
        screens = list(_screens(stack, source, size_wh, images.fps, out, port if serve else None, open))

        def predict(index: int, time_s: float, image_rgb: Image) -> PoseFrame:
            frame = follow(index, time_s, image_rgb)
            return smoother(frame) if smooth else frame

        def show(shot: LiveShot, report: LiveReport) -> None:
            drawn = draw(shot.image_rgb, shot)
            _write_figures(drawn, report)
            for screen in screens:
                screen(drawn, shot)

        with in_good_order() as stop:
            report = run_live(
                *(images, predict, show),
                stop=stop,
                seconds=seconds,
                max_frames=max_frames,
            )
        if report.shown == 0:
            raise UserError(f"{source}: {report.lost or 'not one image came'}")
    print(_summary(source, report), *([] if out is None else [f"  {out}"]), sep="\n")
    if report.lost is not None:
        print(f"hourlift: {report.lost}", file=sys.stderr)
    return 0 if report.lost is None else 1


def _open_source(argument: str, stack: ExitStack) -> LiveSource:
    """The webcam or video of that name.

    Raises:
        ValueError, OSError: there is none.
    """
    found, complaints = find_sources([argument])
    if complaints:
        raise UserError(complaints[0])
    if len(found) != 1 or found[0].kind == "photo":
        raise UserError(f"{argument}: one webcam or video is shown live; photos are for `hourlift predict`")
    if found[0].kind == "webcam":
        return stack.enter_context(Webcam(found[0].webcam_number, stop=threading.Event()))
    return PacedVideo(stack.enter_context(VideoReader(argument)))


def _drawing(
    image_wh: tuple[int, int], side_by_side: bool
) -> tuple[Callable[[Image, LiveShot], Image], tuple[int, int]]:
    """How an image is drawn, and how large it is then."""
    if not side_by_side:
        return (lambda image_rgb, shot: draw_pose(image_rgb, shot.frame.people)), image_wh
    pair = SideBySide(image_wh)
    return (lambda image_rgb, shot: pair.draw(image_rgb, shot.frame.people)), pair.size_wh


def _screens(
    stack: ExitStack, title: str, size_wh: tuple[int, int], fps: float, out: Path | None, port: int | None, open: bool
) -> Iterator[Callable[[Image, LiveShot], None]]:
    """Everything that shows or keeps the drawn images; port None shows no page."""
    if out is not None:
        video = stack.enter_context(
            VideoWriter(stack.enter_context(replacing(out, keep=True)), size_wh, fps, growing=True)
        )
        yield lambda image_rgb, shot: video.write(image_rgb, shot.image.time_s)
    if port is not None:
        stream = stack.enter_context(LiveStream(title, port))
        print(f"{title}: watch at {stream.address} - Ctrl-C ends", flush=True)
        if open:
            webbrowser.open(stream.address)
        yield lambda image_rgb, shot: stream.show(image_rgb)


def _write_figures(image_rgb: Image, report: LiveReport) -> None:
    """Latency and images a second of the last second, in the lower left corner."""
    rate, latency_ms = report.recent
    if rate == rate:  # not NaN
        height = image_rgb.shape[0]
        size = max(height / 36, 8)
        text = f"{latency_ms:.0f} ms  {rate:.0f} frames/s"
        caption(image_rgb, text, (size, height - size), size)


def _summary(source: str, report: LiveReport) -> str:
    """What happened, in one line."""
    rate = report.shown / report.elapsed_s if report.elapsed_s > 0 else float("nan")
    images = f"{report.shown} of {report.captured} images shown ({rate:.1f} a second)"
    latency = f"latency {report.latency_ms():.0f} ms (95 %: {report.latency_ms(95):.0f} ms)"
    return f"{source}: {report.elapsed_s:.1f} s, {images}, people in {report.found}, {latency}"
