"""One photo from end to end: read, lift, write."""

import tempfile
from pathlib import Path

from hourlift.formats.json import Header, PoseFile
from hourlift.media.images import Image, read_image
from hourlift.media.sources import Source
from hourlift.pipeline.options import View
from hourlift.pipeline.outputs import Results, Wanted, at_most, write_picture
from hourlift.pipeline.summary import LiftResult
from hourlift.pose import PoseFrame
from hourlift.predict import PosePredictor
from hourlift.predict.world.finish import finish
from hourlift.view.overlay import draw_pose
from hourlift.view.space import SideBySide

_JPEG_MAX_SIDE = 65_500  # libjpeg's limit
_PAGE_PICTURE_SIDE = 1600


def lift_photo(predictor: PosePredictor, source: Source, view: View, wanted: Wanted) -> LiftResult:
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
    return LiftResult(
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
