"""Recognise the data set in a folder by its content."""

import json
import tarfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from hourlift.data.dataset import Counts, DataSet
from hourlift.data.frame_id import FrameId
from hourlift.data.human36m import mmpose, published, videopose3d
from hourlift.data.human36m.protocol import SPLITS, split_subjects
from hourlift.data.human36m.videos import Take, count_videos
from hourlift.data.images import lsp, mpii
from hourlift.data.images.coco import load_coco
from hourlift.data.sample import Sample
from hourlift.data.shards import find_shards, load_shards
from hourlift.errors import UserError
from hourlift.formats.guarded import read_json
from hourlift.geometry.crop import whole_image_box
from hourlift.geometry.skeleton import H36M17

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_ARCHIVE_SUFFIXES = (".tgz", ".gz", ".zip", ".rar", ".7z")
PICTURES = "images without annotation"
_COCO = "COCO keypoint layout"
_COCO_PREFIX = "person_keypoints_"
_FOLDERS_TO_SEARCH = 200
_SAMPLES_TO_TRY = 200


class _Layout(NamedTuple):
    """How to recognise and open a layout, and a description of it for error messages."""

    looks_like: Callable[[Path], bool]
    open: Callable[[Path], DataSet]
    sign: str
    has_parts: bool = True
    """Whether the layout has subfolders."""


def recognise(folder: str | Path) -> DataSet:
    """Recognise a data set and find out what is missing in it.

    Args:
        folder: The data set's folder; also a file in the COCO keypoint layout, a shard, or a pattern of shards.

    Raises:
        ValueError: The data set is unknown, or too incomplete to read. If the parent folder or a subfolder is a data
            set, the message names it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        if find_shards(folder):
            return _open_shards(folder)
        if not folder.exists():
            raise UserError(f"{folder} does not exist")
        if folder.suffix.lower() != ".json":
            raise UserError(f"{folder} is a file: name the data set's folder, or a JSON file in the {_COCO}")
        return _coco(folder, {"all": folder})
    layout = _layout(folder)
    if layout is not None:
        return layout.open(folder)
    for above in islice(folder.resolve().parents, 3):
        if (found := _layout(above)) is not None and found.has_parts:
            raise UserError(f"{folder} is only a part of a data set: name {above}, which holds {found.sign}")
    for below in _folders_below(folder):
        if (found := _layout(below)) is not None:
            raise UserError(f"{folder} is too high up: name {below}, which holds {found.sign}")
    if _images(folder):
        return _open_images(folder)
    archives = [path.name for path in sorted(folder.iterdir()) if path.suffix.lower() in _ARCHIVE_SUFFIXES]
    if archives:
        raise UserError(f"{folder} holds archives: unpack {archives[0]} and the others first")
    signs = "; ".join(known.sign for known in _LAYOUTS)
    raise UserError(f"{folder} holds no data set that hourlift knows. Those hold {signs}")


def _layout(folder: Path) -> _Layout | None:
    return next((layout for layout in _LAYOUTS if layout.looks_like(folder)), None)


def _folders_below(folder: Path) -> Iterator[Path]:
    """Yield subfolders and their subfolders, nearer ones first."""
    near = [path for path in islice(sorted(folder.iterdir()), _FOLDERS_TO_SEARCH) if path.is_dir()]
    far = (path for parent in near for path in islice(sorted(parent.iterdir()), _FOLDERS_TO_SEARCH) if path.is_dir())
    yield from near
    yield from islice(far, _FOLDERS_TO_SEARCH)


def _coco_files(folder: Path) -> dict[str, Path]:
    """Return annotation files by split; a single file is "all"."""
    for place in (folder, folder / "annotations"):
        files = sorted(path for path in place.glob("*.json") if path.name != "settings.json")
        named = {path.stem.removeprefix(_COCO_PREFIX): path for path in files if path.stem.startswith(_COCO_PREFIX)}
        if len(files) == 1:
            return {"all": files[0]}
        if named or files:
            return named or {path.stem: path for path in files}
    return {}


def _looks_like_coco(folder: Path) -> bool:
    files = _coco_files(folder)
    return any(map(_says_annotations, files.values()))


def _says_annotations(path: Path) -> bool:
    """Return whether a JSON file may have COCO's layout; large files are assumed to."""
    if path.stat().st_size > 2**20:
        return True
    try:
        content = read_json(path)
    except ValueError:
        return True  # load_coco reports what is wrong
    return isinstance(content, dict) and not {"annotations", "images", "categories"}.isdisjoint(content)


def _open_coco(folder: Path) -> DataSet:
    return _coco(folder, _coco_files(folder))


def _coco(folder: Path, files: dict[str, Path]) -> DataSet:
    people = {split: load_coco(path, _coco_images(folder, split)) for split, path in files.items()}
    all_people = [sample for split in people for sample in people[split]]
    if "all" not in people:
        people["all"] = all_people
    return DataSet(
        name=_COCO,
        folder=folder,
        counts=Counts(people=len(all_people)),
        missing=tuple(_missing_images(all_people)),
        splits=tuple(people),
        has_3d=any(sample.joints_3d_cam_mm is not None for sample in all_people),
        read=lambda split, stride, images: iter(people[split][::stride]),
    )


