"""``hourlift synth``: synthetic people, as a contact sheet, a data set or a video."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro
from numpy.typing import NDArray

from hourlift.cli.progress import LateProgress
from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.media.images import write_image
from hourlift.view.tiles import tiled

if TYPE_CHECKING:  # `hourlift synth --help` does not wait for PyTorch
    from hourlift.data.sample import Sample
    from hourlift.synth.dataset import DatasetConfig
    from hourlift.synth.generate import SynthConfig

EXAMPLES = """
hourlift synth --sheet sheet.png
hourlift synth --sheet sheet.png --preset sport --count 6 --size 512 --seed 3 --backgrounds my-photos
hourlift synth --sheet sheet.png --preset photograph --assets makehuman --backgrounds photos places --panoramas hdri
hourlift synth -o people --count 100000 --workers 8
hourlift synth -o people --count 100000 --workers 8 --resume     (after an interruption)
hourlift synth -o people --count 1000 --format coco
hourlift synth -o studio --count 20000 --preset studio --workers 2     (a synthetic Human3.6M)
hourlift synth --clip moving.mp4 --seconds 5 --fps 60 --moving-camera --size 400
hourlift evaluate people
"""

STUDIO = "studio"
MAX_SECONDS = 60  # all frames are in memory at once
_HIDDEN = 0.3  # hidden joints are drawn as of this confidence: thinner, paler


def command(
    *,
    sheet: Annotated[Path | None, tyro.conf.arg(metavar="FILE.png", help_behavior_hint="")] = None,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"], metavar="FOLDER", help_behavior_hint="")] = None,
    clip: Annotated[Path | None, tyro.conf.arg(metavar="FILE.mp4", help_behavior_hint="")] = None,
    count: Annotated[int, tyro.conf.arg(metavar="N")] = 24,
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0,
    preset: Annotated[str, tyro.conf.arg(metavar="NAME")] = "everyday",
    size: Annotated[int, tyro.conf.arg(metavar="PIXELS")] = 256,
    backgrounds: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="[FOLDER ...]", help_behavior_hint="")] = (),
    assets: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None,
    panoramas: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")] = None,
    motion: Annotated[Path | None, tyro.conf.arg(metavar="FILE|FOLDER", help_behavior_hint="")] = None,
    joints: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    format: Literal["shards", "coco"] = "shards",
    workers: Annotated[int, tyro.conf.arg(metavar="K")] = 1,
    per_shard: Annotated[int, tyro.conf.arg(metavar="N")] = 1000,
    image_format: Literal["jpg", "png"] = "jpg",
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
    seconds: Annotated[float, tyro.conf.arg(metavar="S")] = 5.0,
    fps: Annotated[int, tyro.conf.arg(metavar="N")] = 30,
    moving_camera: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> None:
    """Render synthetic people, with their joints in 2D and 3D.

    A data set is a folder of WebDataset shards: tar files of images, their annotations (the Human3.6M-17 joints in
    pixels and millimetres, what occludes each, the person's box, mask and body height, the camera, the seed) and masks;
    or it is in the COCO keypoint layout. `hourlift evaluate` reads both.

    Args:
        sheet: write the images side by side into this file, with the joints drawn on every second one.
        out: write a data set into this folder, new or empty.
        clip: write a video of one moving person into this file.
        count: number of people, one per image; for the studio, whose 840 videos have equal length, at least this many.
        seed: the same seed gives the same people.
        preset: what is rendered: everyday, photograph (people as in everyday photos, best with
            --backgrounds), upright (easy poses), sport (acrobatics, odd cameras), portrait (near, cut off) or
            studio (a plain room, four fixed cameras like Human3.6M's; written to a folder it is a synthetic Human3.6M:
            7 subjects, 15 actions, videos of four cameras, which the report's recipes train on).
        size: side of the square images in pixels.
        backgrounds: folders of photos, for backgrounds and cloth in addition to drawn ones.
        assets: folder of MakeHuman's clothes, hair and skins that people wear, in addition to painted ones
            [default: $HOURLIFT_ASSETS]; docs/synthetic-people.md says where to get them.
        panoramas: folder of panoramas of high dynamic range (.hdr) that light people.
        motion: motion capture (.bvh, .amc, .npz), a file or a folder of them, from which half of the poses are taken.
        joints: draw the joints on every image of the sheet.
        format: format of the data set.
        workers: processes that render; each writes whole shards, and the files are the same for any number of them.
        per_shard: people per shard; for the studio, rounded to whole takes.
        image_format: format of the images in shards: JPEG of quality 95, or lossless PNG.
        resume: continue an interrupted data set with the same settings, or extend it.
        seconds: length of the video.
        fps: frame rate of the video, 30 to 60.
        moving_camera: let the video's camera follow the person.

    Raises:
        ValueError: no output is named, or a number, a file's name or a folder is invalid.
        OSError: the results cannot be written.
    """
    _check_targets(sheet, out, clip)
    if seconds > MAX_SECONDS:
        raise UserError(f"--seconds must be at most {MAX_SECONDS}, got {seconds}")
    if workers < 1:
        raise UserError(f"--workers must be at least 1, got {workers}")
    if format == "coco" and (workers > 1 or resume):
        raise UserError("--workers and --resume are for --format shards")
    if format == "coco" and preset == STUDIO:
        raise UserError("the studio is written as shards, whose ids name subject, action and camera")
    if motion is not None and not motion.exists():
        raise UserError(f"--motion {motion}: does not exist")
    from hourlift.synth import presets

    config = replace(presets.preset(preset), size=size)
    config = presets.with_images(config, backgrounds, assets, panoramas)
    if motion is not None:
        config = presets.with_motion(config, motion)
    if clip is not None:
        write_clip(clip, config, seed, seconds, fps, moving_camera)
    elif sheet is not None:
        people = shown(render(config, seed, count), count)
        write_sheet([tile(sample, joints or i % 2 == 1) for i, sample in enumerate(people)], sheet)
    elif format == "coco":
        from hourlift.data.images.coco import write_coco

        assert out is not None
        write_coco(shown(render(config, seed, count), count), out)
    else:
        assert out is not None
        from hourlift.synth.dataset import DatasetConfig

        dataset = DatasetConfig(synth=config, seed=seed, per_shard=per_shard, image_format=image_format)
        if preset == STUDIO:
            dataset, count = studio(dataset, count)
        write_dataset(dataset, out, count, workers, resume)


def studio(config: "DatasetConfig", count: int) -> tuple["DatasetConfig", int]:
    """Videos long enough for at least this many images, with whole takes; and the number of images."""
    from hourlift.synth.studio import CAMERAS, NUM_FILMS, num_images

    frames = -(-count // NUM_FILMS)
    per_take = frames * len(CAMERAS)
    per_shard = max(1, round(config.per_shard / per_take)) * per_take
    return replace(config, frames=frames, per_shard=per_shard), num_images(frames)


def _check_targets(sheet: Path | None, out: Path | None, clip: Path | None) -> None:
    if sum(target is not None for target in (sheet, out, clip)) != 1:
        raise UserError("name an output: --sheet FILE.png, --out FOLDER, or --clip FILE.mp4")
    for option, file, suffix in (("--sheet", sheet, ".png"), ("--clip", clip, ".mp4")):
        if file is not None and file.suffix.lower() != suffix:
            raise UserError(f"{option} {file}: the name must end in {suffix}")


def render(config: "SynthConfig", seed: int, count: int) -> Iterator["Sample"]:
    """Render people one by one."""
    from hourlift.synth.samples import render_samples

    return render_samples(config, seed, count)


def shown(people: Iterable["Sample"], count: int) -> Iterator["Sample"]:
    """The people, with a progress bar."""
    with Rate() as rate:
        for done, sample in enumerate(people, start=1):
            rate.rendered(done, count)
            yield sample


class Rate(LateProgress):
    """A progress bar that shows images per second."""

    def __init__(self) -> None:
        super().__init__()
        self.begin_s = time.monotonic()
        self.done = 0

    def rendered(self, done: int, total: int) -> None:
        """Update the number of finished images."""
        self.done = done
        self.update(f"people, {self.per_second:.1f}/s", done, total)

    @property
    def per_second(self) -> float:
        """Images per second since the start."""
        return self.done / max(time.monotonic() - self.begin_s, 1e-9)


def write_dataset(config: "DatasetConfig", folder: Path, count: int, workers: int, resume: bool) -> None:
    """Write shards, and print the rendering speed."""
    from hourlift.synth import dataset

    with Rate() as rate:
        paths = dataset.write_dataset(config, folder, count, workers=workers, resume=resume, progress=rate.rendered)
        print(f"{folder}: {count} people in {len(paths)} shards; rendered {rate.done}, {rate.per_second:.1f}/s")


def tile(sample: "Sample", joints: bool) -> NDArray[np.uint8]:
    """A sample's image (H, W, 3) RGB, with its joints if requested; hidden ones are paler."""
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


def write_clip(path: Path, config: "SynthConfig", seed: int, seconds: float, fps: int, moving_camera: bool) -> None:
    """Write an H.264 video of one moving person."""
    from hourlift.media.video_writer import VideoWriter
    from hourlift.synth.clip import render_clip
    from hourlift.synth.generate import Generator

    count = max(1, round(seconds * fps))
    with LateProgress() as bar:
        video = render_clip(
            Generator(config),
            seed,
            count,
            fps=fps,
            moving_camera=moving_camera,
            progress=lambda done: bar.update("frames", done, count),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    size_wh = (config.size, config.size)
    with replacing(path) as temporary, VideoWriter(temporary, size_wh, fps) as writer:
        for index, image in enumerate(video.images.numpy()):
            writer.write(image, index / fps)


def write_sheet(tiles: list[NDArray[np.uint8]], path: Path) -> None:
    """Write images (S, S, 3) RGB of one size side by side, in rows; the last row may end in black."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        write_image(temporary, tiled(tiles))
