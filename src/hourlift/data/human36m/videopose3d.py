"""Human3.6M's joints as VideoPose3D stores them: two .npz files with pickled objects, and no images.

    DIR/data_3d_h36m.npz        positions_3d: {subject: {"Directions 1": (N, 32, 3) metres, world}}
    DIR/data_2d_h36m_gt.npz     positions_2d: {subject: {"Directions 1": [(N, 17, 2) pixels of each of 4 cameras]}}
    DIR/metadata.xml            Human3.6M's, or mmpose's cameras.pkl; optional

The files are read without executing their content. Without a file of cameras, the cameras are fitted to both sides of
the projection. Images are optional: DIR/images/, named after the sample's id with .jpg.
"""

from collections.abc import Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.data.dataset import DataSet
from hourlift.data.human36m.cameras import CAMERAS_PICKLE, METADATA, Cameras, WorldCamera, find_cameras, resect
from hourlift.data.human36m.protocol import (
    CAMERA_SIZES_WH,
    CORRUPT_TAKE,
    JOINTS_17_OF_32,
    SPLITS,
    SUBJECTS,
    parse_take,
    split_subjects,
)
from hourlift.data.human36m.restricted_npz import read_npz
from hourlift.data.human36m.videos import IMAGES, PICK_FRAME, Take, count_videos, frame_samples, spread
from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.geometry.skeleton import COCO17, H36M17, MPII16, Skeleton, map_joints

NAME = "Human3.6M, VideoPose3D's npz"
POSITIONS_3D, POSITIONS_2D = "data_3d_h36m.npz", "data_2d_h36m_gt.npz"
_MM = 1000.0  # of a metre
_POINTS_TO_RESECT = 3000
_DETECTED = {"h36m": H36M17, "coco": COCO17, "mpii": MPII16}
"""Skeletons by their names in files of detections."""

_Motions = dict[tuple[str, str, int], NDArray[np.floating]]
"""(subject, action, take) -> (N, 17, 3) mm, world."""
_Pixels = dict[tuple[str, str, int, str], NDArray[np.floating]]
"""(subject, action, take, camera) -> (N, 17, 2)."""


def looks_like(folder: Path) -> bool:
    """Return whether a folder holds one of the two files."""
    return (folder / POSITIONS_3D).is_file() or (folder / POSITIONS_2D).is_file()


def open_videopose3d(folder: str | Path) -> DataSet:
    """Open the data set.

    Raises:
        ValueError: A required file is missing, damaged, malicious, or for another skeleton.
    """
    folder = Path(folder)
    if not (folder / POSITIONS_3D).is_file():
        raise UserError(f"{folder} holds VideoPose3D's {POSITIONS_2D}, but not {POSITIONS_3D}, which is needed too")
    motions = _motions(folder / POSITIONS_3D)
    cameras = find_cameras((folder, folder.parent))
    pixels = _pixels(folder / POSITIONS_2D, motions) if (folder / POSITIONS_2D).is_file() else {}
    takes = [
        Take(subject=subject, action=action, take=take, camera=camera)
        for subject, action, take in motions
        for camera in CAMERA_SIZES_WH
    ]
    contents = _Contents(folder, motions, pixels, cameras)
    frames = len(CAMERA_SIZES_WH) * sum(map(len, motions.values()))
    return DataSet(
        name=NAME,
        folder=folder,
        counts=count_videos(takes, frames),
        missing=tuple(_missing(folder, motions, cameras, bool(pixels))),
        splits=tuple(SPLITS),
        has_3d=True,
        read=partial(_read, folder, contents, takes),
        pick=partial(_pick, contents, takes),
    )


