"""MPII Human Pose, as published (.mat) or as prepared by the hourglass's authors (.h5). 2D only, MPII-16.

    DIR/images/015601864.jpg
    DIR/mpii_human_pose_v1_u12_1.mat       or in annot/ or mpii_human_pose_v1_u12_2/; needs SciPy
    DIR/annot/train.h5, valid.h5           imgname, person, center, scale, part, visible, normalize; need h5py
    DIR/annot/valid_images.txt             with the .mat: names of the images to validate on, one a line; optional

Both give each person a centre and a scale (height / 200 px). The box is chosen so that the crop is that of Newell et
al. (2016): 250 x scale wide, its centre 15 x scale below the given one. The files count pixels from (1, 1), as MATLAB
does; coordinates are converted. MPII-16 has no nose. The published file has no joints for the test images, so there is
no split "test". The .h5 files keep only the length of the head box that PCKh divides by; the box made of it is a square
with that length.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.data.dataset import Counts, DataSet
from hourlift.data.images.matlab import read_hdf5, read_mat
from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.formats.guarded import check_arrays, checked_name
from hourlift.geometry.crop import CROP_MARGIN
from hourlift.geometry.skeleton import H36M17, MPII16, map_joints

NAME = "MPII Human Pose"
MAT = "mpii_human_pose_v1_u12_1.mat"
VALID_IMAGES = "valid_images.txt"
_H5 = {"train": "train.h5", "validate": "valid.h5"}
_FOLDERS = ("", "annot", "annotations", "mpii_human_pose_v1_u12_2")
_FIRST_PIXEL = 1.0  # MATLAB counts from 1

_CROP_PX, _LOWERED_PX = 250.0, 15.0  # for a person of scale 1
_HEAD_SHARE = 0.6  # of the head box's diagonal: the length that PCKh divides by


@dataclass(frozen=True, kw_only=True, eq=False)
class _Person:
    """One annotated person; NaN where a joint is not labelled. Pixels start at 0."""

    image: str
    number: int
    split: str
    center: Array
    scale: float
    joints: Array
    visible: NDArray[np.bool_]
    head_box: Array | None


def looks_like(folder: Path) -> bool:
    """Return whether a folder holds MPII's annotation."""
    return _find(folder, MAT) is not None or any(_find(folder, name) is not None for name in _H5.values())


def open_mpii(folder: str | Path) -> DataSet:
    """Open MPII's annotation; the .h5 files if they exist, for their split.

    Raises:
        ValueError: The annotation is missing, damaged or for another skeleton, or the package to read it is missing.
    """
    folder = Path(folder)
    h5 = {split: path for split, name in _H5.items() if (path := _find(folder, name)) is not None}
    mat = _find(folder, MAT)
    if h5:
        people = [person for split, path in h5.items() for person in _read_h5(path, split)]
        missing = [name for split, name in _H5.items() if split not in h5]
        splits = (*h5, "all")
        kind = "h5"
    elif mat is not None:
        valid = _find(folder, VALID_IMAGES)
        names = frozenset() if valid is None else frozenset(valid.read_text(encoding="utf-8", errors="replace").split())
        people = _read_mat(mat, names)
        missing = []
        splits = ("train", "validate", "all") if names else ("train", "all")
        kind = "mat"
    else:
        raise UserError(f"{folder} holds neither {MAT} nor {' and '.join(_H5.values())}")
    if not people:
        raise UserError(f"{folder}: MPII's annotation has no people")
    images = next((root for root in (folder / "images", folder.parent / "images") if root.is_dir()), folder / "images")
    names_px = sorted({person.image for person in people})
    lacking = [name for name in names_px if not (images / name).is_file()]
    if lacking:
        missing.append(f"{len(lacking)} of {len(names_px)} images in images/, such as {lacking[0]}")
    return DataSet(
        name=f"{NAME} ({kind})",
        folder=folder,
        counts=Counts(people=len(people)),
        missing=tuple(missing),
        splits=splits,
        has_3d=False,
        read=partial(_read, images, people),
    )


def _find(folder: Path, name: str) -> Path | None:
    return next((path for sub in _FOLDERS if (path := folder / sub / name).is_file()), None)


def _read(images: Path, people: list[_Person], split: str, stride: int, load_images: bool) -> Iterator[Sample]:
    chosen = [person for person in people if split in (person.split, "all")]
    return (_sample(images, person) for person in chosen[::stride])


def _sample(images: Path, person: _Person) -> Sample:
    joints = map_joints(person.joints, MPII16, H36M17)
    visible = map_joints(person.visible[:, None].astype(np.float64), MPII16, H36M17)[:, 0] == 1  # a mean: if all are
    half = person.scale * _CROP_PX / CROP_MARGIN / 2
    center = person.center + (0.0, person.scale * _LOWERED_PX)
    return Sample(
        id=f"{Path(person.image).stem}_{person.number}",
        image=images / person.image,
        joints_2d_px=joints.astype(np.float32),
        visible=visible & np.isfinite(joints).all(axis=-1),
        box_xyxy_px=np.concatenate([center - half, center + half]).astype(np.float32),
        head_box_xyxy_px=None if person.head_box is None else person.head_box.astype(np.float32),
    )


