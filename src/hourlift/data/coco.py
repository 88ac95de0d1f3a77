"""Data sets in the COCO keypoint layout, whatever skeleton they annotate.

    {"images": [{"id", "file_name", "width", "height"}],
     "annotations": [{"id", "image_id", "category_id", "bbox": [x, y, w, h], "keypoints": [x, y, v, ...], "iscrowd"}],
     "categories": [{"id", "keypoints": [joint names]}]}

v is 0 for a joint that is not annotated, 1 for a hidden one, 2 for a visible one. The skeleton is recognised by
the names of its joints, in any order: Human3.6M-17, MPII-16, COCO-17 or LSP-14.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourlift.data.sample import Sample
from hourlift.geometry.crop import box_from_joints
from hourlift.geometry.skeleton import H36M17, SKELETONS, Skeleton, map_joints


def load_coco(source: str | Path, images: str | Path | None = None) -> list[Sample]:
    """Read every annotated person of a COCO keypoint file.

    People without a single annotated joint and crowds are left out. Coordinates are taken as they are: (0, 0) is
    the centre of the first pixel. A person without a box gets one around the annotated joints.

    Args:
        source: the JSON file, or a folder that holds exactly one, either itself or in annotations/.
        images: the folder that `file_name` starts from; by default the JSON's own, else its images/, else the
            same of the folder above (for annotations/x.json).

    Returns:
        One sample per person, in the file's order. Pictures are not opened.

    Raises:
        ValueError: if there is no such file, its content is not as above, its skeleton is unknown, or the pictures
            are not there. The message names the file.
    """
    file = _find_json(Path(source))
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is not a JSON file: {error}") from error
    try:
        columns = {int(category["id"]): _columns(category["keypoints"]) for category in content["categories"]}
        pictures = {int(image["id"]): image for image in content["images"]}
        people = [person for person in content["annotations"] if _is_annotated(person)]
        root = _image_root(file, [image["file_name"] for image in pictures.values()], images)
        samples = [_sample(person, pictures, columns, root) for person in people]
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"{file} is not in the COCO keypoint layout: {type(error).__name__} {error}") from error
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if not samples:
        raise ValueError(f"{file} annotates nobody")
    return samples


class _Columns(NamedTuple):
    """How a category's keypoints map onto a known skeleton: keypoints[order] is in the skeleton's order."""

    skeleton: Skeleton
    order: list[int]


def _columns(names: list[str]) -> _Columns:
    ours = [name.replace("left_", "l_").replace("right_", "r_") for name in names]
    for skeleton in SKELETONS.values():
        if sorted(ours) == sorted(skeleton.joint_names):
            return _Columns(skeleton, [ours.index(name) for name in skeleton.joint_names])
    nearest = min(SKELETONS.values(), key=lambda skeleton: len(set(ours) ^ set(skeleton.joint_names)))
    unknown = sorted(set(ours) - set(nearest.joint_names)) or "none"
    missing = sorted(set(nearest.joint_names) - set(ours)) or "none"
    raise ValueError(
        f"unknown skeleton of {len(names)} joints; known are {', '.join(SKELETONS)}. "
        f"The nearest is {nearest.name}: unknown joints {unknown}, missing joints {missing}"
    )


def _sample(
    person: dict[str, Any], pictures: dict[int, dict[str, Any]], columns: dict[int, _Columns], root: Path
) -> Sample:
    picture = pictures[int(person["image_id"])]
    skeleton, order = columns[int(person["category_id"])]
    keypoints = np.array(person["keypoints"], dtype=np.float64)
    if keypoints.size != 3 * len(order):
        raise ValueError(f"annotation {person['id']} has {keypoints.size} numbers for {len(order)} joints, not 3 each")
    keypoints = keypoints.reshape(-1, 3)[order]
    flag = keypoints[:, 2:]
    joints = map_joints(np.where(flag > 0, keypoints[:, :2], np.nan), skeleton, H36M17)
    # A joint made of several is visible if all of them are.
    visible = map_joints((flag == 2).astype(np.float64), skeleton, H36M17)[:, 0] == 1
    return Sample(
        id=str(person["id"]),
        image=root / picture["file_name"],
        image_wh=(int(picture["width"]), int(picture["height"]))
        if "width" in picture and "height" in picture
        else None,
        joints_2d_px=joints.astype(np.float32),
        visible=visible,
        box_xyxy_px=_box(person, joints),
    )


def _box(person: dict[str, Any], joints: NDArray[np.floating]) -> NDArray[np.float32]:
    if "bbox" not in person:
        return box_from_joints(joints).astype(np.float32)
    x, y, width, height = person["bbox"]
    return np.array([x, y, x + width, y + height], dtype=np.float32)


def _is_annotated(person: dict[str, Any]) -> bool:
    return not person.get("iscrowd") and any(flag > 0 for flag in person["keypoints"][2::3])


def _find_json(source: Path) -> Path:
    if source.is_file():
        return source
    if not source.is_dir():
        raise ValueError(f"{source} does not exist")
    for folder in (source, source / "annotations"):
        files = sorted(folder.glob("*.json"))
        if len(files) == 1:
            return files[0]
        if files:
            names = ", ".join(file.name for file in files)
            raise ValueError(f"{folder} holds several JSON files ({names}): name the one to read")
    raise ValueError(f"{source} holds no JSON file with annotations, neither itself nor in annotations/")


def _image_root(file: Path, names: list[str], images: str | Path | None) -> Path:
    """The folder below which the pictures lie, judged by the first of them."""
    above = (file.parent, file.parent / "images", file.parent.parent, file.parent.parent / "images")
    roots = above if images is None else (Path(images),)
    for root in roots:
        if names and (root / names[0]).is_file():
            return root
    raise ValueError(f"the picture {names[:1]} is in none of {', '.join(map(str, roots))}; name the folder of images")
