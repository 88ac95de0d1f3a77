"""``hourlift predict``: photos, folders, videos and webcams in; JSON, overlays and 3D pages out."""

import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import av.logging
import cv2
import numpy as np
import tyro

from hourlift.cli.option_groups import CameraOptions, NetworkOptions, PeopleOptions, WorldOptions
from hourlift.cli.progress import LateProgress
from hourlift.cli.stopping import Interrupted, Stop, in_good_order
from hourlift.errors import UserError
from hourlift.formats.atomic import is_disk_full
from hourlift.formats.overwriting import keep_apart, keep_inputs
from hourlift.formats.table import FORMATS, FormatName
from hourlift.formats.text import one_line, plain, without_secrets
from hourlift.media.sources import Source, find_sources
from hourlift.pipeline.lifting import lift_source
from hourlift.pipeline.names import say_replaced, targets, with_free_names
from hourlift.pipeline.options import Outputs, View
from hourlift.pipeline.summary import LiftResult
from hourlift.predict import PosePredictor
from hourlift.view.rerun_log import check_rerun

DEFAULT_OUT = Path("hourlift-output")

EXAMPLES = """
hourlift predict photo.jpg
hourlift predict holiday/ dance.mp4 "clips/*.mov" -o results
hourlift predict dance.mp4 --height 1.78m --pitch 12
hourlift predict photo.jpg --box 120 40 310 520 --fov 65
hourlift predict dance.mp4 --formats json bvh glb
hourlift predict dance.mp4 --people 2
hourlift predict dance.mp4 --detector yolox_tiny.onnx
hourlift predict dance.mp4 --boxes boxes.json
hourlift predict webcam:0 --seconds 20 -o live
hourlift predict dance.mp4 --side-by-side --viewer rerun --rrd dance.rrd
hourlift predict dance.mp4 --refine
hourlift predict photo.jpg --json - | jq .frames[0].people[0].joints_3d_mm
"""

Box = tuple[float, float, float, float]


_text = tyro.conf.arg
_flat = tyro.conf.OmitArgPrefixes


