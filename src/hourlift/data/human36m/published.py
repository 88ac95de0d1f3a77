"""Human3.6M as its makers publish it: motion in CDF files, videos, and the cameras in metadata.xml.

    DIR/metadata.xml                                      or in a folder below, such as Release-v1.2/
    DIR/S1/MyPoseFeatures/D3_Positions_mono/Directions 1.54138969.cdf      Pose (1, N, 96): mm, camera
    DIR/S1/MyPoseFeatures/D3_Positions/Directions 1.cdf                    the same in the world; either suffices
    DIR/S1/Videos/Directions 1.54138969.mp4

The CDF files need the extra `data` (cdflib). The lifter can be trained without videos. The 2D joints are the projection
of the 3D joints; (0, 0) is the centre of an image's first pixel.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.data.dataset import DataSet
from hourlift.data.human36m.cameras import METADATA, Cameras, WorldCamera, find_cameras
from hourlift.data.human36m.cdf import open_cdf
from hourlift.data.human36m.protocol import (
    CAMERA_SIZES_WH,
    CORRUPT_TAKE,
    JOINTS_17_OF_32,
    SPLITS,
    SUBJECTS,
    parse_take,
    split_subjects,
)
from hourlift.data.human36m.videos import IMAGES, PICK_FRAME, Take, count_videos, frame_samples, read_frames, spread
from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.formats.guarded import parsing

NAME = "Human3.6M, official layout"
_TAKES_PER_SUBJECT = 30
_FEATURES = "MyPoseFeatures"
_MAX_FRAMES = 100_000  # Human3.6M's takes have up to 6500
_WORLD, _MONO = "D3_Positions", "D3_Positions_mono"


@dataclass(frozen=True, kw_only=True)
class _Film(Take):
    """A take from one camera, and its files."""

    positions: Path
    in_world: bool
    video: Path


def looks_like(folder: Path) -> bool:
    """Return whether a folder holds subjects' folders with motion or videos."""
    return any((folder / subject / name).is_dir() for subject in SUBJECTS for name in (_FEATURES, "Videos"))


def open_human36m(folder: str | Path) -> DataSet:
    """Open Human3.6M in its official layout.

    Raises:
        ValueError: There is no motion at all, or a file needed to count the frames cannot be read.
    """
    folder = Path(folder)
    videos = [video for subject in SUBJECTS for video in _films(folder / subject)]
    if not videos:
        raise UserError(
            f"{folder} holds Human3.6M's videos but no motion: unpack S1/{_FEATURES}/{_MONO}/*.cdf and the other "
            f"subjects' (archives Poses_{_MONO})"
        )
    cameras = find_cameras(_metadata_folders(folder))
    frames = {video.positions: _num_frames(video.positions) for video in videos}
    return DataSet(
        name=NAME,
        folder=folder,
        counts=count_videos(videos, sum(frames[video.positions] for video in videos)),
        missing=tuple(_missing(folder, videos, cameras)),
        splits=tuple(SPLITS),
        has_3d=True,
        read=partial(_read, folder, videos, cameras),
        pick=partial(_pick, folder, videos, cameras),
    )


def _metadata_folders(folder: Path) -> list[Path]:
    return [folder, *sorted(path for path in folder.iterdir() if path.is_dir()), folder.parent]


def _films(folder: Path) -> Iterator[_Film]:
    """Group a subject's videos by motion file. Files in camera axes are preferred: they need no camera pose."""
    subject, features = folder.name, folder / _FEATURES
    mono = {path.stem: path for path in sorted((features / _MONO).glob("*.cdf"))}
    world = {path.stem: path for path in sorted((features / _WORLD).glob("*.cdf"))}
    takes = dict.fromkeys([*world, *(stem.rpartition(".")[0] for stem in mono)])
    for name in takes:
        parsed = parse_take(name)
        if parsed is None or (subject, *parsed) == CORRUPT_TAKE:
            continue
        for camera in CAMERA_SIZES_WH:
            positions = mono.get(f"{name}.{camera}") or world.get(name)
            if positions is not None:
                yield _Film(
                    subject=subject,
                    action=parsed[0],
                    take=parsed[1],
                    camera=camera,
                    positions=positions,
                    in_world=f"{name}.{camera}" not in mono,
                    video=folder / "Videos" / f"{name}.{camera}.mp4",
                )


