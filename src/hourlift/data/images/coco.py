"""Data sets in the COCO keypoint layout, with any known skeleton.

    {"images": [{"id", "file_name", "width", "height"}],
     "annotations": [{"id", "image_id", "category_id", "bbox": [x, y, w, h], "keypoints": [x, y, v, ...], "iscrowd"}],
     "categories": [{"id", "keypoints": [joint names]}]}

v is 0 for a joint that is not annotated, 1 for a hidden one, 2 for a visible one. The skeleton is recognised by the
names of its joints, in any order: Human3.6M-17, the same with heels and big toes, MPII-16, COCO-17 or LSP-14. The
mapping from COCO-17 to Human3.6M-17 is approximate: pelvis, thorax, spine and head are means of nearby joints (see
`map_joints`). A lifter for such input must be trained on it.

Three optional fields extend COCO: an image's "camera", in the form of `Camera.to_dict`; an annotation's
"joints_3d_cam_mm", [x, y, z] of every joint in that camera's frame in millimetres; and its "feet", [x, y, v] of left
and right heel, then left and right big toe, for skeletons without them.
"""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.data.sample import VISIBLE, Sample
from hourlift.errors import UserError
from hourlift.formats.atomic import new_folder
from hourlift.formats.guarded import read_json
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import box_from_joints
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17, H36M21, SKELETONS, Skeleton, map_joints

_JPEG_QUALITY = 95
_FEET_FIELD = ("l_heel", "r_heel", "l_big_toe", "r_big_toe")
_PICTURES_LOOKED_FOR = 100  # images checked to find their folder


