"""Leeds Sports Pose and its extended training set. 2D only, LSP-14.

    DIR/joints.mat            joints (3, 14, 2000): x, y, 1 where hidden; extended: (14, 3, 10000): x, y, 1 if labelled
    DIR/images/im0001.jpg     extended: im00001.jpg

Needs SciPy (extra `data`). The first half of LSP is for training and the second for testing, as in the literature; the
extended set is for training. Coordinates are used as published; they may be off by one. Johnson and Everingham, BMVC
2010 and CVPR 2011.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hourlift.data.dataset import Counts, DataSet
from hourlift.data.images.matlab import read_mat
from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.formats.guarded import check_arrays
from hourlift.geometry.crop import box_from_joints
from hourlift.geometry.skeleton import H36M17, LSP14, map_joints

JOINTS = "joints.mat"


def looks_like(folder: Path) -> bool:
    """Return whether a folder holds joints.mat."""
    return (folder / JOINTS).is_file()


def open_lsp(folder: str | Path) -> DataSet:
    """Open LSP or its extended training set.

    Raises:
        ValueError: The joints are missing, damaged or for another skeleton, or SciPy is missing.
    """
    folder = Path(folder)
    joints, is_extended = _read_joints(folder / JOINTS)
    count = len(joints)
    images = [folder / "images" / f"im{i + 1:0{5 if is_extended else 4}}.jpg" for i in range(count)]
    lacking = [path for path in images if not path.is_file()]
    missing = f"{len(lacking)} of {count} images, such as {lacking[0].relative_to(folder)}" if lacking else ""
    return DataSet(
        name="Leeds Sports Pose, extended training set" if is_extended else "Leeds Sports Pose",
        folder=folder,
        counts=Counts(people=count),
        missing=(missing,) if missing else (),
        splits=("train", "all") if is_extended else ("train", "test", "all"),
        has_3d=False,
        read=partial(_read, images, joints, is_extended),
    )


def _read(
    images: list[Path], joints: NDArray[np.float64], is_extended: bool, split: str, stride: int, load_images: bool
) -> Iterator[Sample]:
    half = len(joints) if is_extended else len(joints) // 2
    first, last = {"train": (0, half), "test": (half, len(joints)), "all": (0, len(joints))}[split]
    people = (_sample(images[i], joints[i], is_extended) for i in range(first, last, stride))
    return (person for person in people if np.isfinite(person.box_xyxy_px).all())  # some have no labelled joint


def _sample(image: Path, joints: NDArray[np.float64], is_extended: bool) -> Sample:
    flag = joints[:, 2:]
    labelled = flag > 0 if is_extended else np.ones_like(flag, dtype=bool)
    visible = labelled if is_extended else flag == 0  # the extended set does not say which labelled joints are hidden
    joints_px = np.where(labelled, joints[:, :2], np.nan)
    return Sample(
        id=image.stem,
        image=image,
        joints_2d_px=map_joints(joints_px, LSP14, H36M17).astype(np.float32),
        visible=map_joints(visible.astype(np.float64), LSP14, H36M17)[:, 0] == 1,
        box_xyxy_px=box_from_joints(joints_px).astype(np.float32),
    )


def _read_joints(path: Path) -> tuple[NDArray[np.float64], bool]:
    """Return the joints (N, 14, 3), and whether they are from the extended set."""
    content = read_mat(path)
    check_arrays(path, content, {"joints": ("fiu", (None, None, None))})
    joints = content["joints"].astype(np.float64)
    if joints.shape[:2] == (14, 3):
        return joints.transpose(2, 0, 1), True
    if joints.shape[:2] == (3, 14):
        return joints.transpose(2, 1, 0), False
    raise UserError(f"{path}: joints is {joints.shape}, not (3, 14, N) or (14, 3, N) for LSP's 14 joints")