def _missing(folder: Path, videos: list[_Film], cameras: Cameras | None) -> Iterator[str]:
    if cameras is None:
        yield f"{METADATA} with the cameras: without it joints cannot be projected into images"
    for subject in SUBJECTS:
        own = [video for video in videos if video.subject == subject]
        if not own:
            yield f"{subject}: no motion in {subject}/{_FEATURES}/{_MONO} or {_WORLD}"
            continue
        expected = _TAKES_PER_SUBJECT - (subject == CORRUPT_TAKE[0])
        takes = {(video.action, video.take) for video in own}
        if len(takes) < expected:
            yield f"{subject}: motion of {len(takes)} of {expected} takes"
        elif len(own) < expected * len(CAMERA_SIZES_WH):
            yield f"{subject}: motion from {len(own)} of {expected * len(CAMERA_SIZES_WH)} cameras"
        absent = [video.video for video in own if not video.video.is_file()]
        if absent:
            yield f"{subject}: {len(absent)} of {len(own)} videos, such as {absent[0].relative_to(folder)}"


def _read(
    folder: Path, videos: list[_Film], cameras: Cameras | None, split: str, stride: int, images: bool
) -> Iterator[Sample]:
    subjects = split_subjects(split)
    chosen = [video for video in videos if video.subject in subjects]
    if not chosen:
        raise UserError(f"{folder} holds no people of the split {split}: {', '.join(subjects)}")
    placed = _placed(folder, chosen, cameras)
    absent = [video.video for video in chosen if images and not video.video.is_file()]
    if absent:
        raise UserError(f"{len(absent)} of {len(chosen)} videos of the split {split} are missing, such as {absent[0]}")
    return (
        sample for video, camera in zip(chosen, placed, strict=True) for sample in _shot(video, camera, stride, images)
    )


def _pick(folder: Path, videos: list[_Film], cameras: Cameras | None, count: int) -> Iterator[Sample]:
    """Return one frame per video, spread over the set; only of videos that exist, if any does."""
    with_video = [video for video in videos if video.video.is_file()] or videos
    chosen = spread(with_video, count)
    for video, camera in zip(chosen, _placed(folder, chosen, cameras), strict=True):
        stride = max(1, min(PICK_FRAME, _num_frames(video.positions) - 1))
        shot = _shot(video, camera, stride, video.video.is_file())
        yield list(islice(shot, 2))[-1]


def _placed(folder: Path, videos: list[_Film], cameras: Cameras | None) -> list[WorldCamera]:
    """Return the camera of every video."""
    if cameras is None:
        raise UserError(f"{folder} has no {METADATA}, which holds the cameras: put it there")
    for video in videos:
        if (video.subject, video.camera) not in cameras:
            raise UserError(f"{folder}: the camera file has no camera {video.camera} of {video.subject}")
    return [cameras[video.subject, video.camera] for video in videos]


def _shot(video: _Film, camera: WorldCamera, stride: int, load_images: bool) -> Iterator[Sample]:
    """Yield every stride-th frame of a video."""
    positions = read_positions(video.positions)
    joints_mm = camera.to_camera(positions) if video.in_world else positions
    images: Any = video.video.parents[2] / IMAGES
    if load_images:
        images = read_frames(video.video, len(positions), stride, camera.camera.image_wh)
    yield from frame_samples(video, joints_mm, camera.camera, range(0, len(positions), stride), images)


def read_positions(path: Path) -> NDArray[np.float64]:
    """Read the 17 joints from a CDF file of positions.

    Returns:
        (N, 17, 3) in H36M17's order, mm.

    Raises:
        ValueError: The file is no CDF file, or does not hold 32 joints in 3D.
    """
    frames = _num_frames(path)
    cdf = open_cdf(path)
    with parsing(path, "CDF file"):
        pose = np.asarray(cdf.varget("Pose"), np.float64)
    if pose.size != 96 * frames or not np.isfinite(pose).all():
        raise UserError(f"{path} is not a valid CDF file: Pose is not {frames} frames of finite numbers")
    return pose.reshape(-1, 32, 3)[:, JOINTS_17_OF_32]


def _num_frames(path: Path) -> int:
    """Return N of Pose (1, N, 96) without reading it."""
    cdf = open_cdf(path)
    with parsing(path, "CDF file of Human3.6M's"):
        info = cdf.cdf_info()
        if "Pose" not in (*info.zVariables, *info.rVariables):
            raise UserError("it has no variable Pose")
        pose = cdf.varinq("Pose")
        if pose.Num_Elements != 1:
            raise UserError("Pose holds text")
        sizes = (int(pose.Last_Rec) + 1, *map(int, pose.Dim_Sizes))
    if not 0 < math.prod(sizes[:-1]) <= _MAX_FRAMES:
        raise UserError(f"{path}: Pose is {sizes}, but takes have 1 to {_MAX_FRAMES} frames")
    if sizes[-1] != 96:
        raise UserError(f"{path}: Pose has {sizes[-1]} numbers a frame, not 96 for 32 joints in 3D; is it {_MONO}?")
    return math.prod(sizes[:-1])
