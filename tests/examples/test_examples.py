"""The scripts of examples/ run, on frames of the clip that ships with hourlift."""

import importlib.util
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

import hourlift
from hourlift.arrays import Image
from hourlift.media import webcam
from hourlift.media.video import VideoReader
from hourlift.media.video_writer import VideoWriter

EXAMPLES = Path(__file__).parents[2] / "examples"
FIRST, LAST = 40, 80  # frames of the clip around its deepest squat


@pytest.fixture(scope="module")
def images() -> list[Image]:
    with VideoReader(Path(hourlift.__file__).parent / "assets" / "demo.mp4") as clip:
        return [frame.image_rgb for frame in islice(clip, FIRST, LAST)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Everything happens in a temporary folder, with examples/ importable as it is for a script there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if (EXAMPLES / f"{name}.py").is_file():
            del sys.modules[name]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clip(images: list[Image]) -> str:
    with VideoWriter("clip.mp4", (400, 400), 30) as writer:
        for i, image in enumerate(images):
            writer.write(image, i / 30)
    return "clip.mp4"


def test_every_example_is_tested_and_listed() -> None:
    scripts = {path.stem for path in EXAMPLES.glob("*.py")}
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert scripts <= tested
    listed = (EXAMPLES / "README.md").read_text()
    assert all(f"[{name}.py]({name}.py)" in listed for name in scripts)


def test_photo(images: list[Image], capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite("photo.jpg", images[0][..., ::-1])
    load("photo").main("photo.jpg")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 person(s) in photo.jpg" and len(lines) == 2 + 17
    assert lines[2].split()[:4] == ["pelvis", "0", "0", "0"]


def test_video_to_bvh(clip: str) -> None:
    files = load("video_to_bvh").main(clip, "out")
    assert {file.name for file in files} == {"clip.bvh", "clip.glb", "clip.overlay.mp4"}
    assert Path("out/clip.bvh").read_text().startswith("HIERARCHY")


class Webcam:
    """A camera that shows the clip."""

    images: list[Image]

    def __init__(self, _number: int) -> None:
        self.left = list(self.images)

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(0.02)
        return (True, self.left.pop(0)[..., ::-1].copy()) if self.left else (False, None)

    def get(self, _prop: int) -> float:
        return 0.0

    def release(self) -> None:
        pass


def test_webcam(images: list[Image], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Webcam, "images", images, raising=False)
    monkeypatch.setattr(webcam.cv2, "VideoCapture", Webcam)
    report = load("webcam").main(30.0)  # the camera ends long before
    assert report.shown >= 1 and report.found == report.shown
    assert "left hand" in capsys.readouterr().out


def test_squat_knee_angles(clip: str, capsys: pytest.CaptureFixture[str]) -> None:
    example = load("squat_knee_angles")
    bend = np.array([5, 50, 90, 80, np.nan, 30, 60, 30, 75, 71])
    assert example.squats(bend) == [(2, 90.0), (8, 75.0)], "60 degrees is no squat, and the last one has not ended"
    ((frame, depth_deg),) = example.main(clip)
    assert 90 < depth_deg < 120 and 10 < frame < 30
    assert "squat 1:" in capsys.readouterr().out


def test_own_keypoints() -> None:
    example = load("own_keypoints")
    unknown = [*example.STANDING[:-1], (None, None)]
    standing, incomplete = example.main([example.STANDING, unknown], (640, 480))
    shoulder, hip = standing.joint("l_shoulder").position_mm, standing.joint("l_hip").position_mm
    assert 350 < np.linalg.norm(shoulder - hip) < 650, "a trunk"
    assert incomplete.joint("r_ankle").confidence == 0


def test_train_tiny(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("anny")
    file = load("train_tiny").main(8, "run")
    assert file.is_file() and "from the camera" in capsys.readouterr().out