def _coco_images(folder: Path, split: str) -> Path | None:
    """Return the folder of images named after the split; None leaves the search to `load_coco`."""
    return next((path for path in (folder / split, folder / "images" / split) if path.is_dir()), None)


def _missing_images(people: list[Sample]) -> Iterator[str]:
    tried = people[:: max(1, len(people) // _SAMPLES_TO_TRY)]
    lacking = [sample.image for sample in tried if isinstance(sample.image, Path) and not sample.image.is_file()]
    if lacking:
        yield f"{len(lacking)} of {len(tried)} images checked, such as {lacking[0]}"


def _open_shards(folder: Path) -> DataSet:
    """Open shards. If the ids contain subjects, the splits are Human3.6M's."""
    shards = find_shards(folder)
    heads = [head for shard in shards for head in _heads(shard)]
    if not heads:
        raise UserError(f"{folder}: its shards hold no people, such as {shards[0].name}")
    sources = [source for name, _ in heads if (source := FrameId.parse(name)) is not None]
    videos = sorted({Take(subject=s.subject, action=s.action, take=s.take, camera=s.camera) for s in sources})
    counts = count_videos(videos, len(heads))
    splits = tuple(split for split in SPLITS if set(SPLITS[split]) & set(counts.subjects)) or ("all",)
    return DataSet(
        name="shards of people",
        folder=folder,
        counts=counts,
        splits=splits,
        has_3d=any(has_3d for _, has_3d in heads),
        read=partial(_read_shards, folder, bool(sources)),
        pick=partial(_pick_from_shards, shards),
    )


def _heads(shard: Path) -> Iterator[tuple[str, bool]]:
    """Yield every person's id and whether there are joints in millimetres, without decoding images."""
    try:
        with tarfile.open(shard) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name.endswith(".json") else None
                if file is not None:
                    entry = json.loads(file.read())
                    yield str(entry["id"]), entry.get("joints_3d_cam_mm") is not None
    except (tarfile.TarError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{shard} cannot be read as a shard: {error}") from error


def _read_shards(folder: Path, with_subjects: bool, split: str, stride: int, images: bool) -> Iterator[Sample]:
    people: Iterable[Sample] = load_shards(folder)
    if with_subjects and split != "all":
        subjects = split_subjects(split)
        people = (person for person in people if person.frame_id is not None and person.frame_id.subject in subjects)
    return islice(people, None, None, stride)


def _pick_from_shards(shards: list[Path], count: int) -> Iterator[Sample]:
    """Yield the same number of people from the start of each of several shards."""
    chosen = [shards[i] for i in np.unique(np.linspace(0, len(shards) - 1, count).astype(int))]
    each = -(-count // len(chosen))
    return islice((sample for shard in chosen for sample in islice(load_shards(shard), each)), count)


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)


def _open_images(folder: Path) -> DataSet:
    """Open a test set without published joints: images sorted by name, each filled by one person."""
    paths = _images(folder)
    return DataSet(
        name=PICTURES,
        folder=folder,
        counts=Counts(people=len(paths)),
        missing=("joints: these images can be used for prediction, not for training",),
        splits=("test", "all"),
        has_3d=False,
        read=lambda split, stride, images: map(_image, paths[::stride]),
    )


def _image(path: Path) -> Sample:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise UserError(f"{path} cannot be read as an image")
    image_wh = (image.shape[1], image.shape[0])
    return Sample(
        id=path.stem,
        image=image.astype(np.uint8, copy=False),
        image_wh=image_wh,
        joints_2d_px=np.full((H36M17.num_joints, 2), np.nan, np.float32),
        visible=np.zeros(H36M17.num_joints, dtype=bool),
        box_xyxy_px=whole_image_box(image_wh).astype(np.float32),
    )


_LAYOUTS = (
    _Layout(published.looks_like, published.open_human36m, "S1/MyPoseFeatures/ and S1/Videos/ (Human3.6M)"),
    _Layout(mmpose.looks_like, mmpose.open_mmpose, "annotation_body3d/ (Human3.6M of mmpose)"),
    _Layout(videopose3d.looks_like, videopose3d.open_videopose3d, "data_3d_h36m.npz (Human3.6M of VideoPose3D)"),
    _Layout(mpii.looks_like, mpii.open_mpii, f"{mpii.MAT} or annot/train.h5 (MPII)"),
    _Layout(lsp.looks_like, lsp.open_lsp, "joints.mat (LSP)"),
    _Layout(lambda folder: bool(find_shards(folder)), _open_shards, "shard-000000.tar (shards)", has_parts=False),
    _Layout(_looks_like_coco, _open_coco, "a .json file, directly or in annotations/ (COCO keypoints)"),
)
