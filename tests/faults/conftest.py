"""Commands in processes of their own, which may be killed, starved of disk or cut off from whoever listens."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import pytest

from hourlift.media.video_writer import VideoWriter

Start = Callable[..., subprocess.Popen]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts `hourlift` with arguments; keywords are those of subprocess.Popen, `changes` of the environment."""

    def started(
        *arguments: str, changes: Mapping[str, str | None] | None = None, **options: object
    ) -> subprocess.Popen:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(changes or {})}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        wanted = {name: value for name, value in environment.items() if value is not None}
        return subprocess.Popen([sys.executable, "-m", "hourlift", *arguments], env=wanted, **pipes)  # type: ignore[call-overload]

    return started


@pytest.fixture
def models(marker_models: tuple[Path, Path]) -> list[str]:
    return ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1]), "--threads", "1"]


@pytest.fixture
def sources(tmp_path: Path, figure, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, which is the current one, with photo.png and clip.mp4."""
    monkeypatch.chdir(tmp_path)
    assert cv2.imwrite("photo.png", figure.draw((320, 240), (150, 120), 190))
    with VideoWriter("clip.mp4", (320, 240), 25) as writer:
        for i in range(40):
            writer.write(figure.draw((320, 240), (140 + i, 120), 190), i / 25)
    return tmp_path
