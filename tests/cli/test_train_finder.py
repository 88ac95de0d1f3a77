"""`hourlift train finder`, from options to a file that finds people in a photo."""

import shlex
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hourlift.cli import main
from hourlift.finder.network import FinderConfig
from hourlift.predict.people.finder import Finder
from hourlift.training import recipes


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = recipes.finder()
    small = replace(
        whole,
        network=FinderConfig(width=8, blocks=1),
        input_size=64,
        synth=replace(whole.synth, size=64),
        num_people=4,
        held_out=4,
        train=replace(whole.train, norm_batches=1),
    )
    monkeypatch.setitem(recipes.FINDER_RECIPES, "finder", lambda: small)


def test_a_trained_finder_is_exported_and_runs(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(11):
        cv2.imwrite(str(photos / f"{number:02}.png"), np.full((40, 60, 3), 10 * number, np.uint8))
    options = f"--backgrounds {photos} --steps 2 --batch-size 3 --seed 5 -o {tmp_path / 'run'}"
    assert main(["train", "finder", "--recipe", "finder", *shlex.split(options)]) == 0
    state = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert (state["kind"], state["step"], state["train_config"]["seed"]) == ("finder", 2, 5)
    assert state["stage"] == {"recipe": "finder", "input_size": 64}
    assert main(["export", str(tmp_path / "run" / "compact.pt"), "-o", str(tmp_path / "mine.onnx")]) == 0
    assert Finder(tmp_path / "mine.onnx", threads=1, min_score=0.0)(np.zeros((30, 50, 3), np.uint8)).shape[1] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--recipe fast", "there is no recipe 'fast'; the recipes are finder"),
        ("--recipe finder --data people", "--data: the recipe 'finder' renders its people"),
        ("--recipe finder --backgrounds nowhere", "nowhere: not a folder of background images"),
        ("--recipe finder --photos nowhere", "nowhere does not exist"),
    ],
)
def test_mistakes_are_one_line(
    options: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "finder", "-o", "run", *shlex.split(options)]) == 2
    shown = capsys.readouterr().err
    assert message in shown and shown.count("\n") == 1
    assert not Path("run").exists()
