"""``hourlift live``, from a video as if it were live and from cameras that are not there."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hourlift.cli import OUR_FAULT, live, main
from hourlift.media import webcam
from hourlift.media.video import VideoReader
from hourlift.media.video_writer import VideoWriter
from hourlift.predict.people.follow import FrameByFrame


@pytest.fixture(autouse=True)
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure) -> Iterator[None]:
    """Twelve frames, a little over a second."""
    monkeypatch.chdir(tmp_path)
    with VideoWriter("clip.mp4", (320, 240), 10) as writer:
        for i in range(12):
            writer.write(figure.draw((320, 240), (140 + 3 * i, 120), 190), i / 10)
    before = set(threading.enumerate())
    yield
    end = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < end:
        time.sleep(0.02)
    assert set(threading.enumerate()) <= before


@pytest.fixture
def models(marker_models: tuple[Path, Path]) -> list[str]:
    return ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1]), "--threads", "1"]


def test_a_video_as_if_live(models: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["live", "clip.mp4", "--no-serve", "-o", "out.mp4", "--side-by-side", *models]) == 0
    shown = capfd.readouterr()
    line = r"clip\.mp4: 1\.\d s, (\d+) of 12 images shown \([\d.]+ a second\), people in \1, latency \d+ ms \(95 %"
    found = re.match(line, shown.out)
    assert found and shown.err == ""
    with VideoReader("out.mp4") as video:
        assert video.image_wh == (320 + 216, 240)
        frames = list(video)
    assert len(frames) == int(found[1])
    steps = np.array([frame.time_s for frame in frames]) * 10
    np.testing.assert_allclose(steps, np.round(steps), atol=0.02, err_msg="the video keeps the video's own time")
    assert steps[-1] >= 5
    corner = frames[-1].image_rgb[215:240, :150].astype(int)
    assert (corner.max(axis=-1) > 200).sum() > 50, "the figures stand in the lower left corner"


def test_ctrl_c_ends_it_in_good_order(models: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    handler = signal.getsignal(signal.SIGINT)
    assert main(["live", "clip.mp4", "-o", "out.mp4", *models]) == 0
    assert signal.getsignal(signal.SIGINT) is handler
    out = capfd.readouterr().out
    assert re.match(r"clip\.mp4: watch at http://127\.0\.0\.1:\d+/[\w-]{22}/ - Ctrl-C ends\n", out)
    with VideoReader("out.mp4") as video:
        assert 1 <= len(list(video)) <= 12


def test_enough_pictures(models: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["live", "clip.mp4", "--no-serve", "-o", "out.mp4", "--max-frames", "3", *models]) == 0
    with VideoReader("out.mp4") as video:
        assert len(list(video)) == 3
    assert ", 3 of " in capfd.readouterr().out


class Unplugged:
    """A camera that sends a few images."""

    def __init__(self, number: int) -> None:
        self.left = {0: 6, 1: 1}.get(number, 0)

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(0.05)
        self.left -= 1
        return (True, np.full((240, 320, 3), 90, np.uint8)) if self.left >= 0 else (False, None)

    def get(self, prop: int) -> float:
        return 0.0

    def release(self) -> None:
        pass


def test_a_dropped_camera(
    models: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(webcam.cv2, "VideoCapture", Unplugged)
    assert main(["live", "--no-serve", "-o", "out.mp4", *models]) == 1
    shown = capfd.readouterr()
    assert shown.err == "hourlift: webcam:0: the camera stopped sending images; is it still plugged in?\n"
    assert "of 5 images shown" in shown.out
    with VideoReader("out.mp4") as recorded:
        assert len(list(recorded)) >= 1, "what came before is kept"
    assert main(["live", "webcam:1", "--no-serve", "-o", "none.mp4", *models]) == 2
    assert "webcam:1: the camera stopped sending" in capfd.readouterr().err
    assert main(["live", "webcam:2", *models]) == 2
    assert capfd.readouterr().err == "hourlift: webcam:2: no camera can be opened\n"
    assert sorted(path.name for path in Path().iterdir()) == ["clip.mp4", "out.mp4"]


def test_a_mistake_of_the_predictor_is_not_swallowed(
    models: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("ours")

    monkeypatch.setattr(FrameByFrame, "__call__", fail)
    assert main(["live", "clip.mp4", "-o", "out.mp4", *models]) == OUR_FAULT
    assert "AssertionError: ours" in capfd.readouterr().err
    assert not Path("out.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.mp4"], "missing.mp4: no such file or folder"),
        (["photo.png"], "photo.png: one webcam or video is shown live"),
        (["clip.mp4", "--no-serve"], "--no-serve without -o FILE.mp4 would show the images nowhere"),
        (["clip.mp4", "-o", "video.avi"], "video.avi: the video's name ends in .mp4"),
        (["clip.mp4", "-o", "nowhere/video.mp4"], "nowhere/video.mp4: the video's name ends in .mp4"),
        (["clip.mp4", "--seconds", "0"], "--seconds must be above 0"),
        (["clip.mp4", "--max-frames", "0"], "--max-frames must be at least 1"),
        (["clip.mp4", "--port", "70000"], "--port must be at most 65535"),
        (["clip.mp4", "--fov", "60", "--camera", "c.json"], "--fov and --camera both describe the camera"),
        (["text.mp4"], "text.mp4: this is not a video"),
    ],
)
def test_mistakes_are_one_line(
    models: list[str], arguments: list[str], complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("photo.png").touch()
    Path("text.mp4").write_text("no video")
    assert main(["live", *arguments, *models]) == 2
    error = capfd.readouterr().err
    assert complaint in error and error.count("\n") == 1


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["live", "--help"])
    shown = capsys.readouterr().out
    assert live.EXAMPLES.strip().splitlines()[1] in shown and "--side-by-side" in shown
