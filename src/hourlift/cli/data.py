"""``hourlift data``: check a folder of annotated images, or convert it to shards."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cv2
import numpy as np
import tyro
from numpy.typing import NDArray

from hourlift.errors import UserError

if TYPE_CHECKING:
    from hourlift.data import DataSet, Sample

TILE_PX = 320
_JOINTS = """Convert the 2D joints published by VideoPose3D to a file that the lifter trains on.

Such files hold another detector's joints in Human3.6M. Joints of COCO-17 and MPII-16 are mapped approximately.

examples:
  hourlift data joints data_2d_h36m_cpn_ft_h36m_dbb.npz -o cpn.npz
  hourlift train lifter --recipe lifter-l2 --data vp3d --inputs cpn.npz -o runs/cpn
"""
_LABEL_PX = 20
_TILE_MARGIN = 1.3  # wider than the network's crop, so that the box can be checked
_BACKDROP = 200  # grey of a tile without an image
_DOT_RGB = (0, 230, 0)
_HIDDEN = 0.3  # hidden joints are drawn as of this confidence: thinner, paler
_CHECK = """Print which data set a folder holds, its size, and what is missing.

Recognised: Human3.6M (as published, VideoPose3D's npz, mmpose's npz), MPII (.mat, .h5), LSP and LSP-extended, the COCO
keypoint layout, and shards. docs/data/README.md shows where to get them and the layout of their folders.

examples:
  hourlift data check h36m
  hourlift data check mpii --sheet mpii.png
"""
_CONVERT = """Write a data set as shards (WebDataset tar files), which are read much faster than videos.

examples:
  hourlift data convert h36m -o h36m-train --split train --stride 5
  hourlift data convert mpii -o mpii-train --split train
"""
_TOLERATED_PX = 5.0  # between the 2D joints and the projection of the 3D joints


@dataclass(frozen=True, kw_only=True)
class Check:
    """Print which data set a folder holds, its size, and what is missing.

    Attributes:
        folder: the data set's folder.
        sheet: write a PNG image of some people with their joints; the subject's left is blue, hidden joints are pale.
        count: number of people to check, spread over the data set.
    """

    folder: tyro.conf.Positional[Path]
    sheet: Annotated[Path | None, tyro.conf.arg(metavar="FILE.png", help_behavior_hint="")] = None
    count: Annotated[int, tyro.conf.arg(metavar="N")] = 12

    def __call__(self) -> int:
        """Run the command."""
        from hourlift.data import recognise

        if self.sheet is not None and self.sheet.suffix.lower() != ".png":
            raise UserError(f"--sheet {self.sheet}: the name must end in .png")
        dataset = recognise(self.folder)
        for line in description(dataset):
            print(line)
        tiles, problems = look(dataset, self.count)
        missing = [*dataset.missing, *problems]
        print("missing   nothing" if not missing else "missing")
        for line in missing:
            print(f"  - {line}")
        if self.sheet is not None:
            from hourlift.cli.synth import write_sheet

            if not tiles:
                raise UserError(f"--sheet {self.sheet}: there are no people to show")
            write_sheet(tiles, self.sheet)
        return 0


@dataclass(frozen=True, kw_only=True)
class Convert:
    """Write a data set as shards, from which images are read much faster than from videos.

    Attributes:
        folder: the data set's folder, of any layout that `hourlift data check` recognises.
        out: folder of the shards, new or empty.
        split: split to convert; `hourlift data check` lists the names.
        stride: use every n-th frame of each video, or every n-th person in photos.
        per_shard: people per shard.
    """

    folder: tyro.conf.Positional[Path]
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FOLDER")]
    split: Annotated[str, tyro.conf.arg(metavar="NAME")] = "all"
    stride: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    per_shard: Annotated[int, tyro.conf.arg(metavar="N")] = 1000

    def __call__(self) -> int:
        """Run the command."""
        from hourlift.cli.progress import LateProgress
        from hourlift.data import recognise, write_shards
        from hourlift.formats.atomic import new_folder

        dataset = recognise(self.folder)
        samples = dataset.samples(self.split, stride=self.stride)
        done = 0
        with LateProgress() as progress, new_folder(self.out) as temporary:

            def counted() -> Iterator["Sample"]:
                nonlocal done
                for sample in samples:
                    yield sample
                    done += 1
                    progress.update("people", done, None)

            shards = write_shards(counted(), temporary, per_shard=self.per_shard)
            if not shards:
                raise UserError(f"{self.folder}: the split {self.split} holds no people")
        print(f"{self.out}: {done} people in {len(shards)} shards")
        return 0


@dataclass(frozen=True, kw_only=True)
class Joints:
    """Convert VideoPose3D's file of detected 2D joints to one that the lifter trains on.

    Attributes:
        file: data_2d_h36m_*.npz.
        out: the file to write, in the format of `hourlift predict-joints`.
    """

    file: tyro.conf.Positional[Path]
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE.npz")]

    def __call__(self) -> int:
        """Run the command."""
        from hourlift.data.human36m.videopose3d import read_detections
        from hourlift.data.joints_file import FoundJoints, write_joints

        if self.out.suffix != ".npz":
            raise UserError(f"--out {self.out}: the name must end in .npz")
        detections = dict(read_detections(self.file))
        if not detections:
            raise UserError(f"{self.file} holds no frame of Human3.6M")
        ids, joints_px = list(detections), np.stack(list(detections.values()))
        found = np.asarray(np.isfinite(joints_px).all(axis=-1), np.float32)  # the file has no confidence
        self.out.parent.mkdir(parents=True, exist_ok=True)
        write_joints(FoundJoints(ids=ids, joints_2d_px=joints_px, confidence=found), self.out)
        print(f"{self.out}: joints of {len(ids)} frames")
        return 0


command = (
    Annotated[Check, tyro.conf.subcommand("check", description=_CHECK)]
    | Annotated[Convert, tyro.conf.subcommand("convert", description=_CONVERT)]
    | Annotated[Joints, tyro.conf.subcommand("joints", description=_JOINTS)]
)


def description(dataset: "DataSet") -> Iterator[str]:
    """The content of a data set, line by line."""
    counts = dataset.counts
    yield f"{dataset.folder}: {dataset.name}"
    frames = f" (frames of {counts.videos} videos)" if counts.videos else ""
    yield f"people    {counts.people}{frames}, {'in 3D' if dataset.has_3d else '2D only: for the hourglass'}"
    for label, names in (("subjects", counts.subjects), ("actions", counts.actions), ("cameras", counts.cameras)):
        if names:
            yield f"{label:<10}{len(names)}: {', '.join(names)}"
    yield f"splits    {', '.join(dataset.splits)}"


def look(dataset: "DataSet", count: int) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Draw some people, and check them.

    Returns:
        Tiles (TILE_PX, TILE_PX, 3) RGB, grey if there is no image, and descriptions of the problems.
    """
    tiles: list[NDArray[np.uint8]] = []
    unreadable: list[str] = []
    distances: list[float] = []
    try:
        for sample in dataset.some(count):
            try:
                image = sample.load_image()
            except ValueError as error:
                image = None
                if not isinstance(sample.image, Path) or sample.image.exists():  # else reported as missing
                    unreadable.append(str(error))
            tiles.append(tile(sample, image))
            distances.append(reprojection_px(sample))
    except ValueError as error:  # an error of the data set, not of one image as above: nothing more can be read
        return tiles, [str(error)]
    problems = []
    if unreadable:
        problems.append(f"{len(unreadable)} of {len(tiles)} images that were opened; {unreadable[0]}")
    if distances and np.nanmedian([0.0 if np.isnan(d) else d for d in distances]) > _TOLERATED_PX:
        problems.append(f"matching cameras: the 3D joints project {np.nanmedian(distances):.0f} px from the 2D joints")
    return tiles, problems


