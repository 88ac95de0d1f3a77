"""Broken files of every kind end in a ValueError or an OSError, never in anything else.

`make fuzz` runs many more rounds; seeds are fixed, so that what fails fails again.
"""

import os
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from hourlift.formats import json as pose_json
from hourlift.formats import npz
from hourlift.formats.coco_boxes import load_boxes
from hourlift.geometry.camera import Camera
from hourlift.pose import PoseFrame
from hourlift.predict.images import read_image
from hourlift.predict.media import kind_of
from hourlift.predict.video import VideoReader, VideoWriter

ROUNDS = int(os.environ.get("HOURLIFT_FUZZ_ROUNDS", "40"))
PICTURE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
HEADER = pose_json.Header(source="a.mp4", kind="video", image_wh=(64, 48), camera=Camera.from_fov((64, 48)), fps=25.0)


def read_video(path: Path) -> None:
    with VideoReader(path) as video:
        for _ in video:
            pass


def write_video(path: Path) -> None:
    with VideoWriter(path, (64, 48), 25) as writer:
        for i in range(5):
            writer.write(np.roll(PICTURE, i, axis=1), i / 25)


def write_poses(path: Path) -> None:
    document = pose_json.PoseFile(header=HEADER, frames=[PoseFrame(index=i, time_s=i / 25) for i in range(3)])
    (npz if path.suffix == ".npz" else pose_json).write(path, document)


READERS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    **{
        f"a{suffix}": (read_image, lambda path: cv2.imwrite(str(path), PICTURE))
        for suffix in (".jpg", ".png", ".webp", ".bmp", ".tif", ".jp2", ".avif")
    },
    "a.mp4": (read_video, write_video),
    "a.json": (pose_json.load, write_poses),
    "a.npz": (npz.load, write_poses),
    "camera.json": (
        Camera.load,
        lambda path: path.write_text('{"fx": 9, "fy": 9, "cx": 1, "cy": 1, "image_wh": [4, 4], "distortion": []}'),
    ),
    "boxes.json": (
        load_boxes,
        lambda path: path.write_text('[{"image_id": 0, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9}]'),
    ),
}


def broken(data: bytes, rng: np.random.Generator) -> bytes:
    """The file with some bytes changed, a part cut out, doubled or cut off."""
    changed = bytearray(data)
    for place in rng.integers(0, len(changed), rng.integers(0, 8)):
        changed[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256))])
    start, end = sorted(rng.integers(0, len(changed) + 1, 2).tolist())
    match int(rng.integers(5)):
        case 0:
            del changed[start:end]
        case 1:
            changed[start:start] = changed[start:end]
        case 2:
            del changed[end:]
    return bytes(changed)


@pytest.mark.parametrize("name", READERS)
def test_broken_files_are_refused_or_read(name: str, tmp_path: Path) -> None:
    av.logging.set_level(None)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    read, write = READERS[name]
    path = tmp_path / name
    write(path)
    whole = path.read_bytes()
    read(path)
    for seed in range(ROUNDS):
        path.write_bytes(broken(whole, np.random.default_rng(seed)))
        try:
            kind_of(path)
            read(path)
        except (ValueError, OSError):
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
