import re
from importlib import resources
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

import hourlift.cli
from hourlift.cli import demo
from hourlift.formats import json
from hourlift.geometry.skeleton import H36M17
from hourlift.predict import PosePredictor


@pytest.fixture
def clip(tmp_path: Path, figure) -> Path:
    """Ten frames of the figure walking to the right, at ten frames a second."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 240, 200, "yuv420p"
        for i in range(10):
            image = figure.draw((240, 200), (100.0 + 3 * i, 100.0), 150.0)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_it_writes_everything_and_says_where(
    predictor: PosePredictor, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "demo"
    page = demo.run(predictor, clip, out)
    said = capsys.readouterr().out
    assert page == out / "demo.html"
    assert sorted(path.name for path in out.iterdir()) == ["demo.html", "demo.json", "demo.overlay.mp4"]
    for path in out.iterdir():
        assert str(path) in said
    assert "1 person in 10 of 10 frames (0.9 s of video)" in said
    assert re.search(r"movement +the (left|right) knee bends most, \d+ degrees", said)
    assert re.search(r"confidence +[01]\.\d\d for the median joint", said)
    assert re.search(r"speed +[\d.]+ frames per second", said)
    assert len(json.load(out / "demo.json").frames) == 10
    assert "<h1>clip.mp4</h1>" in page.read_text(encoding="utf-8")


def test_nobody_in_the_clip(predictor: PosePredictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with av.open(str(tmp_path / "empty.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), 128, np.uint8), format="rgb24")))
        container.mux(stream.encode())
    demo.run(predictor, tmp_path / "empty.mp4", tmp_path / "out")
    assert "no person in 0 of 1 frames" in capsys.readouterr().out


def test_a_straight_and_a_bent_knee(figure, predictor: PosePredictor) -> None:
    image = figure.draw((240, 200), (120.0, 100.0), 150.0)
    (pose,) = predictor.predict(image, figure.box((120.0, 100.0), 150.0))
    bends = {side: bend for bend, side in demo._knee_bends(pose)}
    thigh, shank = np.array([-0.04, 0.22]), np.array([-0.06, 0.22])  # of the figure's right leg, which is flat
    angle = np.degrees(np.arccos(thigh @ shank / np.linalg.norm(thigh) / np.linalg.norm(shank)))
    assert bends["right"] == pytest.approx(angle, abs=3)


def test_the_shipped_weights_find_the_person_of_the_shipped_clip() -> None:
    clip = resources.files("hourlift") / "assets" / "demo.mp4"
    assert len(clip.read_bytes()) < 1_000_000
    with resources.as_file(clip) as path:
        frames = list(islice(PosePredictor().predict_video(path), 10))
    assert [len(frame.people) for frame in frames] == [1] * 10
    for frame in frames:
        pose = frame.people[0]
        head, pelvis = (pose.joints_2d_px[H36M17.index(name)] for name in ("head", "pelvis"))
        assert head[1] < pelvis[1] - 50  # upright in an image of 400 pixels
        assert np.isfinite(pose.joints_3d_mm).all() and 1000 < pose.root_cam_mm[2] < 6000


def test_an_installation_without_clip_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo.resources, "files", lambda package: tmp_path)
    assert hourlift.cli.main(["demo", "-o", str(tmp_path / "out")]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("hourlift: ") and complaint.count("\n") == 1
    assert not (tmp_path / "out").exists()
