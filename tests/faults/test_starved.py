"""Commands without room on the disk, without a home, without a reader, and two at once in one folder."""

import json
import os
import resource
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from .whole import assert_whole, files

PREDICT = ["predict", "photo.png", "-o", "out"]


def one_line(said: str) -> str:
    """What a command said when it gave up."""
    assert "Traceback" not in said, said
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) >= 1, said
    return lines[-1]


@pytest.mark.parametrize("room", [0, 1_000, 20_000])
@pytest.mark.parametrize(
    "command", [PREDICT, ["predict", "clip.mp4", "-o", "out"], ["convert", "poses.json", "out/poses.csv"]]
)
def test_no_file_can_grow_beyond_some_size(
    sources: Path, start: Callable, models: list[str], command: list[str], room: int
) -> None:
    if command[0] == "convert":
        Path("out").mkdir()
        with start("predict", "clip.mp4", "-o", "poses", *models) as process:
            assert process.communicate() and process.returncode == 0
        os.replace("poses/clip.json", "poses.json")
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room))
    process = start(*command, *(models if command[0] == "predict" else []), preexec_fn=limit)
    _, said = process.communicate(timeout=120)
    assert process.returncode != 0, said
    assert "too large" in one_line(said) or "out" in one_line(said), said
    for path in files(sources / "out") if Path("out").exists() else []:
        assert_whole(Path("out") / path)


def test_without_a_home(sources: Path, start: Callable, models: list[str]) -> None:
    process = start(*PREDICT, *models, changes={"HOME": None, "XDG_CACHE_HOME": None})
    assert process.communicate()[1].count("Traceback") == 0
    assert process.returncode == 0 and Path("out/photo.json").exists()


@pytest.mark.parametrize("command", [["--help"], ["convert", "--help"], [*PREDICT, "--json", "-"]])
def test_the_reader_of_standard_output_has_left(
    sources: Path, start: Callable, models: list[str], command: list[str]
) -> None:
    read, write = os.pipe()
    os.close(read)
    process = start(*command, *(models if "predict" in command else []), stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    _, said = process.communicate(timeout=120)
    assert "Traceback" not in said and "BrokenPipe" not in said, said


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_standard_stream_is_closed(sources: Path, start: Callable, models: list[str], closed: int) -> None:
    """No file gets its number, so that what libraries print does not land in results."""
    process = start(
        *PREDICT, *models, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=lambda: os.close(closed)
    )
    told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert "Traceback" not in told[1]
    for path in files(sources / "out"):
        assert_whole(Path("out") / path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
@pytest.mark.parametrize("more", [[], ["--json", "-"]])
def test_standard_output_is_full(sources: Path, start: Callable, models: list[str], more: list[str]) -> None:
    with open("/dev/full", "w") as full:
        process = start(*PREDICT, *more, *models, stdout=full, stderr=subprocess.PIPE)
        _, told = process.communicate(timeout=120)
    assert process.returncode == 2
    assert told.splitlines()[-1].startswith("hourlift: standard output, or a file: No space left")
    assert "Traceback" not in told and "photo.png: No space" not in told


def test_two_runs_into_one_folder(sources: Path, start: Callable, models: list[str]) -> None:
    both = [start(*PREDICT, *models) for _ in range(2)]
    said = [process.communicate()[1] for process in both]
    assert not any("Traceback" in text for text in said), said
    assert 0 in [process.returncode for process in both], said
    for path in files(sources / "out"):
        assert_whole(Path("out") / path)
    assert json.loads(Path("out/photo.json").read_text())["frames"]