def _read_h5(path: Path, split: str) -> list[_Person]:
    content = read_hdf5(path)
    check_arrays(path, content, {"part": ("fiu", (None, 16, 2))})
    count = len(content["part"])
    shapes: dict[str, tuple[int, ...]] = {"person": (), "center": (2,), "scale": (), "visible": (16,), "normalize": ()}
    check_arrays(path, content, {key: ("fiub", (count, *shape)) for key, shape in shapes.items()})
    check_arrays(path, content, {"imgname": ("SOUfiu", (count, *content.get("imgname", np.zeros(1)).shape[1:]))})
    finite = [key for key in ("person", "center", "scale") if not np.isfinite(content[key]).all()]
    if finite:
        raise UserError(f"{path}: {finite[0]} holds a number that is not finite")
    keys = ("imgname", "part", *shapes)
    people = []
    for i in range(count):
        try:
            name = _text(content["imgname"][i])
        except ValueError as error:
            raise UserError(f"{path}: the image's name of row {i} cannot be read: {error}") from error
        people.append(_h5_person(name, {key: content[key][i] for key in keys}, split))
    return people


def _h5_person(image: str, row: dict[str, Any], split: str) -> _Person:
    part = np.asarray(row["part"], np.float64)
    joints = np.where((part > 0).all(axis=-1, keepdims=True), part - _FIRST_PIXEL, np.nan)  # (0, 0): not labelled
    half = float(row["normalize"]) / _HEAD_SHARE / np.sqrt(2) / 2
    head = joints[MPII16.indices("upper_neck", "head_top")].mean(axis=0)
    return _Person(
        image=image,
        number=int(row["person"]),
        split=split,
        center=np.asarray(row["center"], np.float64) - _FIRST_PIXEL,
        scale=float(row["scale"]),
        joints=joints,
        visible=np.asarray(row["visible"]) == 1,
        head_box=None if np.isnan(head).any() or not half > 0 else np.concatenate([head - half, head + half]),
    )


def _text(name: Any) -> str:
    """Decode a file name, which .h5 files store as bytes, text, or a row of codes padded with zeros."""
    if isinstance(name, np.ndarray):
        name = name.astype(np.uint8).tobytes()
    text = name.decode("utf-8") if isinstance(name, bytes) else str(name)
    return checked_name(text.rstrip("\0"))


def _read_mat(path: Path, validate: frozenset[str]) -> list[_Person]:
    """Read all people with joints, a position and a scale.

    RELEASE.annolist(i).image.name and .annorect(r).{scale, objpos, annopoints.point, x1...}, RELEASE.img_train(i).
    """
    release = read_mat(path).get("RELEASE")
    try:
        images = [
            (checked_name(str(image.image.name)), _items(image.annorect) if is_train else [])
            for image, is_train in zip(_items(release.annolist), _items(release.img_train), strict=True)  # type: ignore[union-attr]
        ]
    except (ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{path} cannot be read as MPII's annotation: {type(error).__name__} {error}") from error
    people = []
    for name, persons in images:
        for number, person in enumerate(persons):
            points = _items(getattr(getattr(person, "annopoints", None), "point", None))
            if points and hasattr(getattr(person, "objpos", None), "x") and np.size(getattr(person, "scale", [])):
                split = "validate" if name in validate else "train"
                try:
                    people.append(_mat_person(name, number, split, person, points))
                except (ValueError, TypeError, AttributeError, IndexError, OverflowError) as error:
                    raise UserError(f"{path}: person {number} of {name} cannot be read: {error}") from error
    return people


def _mat_person(name: str, number: int, split: str, person: Any, points: list[Any]) -> _Person:
    joints, visible = np.full((16, 2), np.nan), np.zeros(16, bool)
    for point in points:
        joints[int(point.id)] = float(point.x), float(point.y)
        flag = getattr(point, "is_visible", "")  # a number, text, or nothing: the head's joints have none
        visible[int(point.id)] = float(flag) == 1 if np.size(flag) and str(flag) else True
    head = [getattr(person, key, None) for key in ("x1", "y1", "x2", "y2")]
    return _Person(
        image=name,
        number=number,
        split=split,
        center=np.array([float(person.objpos.x), float(person.objpos.y)]) - _FIRST_PIXEL,
        scale=float(person.scale),
        joints=joints - _FIRST_PIXEL,
        visible=visible,
        head_box=None if any(n is None or not np.size(n) for n in head) else np.array(head, np.float64) - _FIRST_PIXEL,
    )


def _items(value: Any) -> list[Any]:
    """Return a struct array as a list; SciPy squeezes it to nothing, one struct, or an array of them."""
    if value is None:
        return []
    return list(value.ravel()) if isinstance(value, np.ndarray) else [value]
