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

from hourlift.cli.height import parse_height
from hourlift.cli.overwriting import keep_inputs
from hourlift.cli.progress import LateProgress
from hourlift.cli.stopping import Interrupted, Stop, in_good_order
from hourlift.errors import UserError
from hourlift.formats.atomic import is_disk_full
from hourlift.formats.coco_boxes import MIN_SCORE
from hourlift.formats.table import FORMATS, FormatName
from hourlift.formats.text import plain, without_secrets
from hourlift.geometry.camera import Camera
from hourlift.geometry.world import up_of_pitched_camera
from hourlift.media.sources import Source, find_sources
from hourlift.pipeline.lifting import lift_source
from hourlift.pipeline.names import say_replaced, targets, with_free_names
from hourlift.pipeline.options import Outputs, View
from hourlift.pipeline.people_source import PeopleSource
from hourlift.pipeline.summary import LiftResult
from hourlift.predict import PosePredictor
from hourlift.predict.models.precision import Precision, Runtime
from hourlift.view.rerun_log import check_rerun
from hourlift.weights import HOURGLASS, LIFTER

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


def command(
    sources: Annotated[tuple[str, ...], tyro.conf.Positional, _text(metavar="SOURCE...", help_behavior_hint="")] = (),
    *,
    out: Annotated[
        Path | None, _text(aliases=["-o"], metavar="FOLDER", help_behavior_hint=f"(default: {DEFAULT_OUT})")
    ] = None,
    box: Annotated[tuple[Box, ...], tyro.conf.UseAppendAction, _text(metavar="X0 Y0 X1 Y1")] = (),
    people: Annotated[int | None, _text(metavar="N", help_behavior_hint="(default: 1, or all in boxes)")] = None,
    boxes: Annotated[Path | None, _text(metavar="FILE", help_behavior_hint="")] = None,
    detector: Annotated[Path | None, _text(metavar="FILE", help_behavior_hint="")] = None,
    detector_family: Literal["auto", "yolox", "rtmdet", "yolo"] = "auto",
    min_score: Annotated[float, _text(metavar="S")] = MIN_SCORE,
    fov: Annotated[float | None, _text(metavar="DEGREES", help_behavior_hint="")] = None,
    camera: Annotated[Path | None, _text(metavar="FILE", help_behavior_hint="")] = None,
    seconds: Annotated[float | None, _text(metavar="S", help_behavior_hint="(default: all)")] = None,
    smooth: bool = True,
    height: Annotated[str | None, _text(metavar="HEIGHT", help_behavior_hint="")] = None,
    pitch: Annotated[float | None, _text(metavar="DEGREES", help_behavior_hint="")] = None,
    overlay: bool = True,
    page: bool = True,
    side_by_side: bool = False,
    viewer: Annotated[Literal["rerun"] | None, _text(help_behavior_hint="")] = None,
    rrd: Annotated[Path | None, _text(metavar="FILE.rrd", help_behavior_hint="")] = None,
    formats: Annotated[tuple[FormatName, ...], _text(metavar="FORMAT...")] = ("json",),
    json: Annotated[Literal["-"] | None, _text(metavar="-", help_behavior_hint="")] = None,
    weights: Annotated[str, _text(metavar="MODEL")] = HOURGLASS,
    lifter: Annotated[str, _text(metavar="MODEL")] = LIFTER,
    flip_test: bool = False,
    turn: bool = True,
    refine: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    threads: Annotated[int, _text(metavar="N")] = 2,
    device: Literal["cpu", "cuda"] = "cpu",
    precision: Annotated[Precision | None, _text(help_behavior_hint="(default: the fastest accurate one here)")] = None,
    runtime: Annotated[Runtime | None, _text(help_behavior_hint="(default: the fastest one here)")] = None,
    verbose: bool = False,
) -> int:
    """Find people in photos and videos and lift them to 3D, in millimetres.

    For every source it writes OUT/NAME.json or what --formats names, OUT/NAME.overlay.jpg or .mp4 with the skeleton
    drawn in, and OUT/NAME.html, a page with the skeleton in 3D that opens without a network.

    Args:
        sources: photos (JPEG, PNG, WebP, BMP, TIFF, HEIC, AVIF, JPEG 2000), videos, folders of them, patterns, or
            webcam:0.
        out: folder of the results; it is made if it is missing.
        box: a person's left, top, right, bottom in pixels; repeat it for more people. In a video: where the person
            is in the first frame. Without it the most visible person is searched for.
        people: how many people to find and follow at most. More than one in a video needs the extra "track".
        boxes: JSON file of people's boxes in COCO's layout of detections; image_id is the frame's number from 0, or
            the image's file name or number.
        detector: a person detector as ONNX file: YOLOX, RTMDet, or of the YOLO family.
        detector_family: how the detector takes images, where file and outputs do not tell.
        min_score: what --boxes or the detector score less is not taken for a person.
        fov: field of view along the longer side of the image in degrees, if you know it.
        camera: JSON or TOML file with fx, fy, cx, cy, image_wh in pixels and OpenCV's distortion. Without --camera
            and --fov a photo's EXIF data are used, else 60 degrees are assumed.
        seconds: stop after this much of a video or webcam; Ctrl-C, too, ends a webcam in good order.
        smooth: smooth people's tracks through a video and fill gaps of up to half a second; a webcam's are smoothed as
            they come. --no-smooth leaves every frame as it was found.
        height: how tall the people are, such as 1.78m, 178cm or 5'10"; it sets the scale of pose and place. Without
            it they come out as tall as an average person.
        pitch: how far down the camera looks in degrees, below 0 up, so that the world stands upright. Without it a
            video's people tell, if they stand long enough.
        overlay: write images and videos with the skeleton drawn in.
        page: write the 3D page.
        side_by_side: also write OUT/NAME.side-by-side.jpg or .mp4: the overlay, and the pose in 3D beside it.
        viewer: send images, 2D, 3D and camera to the viewer Rerun, which needs hourlift[view].
        rrd: write what Rerun would show into this file instead of opening it; of one source.
        formats: which files of poses to write: json, csv, npz, bvh, trc, c3d, glb, coco; docs/formats.md tells what is
            in them. `hourlift convert` makes the others of the JSON later.
        json: "-" writes the JSON to standard output, and no files unless --out is given.
        weights: hourglass to use: hourglass-accurate, hourglass-fast (a third of the time, fewer joints right), or
            an .onnx file.
        lifter: lifter to use, by name or as an .onnx file.
        flip_test: look at every crop mirrored too; half the speed, a little more accurate.
        turn: look again at people who lean, at a turned crop, and keep the surer answer.
        refine: fit the 3D to the 2D joints, with the same bones through a video; needs hourlift[refine].
        threads: CPU threads of the networks.
        device: where the networks run; cuda needs the package onnxruntime-gpu.
        precision: arithmetic of the hourglass: fp32, bf16 (needs hourlift[openvino]), or int8 (needs a twin made by
            `hourlift quantise`; the shipped models have one). The JSON says which ran.
        runtime: what runs the hourglass; openvino needs hourlift[openvino].
        verbose: say how the networks run, and whatever else is worth knowing.

    Returns:
        Exit status: 0 when all sources are done, 1 when some failed, 2 when all did.

    Raises:
        ValueError, OSError: options that make no sense, a model or output folder that cannot be used.
    """
    if not sources:
        raise UserError("name at least one photo, video, folder or webcam; `hourlift predict --help` has examples")
    if fov is not None and camera is not None:
        raise UserError("--fov and --camera both describe the camera; give one of them")
    people_source = PeopleSource.from_options(
        *(people, bool(box), boxes, detector, None if detector_family == "auto" else detector_family, min_score),
        threads=threads,
        device=device,
    )
    view = View(
        camera=None if camera is None else Camera.load(camera),
        fov_deg=fov,
        boxes_xyxy=np.array(box) if box else None,
        seconds=seconds,
        people=people_source,
        height_mm=None if height is None else parse_height(height),
        pitch_deg=pitch,
    )
    if pitch is not None:
        up_of_pitched_camera(pitch)  # complains before the work, not after it
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
        FORMATS[name].load_module()  # a missing package is told before any work is done
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
    inputs = [*(source.label for source in found), boxes, detector, camera, weights, lifter]
    keep_inputs(inputs, (file for source in found for file in targets(source, outputs)))
    say_replaced(found, outputs)
    predictor = PosePredictor(
        *(weights, lifter),
        threads=threads,
        device=device,
        flip_test=flip_test,
        turn=turn,
        refine=refine,
        precision=precision,
        runtime=runtime,
    )
    return run(predictor, found, view, outputs, complaints)


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
        found = "nobody found"
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
        text = f"{error.filename or source.label}: {error.strerror}"
        if error.filename:
            return plain(text)
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
