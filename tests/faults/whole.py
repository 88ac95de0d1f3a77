"""The files of a run, and whether each is whole."""

import json
from pathlib import Path

import cv2
import numpy as np

from hourlift.media.video import VideoReader


def files(folder: Path) -> list[Path]:
    """Of a run's folder, hidden ones left out."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.parts))


def assert_whole(path: Path) -> None:
    """A file that can be read to its end."""
    match path.suffix:
        case ".json":
            json.loads(path.read_text(encoding="utf-8"))
        case ".jpg" | ".png":
            assert cv2.imread(str(path)) is not None, path
        case ".html":
            assert path.read_text(encoding="utf-8").rstrip().endswith("</html>"), path
        case ".mp4":
            with VideoReader(path) as reader:
                assert sum(1 for _ in reader) > 0, path
        case ".npz":
            with np.load(path) as arrays:
                assert all(len(arrays[name].shape) >= 0 for name in arrays.files)
        case ".csv" | ".trc" | ".bvh":
            assert path.read_text(encoding="utf-8").endswith("\n"), path
