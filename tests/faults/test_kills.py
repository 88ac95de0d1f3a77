"""Commands that are killed at any moment: whatever has its name is whole, and the next run ends as if nothing had been.

HOURLIFT_KILLS says how often each is killed; `make faults` asks for many. Training, archives and their workers have
tests of their own.
"""

import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from hourlift.predict.video import VideoReader

KILLS = int(os.environ.get("HOURLIFT_KILLS", "1"))
COMMANDS = {
    "predict a photo": ["predict", "photo.png", "-o", "out", "MODELS"],
    "predict a video": ["predict", "clip.mp4", "-o", "out", "--formats", "bvh", "csv", "npz", "trc", "MODELS"],
    "live": ["live", "clip.mp4", "-o", "out/film.mp4", "MODELS"],
    "convert": ["convert", "poses.json", "out/poses.csv"],
    "synth": ["synth", "-o", "out", "--count", "8", "--size", "64", "--format", "coco"],
}


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


IN_SHORT = [name for name in COMMANDS if KILLS > 1 or name != "synth"]
"""Those that do not take long."""


@pytest.mark.parametrize("name", IN_SHORT)
def test_what_a_killed_run_leaves_is_whole_and_the_next_run_ends_well(
    sources: Path, start: Callable, models: list[str], name: str
) -> None:
    arguments = [part for word in COMMANDS[name] for part in (models if word == "MODELS" else [word])]
    if name == "convert":
        assert start("predict", "clip.mp4", "-o", "poses", *models).wait() == 0
        os.replace("poses/clip.json", "poses.json")
    Path("out").mkdir()
    began = time.monotonic()
    process = start(*arguments)
    _, said = process.communicate()
    lasted = time.monotonic() - began
    assert process.returncode == 0, said
    wanted = files(sources / "out")
    rng = random.Random(name)
    for kill in range(KILLS):
        os.rename("out", f"before-{kill}")
        Path("out").mkdir()
        process = start(*arguments)
        time.sleep(lasted * rng.uniform(0.3, 1.0))
        process.kill()
        process.communicate()
        for path in files(sources / "out"):
            assert_whole(Path("out") / path)
        long_ago = time.time() - 7200
        for path in sources.rglob("*"):
            os.utime(path, (long_ago, long_ago))
        again = start(*arguments, *(["--resume"] if name == "synth" and any(Path("out").iterdir()) else []))
        _, said = again.communicate()
        assert again.returncode == 0, said
        assert files(sources / "out") == wanted
        for path in wanted:
            assert_whole(Path("out") / path)
        hidden = [path.name for folder in (sources, Path("out")) for path in folder.rglob(".*")]
        assert hidden == [], hidden