def reprojection_px(sample: "Sample") -> float:
    """Median distance of the 2D joints from the projection of the 3D joints; NaN if either are missing."""
    if sample.camera is None or sample.joints_3d_cam_mm is None:
        return float("nan")
    distance = np.linalg.norm(sample.camera.project(sample.joints_3d_cam_mm) - sample.joints_2d_px, axis=-1)
    return float(np.median(distance[np.isfinite(distance)])) if np.isfinite(distance).any() else float("nan")


def tile(sample: "Sample", image: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """A crop of the person, with the joints drawn and the id below."""
    from hourlift.geometry.camera import Camera
    from hourlift.geometry.crop import Crop
    from hourlift.geometry.skeleton import H36M17
    from hourlift.pose import Pose
    from hourlift.view.overlay import draw_pose

    crop = Crop.from_box(sample.box_xyxy_px, TILE_PX, _TILE_MARGIN)
    canvas = np.full((TILE_PX, TILE_PX, 3), _BACKDROP if image is None else 0, np.uint8)
    if image is not None:
        cv2.warpAffine(image, crop.affine, (TILE_PX, TILE_PX), dst=canvas, flags=cv2.INTER_LINEAR)
    depth = np.full((H36M17.num_joints, 3), np.nan)
    pose = Pose(
        joints_2d_px=crop.to_crop(sample.joints_2d_px).astype(np.float32),
        confidence=np.where(sample.visible, 1.0, _HIDDEN).astype(np.float32),
        joints_3d_mm=depth if sample.joints_3d_cam_mm is None else sample.joints_3d_cam_mm,
        root_cam_mm=np.full(3, np.nan),
        box_xyxy_px=sample.box_xyxy_px,
        camera=sample.camera or Camera.from_fov((TILE_PX, TILE_PX)),
    )
    canvas = draw_pose(canvas, [pose])
    for x, y in pose.joints_2d_px[np.isfinite(pose.joints_2d_px).all(axis=-1)].round().astype(int).tolist():
        cv2.circle(canvas, (x, y), 2, _DOT_RGB, thickness=-1, lineType=cv2.LINE_AA)  # also for joints without a limb
    canvas[-_LABEL_PX:] //= 4
    cv2.putText(canvas, sample.id, (6, TILE_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255,) * 3, 1, cv2.LINE_AA)
    return canvas
