"""``hourlift predict`` with several people: from a video and boxes to ids in the JSON."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from hourlift.cli import main
from hourlift.formats.json import load
from hourlift.geometry.skeleton import H36M17
from hourlift.media.video import VideoReader
from hourlift.media.video_writer import VideoWriter
from hourlift.synth.clip import Clip, render_clip
from hourlift.synth.generate import Generator, SynthConfig

WH = (384, 208)
FPS = 12
NUM_FRAMES = 30
HEIGHT = 170.0


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def models(marker_models: tuple[Path, Path]) -> list[str]:
    return ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1]), "--threads", "1"]


@pytest.fixture(scope="module")
def rendered() -> list[Clip]:
    """Two people who never lived, each in front of their own background."""
    generator = Generator(SynthConfig(size=192))
    return [render_clip(generator, seed, NUM_FRAMES, fps=FPS) for seed in (1, 3)]


def compose(clips: list[Clip], left_px: list[list[float | None]], name: str) -> np.ndarray:
    """A video of people who are cut out and moved sideways, the last in front; None: not in the image.

    Returns:
        (people, T, 17, 2) their joints, NaN where they are not.
    """
    backdrop = cv2.GaussianBlur(cv2.resize(clips[0].images[0].numpy(), WH), (0, 0), 20)
    truth = np.full((len(clips), NUM_FRAMES, 17, 2), np.nan)
    with VideoWriter(name, WH, FPS) as writer:
        for i in range(NUM_FRAMES):
            image = backdrop.copy()
            for k, clip in enumerate(clips):
                if left_px[k][i] is not None:
                    left = round(left_px[k][i])
                    paste(image, clip.images[i].numpy(), clip.mask[i].numpy(), left)
                    truth[k, i] = clip.joints_2d_px[i].numpy() + [left, 8]
            writer.write(image, i / FPS)
    return truth


def paste(image: np.ndarray, person: np.ndarray, mask: np.ndarray, left: int) -> None:
    size = mask.shape[0]
    start, end = max(left, 0), min(left + size, image.shape[1])
    if start < end:
        there = mask[:, start - left : end - left]
        image[8 : 8 + size, start:end][there] = person[:, start - left : end - left][there]


def who(document, truth: np.ndarray) -> list[dict[int, int]]:
    """Per frame: which of the true people has which id; whoever is near nobody is left out."""
    named = []
    for frame in document.frames:
        named.append({})
        for person in frame.people:
            errors = np.median(np.linalg.norm(truth[:, frame.index] - person.joints_2d_px, axis=-1), axis=-1)
            errors = np.nan_to_num(errors / HEIGHT, nan=np.inf)
            if errors.min() < 0.12:
                named[-1][int(errors.argmin())] = person.person_id
    return named


@pytest.mark.parametrize("front", [0, 1])
def test_ids_stay_when_two_people_cross(rendered: list[Clip], front: int, capfd: pytest.CaptureFixture[str]) -> None:
    clips = [rendered[1 - front], rendered[front]]
    there = [float(-20 + 7 * i) for i in range(NUM_FRAMES)]
    truth = compose(clips, [there, there[::-1]], "cross.mp4")
    assert main(["predict", "cross.mp4", "-o", "out", "--people", "2", "--threads", "1", "--no-page"]) == 0
    named = who(load("out/cross.json"), truth)
    apart = [frame for i, frame in enumerate(named) if abs(there[i] - there[::-1][i]) > 80]
    assert np.mean([len(frame) == 2 for frame in apart]) > 0.9
    assert {tuple(sorted(frame.items())) for frame in apart if len(frame) == 2} in [
        {((0, 0), (1, 1))},
        {((0, 1), (1, 0))},
    ]
    assert {p.person_id for frame in load("out/cross.json").frames for p in frame.people} == {0, 1}
    assert "cross.mp4: 2 people in 30 of 30 frames" in capfd.readouterr().out
    with VideoReader("out/cross.overlay.mp4") as drawn, VideoReader("cross.mp4") as plain:
        for shown, original in zip(drawn, plain, strict=True):
            difference = cv2.absdiff(shown.image_rgb, original.image_rgb).max(axis=-1) > 60
            if abs(there[shown.index] - there[::-1][shown.index]) > 130:  # a skeleton on each of them
                for joints in truth[:, shown.index]:
                    x, y = joints[H36M17.index("thorax")].round().astype(int)
                    assert difference[y - 25 : y + 25, x - 15 : x + 15].sum() > 30


def test_who_walks_out_of_the_picture_and_back_keeps_the_id(rendered: list[Clip]) -> None:
    away = [-10.0 - 15 * min(max(9.5 - abs(i - 13.5), 0), 8) for i in range(NUM_FRAMES)]
    away = [None if 12 <= i <= 15 else left for i, left in enumerate(away)]
    truth = compose(rendered, [away, [170.0] * NUM_FRAMES], "away.mp4")
    assert (
        main(["predict", "away.mp4", "-o", "out", "--people", "2", "--threads", "1", "--no-page", "--no-overlay"]) == 0
    )
    named = who(load("out/away.json"), truth)
    assert len({frame[1] for frame in named if 1 in frame}) == 1
    assert len({frame[0] for frame in named if 0 in frame}) == 1
    assert all(0 in named[i] for i in (*range(6), *range(24, NUM_FRAMES)))


@pytest.fixture
def pair(figure) -> Path:
    """A video of two figures."""
    with VideoWriter("pair.mp4", (480, 240), 25) as writer:
        for i in range(6):
            image = figure.draw((480, 240), (120 + 2 * i, 120), 190)
            image[:, 240:] = figure.draw((240, 240), (120, 120), 190)
            writer.write(image, i / 25)
    return Path("pair.mp4")


def boxes_of(figure, index: int) -> list[dict[str, object]]:
    corners = [figure.box((120 + 2 * index, 120), 190), figure.box((360, 120), 190)]
    return [
        {"image_id": index, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0], "score": 0.8 + 0.1 * k}
        for k, (x0, y0, x1, y1) in enumerate(np.round(corners, 2).tolist())
    ]


def test_boxes_of_a_film(pair: Path, models: list[str], figure, capfd: pytest.CaptureFixture[str]) -> None:
    Path("boxes.json").write_text(json.dumps([box for i in range(6) for box in boxes_of(figure, i)]))
    assert main(["predict", str(pair), "--boxes", "boxes.json", "-o", "out", "--no-page", *models]) == 0
    frames = load("out/pair.json").frames
    for frame in frames:
        assert [person.person_id for person in frame.people] == [0, 1]
        right, left = frame.people  # the right one has the higher score, so they are known first
        np.testing.assert_allclose(left.joints_2d_px, figure.joints((120 + 2 * frame.index, 120), 190), atol=6)
        np.testing.assert_allclose(right.joints_2d_px, figure.joints((360, 120), 190), atol=6)
        np.testing.assert_allclose(left.box_xyxy_px, figure.box((120 + 2 * frame.index, 120), 190), atol=0.02)
    assert "2 people in 6 of 6 frames" in capfd.readouterr().out
    assert (
        main(["predict", str(pair), "--boxes", "boxes.json", "--people", "1", "-o", "one", "--no-page", *models]) == 0
    )
    assert [[p.person_id for p in frame.people] for frame in load("one/pair.json").frames] == [[0]] * 6


def first_image_bgr(video: Path) -> np.ndarray:
    with VideoReader(video) as frames:
        return cv2.cvtColor(next(iter(frames)).image_rgb, cv2.COLOR_RGB2BGR)


def test_a_detector(pair: Path, models: list[str], figure, save_detector, capfd: pytest.CaptureFixture[str]) -> None:
    boxes = np.array([figure.box((125, 120), 190), figure.box((360, 120), 190)]) * 64 / 480  # the video is 480 wide
    dets = np.concatenate([boxes, [[0.9], [0.8]]], axis=1).astype(np.float32)[None]
    save_detector(Path("end2end.onnx"), {"dets": dets, "labels": np.array([[0, 0]])})
    options = ["--detector", "end2end.onnx", "-o", "out", "--no-page", *models]
    assert main(["predict", str(pair), *options]) == 2
    assert "give --detector-family, one of yolox, rtmdet, yolo" in capfd.readouterr().err
    assert main(["predict", str(pair), *options, "--detector-family", "rtmdet"]) == 0
    for frame in load("out/pair.json").frames:
        assert [person.person_id for person in frame.people] == [0, 1]
        left, right = frame.people
        np.testing.assert_allclose(left.joints_2d_px, figure.joints((120 + 2 * frame.index, 120), 190), atol=6)
        np.testing.assert_allclose(right.joints_2d_px, figure.joints((360, 120), 190), atol=6)
    photo = "photo.png"
    cv2.imwrite(photo, first_image_bgr(pair))
    assert main(["predict", photo, *options, "--detector-family", "rtmdet", "--people", "1"]) == 0
    (person,) = load("out/photo.json").frames[0].people
    np.testing.assert_allclose(person.box_xyxy_px, np.array(figure.box((125, 120), 190)) - 0.5, atol=0.02)


def test_a_finder_of_our_own_finds_everyone(pair: Path, models: list[str], figure, save_finder) -> None:
    truth = np.array([figure.box((125, 120), 190), figure.box((360, 120), 190)])
    boxes = (truth + 0.5) * 320 / 480 - 0.5  # the video is 480 x 240, so that the input is 320 x 160, padded to 192
    save_finder(Path("people.onnx"), boxes, np.array([0.7, 0.9]), (320, 192))
    options = ["--detector", "people.onnx", "-o", "out", "--no-page", *models]
    assert main(["predict", str(pair), *options]) == 0
    for frame in load("out/pair.json").frames:
        assert len(frame.people) == 2
        found = np.stack([person.joints_2d_px for person in frame.people])
        wanted = np.stack([figure.joints((360, 120), 190), figure.joints((120 + 2 * frame.index, 120), 190)])
        np.testing.assert_allclose(found, wanted, atol=6)  # the more confident box first
    cv2.imwrite("photo.png", first_image_bgr(pair))
    assert main(["predict", "photo.png", *options, "--min-score", "0.8"]) == 0
    (person,) = load("out/photo.json").frames[0].people
    np.testing.assert_allclose(person.box_xyxy_px, truth[1], atol=0.1)


def test_boxes_of_photos(pair: Path, models: list[str], figure) -> None:
    for name in ("000007.png", "b.png", "nobody.png"):
        cv2.imwrite(name, cv2.cvtColor(figure.draw((480, 240), (120, 120), 190), cv2.COLOR_RGB2BGR))
    first, second = boxes_of(figure, 0)
    Path("boxes.json").write_text(
        json.dumps(
            [first | {"image_id": 7}, first | {"image_id": "b.png"}, second | {"image_id": "b.png", "score": 0.1}]
        )
    )
    assert main(["predict", "*.png", "--boxes", "boxes.json", "-o", "out", "--no-page", *models]) == 0
    counts = {name: len(load(f"out/{name}.json").frames[0].people) for name in ("000007", "b", "nobody")}
    assert counts == {"000007": 1, "b": 1, "nobody": 0}
    low = ["--min-score", "0.05", "-o", "low", "--no-page"]
    assert main(["predict", "*.png", "--boxes", "boxes.json", *low, *models]) == 0
    assert len(load("low/b.json").frames[0].people) == 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (
            ["--boxes", "unknown.json"],
            "unknown.json: image_id 6 is no frame of the video's 6; frames are numbered from 0",
        ),
        (["--boxes", "name.json"], "name.json: image_id 'pair' is no frame; frames are numbered from 0"),
        (["--boxes", "outside.json"], "outside the image"),
        (["--boxes", "nan.json"], "nan.json: entry 0: bbox must be four finite numbers"),
        (["--boxes", "missing.json"], "missing.json: No such file or directory"),
        (["--boxes", "unknown.json", "--box", "1", "2", "30", "40"], "all give the people's boxes; give one of them"),
        (["--people", "0"], "--people must be at least 1, got 0"),
        (["--people", "2", "--min-score", "7"], "--min-score must be at most 1"),
        (["--detector", "pair.mp4"], "pair.mp4: this is not a model that can be run"),
        (["--detector", "missing.onnx"], "missing.onnx does not exist"),
        (["--detector-family", "yolox"], "needs a --detector"),
        (["--detector", "none", "--detector-family", "yolox"], "needs a --detector"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(
    pair: Path, models: list[str], figure, options: list[str], complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    box = boxes_of(figure, 0)[0]
    for name, wrong in {
        "unknown": {"image_id": 6},
        "name": {"image_id": "pair"},
        "outside": {"bbox": [900, 0, 10, 10]},
        "nan": {"bbox": [1, 2, float("nan"), 4]},
    }.items():
        Path(f"{name}.json").write_text(json.dumps([box | wrong]))
    assert main(["predict", str(pair), "-o", "out", *options, *models]) == 2
    shown = capfd.readouterr()
    assert complaint in shown.err
    assert shown.err.count("\n") == 1
    assert not Path("out").exists() or not list(Path("out").iterdir())


def test_boxes_belong_to_one_film_or_to_photos(
    pair: Path, models: list[str], figure, capfd: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite("photo.png", figure.draw((480, 240), (120, 120), 190))
    Path("boxes.json").write_text(json.dumps(boxes_of(figure, 0)))
    assert main(["predict", str(pair), "photo.png", "--boxes", "boxes.json", *models]) == 2
    assert "--boxes belongs to one video, or to photos" in capfd.readouterr().err
    assert main(["predict", "photo.png", "--boxes", "boxes.json", *models]) == 2
    assert "boxes.json: image_id 0 and" not in (shown := capfd.readouterr().err)
    assert "boxes.json: image_id 0 is no image; images are identified by file name or number" in shown