def load_coco(source: str | Path, images: str | Path | None = None) -> list[Sample]:
    """Read every annotated person of a COCO keypoint file.

    Crowds and people without any annotated joint are skipped, and so are categories and annotations without keypoints.
    Ids are numbers or text. Coordinates are not shifted: (0, 0) is the centre of the first pixel. A joint at exactly
    (0, 0) is unknown, whatever its v. A person without a box, or with one smaller than a pixel, gets a box around the
    annotated joints; Detectron's `bbox_mode` 0 is understood. Names of images may be those of another computer, with
    folders that do not exist here, if the last part alone tells the images apart.

    Args:
        source: the JSON file, or a folder that holds exactly one, either itself or in annotations/.
        images: the folder that `file_name` is relative to. Default: the folder of the JSON file, else its images/, else
            images/ in the parent folder (for annotations/x.json).

    Returns:
        One sample per person, in the file's order. Images are not opened.

    Raises:
        ValueError: the file or the images are missing, the content differs from the layout above, or the skeleton is
            unknown. The message names the file.
    """
    file = _find_json(Path(source))
    content = read_json(file)
    try:
        columns = _categories(content["categories"])
        by_id = {_id(image["id"]): image for image in content["images"]}
        people = [person for person in content["annotations"] if _is_annotated(person, columns)]
        path_of = _image_paths(file, [image["file_name"] for image in by_id.values()], images)
        samples = [sample for person in people if (sample := _sample(person, by_id, columns, path_of)) is not None]
    except (KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
        raise UserError(f"{file} is not in the COCO keypoint layout: {type(error).__name__} {error}") from error
    except ValueError as error:
        raise UserError(f"{file}: {error}") from error
    if not samples:
        raise UserError(f"{file} annotates no people")
    joints_px = np.concatenate([sample.joints_2d_px for sample in samples])
    if np.isfinite(joints_px).any() and not (joints_px > 1).any():
        raise UserError(f"{file}: all keypoints lie within the first pixel; are they fractions of the image?")
    return samples


def write_coco(samples: Iterable[Sample], folder: str | Path) -> int:
    """Write people as a data set that `load_coco` reads back: images/, a JPEG per person, and keypoints.json.

    The folder appears only when it is complete. People without any known joint are skipped.

    Args:
        samples: the people, in the order written.
        folder: folder of the data set; new or empty.

    Returns:
        Number of people written.

    Raises:
        ValueError: the folder is not empty, or an image cannot be read.
        OSError: the folder cannot be written.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    with new_folder(folder) as temporary:
        (temporary / "images").mkdir()
        for sample in samples:
            if np.isfinite(sample.joints_2d_px).all(axis=-1).any():
                image, annotation = _entries(sample, len(images) + 1)
                pixels = cv2.cvtColor(sample.load_image(), cv2.COLOR_RGB2BGR)
                _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
                (temporary / image["file_name"]).write_bytes(data.tobytes())
                images.append(image)
                annotations.append(annotation)
        bones = [[parent + 1, child + 1] for parent, child in H36M21.edges]  # COCO counts joints from 1
        person = {"id": 1, "name": "person", "keypoints": H36M21.joint_names, "skeleton": bones}
        content = {"images": images, "annotations": annotations, "categories": [person]}
        (temporary / "keypoints.json").write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    return len(annotations)


def _entries(sample: Sample, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the image and annotation entries of one person; the number is the id of both."""
    pixels = sample.load_image()
    image = {"id": number, "file_name": f"images/{number:06}.jpg", "width": pixels.shape[1], "height": pixels.shape[0]}
    if sample.camera is not None:
        image["camera"] = sample.camera.to_dict()
    feet_px = np.full((len(FOOT_POINTS), 2), np.nan) if sample.feet_2d_px is None else sample.feet_2d_px
    states = sample.feet_visibility
    points_px = np.concatenate([sample.joints_2d_px, feet_px])
    visible = np.concatenate([sample.visible, np.zeros(len(feet_px), bool) if states is None else states == VISIBLE])
    known = np.asarray(np.isfinite(points_px).all(axis=-1))
    flag = np.where(known, np.where(visible, 2, 1), 0)
    joints_px = np.where(known[:, None], points_px, 0.0).astype(np.float64).round(2)
    keypoints = [[x, y, v] for (x, y), v in zip(joints_px.tolist(), flag.tolist(), strict=True)]
    x0, y0, x1, y1 = sample.box_xyxy_px.astype(np.float64).round(2).tolist()
    annotation = {
        "id": number,
        "image_id": number,
        "category_id": 1,
        "iscrowd": 0,
        "num_keypoints": int(known.sum()),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "keypoints": [number for joint in keypoints for number in joint],
    }
    if sample.joints_3d_cam_mm is not None:
        feet_mm = np.full((len(FOOT_POINTS), 3), np.nan) if sample.feet_3d_cam_mm is None else sample.feet_3d_cam_mm
        joints_mm = np.concatenate([sample.joints_3d_cam_mm, feet_mm]).astype(np.float64).round(1)
        annotation["joints_3d_cam_mm"] = [[None if np.isnan(n) else n for n in joint] for joint in joints_mm.tolist()]
    return image, annotation


_Id = int | str


def _id(value: object) -> _Id:
    """Return an id as text, whether it is a number, a number as text, or text."""
    text = str(value)
    return int(text) if text.isdecimal() else text


class _Columns(NamedTuple):
    """Mapping of a category's keypoints to a known skeleton: keypoints[order] is in the skeleton's order."""

    skeleton: Skeleton
    order: list[int]


def _categories(categories: list[dict[str, Any]]) -> dict[_Id, _Columns]:
    """Return the categories that have keypoints, by id.

    Raises:
        ValueError: no category has keypoints, or none has a known skeleton.
    """
    columns: dict[_Id, _Columns] = {}
    unknown: ValueError | None = None
    for category in categories:
        if category.get("keypoints"):
            try:
                columns[_id(category["id"])] = _columns([str(name) for name in category["keypoints"]])
            except ValueError as error:
                unknown = error
    if not columns:
        raise unknown or UserError("no category names the keypoints that are annotated")
    return columns


def _columns(names: list[str]) -> _Columns:
    ours = [_joint_name(name) for name in names]
    for skeleton in SKELETONS.values():
        if sorted(ours) == sorted(skeleton.joint_names):
            return _Columns(skeleton, [ours.index(name) for name in skeleton.joint_names])
    nearest = max(SKELETONS.values(), key=lambda s: (len(set(ours) & set(s.joint_names)), -len(s.joint_names)))
    unknown = sorted(set(ours) - set(nearest.joint_names)) or "none"
    missing = sorted(set(nearest.joint_names) - set(ours)) or "none"
    raise UserError(
        f"unknown skeleton of {len(names)} joints; known are {', '.join(SKELETONS)}. "
        f"The nearest is {nearest.name}: unknown joints {unknown}, missing joints {missing}"
    )


def _joint_name(name: str) -> str:
    """Return a joint name as used here: "Left-Shoulder", "leftShoulder" and "shoulder_left" become "l_shoulder"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())
    words = [word for word in re.split(r"[^a-z0-9]+", apart.lower()) if word]
    sides = {"left": "l", "l": "l", "right": "r", "r": "r"}
    side = next((sides[word] for word in words if word in sides), None)
    rest = [word for word in words if word not in sides]
    return "_".join(rest if side is None else [side, *rest])


def _sample(
    person: dict[str, Any],
    images: dict[_Id, dict[str, Any]],
    columns: dict[_Id, _Columns],
    path_of: Callable[[str], Path],
) -> Sample | None:
    """Return one person; None if neither the box nor the joints are known."""
    image = images[_id(person["image_id"])]
    skeleton, order = columns[_id(person["category_id"])]
    keypoints = np.array(person["keypoints"], dtype=np.float64).reshape(-1)
    if keypoints.size != 3 * len(order):
        raise UserError(f"annotation {person['id']} has {keypoints.size} numbers for {len(order)} joints, not 3 each")
    keypoints = keypoints.reshape(-1, 3)[order]
    flag = np.where(keypoints[:, :2].any(axis=-1, keepdims=True), keypoints[:, 2:], 0)
    if not (flag > 0).any():
        return None
    joints = map_joints(np.where(flag > 0, keypoints[:, :2], np.nan), skeleton, H36M17)
    # A joint derived from several keypoints is visible only if all of them are.
    visible = map_joints((flag == 2).astype(np.float64), skeleton, H36M17)[:, 0] == 1
    box = _box(person, joints)
    if not _is_box(box):
        return None
    return Sample(
        id=str(person["id"]),
        image=path_of(image["file_name"]),
        image_wh=(int(image["width"]), int(image["height"])) if image.get("width") and image.get("height") else None,
        joints_2d_px=joints.astype(np.float32),
        visible=visible,
        box_xyxy_px=box,
        joints_3d_cam_mm=_joints_mm(person, skeleton, order),
        feet_2d_px=_feet(person, skeleton, keypoints),
        camera=Camera.from_dict(image["camera"]) if "camera" in image else None,
    )


def _feet(person: dict[str, Any], skeleton: Skeleton, keypoints: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """Return the (4, 2) foot points: the skeleton's own, or those of the field "feet"."""
    if skeleton is H36M21:
        points = keypoints[H36M21.indices(*FOOT_POINTS)]
    elif "feet" in person:
        points = np.array(person["feet"], dtype=np.float64).reshape(len(_FEET_FIELD), 3)
        points = points[[_FEET_FIELD.index(name) for name in FOOT_POINTS]]
    else:
        return None
    return np.where(points[:, 2:] > 0, points[:, :2], np.nan).astype(np.float32)


def _joints_mm(person: dict[str, Any], skeleton: Skeleton, order: list[int]) -> NDArray[np.float32] | None:
    if "joints_3d_cam_mm" not in person:
        return None
    joints_mm = np.array(person["joints_3d_cam_mm"], dtype=np.float64)  # null becomes NaN
    if joints_mm.shape != (len(order), 3):
        raise UserError(f"annotation {person['id']}: joints_3d_cam_mm is not [x, y, z] of {len(order)} joints")
    return map_joints(joints_mm[order], skeleton, H36M17).astype(np.float32)


def _box(person: dict[str, Any], joints: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the annotated box if it is valid, otherwise one around the joints."""
    bbox = np.array(person.get("bbox") or [np.nan] * 4, dtype=np.float64)
    if bbox.shape == (4,):
        is_corners = person.get("bbox_mode") == 0  # Detectron's XYXY_ABS
        box = np.concatenate([bbox[:2], bbox[2:] if is_corners else bbox[:2] + bbox[2:]]).astype(np.float32)
        if _is_box(box):
            return box
    return box_from_joints(joints).astype(np.float32)


def _is_box(box: NDArray[np.float32]) -> bool:
    """Return whether a box is finite, and a pixel wide and high."""
    return bool(np.isfinite(box).all() and (box[2:] - box[:2] >= 1).all())


def _is_annotated(person: dict[str, Any], columns: dict[_Id, _Columns]) -> bool:
    """Return whether an annotation is of a person with known joints."""
    keypoints = person.get("keypoints")
    if person.get("iscrowd") not in (None, 0, "0") or not keypoints or _id(person["category_id"]) not in columns:
        return False
    return bool((np.array(keypoints, dtype=np.float64).reshape(-1)[2::3] > 0).any())


def _find_json(source: Path) -> Path:
    if source.is_file():
        return source
    if not source.is_dir():
        raise UserError(f"{source} does not exist")
    for folder in (source, source / "annotations"):
        files = sorted(folder.glob("*.json"))
        if len(files) == 1:
            return files[0]
        if files:
            names = ", ".join(file.name for file in files)
            raise UserError(f"{folder} holds several JSON files ({names}): name the one to read")
    raise UserError(f"{source} holds no JSON file with annotations, neither directly nor in annotations/")


def _image_paths(file: Path, names: list[str], images: str | Path | None) -> Callable[[str], Path]:
    """Find the folder of the images, and how their names are to be read, by the first of them; some may be missing.

    Returns:
        A function from a `file_name` to the image's path.
    """
    above = (file.parent, file.parent / "images", file.parent.parent, file.parent.parent / "images")
    roots = above if images is None else (Path(images),)
    spellings: list[Callable[[str], str]] = [str, _with_slashes, unquote]
    if len({_last_part(name) for name in names}) == len(set(names)):
        spellings.append(_last_part)
    for spelled in spellings:
        looked_for = [spelled(name) for name in names[:_PICTURES_LOOKED_FOR]]
        found = [sum((root / name).is_file() for name in looked_for) for root in roots]
        if any(found):
            root = roots[int(np.argmax(found))]
            return lambda name: root / spelled(name)
    raise UserError(f"the image {names[:1]} is in none of {', '.join(map(str, roots))}; name the folder of images")


def _with_slashes(name: str) -> str:
    return name.replace("\\", "/")


def _last_part(name: str) -> str:
    return _with_slashes(name).rpartition("/")[2]
