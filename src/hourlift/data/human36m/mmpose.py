"""Human3.6M as mmpose prepares it: extracted frames, and arrays of their joints.

    DIR/annotation_body3d/fps50/h36m_train.npz     imgname (N,), center (N, 2), scale (N,), part (N, 17, 3) pixels,
    DIR/annotation_body3d/fps50/h36m_test.npz      S (N, 17, 4) metres, camera; the last column of both: known or not
    DIR/annotation_body3d/cameras.pkl              read without executing its content
    DIR/images/S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg

If there are several frame rates (fps10, fps50), the highest is read. `center` and `scale` (1.2 x the longer side of the
joints' extent / 200) carry no more information than the joints, so the box is computed from the joints, as elsewhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.data.dataset import DataSet
from hourlift.data.human36m.cameras import CAMERAS_PICKLE, Cameras, find_cameras
from hourlift.data.human36m.protocol import CORRUPT_TAKE, SPLITS, SUBJECTS, parse_take, split_subjects
from hourlift.data.human36m.restricted_npz import read_npz
from hourlift.data.human36m.videos import IMAGES, Take, count_videos
from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.formats.guarded import check_arrays
from hourlift.geometry.crop import box_from_joints

NAME = "Human3.6M, mmpose's npz with images"
ANNOTATION = "annotation_body3d"
_FILES = ("h36m_train.npz", "h36m_test.npz")
_MM = 1000.0  # of a metre
_PICTURE = re.compile(r"(S\d+)_(.+)\.(\d+)_(\d+)", re.ASCII)
_FRAME = re.compile(r"\d{1,9}(\..*)?", re.ASCII)
_PICTURES_TO_TRY = 200
_SHAPES = {"imgname": (), "part": (17, 3), "S": (17, 4)}
_KINDS = {"imgname": "U", "part": "f", "S": "f"}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rows:
    """Content of both files, concatenated: N rows. Row i belongs to `takes[number[i]]`."""

    imgname: NDArray[np.str_]
    part: NDArray[np.floating]
    S: NDArray[np.floating]
    takes: list[Take]
    number: NDArray[np.intp]
    frame: NDArray[np.intp]


def looks_like(folder: Path) -> bool:
    """Return whether a folder holds mmpose's annotation."""
    return (folder / ANNOTATION).is_dir()


def open_mmpose(folder: str | Path) -> DataSet:
    """Read mmpose's annotation of Human3.6M.

    Raises:
        ValueError: The annotation is missing, damaged, malicious, or for another skeleton.
    """
    folder = Path(folder)
    rates = {int(path.name[3:]): path for path in (folder / ANNOTATION).glob("fps*") if path.name[3:].isdigit()}
    if not rates:
        raise UserError(f"{folder / ANNOTATION} holds no fps50/ or fps10/ with {' and '.join(_FILES)}")
    annotation = rates[max(rates)]
    files = [annotation / name for name in _FILES if (annotation / name).is_file()]
    if not files:
        raise UserError(f"{annotation} holds neither {' nor '.join(_FILES)}")
    rows = _read_rows(files)
    cameras = find_cameras((folder / ANNOTATION, folder))
    return DataSet(
        name=f"{NAME} ({annotation.name})",
        folder=folder,
        counts=count_videos(rows.takes, len(rows.imgname)),
        missing=tuple(_missing(folder, annotation, rows, cameras)),
        splits=tuple(SPLITS),
        has_3d=True,
        read=partial(_read, folder, rows, cameras),
    )


