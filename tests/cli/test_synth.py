"""`hourlift synth`: what it writes can be looked at, and read again."""

import json
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from hourlift.cli import main
from hourlift.cli.synth import write_sheet
from hourlift.data import load_coco
from hourlift.evaluation import synthetic
from hourlift.evaluation.synthetic import synthetic_samples
from hourlift.geometry.skeleton import H36M17
from hourlift.view.style import LEFT_RGB, RIGHT_RGB


def sheet_of(path: Path) -> np.ndarray:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


def drawn(tile: np.ndarray, colour: tuple[int, int, int]) -> int:
    """Pixels of a colour, but for what lies between two."""
    return int((np.abs(tile.astype(int) - colour).max(-1) < 3).sum())


def test_a_sheet_shows_joints_on_every_second_picture(tmp_path: Path) -> None:
    assert main(["synth", "--sheet", str(tmp_path / "new" / "a.png"), "--count", "4", "--size", "128"]) == 0
    sheet = sheet_of(tmp_path / "new" / "a.png")
    assert sheet.shape == (256, 256, 3)
    tiles = sheet.reshape(2, 128, 2, 128, 3).swapaxes(1, 2).reshape(4, 128, 128, 3)
    samples = list(synthetic_samples(4, seed=0, size=128))
    for i, (tile, sample) in enumerate(zip(tiles, samples, strict=True)):
        pixels = sample.load_image()
        assert np.array_equal(tile, pixels) == (i % 2 == 0)
        if i % 2:
            for colour in (LEFT_RGB, RIGHT_RGB):
                assert drawn(tile, colour) > drawn(pixels, colour) + 10
    assert main(["synth", "--sheet", str(tmp_path / "b.png"), "--count", "4", "--size", "128", "--joints"]) == 0
    marked = sheet_of(tmp_path / "b.png")
    assert (marked[:128, 128:] == sheet[:128, 128:]).all() and (marked[:128, :128] != sheet[:128, :128]).any()


@pytest.mark.parametrize(("count", "expected"), [(1, (1, 1)), (2, (1, 2)), (7, (2, 4)), (12, (3, 4)), (24, (4, 6))])
def test_rows_and_columns_of_a_sheet(tmp_path: Path, count: int, expected: tuple[int, int]) -> None:
    write_sheet([np.full((2, 2, 3), 9, np.uint8)] * count, tmp_path / "a.png")
    assert sheet_of(tmp_path / "a.png").shape == (2 * expected[0], 2 * expected[1], 3)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "deep" / "people"
    assert main(["synth", "-o", str(folder), "--count", "5", "--size", "128", "--seed", "0"]) == 0
    return folder


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
    assert category["keypoints"] == list(H36M17.joint_names)
    assert {joint for bone in category["skeleton"] for joint in bone} == set(range(1, 18))
    for person in content["annotations"]:
        flags = person["keypoints"][2::3]
        assert len(flags) == 17 and set(flags) <= {0, 1, 2}
        assert person["num_keypoints"] == sum(flag > 0 for flag in flags)


def test_evaluating_it_measures_millimetres(dataset: Path, marker_models: tuple[Path, Path], tmp_path: Path) -> None:
    hourglass, lifter = map(str, marker_models)
    report = tmp_path / "report.json"
    options = ["--weights", hourglass, "--lifter", lifter, "-o", str(report), "--threads", "1"]
    assert main(["evaluate", str(dataset), *options]) == 0
    scores = json.loads(report.read_text())["groups"]["all"]
    assert scores["people"] == scores["found"] == 5
    assert scores["mpjpe_mm"] > 0


def test_a_film(tmp_path: Path) -> None:
    assert main(["synth", "--clip", str(tmp_path / "a.mp4"), "--seconds", "0.2", "--size", "64"]) == 0
    with av.open(tmp_path / "a.mp4") as film:
        assert len(list(film.decode(video=0))) == 6


def test_an_interrupted_data_set_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def people(*_: object) -> Iterator[object]:
        yield next(synthetic_samples(1, seed=0, size=64))
        raise KeyboardInterrupt

    monkeypatch.setattr(synthetic, "synthetic_samples", people)
    assert main(["synth", "-o", str(tmp_path / "people")]) == 130
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "say what to write: --sheet FILE.png, --out FOLDER, or --clip FILE.mp4"),
        ("--sheet {0}/a.png -o {0}/b", "say what to write: --sheet FILE.png, --out FOLDER, or --clip FILE.mp4"),
        ("--sheet {0}/a.jpg", "--sheet {0}/a.jpg: the name must end in .png"),
        ("--clip {0}/a.avi", "--clip {0}/a.avi: the name must end in .mp4"),
        ("--clip {0}/a.mp4 --seconds 1000", "--seconds must be above 0 and at most 60, got 1000"),
        ("--sheet {0}/a.png --count 0", "--count must be at least 1, got 0"),
        ("--sheet {0}/a.png --size 5", "--size must be from 32 to 2048, got 5"),
        ("--sheet {0}/a.png --backgrounds {0}/no", "--backgrounds {0}/no: not a folder"),
        ("--sheet {0}/a.png --backgrounds {0}/full", "{0}/full: no picture (.bmp, .jpeg, .jpg, .png, .webp) in this "),
        ("-o {0}/full", "{0}/full exists already and is not an empty folder; name another one"),
    ],
)
def test_mistakes_are_one_line(options: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "something.txt").touch()
    assert main(["synth", *options.format(tmp_path).split()]) == 2
    told = capsys.readouterr().err
    assert told.startswith("hourlift: " + message.format(tmp_path))
    assert told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_a_clip_is_a_film_of_the_asked_length(tmp_path: Path) -> None:
    film = tmp_path / "new" / "moving.mp4"
    assert main(["synth", "--clip", str(film), "--seconds", "0.2", "--size", "64"]) == 0
    capture = cv2.VideoCapture(str(film))
    frames = iter(lambda: capture.read()[0], False)
    assert sum(frames) == 6
    assert [p.name for p in film.parent.iterdir()] == ["moving.mp4"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [(["--clip", "film.gif"], ".mp4"), (["--clip", "film.mp4", "--seconds", "0"], "--seconds"), ([], "what to write")],
)
def test_a_clip_that_will_not_do_is_one_line(
    options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synth", *options]) == 2
    assert complaint in capsys.readouterr().err
