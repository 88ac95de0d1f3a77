"""COCO keypoints: all people's 17 COCO joints in every image, in the layout of COCO's annotation files.

H36M17 has no eyes and ears; they are marked as not labelled, as is every joint whose position is unknown: 0, 0, v = 0.
All others are v = 2. Beside COCO's fields an annotation has "score", "keypoint_scores" (17 confidences) and "track_id".
"""

import json
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from hourlift.formats.json import PoseFile
from hourlift.formats.tracks import checked_frames, frame_times_s
from hourlift.geometry.skeleton import COCO17, H36M17, map_joints
from hourlift.pose import Pose

# The bones in COCO's files, including ears: a graph with loops, unlike COCO17.
_BONES = (
    "l_ankle l_knee, l_knee l_hip, r_ankle r_knee, r_knee r_hip, l_hip r_hip, l_shoulder l_hip, r_shoulder r_hip, "
    "l_shoulder r_shoulder, l_shoulder l_elbow, r_shoulder r_elbow, l_elbow l_wrist, r_elbow r_wrist, l_eye r_eye, "
    "nose l_eye, nose r_eye, l_eye l_ear, r_eye r_ear, l_ear l_shoulder, r_ear r_shoulder"
)


def write(path: Path, document: PoseFile) -> None:
    """Write every image, also those without people.

    A photo's `file_name` is its name. A frame of dance.mp4 is called dance/000012.jpg, with its index from 0.

    Raises:
        ValueError: frames are not in temporal order, or hold a person twice.
        OSError: the file cannot be written.
    """
    checked_frames(document)  # raises for frames that no reader could interpret
    names = [_coco_name(name) for name in COCO17.joint_names]
    bones = [[COCO17.index(joint) + 1 for joint in bone.split()] for bone in _BONES.split(", ")]  # counted from 1
    person = {"id": 1, "name": "person", "supercategory": "person", "keypoints": names, "skeleton": bones}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"images": [')
        file.writelines(_listed(_images(document)))
        file.write('], "annotations": [')
        file.writelines(_listed(_annotations(document)))
        file.write(f'], "categories": [{json.dumps(person)}]}}')


def _images(document: PoseFile) -> Iterator[dict[str, Any]]:
    width, height = document.header.image_wh
    for number, (frame, time_s) in enumerate(zip(document.frames, frame_times_s(document).tolist(), strict=True), 1):
        name = _file_name(document, frame.index)
        yield {"id": number, "file_name": name, "width": width, "height": height, "time_s": round(time_s, 6)}


def _annotations(document: PoseFile) -> Iterator[dict[str, Any]]:
    ids = count(1)
    for number, frame in enumerate(document.frames, 1):
        for pose in frame.people:
            yield {"id": next(ids), "image_id": number} | _annotation(pose)


def _listed(items: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The items as text, one by one, as in a JSON list."""
    for i, item in enumerate(items):
        yield (", " if i else "") + json.dumps(item, allow_nan=False)


def _file_name(document: PoseFile, index: int) -> str:
    source = document.header.source
    return source if document.header.kind == "photo" else f"{Path(source).stem.replace(':', '')}/{index:06}.jpg"


def _coco_name(name: str) -> str:
    return name.replace("l_", "left_").replace("r_", "right_")


def _annotation(pose: Pose) -> dict[str, Any]:
    """A person's fields; see the top of the file."""
    sources = np.concatenate([pose.joints_2d_px, pose.confidence[:, None]], axis=-1).astype(np.float64)
    joints = map_joints(sources, H36M17, COCO17)
    known = np.isfinite(joints[:, :2]).all(axis=-1)
    keypoints = np.where(known[:, None], [[*joint[:2].round(2), 2.0] for joint in joints], 0.0)
    scores = np.where(known, np.nan_to_num(joints[:, 2], nan=0.0, posinf=0.0, neginf=0.0), 0.0)
    box = pose.box_xyxy_px.astype(np.float64)
    if not np.isfinite(box).all():
        corners = joints[known, :2] if known.any() else np.zeros((1, 2))
        box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    x, y = box[:2].round(2).tolist()
    width, height = (box[2:] - box[:2]).round(2).tolist()
    return {
        "category_id": 1,
        "iscrowd": 0,
        "num_keypoints": int(known.sum()),
        "keypoints": keypoints.ravel().tolist(),
        "bbox": [x, y, width, height],
        "area": round(width * height, 2),
        "score": round(float(scores[known].mean()), 3) if known.any() else 0.0,
        "keypoint_scores": scores.round(3).tolist(),
        "track_id": pose.person_id,
    }