def command(
    sources: Annotated[tuple[str, ...], tyro.conf.Positional, _text(metavar="SOURCE...", help_behavior_hint="")] = (),
    *,
    out: Annotated[
        Path | None, _text(aliases=["-o"], metavar="FOLDER", help_behavior_hint=f"(default: {DEFAULT_OUT})")
    ] = None,
    box: Annotated[tuple[Box, ...], tyro.conf.UseAppendAction, _text(metavar="X0 Y0 X1 Y1")] = (),
    boxes: Annotated[Path | None, _text(metavar="FILE", help_behavior_hint="")] = None,
    seconds: Annotated[float | None, _text(metavar="S", help_behavior_hint="(default: all)")] = None,
    smooth: bool = True,
    overlay: bool = True,
    page: bool = True,
    side_by_side: bool = False,
    viewer: Annotated[Literal["rerun"] | None, _text(help_behavior_hint="")] = None,
    rrd: Annotated[Path | None, _text(metavar="FILE.rrd", help_behavior_hint="")] = None,
    formats: Annotated[tuple[FormatName, ...], _text(metavar="FORMAT...")] = ("json",),
    json: Annotated[Literal["-"] | None, _text(metavar="-", help_behavior_hint="")] = None,
    verbose: bool = False,
    people: Annotated[PeopleOptions, _flat] = PeopleOptions(),  # noqa: B008 (frozen)
    camera: Annotated[CameraOptions, _flat] = CameraOptions(),  # noqa: B008
    world: Annotated[WorldOptions, _flat] = WorldOptions(),  # noqa: B008
    networks: Annotated[NetworkOptions, _flat] = NetworkOptions(),  # noqa: B008
) -> int:
    """Find people in photos and videos and lift them to 3D, in millimetres.

    For every source it writes OUT/NAME.json or what --formats names, OUT/NAME.overlay.jpg or .mp4 with the skeleton
    drawn in, and OUT/NAME.html, a page with the skeleton in 3D that opens without a network.

    Args:
        sources: photos (JPEG, PNG, WebP, BMP, TIFF, HEIC, AVIF, JPEG 2000), videos, folders of them, patterns, or
            webcam:0.
        out: folder of the results; it is made if it is missing.
        box: a person's left, top, right, bottom in pixels; repeat it for more people. In a video: where the person
            is in the first frame.
        boxes: JSON file of people's boxes in COCO's layout of detections; image_id is the frame's number from 0, or
            the image's file name or number.
        seconds: stop after this much of a video or webcam; Ctrl-C ends a webcam, too, and keeps what was done.
        smooth: smooth people's tracks through a video and fill gaps of up to half a second. A webcam's tracks are
            smoothed without looking ahead. --no-smooth leaves every frame as it was found.
        overlay: write images and videos with the skeleton drawn in.
        page: write the 3D page.
        side_by_side: also write OUT/NAME.side-by-side.jpg or .mp4: the overlay, and the pose in 3D beside it.
        viewer: send images, 2D, 3D and camera to the viewer Rerun, which needs hourlift[view].
        rrd: write what Rerun would show into this file instead of opening it; for one source.
        formats: which files of poses to write: json, csv, npz, bvh, trc, c3d, glb, coco; docs/formats.md describes
            them. `hourlift convert` makes the others from the JSON later.
        json: "-" writes the JSON to standard output, and no files unless --out is given.
        verbose: say how the networks run, and other details.
        people: without these options the network itself searches for the most visible person.
        camera: without these options a photo's EXIF data are used, else a field of view of 60 degrees is assumed.
        world: without these options people have an average height, and a video's people show where the floor is.
        networks: the two networks, and how they run.

    Returns:
        Exit status: 0 when all sources are done, 1 when some failed, 2 when all did.

    Raises:
        UserError, OSError: options that make no sense, a model or output folder that cannot be used.
    """
    if not sources:
        raise UserError("name at least one photo, video, folder or webcam; `hourlift predict --help` has examples")
    world.check()
    people_source = people.people_source(networks, has_box=bool(box), boxes=boxes)
    view = View(
        camera=camera.load(),
        fov_deg=camera.fov,
        boxes_xyxy=np.array(box) if box else None,
        seconds=seconds,
        people=people_source,
        height_mm=world.height_mm,
        pitch_deg=world.pitch,
    )
    if formats != ("json",) and json is not None and out is None:
        raise UserError("--json - writes no files; name a folder for --formats with --out")
    folder = DEFAULT_OUT if out is None and json is None else out
    formats = tuple(dict.fromkeys(formats))
    outputs = Outputs(
        folder=folder,
        overlay=overlay,
        page=page,
        side_by_side=side_by_side,
        json_stdout=json == "-",
        rerun=viewer == "rerun",
        rrd=rrd,
        smooth=smooth,
        formats=formats,
    )
    for name in formats:
        FORMATS[name].load_module()  # a missing package is reported before any work is done
    route_messages(verbose=verbose)
    view.say_doubts()
    found, complaints = find_sources(sources)
    if not found and len(complaints) == 1:
        raise UserError(complaints[0])
    people_source.check(found)
    if viewer == "rerun":
        check_rerun()
    if rrd is not None and (viewer != "rerun" or len(found) != 1):
        raise UserError("--rrd FILE.rrd goes with --viewer rerun and one photo, video or webcam")
    if folder is not None:
        _prepare(folder)
    found = with_free_names(found, outputs)
    inputs = [
        *(source.label for source in found),
        *(boxes, people.detector, camera.camera, networks.weights, networks.lifter),
    ]
    files = [file for source in found for file in targets(source, outputs)]
    keep_inputs(inputs, files)
    keep_apart(files)
    say_replaced(found, outputs)
    return run(networks.predictor(), found, view, outputs, complaints)


