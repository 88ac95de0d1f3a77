"""`hourlift submit`: one row an image, in the data set's order, and nothing at all after an error."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hourlift.cli import main
from hourlift.data import FrameId, Sample, recognise, write_shards
from hourlift.formats.submission import read_submission
from hourlift.metrics import mpjpe
from hourlift.predict import PosePredictor

PLACES = [((100.0, 110.0), 150.0), ((90.0, 100.0), 120.0), ((110.0, 95.0), 140.0), ((100.0, 100.0), 130.0)]


@pytest.fixture
def people(figure: Any, tmp_path: Path) -> Path:
    """Shards of S8, S9 and S11; the test set is the last three people."""
    samples = []
    for i, (subject, place) in enumerate(zip(("S8", "S9", "S9", "S11"), PLACES, strict=True)):
        samples.append(
            Sample(
                id=str(FrameId(subject=subject, action="Walking", take=1, camera="54138969", frame=9 - i)),
                image=figure.draw((200, 220), *place),
                joints_2d_px=figure.joints(*place).astype(np.float32),
                visible=np.ones(17, bool),
                box_xyxy_px=figure.box(*place).astype(np.float32),
            )
        )
    write_shards(samples, tmp_path / "people", image_format="png")
    return tmp_path / "people"


@pytest.fixture
def models(marker_models: tuple[Path, Path]) -> list[str]:
    return ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1]), "--threads", "1"]


def test_rows_are_the_predictions_in_order(
    people: Path, models: list[str], predictor: PosePredictor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "submission.csv.gz"
    assert main(["submit", str(people), "-o", str(out), *models]) == 0
    assert capsys.readouterr().out == f"{out}: 3 rows, the split test of shards of people\n"
    rows = read_submission(out, rows=3)
    samples = list(recognise(people).samples("test"))
    expected = [predictor.predict(s.load_image(), s.box_xyxy_px[None])[0].joints_3d_mm for s in samples]
    np.testing.assert_allclose(rows, expected, atol=0.0051)
    assert mpjpe(rows, np.array(expected)) < 0.01
    assert mpjpe(rows[::-1], np.array(expected)) > 1  # the order matters


def test_another_split(people: Path, models: list[str], tmp_path: Path) -> None:
    out = tmp_path / "s8.csv"
    assert main(["submit", str(people), "-o", str(out), "--split", "report-validate", "--no-header", *models]) == 0
    assert len(out.read_text().splitlines()) == len(read_submission(out)) == 1


def test_pictures_alone(figure: Any, models: list[str], tmp_path: Path) -> None:
    for name, place in zip("cab", PLACES[:3], strict=True):
        (tmp_path / "images").mkdir(exist_ok=True)
        image = cv2.cvtColor(figure.draw((200, 220), *place), cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), image)
    assert main(["submit", str(tmp_path / "images"), "-o", str(tmp_path / "a.csv"), *models]) == 0
    joints = [figure.joints(*PLACES[i]) for i in (1, 2, 0)]  # a, b, c
    for row, truth in zip(read_submission(tmp_path / "a.csv", rows=3), joints, strict=True):
        flat = (truth - truth[0]) / np.linalg.norm(truth - truth[0], axis=-1).mean()
        found = row[:, :2] / np.linalg.norm(row, axis=-1).mean()
        assert np.abs(found - flat).max() < 0.15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{0}/people -o {0}/a.txt", "{0}/a.txt: the name of a submission ends in .csv or .csv.gz"),
        (
            "{0}/people -o {0}/a.csv --split dev",
            "{0}/people (shards of people) has no split 'dev'; it has train, test,",
        ),
        ("{0}/no -o {0}/a.csv", "{0}/no does not exist"),
    ],
)
def test_mistakes_are_one_line(
    options: str, message: str, people: Path, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", *options.format(tmp_path).split(), *models]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("hourlift: " + message.format(tmp_path)) and printed.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["people"]


def test_a_picture_that_is_missing_leaves_no_file(
    figure: Any, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), figure.draw((200, 220), *PLACES[0]))
    (tmp_path / "images" / "b.png").write_bytes(b"half")
    assert main(["submit", str(tmp_path / "images"), "-o", str(tmp_path / "a.csv.gz"), *models]) == 2
    assert "b.png cannot be read as an image" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
