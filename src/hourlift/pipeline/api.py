"""`hourlift.lift`: ``hourlift predict`` from Python, with the same results."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from hourlift.errors import UserError
from hourlift.formats.overwriting import keep_inputs
from hourlift.formats.table import FormatName
from hourlift.geometry.camera import Camera
from hourlift.geometry.world import up_of_pitched_camera
from hourlift.media.sources import Source, find_sources
from hourlift.pipeline.lifting import Report, lift_source
from hourlift.pipeline.names import targets, with_free_names
from hourlift.pipeline.options import Outputs, View
from hourlift.pipeline.people_source import PeopleSource
from hourlift.pipeline.summary import LiftResult
from hourlift.predict import PosePredictor


def lift(
    source: str | Path | Source,
    out: str | Path | None = None,
    *,
    predictor: PosePredictor | None = None,
    boxes_xyxy: ArrayLike | None = None,
    people: int | None = None,
    camera: Camera | None = None,
    fov_deg: float | None = None,
    seconds: float | None = None,
    smooth: bool = True,
    height_mm: float | None = None,
    pitch_deg: float | None = None,
    formats: Sequence[FormatName] = ("json",),
    overlay: bool = False,
    page: bool = False,
    side_by_side: bool = False,
    progress: Report | None = None,
    stop: Event | None = None,
) -> LiftResult:
    """Lift the people in a photo, a video or a webcam's images to 3D.

    >>> import hourlift
    >>> person = hourlift.lift("photo.jpg").frames[0].people[0]  # doctest: +SKIP
    >>> person.joints_3d_mm.shape  # doctest: +SKIP
    (17, 3)

    Args:
        source: The path of a photo or video, or "webcam:0"; or what `media.sources.find_sources` finds.
        out: Folder for files, created if missing; without it nothing is written.
        predictor: The networks, loaded once for many calls; None loads the default ones.
        boxes_xyxy: (N, 4) people's boxes in pixels, for a video in its first frame; None searches.
        people: Maximum number of people to find and follow; None: one, or all whose boxes are given.
        camera: The camera; without it and `fov_deg`, a photo's EXIF data or else 60 degrees are used.
        fov_deg: Field of view along the longer side of the image, degrees.
        seconds: Stop after this many seconds of a video or webcam; above 0.
        smooth: Smooth people's tracks through a video.
        height_mm: The people's height, mm.
        pitch_deg: The camera's downward pitch, degrees; negative if it looks up.
        formats: Files of poses to write into `out`.
        overlay: Write the image or video with the skeleton drawn on it, too.
        page: Write the 3D page, too.
        side_by_side: Write the overlay with the pose in 3D beside it, too.
        progress: Called with the number of finished frames of a video and the total (None if unknown).
        stop: Set it, from another thread, to end a video early.

    Returns:
        `frames`, each with its people: joints (17, 2) px and (17, 3) mm, see `Pose`; and the written `files`.

    Raises:
        ValueError, OSError: The source cannot be read, an option is invalid, or the poses cannot be written.
    """
    if camera is not None and fov_deg is not None:
        raise UserError("camera and fov_deg both describe the camera; give one of them")
    if seconds is not None and not seconds > 0:
        raise UserError(f"seconds must be above 0, got {seconds}")
    view = View(
        camera=camera,
        fov_deg=fov_deg,
        boxes_xyxy=None if boxes_xyxy is None else np.asarray(boxes_xyxy, np.float64).reshape(-1, 4),
        seconds=seconds,
        height_mm=height_mm,
        pitch_deg=pitch_deg,
        people=PeopleSource(num_people=people),
    )
    view.say_doubts()
    if pitch_deg is not None:
        up_of_pitched_camera(pitch_deg)  # fails before the work, not after it
    outputs = _outputs(out, formats, overlay=overlay, page=page, side_by_side=side_by_side, smooth=smooth)
    if outputs.folder is not None:
        outputs.folder.mkdir(parents=True, exist_ok=True)
    (found,) = _named([source if isinstance(source, Source) else _one(source)], outputs)
    return lift_source(predictor or PosePredictor(), found, view, outputs, progress, stop)


def lift_many(
    sources: Sequence[str | Path],
    out: str | Path | None = None,
    *,
    predictor: PosePredictor | None = None,
    **options: Any,
) -> Iterator[tuple[str, LiftResult]]:
    """Lift photos, videos and folders of them, one by one; files of the same name get numbers, as photo-2.csv.

    Args:
        sources: Paths, folders, patterns.
        out: As `lift`.
        predictor: As `lift`.
        **options: As `lift`.

    Yields:
        Each file's path and its result.

    Raises:
        ValueError, OSError: As `lift`; earlier results are not lost.
    """
    found, complaints = find_sources(map(str, sources))
    if complaints:
        raise UserError(complaints[0])
    wanted = {name: options[name] for name in ("formats", "overlay", "page", "side_by_side") if name in options}
    found = _named(found, _outputs(out, **wanted))
    predictor = predictor or PosePredictor()
    for source in found:
        yield source.label, lift(source, out, predictor=predictor, **options)


def _outputs(
    out: str | Path | None,
    formats: Sequence[FormatName] = ("json",),
    *,
    overlay: bool = False,
    page: bool = False,
    side_by_side: bool = False,
    smooth: bool = True,
) -> Outputs:
    """The results that `lift` writes and returns."""
    return Outputs(
        folder=None if out is None else Path(out),
        overlay=overlay,
        page=page,
        side_by_side=side_by_side,
        smooth=smooth,
        formats=tuple(formats),
        keep=True,
    )


def _named(sources: Sequence[Source], outputs: Outputs) -> list[Source]:
    """The sources with free names for their results.

    Raises:
        ValueError: a result would overwrite a source.
    """
    named = with_free_names(sources, outputs)
    keep_inputs((source.label for source in named), (file for source in named for file in targets(source, outputs)))
    return named


def _one(named: str | Path) -> Source:
    found, complaints = find_sources([str(named)])
    if complaints:
        raise UserError(complaints[0])
    if len(found) != 1:
        raise UserError(f"{named}: a folder or pattern of {len(found)} files; use lift_many")
    return found[0]
