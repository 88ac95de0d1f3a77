"""`hourlift curves`: a table of runs, and a plot."""

import json
from pathlib import Path

import cv2
import pytest

from hourlift.cli import main


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    curves = {"none": [(10, 0.5), (20, 0.7), (30, 0.6)], "frs": [(10, 0.3), (20, 0.65), (30, 0.8)]}
    for name, points in curves.items():
        (tmp_path / name).mkdir()
        lines = [{"step": 10, "val_accuracy": 0.0}]  # told again after a resume: the later line holds
        lines += [{"step": step, "loss": 1 - value, "accuracy": value} for step, value in points]
        lines += [{"step": step, "val_accuracy": value / 2, "val_mpjpe": 100 * value} for step, value in points]
        (tmp_path / name / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_last_best_and_when(runs: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["curves", "none", "frs", "--values", "val_accuracy", "--reach", "0.34"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("val_accuracy, at step | val_accuracy of 0.34 at step |")
    assert lines[2] == "| none | 0.3 | 0.35 | 20 | 20 |" and lines[3] == "| frs | 0.4 | 0.4 | 30 | 30 |"
    assert main(["curves", "none", "frs", "--values", "val_mpjpe", "--reach", "45"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "| none | 60 | 50 | 10 | never |" and lines[3] == "| frs | 80 | 30 | 10 | 10 |"


@pytest.mark.parametrize("name", ["curves.png", "new/curves.svg"])
def test_a_plot_is_written(runs: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    assert main(["curves", "none", "frs", "-o", name]) == 0
    if name.endswith("png"):
        image = cv2.imread(name)
        assert image.shape[0] > 300 and len({tuple(pixel) for pixel in image[::4, ::4].reshape(-1, 3)}) > 3
    else:
        assert "val_accuracy" not in Path(name).read_text()[:100] and "<svg" in Path(name).read_text()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("none nowhere", "nowhere/log.jsonl: No such file"),
        ("none --values height", "log.jsonl has no 'height'"),
        ("none -o curves.txt", "the name of a plot must end in .png, .svg, .pdf"),
    ],
)
def test_mistakes_are_one_line(runs: Path, arguments: str, complaint: str, capsys: pytest.CaptureFixture) -> None:
    assert main(["curves", *arguments.split()]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