def _missing(folder: Path, motions: _Motions, cameras: Cameras | None, with_pixels: bool) -> Iterator[str]:
    absent = [subject for subject in SUBJECTS if subject not in {key[0] for key in motions}]
    if absent:
        yield f"{POSITIONS_3D} has no {', '.join(absent)}"
    if cameras is None and not with_pixels:
        yield f"the cameras: neither {METADATA}, {CAMERAS_PICKLE} nor {POSITIONS_2D}, from which they can be fitted"
    if not (folder / IMAGES).is_dir():
        yield f"images: there is no {IMAGES}/, so this trains the lifter, not the hourglass"


class _Contents:
    """Motion of the videos in camera axes, and joints in pixels."""

    def __init__(self, folder: Path, motions: _Motions, pixels: _Pixels, cameras: Cameras | None) -> None:
        self.folder, self.motions, self.pixels, self.cameras = folder, motions, pixels, cameras
        self.find = cache(self._find)

    def _find(self, subject: str, camera: str) -> WorldCamera:
        if self.cameras is not None:
            if (subject, camera) not in self.cameras:
                raise UserError(f"{self.folder}: the camera file has no camera {camera} of {subject}")
            return self.cameras[subject, camera]
        pairs = [
            (motion, self.pixels[(*key, camera)])
            for key, motion in self.motions.items()
            if key[0] == subject and (*key, camera) in self.pixels
        ]
        if not pairs:
            raise UserError(
                f"{self.folder} has no cameras of {subject}: put Human3.6M's {METADATA}, mmpose's "
                f"{CAMERAS_PICKLE} or VideoPose3D's {POSITIONS_2D} there"
            )
        world, px = (np.concatenate(side).reshape(-1, side[0].shape[-1]) for side in zip(*pairs, strict=True))
        some = slice(None, None, max(1, len(world) // _POINTS_TO_RESECT))
        try:
            return resect(world[some], px[some], CAMERA_SIZES_WH[camera])
        except ValueError as error:
            raise UserError(f"{self.folder}: camera {camera} of {subject}: {error}") from error


def _read(folder: Path, data: _Contents, takes: list[Take], split: str, stride: int, images: bool) -> Iterator[Sample]:
    subjects = split_subjects(split)
    chosen = [take for take in takes if take.subject in subjects]
    if not chosen:
        raise UserError(f"{folder} holds no people of the split {split}: {', '.join(subjects)}")
    cameras = [data.find(take.subject, take.camera) for take in chosen]
    return (
        sample for take, camera in zip(chosen, cameras, strict=True) for sample in _shot(data, take, camera, stride)
    )


def _pick(data: _Contents, takes: list[Take], count: int) -> Iterator[Sample]:
    """Return one frame per video, spread over the set."""
    for take in spread(takes, count):
        stride = max(1, min(PICK_FRAME, len(data.motions[take.subject, take.action, take.take]) - 1))
        yield list(islice(_shot(data, take, data.find(take.subject, take.camera), stride), 2))[-1]


def _shot(data: _Contents, take: Take, camera: WorldCamera, stride: int) -> Iterator[Sample]:
    motion = data.motions[take.subject, take.action, take.take]
    return frame_samples(
        take,
        camera.to_camera(motion),
        camera.camera,
        range(0, len(motion), stride),
        data.folder / IMAGES,
        data.pixels.get((take.subject, take.action, take.take, take.camera)),
    )


def _motions(path: Path) -> _Motions:
    content = _content(path, "positions_3d")
    motions = {}
    for subject, name, positions in _takes(path, content):
        parsed = parse_take(name)
        if parsed is None or (subject, *parsed) == CORRUPT_TAKE:
            continue
        if not _is_track(positions, 32, 3):
            raise UserError(f"{path}: {subject} {name} is {_described(positions)}, not (frames, 32 joints, 3)")
        motions[subject, *parsed] = _MM * positions[:, JOINTS_17_OF_32]
    if not motions:
        raise UserError(f"{path} holds none of Human3.6M's actions")
    return motions


def _pixels(path: Path, motions: _Motions) -> _Pixels:
    """Read the pixel joints of the takes that have motion; (T, 17, 2) with the same T."""
    content = _content(path, "positions_2d")
    pixels = {}
    for subject, name, views in _takes(path, content):
        parsed = parse_take(name)
        if parsed is None or (subject, *parsed) not in motions:
            continue
        frames = len(motions[subject, *parsed])
        for camera, view in zip(CAMERA_SIZES_WH, _views(path, views), strict=False):
            if not _is_track(view, H36M17.num_joints, 2) or len(view) < frames:
                found = f"{path}: {subject} {name} from camera {camera} is {_described(view)}"
                raise UserError(f"{found}, not ({frames} frames, {H36M17.num_joints} joints, 2)")
            pixels[subject, *parsed, camera] = view[:frames]
    return pixels


def read_detections(path: str | Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Read 2D joints that a detector found in Human3.6M, as published by VideoPose3D.

    For data_2d_h36m_cpn_ft_h36m_dbb.npz and similar files: `positions_2d` as above, and `metadata`, whose layout_name
    is h36m, coco or mpii. Joints of other skeletons are mapped with `map_joints`, which is approximate.

    Yields:
        The frame's sample id, and (17, 2) joints in pixels; NaN where the skeleton has no such joint.

    Raises:
        ValueError: The file is damaged, malicious, or for an unknown skeleton. The message names it.
    """
    path = Path(path)
    content = read_npz(path)
    metadata = content.get("metadata")
    layout = metadata.get("layout_name", "h36m") if isinstance(metadata, dict) else "h36m"
    if not isinstance(layout, str) or layout not in _DETECTED:
        raise UserError(f"{path} has joints of the layout {layout!r}; known are {', '.join(_DETECTED)}")
    skeleton = _DETECTED[layout]
    return _detections(path, content.get("positions_2d"), skeleton)


def _detections(path: Path, content: Any, skeleton: Skeleton) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for subject, name, views in _takes(path, content):
        parsed = parse_take(name)
        if parsed is None or (subject, *parsed) == CORRUPT_TAKE:
            continue
        for camera, view in zip(CAMERA_SIZES_WH, _views(path, views), strict=False):
            if not _is_track(view, skeleton.num_joints, 2):
                found = f"{path}: {subject} {name} from camera {camera} is {_described(view)}"
                raise UserError(f"{found}, not (frames, {skeleton.num_joints} joints of {skeleton.name}, 2)")
            take = Take(subject=subject, action=parsed[0], take=parsed[1], camera=camera)
            for index, joints in enumerate(map_joints(view, skeleton, H36M17).astype(np.float32)):
                yield str(take.frame(index)), joints


def _content(path: Path, key: str) -> Any:
    content = read_npz(path)
    if key not in content:
        raise UserError(f"{path} has no {key}; it has {', '.join(content) or 'nothing'}")
    return content[key]


def _views(path: Path, views: Any) -> list[Any]:
    """Return the arrays of each camera."""
    if not isinstance(views, list | tuple | np.ndarray):
        raise UserError(f"{path} holds {type(views).__name__} where the joints of each camera should be")
    return list(views)


def _is_track(value: Any, joints: int, axes: int) -> bool:
    """Return whether a value is an array (frames, joints, axes) of numbers, none of them infinite."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.ndim != 3:
        return False
    return value.shape[1:] == (joints, axes) and len(value) > 0 and not np.isinf(value).any()


def _described(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return type(value).__name__
    return str(value.shape) if value.dtype.kind == "f" else f"{value.dtype} {value.shape}"


def _takes(path: Path, content: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield subject, name of the take, and the stored value."""
    if not isinstance(content, dict) or not all(isinstance(takes, dict) for takes in content.values()):
        raise UserError(f"{path} is not in VideoPose3D's layout of subjects and their actions")
    for subject, takes in content.items():
        for name, stored in takes.items():
            yield str(subject), str(name), stored