def run(
    predictor: PosePredictor, sources: Sequence[Source], view: View, outputs: Outputs, complaints: Sequence[str] = ()
) -> int:
    """Work through sources; one that fails is named on standard error and does not stop the others.

    Args:
        predictor: the networks.
        sources: what to work on.
        view: what is known about the images.
        outputs: which results to write.
        complaints: sources that have failed already, in words.

    Returns:
        The exit status.
    """
    summary = sys.stderr if outputs.json_stdout else sys.stdout
    num_all, failed = len(sources) + len(complaints), list(complaints)
    num_done, wholly_failed = 0, len(complaints)
    with LateProgress() as progress, in_good_order() as stop:
        for complaint in complaints:
            progress.say(f"hourlift: {complaint}", sys.stderr)
        for number, source in enumerate(sources):
            if stop.is_set():
                break
            progress.update(source.label, number, len(sources))
            try:
                done = _lift(predictor, source, view, outputs, progress, stop)
            except BrokenPipeError:
                raise
            except Exception as error:
                if not isinstance(error, UserError | OSError) and (
                    num_all == 1 or os.environ.get("HOURLIFT_TRACEBACK")
                ):
                    raise
                wholly_failed += 1
                failed.append(_in_words(source, error))
                progress.say(f"hourlift: {failed[-1]}", sys.stderr)
                if is_disk_full(error):  # the next would fare no better
                    break
            else:
                num_done += 1
                progress.say(_summary(source, done), summary)
                is_cut_short = done.incomplete is not None and (source.kind == "webcam" or stop.is_set())
                if is_cut_short:  # of a video that is cut off a warning has told
                    label = "" if str(done.incomplete).startswith(source.label) else f"{source.label}: incomplete: "
                    progress.say(f"hourlift: {label}{done.incomplete}", sys.stderr)
                if done.failures or is_cut_short:
                    failed.append(f"{source.label}: {done.incomplete or '; '.join(done.failures)}")
    if num_all > 1:
        print(
            *(f"failed: {plain(line)}" for line in failed),
            f"{num_done} of {num_all} sources done",
            sep="\n",
            file=summary,
        )
    if stop.is_set() and (num_done < len(sources) or any(source.kind != "webcam" for source in sources)):
        raise Interrupted(stop.number)
    return 0 if not failed else 2 if wholly_failed and not num_done else 1


def _lift(
    predictor: PosePredictor, source: Source, view: View, outputs: Outputs, progress: LateProgress, stop: Stop
) -> LiftResult:
    """One source, of whatever kind."""

    def report(num_done: int, num_all: int | None) -> None:
        progress.update(source.label, num_done, num_all)

    return lift_source(predictor, source, view, outputs, report, stop)


def _summary(source: Source, done: LiftResult) -> str:
    """What was found and where to look, in a line or two."""
    if done.num_found == 0:
        found = "no person found"
    elif source.kind == "photo":
        people = done.best.people
        found = "1 person" if len(people) == 1 else f"{len(people)} people"
        found += f", confidence {np.mean([person.score for person in people]):.2f}"
    else:
        found = "a person" if done.num_people == 1 else f"{done.num_people} people"
        found += f" in {done.num_found} of {done.num_frames} frames"
    if done.num_found:
        distance_mm = float(np.linalg.norm(done.best.people[0].root_cam_mm))
        found += f", {distance_mm / 1000:.1f} m away" if np.isfinite(distance_mm) else ""
        camera = done.best.people[0].camera
        found += " if the field of view is 60 degrees" if camera.source == "default" else ""
        found += ", upright if the camera is level" if done.world and done.world.source == "default" else ""
    files = "".join(f"\n  {plain(str(file))}" for file in done.files)
    return f"{plain(source.label)}: {found}{files}"


def _in_words(source: Source, error: Exception) -> str:
    """One line that names the source, or the file that could not be written."""
    if not isinstance(error, UserError | OSError):
        return plain(
            f"{source.label}: a fault of hourlift ({type(error).__name__}: {error}); HOURLIFT_TRACEBACK=1 shows where"
        )
    if isinstance(error, OSError) and error.strerror:
        if error.filename or is_disk_full(error):
            return plain(one_line(error))
        text = f"{source.label}: {error.strerror}"
    else:
        text = " ".join(str(error).split())
    is_named = source.label in text or " ".join(source.label.split()) in text
    return plain(text if is_named else f"{source.label}: {text}")


def _prepare(folder: Path) -> None:
    """Make the output folder and see that files can be made in it, before any work is done.

    Raises:
        ValueError: it cannot be used.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{folder}: no results can be written to this folder ({error.strerror})") from None


class PlainFormatter(logging.Formatter):
    """Lays out a message as one line of visible characters."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return plain(without_secrets(super().format(record)))


def route_messages(*, verbose: bool = False) -> None:
    """Our warnings become lines on standard error; what the codecs mutter about damaged files is hidden.

    Args:
        verbose: also what is no more than worth knowing.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    av.logging.set_level(None)
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter("hourlift: %(message)s"))
    logging.getLogger("hourlift").handlers = [handler]
    logging.getLogger("hourlift").setLevel(logging.INFO if verbose else logging.WARNING)
