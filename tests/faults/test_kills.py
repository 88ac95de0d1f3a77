"""Commands that are killed at any moment: whatever has its name is whole, and the next run ends as if nothing had been.

HOURLIFT_KILLS says how often each is killed; `make faults` asks for many. Training, archives and their workers have
tests of their own.
"""

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .whole import assert_whole, files

KILLS = int(os.environ.get("HOURLIFT_KILLS", "1"))
COMMANDS = {
    "predict a photo": ["predict", "photo.png", "-o", "out", "MODELS"],
    "predict a video": ["predict", "clip.mp4", "-o", "out", "--formats", "bvh", "csv", "npz", "trc", "MODELS"],
    "live": ["live", "clip.mp4", "-o", "out/video.mp4", "MODELS"],
    "convert": ["convert", "poses.json", "out/poses.csv"],
    "synth": ["synth", "-o", "out", "--count", "8", "--size", "64", "--format", "coco"],
}


IN_SHORT = [name for name in COMMANDS if KILLS > 1 or name != "synth"]
"""Those that do not take long."""


@pytest.mark.parametrize("name", IN_SHORT)
def test_what_a_killed_run_leaves_is_whole_and_the_next_run_ends_well(
    sources: Path, start: Callable, models: list[str], name: str
) -> None:
    arguments = [part for word in COMMANDS[name] for part in (models if word == "MODELS" else [word])]
    if name == "convert":
        with start("predict", "clip.mp4", "-o", "poses", *models) as process:
            assert process.communicate() and process.returncode == 0
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
        if name == "synth" and any(Path("out").iterdir()):  # killed after its folder had appeared, which is whole
            assert files(sources / "out") == wanted
            continue
        long_ago = time.time() - 7200
        for path in sources.rglob("*"):
            os.utime(path, (long_ago, long_ago))
        again = start(*arguments)
        _, said = again.communicate()
        assert again.returncode == 0, said
        assert files(sources / "out") == wanted
        for path in wanted:
            assert_whole(Path("out") / path)
        hidden = [path.name for folder in (sources, Path("out")) for path in folder.rglob(".*")]
        assert hidden == [], hidden