def _missing(folder: Path, annotation: Path, rows: _Rows, cameras: Cameras | None) -> Iterator[str]:
    for name in _FILES:
        if not (annotation / name).is_file():
            yield f"{annotation.relative_to(folder) / name}"
    absent = [subject for subject in SUBJECTS if subject not in {take.subject for take in rows.takes}]
    if absent:
        yield f"joints of {', '.join(absent)}"
    if cameras is None:
        yield f"{ANNOTATION}/{CAMERAS_PICKLE} with the cameras: without it this trains the hourglass, not the lifter"
    else:
        untold = sorted({(t.subject, t.camera) for t in rows.takes} - set(cameras))
        if untold:
            yield f"cameras of {', '.join(' '.join(pair) for pair in untold)} in {CAMERAS_PICKLE}"
    tried = rows.imgname[:: max(1, len(rows.imgname) // _PICTURES_TO_TRY)]
    lacking = [name for name in tried.tolist() if not (folder / IMAGES / name).is_file()]
    if lacking:
        yield f"{len(lacking)} of {len(tried)} images checked, such as {IMAGES}/{lacking[0]}"


def _read(
    folder: Path, rows: _Rows, cameras: Cameras | None, split: str, stride: int, images: bool
) -> Iterator[Sample]:
    subjects = split_subjects(split)
    wanted = np.array([take.subject in subjects for take in rows.takes])[rows.number]
    if not wanted.any():
        raise UserError(f"{folder} holds no people of the split {split}: {', '.join(subjects)}")
    return (_sample(folder, rows, cameras, i) for i in np.flatnonzero(wanted)[::stride].tolist())


def _sample(folder: Path, rows: _Rows, cameras: Cameras | None, i: int) -> Sample:
    take = rows.takes[rows.number[i]]
    place = (cameras or {}).get((take.subject, take.camera))
    known_2d, known_3d = rows.part[i, :, 2:] > 0, rows.S[i, :, 3:] > 0
    joints_px = np.where(known_2d, rows.part[i, :, :2], np.nan).astype(np.float32)
    return Sample(
        id=str(take.frame(int(rows.frame[i]) - 1)),
        image=folder / IMAGES / str(rows.imgname[i]),
        image_wh=None if place is None else place.camera.image_wh,
        joints_2d_px=joints_px,
        visible=known_2d[:, 0],
        box_xyxy_px=box_from_joints(joints_px).astype(np.float32),
        joints_3d_cam_mm=np.where(known_3d, _MM * rows.S[i, :, :3], np.nan).astype(np.float32),
        camera=None if place is None else place.camera,
    )


def _read_rows(files: list[Path]) -> _Rows:
    """Return all rows except those of the corrupt take."""
    parts = [_read_file(path) for path in files]
    names, part, S = (np.concatenate([content[key] for content in parts]) for key in _SHAPES)
    number, frame = np.zeros(len(names), np.intp), np.zeros(len(names), np.intp)
    takes: list[Take] = []
    videos: dict[str, int] = {}  # keyed by what precedes the frame number; -1 if the video is skipped
    for i, name in enumerate(names.tolist()):
        video, _, digits = name.rpartition("_")
        if not _FRAME.fullmatch(digits):
            raise UserError(f"{files[0]} and its like annotate {name!r}, which is not a frame name")
        if video not in videos:
            take = _take(name, files)
            videos[video] = -1 if (take.subject, take.action, take.take) == CORRUPT_TAKE else len(takes)
            takes += [take] if videos[video] >= 0 else []
        number[i], frame[i] = videos[video], int(digits.partition(".")[0])
    kept = number >= 0
    if not kept.any():
        raise UserError(f"{files[0]} annotates no image")
    return _Rows(imgname=names[kept], part=part[kept], S=S[kept], takes=takes, number=number[kept], frame=frame[kept])


def _take(name: str, files: list[Path]) -> Take:
    match = _PICTURE.fullmatch(PurePosixPath(name).stem)
    parsed = None if match is None else parse_take(match[2])
    if match is None or parsed is None:
        raise UserError(f"{files[0]} annotates {name!r}, which is not how mmpose names Human3.6M's images")
    return Take(subject=match[1], action=parsed[0], take=parsed[1], camera=match[3])


def _read_file(path: Path) -> dict[str, Any]:
    content = read_npz(path)
    check_arrays(path, content, {"imgname": ("U", (None,))})
    count = len(content["imgname"])
    for key, shape in _SHAPES.items():
        check_arrays(path, content, {key: (_KINDS[key], (count, *shape))})
    # Two million rows: float32 halves the memory and is still precise to 0.001 mm.
    return content | {key: content[key].astype(np.float32) for key in ("part", "S")}
