"""``hourlift synth``: synthetic people, as a contact sheet to look at, a data set to keep, or a film."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from hourlift.cli.progress import LateProgress
from hourlift.formats.atomic import replacing

if TYPE_CHECKING:  # `hourlift synth --help` does not wait for PyTorch
    from hourlift.data.sample import Sample

EXAMPLES = """
hourlift synth --sheet sheet.png
hourlift synth --sheet sheet.png --count 6 --size 512 --seed 3 --backgrounds my-photos
hourlift synth -o people --count 1000
hourlift synth --clip moving.mp4 --seconds 5 --size 400 --seed 23
hourlift evaluate people
"""

SIZES_PX = (32, 2048)
CLIP_FPS = 30
MAX_SECONDS = 60.0  # all frames are in memory at once
_KEYFRAME_EVERY = 30  # frames from one drawn pose to the next
_HIDDEN = 0.3  # drawn as a joint of this confidence is: thinner, paler


def command(
    *,
    sheet: Annotated[Path | None, tyro.conf.arg(metavar="FILE.png", help_behavior_hint="")] = None,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FOLDER", help_behavior_hint="")] = None,
    clip: Annotated[Path | None, tyro.conf.arg(metavar="FILE.mp4", help_behavior_hint="")] = None,
    count: Annotated[int, tyro.conf.arg(metavar="N")] = 24,
    seconds: Annotated[float, tyro.conf.arg(metavar="S")] = 5.0,
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0,
    size: Annotated[int, tyro.conf.arg(metavar="PIXELS")] = 256,
    backgrounds: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None,
    joints: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> None:
    """Render people who never lived, with their joints in 2D and 3D.

    The data set is in the COCO keypoint layout: images/ and keypoints.json, with the Human3.6M-17 joints of every
    person, the joints in millimetres and the camera. `hourlift evaluate` reads it.

    Args:
        sheet: write the pictures side by side into this file, with the joints drawn on every second one.
        out: write a data set into this folder, which is new or empty.
        clip: write a film of one moving person into this file.
        count: how many people, one a picture.
        seconds: length of the film, at 30 frames a second.
        seed: the same seed gives the same people.
        size: side of the square pictures in pixels.
        backgrounds: folder of photographs without people, for backgrounds and cloth beside those that are drawn.
        joints: draw the joints on every picture of the sheet.

    Raises:
        ValueError: nothing is to be written, or a number, the file's name or a folder will not do.
        OSError: the results cannot be written.
    """
    _check_targets(sheet, out, clip)
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"--seconds must be above 0 and at most {MAX_SECONDS:g}, got {seconds:g}")
    if count < 1:
        raise ValueError(f"--count must be at least 1, got {count}")
    if not SIZES_PX[0] <= size <= SIZES_PX[1]:
        raise ValueError(f"--size must be from {SIZES_PX[0]} to {SIZES_PX[1]}, got {size}")
    if backgrounds is not None and not backgrounds.is_dir():
        raise ValueError(f"--backgrounds {backgrounds}: not a folder")
    if clip is not None:
        write_clip(clip, seed, seconds, size, backgrounds)
        return
    from hourlift.data import write_coco
    from hourlift.evaluation.synthetic import synthetic_samples

    with LateProgress() as progress:

        def people() -> Iterator["Sample"]:
            for i, sample in enumerate(synthetic_samples(count, seed, size, backgrounds)):
                progress.update("people", i, count)
                yield sample

        if out is not None:
            write_coco(people(), out)
        if sheet is not None:
            write_sheet([tile(sample, joints or i % 2 == 1) for i, sample in enumerate(people())], sheet)


def _check_targets(sheet: Path | None, out: Path | None, clip: Path | None) -> None:
    if sum(target is not None for target in (sheet, out, clip)) != 1:
        raise ValueError("say what to write: --sheet FILE.png, --out FOLDER, or --clip FILE.mp4")
    for option, file, suffix in (("--sheet", sheet, ".png"), ("--clip", clip, ".mp4")):
        if file is not None and file.suffix.lower() != suffix:
            raise ValueError(f"{option} {file}: the name must end in {suffix}")


def tile(sample: "Sample", joints: bool) -> NDArray[np.uint8]:
    """A sample's picture (H, W, 3) RGB, with its joints if they are asked for; hidden ones are paler."""
    from hourlift.geometry.align import root_relative
    from hourlift.pose import Pose
    from hourlift.view.overlay import draw_pose

    image = sample.load_image()
    if not joints:
        return image
    assert sample.joints_3d_cam_mm is not None
    assert sample.camera is not None
    pose = Pose(
        joints_2d_px=sample.joints_2d_px,
        confidence=np.where(sample.visible, 1.0, _HIDDEN).astype(np.float32),
        joints_3d_mm=root_relative(sample.joints_3d_cam_mm).astype(np.float32),
        root_cam_mm=sample.joints_3d_cam_mm[0],
        box_xyxy_px=sample.box_xyxy_px,
        camera=sample.camera,
    )
    return draw_pose(image, [pose])


def write_clip(path: Path, seed: int, seconds: float, size: int, photos: Path | None) -> None:
    """Write an H.264 film of one person who moves from pose to pose."""
    from hourlift.predict.video import VideoWriter
    from hourlift.synth.clip import render_clip
    from hourlift.synth.generate import Generator, SynthConfig

    generator = Generator(SynthConfig(size=size, photos=photos))
    count = max(1, round(seconds * CLIP_FPS))
    with LateProgress() as bar:
        film = render_clip(
            generator,
            seed,
            count,
            keyframe_every=_KEYFRAME_EVERY,
            progress=lambda done: bar.update("frames", done, count),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, VideoWriter(temporary, (size, size), CLIP_FPS) as writer:
        for index, image in enumerate(film.images.numpy()):
            writer.write(image, index / CLIP_FPS)


def write_sheet(tiles: list[NDArray[np.uint8]], path: Path) -> None:
    """Write pictures (S, S, 3) RGB of one size side by side, in rows; the last row may end in black."""
    size = tiles[0].shape[0]
    root = math.ceil(math.sqrt(len(tiles)))
    columns = min(range(root, 2 * root), key=lambda columns: -len(tiles) % columns)  # that leave the fewest gaps
    rows = math.ceil(len(tiles) / columns)
    grid = np.zeros((rows * columns, size, size, 3), np.uint8)
    grid[: len(tiles)] = tiles
    picture = grid.reshape(rows, columns, size, size, 3).swapaxes(1, 2).reshape(rows * size, columns * size, 3)
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(data.tobytes())
