"""`hourlift synth`: what it writes can be looked at, and read again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from hourlift.cli import main
from hourlift.cli.synth import write_sheet
from hourlift.data import load_coco, load_shards, recognise
from hourlift.data.frame_id import FrameId
from hourlift.data.human36m.protocol import ACTIONS, SUBJECTS
from hourlift.data.sample import Sample
from hourlift.evaluation.synthetic import synthetic_samples
from hourlift.geometry.skeleton import H36M21
from hourlift.geometry.skeleton_style import LEFT_RGB, RIGHT_RGB
from hourlift.synth import dataset as dataset_module
from hourlift.synth import samples
from hourlift.synth.presets import preset
from hourlift.synth.samples import render_samples
from hourlift.synth.studio import CAMERAS, STEP, TAKES


def sheet_of(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def drawn(tiles: np.ndarray, colour: tuple[int, int, int]) -> int:
    """Pixels of a colour, but for what lies between two."""
    return int((np.abs(tiles.astype(int) - colour).max(-1) < 3).sum())


def test_a_sheet_shows_joints_on_every_second_picture(tmp_path: Path) -> None:
    options = ["--count", "4", "--size", "128", "--preset", "upright"]
    assert main(["synth", "--sheet", str(tmp_path / "new" / "a.png"), *options]) == 0
    sheet = sheet_of(tmp_path / "new" / "a.png")
    assert sheet.shape == (256, 256, 3)
    tiles = sheet.reshape(2, 128, 2, 128, 3).swapaxes(1, 2).reshape(4, 128, 128, 3)
    people = render_samples(replace(preset("upright"), size=128), 0, 4)
    plain = np.stack([sample.load_image() for sample in people])
    assert [np.array_equal(*pair) for pair in zip(tiles, plain, strict=True)] == [True, False, True, False]
    for colour in (LEFT_RGB, RIGHT_RGB):
        assert drawn(tiles, colour) > drawn(plain, colour) + 8
    assert main(["synth", "--sheet", str(tmp_path / "b.png"), *options, "--joints"]) == 0
    marked = sheet_of(tmp_path / "b.png")
    assert (marked[:128, 128:] == sheet[:128, 128:]).all() and (marked[:128, :128] != sheet[:128, :128]).any()


@pytest.mark.parametrize(("count", "expected"), [(1, (1, 1)), (2, (1, 2)), (7, (2, 4)), (12, (3, 4)), (24, (4, 6))])
def test_rows_and_columns_of_a_sheet(tmp_path: Path, count: int, expected: tuple[int, int]) -> None:
    write_sheet([np.full((2, 2, 3), 9, np.uint8)] * count, tmp_path / "a.png")
    assert sheet_of(tmp_path / "a.png").shape == (2 * expected[0], 2 * expected[1], 3)


def test_the_studio_becomes_a_human36m(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """840 videos of one length, whole takes in a shard, and splits by subject; the images are stand-ins."""

    def stand_in(config: object, seed: int, frames: int, count: int, *, first: int = 0) -> Iterator[Sample]:
        per_film = [(s, a, t, c) for s in SUBJECTS for a in ACTIONS for t in TAKES for c in CAMERAS]
        for number in range(first, first + count):
            subject, action, take, camera = per_film[number // frames]
            source = FrameId(subject=subject, action=action, take=take, camera=camera, frame=1 + number % frames * STEP)
            yield Sample(
                id=str(source),
                image=np.zeros((8, 8, 3), np.uint8),
                joints_2d_px=np.zeros((17, 2), np.float32),
                visible=np.ones(17, bool),
                box_xyxy_px=np.zeros(4, np.float32),
            )

    monkeypatch.setattr(dataset_module, "render_studio", stand_in)
    folder = tmp_path / "studio"
    assert main(["synth", "-o", str(folder), "--preset", "studio", "--count", "841", "--per-shard", "500"]) == 0
    studio = recognise(folder)
    assert studio.counts.people == 1680 and studio.counts.videos == 840
    assert studio.counts.subjects == SUBJECTS and len(studio.counts.actions) == 15 and len(studio.counts.cameras) == 4
    assert sum(1 for _ in studio.samples("report-validate")) == 240
    assert sorted(path.name for path in folder.glob("*.tar")) == [f"shard-{i:06}.tar" for i in range(4)]
    assert json.loads((folder / "settings.json").read_text())["per_shard"] == 496  # 62 takes of 8
    assert main(["synth", "-o", str(tmp_path / "coco"), "--preset", "studio", "--format", "coco"]) == 2


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "deep" / "people"
    options = ["--count", "5", "--size", "128", "--seed", "0", "--format", "coco"]
    assert main(["synth", "-o", str(folder), *options]) == 0
    return folder


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "deep" / "people"
    options = ["--count", "5", "--size", "128", "--per-shard", "3", "--image-format", "png", "--preset", "upright"]
    assert main(["synth", "-o", str(folder), *options]) == 0
    return folder


def test_shards_are_read_back(shards: Path) -> None:
    assert {path.name for path in shards.iterdir()} == {"settings.json", "shard-000000.tar", "shard-000001.tar"}
    config = replace(preset("upright"), size=128)
    for ours, theirs in zip(load_shards(shards), render_samples(config, 0, 5), strict=True):
        np.testing.assert_array_equal(ours.load_image(), theirs.load_image())
        np.testing.assert_allclose(ours.joints_2d_px, theirs.joints_2d_px, atol=6e-4)
        np.testing.assert_array_equal(ours.visibility, theirs.visibility)
        np.testing.assert_array_equal(ours.mask, theirs.mask)
        assert (ours.id, ours.seed, ours.height_mm) == (theirs.id, theirs.seed, theirs.height_mm)


def test_going_on_with_a_data_set(shards: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--count", "5", "--size", "128", "--per-shard", "3", "--image-format", "png", "--preset", "upright"]
    assert main(["synth", "-o", str(shards), *options, "--resume"]) == 0
    assert "5 people in 2 shards; rendered 0" in capsys.readouterr().out
    assert main(["synth", "-o", str(shards), *options, "--resume", "--seed", "1"]) == 2
    assert "was written with other settings: seed 0, not 1; name another folder" in capsys.readouterr().err


def test_a_data_set_is_read_back(dataset: Path) -> None:
    assert {path.name for path in dataset.iterdir()} == {"images", "keypoints.json"}
    assert list(dataset.parent.iterdir()) == [dataset]
    for ours, theirs in zip(load_coco(dataset), synthetic_samples(5, seed=0, size=128), strict=True):
        np.testing.assert_allclose(ours.joints_2d_px, theirs.joints_2d_px, atol=0.006)
        np.testing.assert_array_equal(ours.visible, theirs.visible)
        np.testing.assert_allclose(ours.box_xyxy_px, theirs.box_xyxy_px, atol=0.02)
        np.testing.assert_allclose(ours.joints_3d_cam_mm, theirs.joints_3d_cam_mm, atol=0.06)
        assert ours.camera == theirs.camera
        difference = ours.load_image().astype(float) - theirs.load_image()
        assert np.abs(difference).mean() < 6  # what JPEG loses


def test_its_json_is_coco(dataset: Path) -> None:
    content = json.loads((dataset / "keypoints.json").read_text())
    (category,) = content["categories"]
    assert category["keypoints"] == list(H36M21.joint_names)
    assert {joint for bone in category["skeleton"] for joint in bone} == set(range(1, 22))
    for person in content["annotations"]:
        flags = person["keypoints"][2::3]
        assert len(flags) == 21 and set(flags) <= {0, 1, 2}
        assert person["num_keypoints"] == sum(flag > 0 for flag in flags)


@pytest.mark.parametrize("layout", ["dataset", "shards"])
def test_evaluating_it_measures_millimetres(
    layout: str, marker_models: tuple[Path, Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    dataset = request.getfixturevalue(layout)
    hourglass, lifter = map(str, marker_models)
    report = tmp_path / "report.json"
    options = ["--weights", hourglass, "--lifter", lifter, "-o", str(report), "--threads", "1"]
    assert main(["evaluate", str(dataset), *options]) == 0
    scores = json.loads(report.read_text())["groups"]["all"]
    assert scores["people"] == scores["found"] == 5
    assert scores["mpjpe_mm"] > 0


def test_a_film(tmp_path: Path) -> None:
    assert main(["synth", "--clip", str(tmp_path / "a.mp4"), "--seconds", "0.2", "--size", "64"]) == 0
    with av.open(tmp_path / "a.mp4") as video:
        assert len(list(video.decode(video=0))) == 6


def test_an_interrupted_data_set_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def people(*_: object, **__: object) -> Iterator[object]:
        yield next(synthetic_samples(1, seed=0, size=64))
        raise KeyboardInterrupt

    monkeypatch.setattr(samples, "render_samples", people)
    monkeypatch.setattr(dataset_module, "render_samples", people)
    for layout in ("coco", "shards"):
        assert main(["synth", "-o", str(tmp_path / "people"), "--format", layout]) == 130
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "name an output: --sheet FILE.png, --out FOLDER, or --clip FILE.mp4"),
        ("--sheet {0}/a.png -o {0}/b", "name an output: --sheet FILE.png, --out FOLDER, or --clip FILE.mp4"),
        ("--sheet {0}/a.jpg", "--sheet {0}/a.jpg: the name must end in .png"),
        ("--clip {0}/a.avi", "--clip {0}/a.avi: the name must end in .mp4"),
        ("--clip {0}/a.mp4 --seconds 1000", "--seconds must be at most 60, got 1000.0"),
        ("--clip {0}/a.mp4 --fps 5", "--fps must be at least 30, got 5"),
        ("--sheet {0}/a.png --count 0", "--count must be at least 1, got 0"),
        ("--sheet {0}/a.png --size 5", "--size must be at least 32, got 5"),
        ("-o {0}/a --workers 0", "--workers must be at least 1, got 0"),
        ("-o {0}/a --per-shard 0", "--per-shard must be at least 1, got 0"),
        ("-o {0}/a --format coco --workers 2", "--workers and --resume are for --format shards"),
        ("-o {0}/a --preset video", "there is no preset 'video'; the presets are everyday, upright, sport, portrait, "),
        ("-o {0}/a --motion {0}/no.bvh", "--motion {0}/no.bvh: does not exist"),
        ("-o {0}/a --backgrounds {0}/full", "{0}/full: no image (.bmp, .jpeg, .jpg, .png, .webp) in this "),
        ("-o {0}/full --resume", "{0}/full holds no settings.json: there is no run to resume"),
        ("--sheet {0}/a.png --backgrounds {0}/no", "{0}/no: not a folder of background images"),
        ("--sheet {0}/a.png --assets {0}/no", "{0}/no: not a folder of MakeHuman assets"),
        ("--sheet {0}/a.png --panoramas {0}/no", "{0}/no: not a folder of panoramas (.hdr)"),
        ("--sheet {0}/a.png --backgrounds {0}/full", "{0}/full: no image (.bmp, .jpeg, .jpg, .png, .webp) in this "),
        ("-o {0}/full", "{0}/full exists already and is not an empty folder; name another one"),
    ],
)
def test_mistakes_are_one_line(options: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something.txt").touch()
    assert main(["synth", *options.format(tmp_path).split()]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("hourlift: " + message.format(tmp_path))
    assert printed.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_clip_is_a_film_of_the_asked_length(tmp_path: Path) -> None:
    video = tmp_path / "new" / "moving.mp4"
    assert (
        main(["synth", "--clip", str(video), "--seconds", "0.2", "--size", "64", "--fps", "60", "--moving-camera"]) == 0
    )
    capture = cv2.VideoCapture(str(video))
    frames = iter(lambda: capture.read()[0], False)
    assert sum(frames) == 12
    assert [p.name for p in video.parent.iterdir()] == ["moving.mp4"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--clip", "video.gif"], ".mp4"),
        (["--clip", "video.mp4", "--seconds", "0"], "--seconds"),
        ([], "name an output"),
    ],
)
def test_a_clip_that_will_not_do_is_one_line(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", *options]) == 2
    assert complaint in capsys.readouterr().err
