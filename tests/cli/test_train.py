"""`hourlift train`: options change the recipe, mistakes are one line. The stages are stand-ins."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from hourlift.cli import main
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.synth.generate import SynthConfig
from hourlift.training.engine import checkpoint
from hourlift.training.engine.loop import TrainConfig
from hourlift.training.rendered import Curriculum, RenderPlan


@dataclass(frozen=True, kw_only=True)
class TinyRecipe:
    train: TrainConfig = TrainConfig(steps=4, lr=0.01, bf16=False, channels_last=False, seed=7, threads=1)
    plan: RenderPlan = RenderPlan(synth=SynthConfig(), curriculum=Curriculum())
    width: int = 8


class TinyStage:
    """A lifter that learns to answer nothing."""

    def __init__(self, recipe: TinyRecipe, *_: object) -> None:
        self.recipe = recipe

    @property
    def meta(self) -> Mapping[str, Any]:
        return {"width": self.recipe.width}

    def build_model(self) -> Lifter:
        return Lifter(LifterConfig(width=self.recipe.width))

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[Tensor]:
        while True:
            yield torch.randn(4, 17, 2)

    def loss(self, model: Lifter, batch: Tensor) -> tuple[Tensor, Mapping[str, float]]:
        return model(batch).square().mean(), {}

    def after_step(self, model: Lifter, step: int) -> bool:
        return False

    def validate(self, model: Lifter, device: torch.device) -> Mapping[str, float]:
        return {"mpjpe": 1.0}


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        "hourglass.stage": {"HourglassStage": TinyStage},
        "lifter.stage": {"LifterStage": TinyStage},
        "recipes": {
            "HOURGLASS_RECIPES": {"tiny": TinyRecipe},
            "LIFTER_RECIPES": {"tiny": TinyRecipe, "small": TinyRecipe},
        },
        "study": {"HOURGLASS_STUDY": {}, "LIFTER_STUDY": {}},
    }
    for name, content in names.items():
        module = ModuleType(f"hourlift.training.{name}")
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(f"hourlift.training.{name}", module, raising=False)


@pytest.mark.parametrize("stage", ["hourglass", "lifter"])
def test_a_recipe_runs(stage: str, tmp_path: Path) -> None:
    assert main(["train", stage, "--recipe", "tiny", "-o", str(tmp_path)]) == 0
    state = checkpoint.load(tmp_path / "last.pt")
    assert (state["step"], state["train_config"]["seed"], state["stage"]) == (4, 7, {"width": 8})


def test_options_take_the_place_of_the_recipes(tmp_path: Path) -> None:
    options = ["--steps", "6", "--seed", "3", "--threads", "1", "--device", "cpu", "--max-minutes", "5"]
    assert main(["train", "lifter", "--recipe", "tiny", "--out", str(tmp_path / "a"), *options]) == 0
    config = checkpoint.load(tmp_path / "a" / "last.pt")["train_config"]
    assert [config[name] for name in ("steps", "seed", "threads", "device", "max_minutes", "lr")] == [
        6,
        3,
        1,
        "cpu",
        5,
        0.01,
    ]
    init = str(tmp_path / "a" / "compact.pt")
    assert main(["train", "lifter", "--recipe", "tiny", "-o", str(tmp_path / "b"), "--init", init]) == 0


def test_backgrounds_join_those_that_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wall.png").write_bytes(b"only the name is looked at")
    trained: list[TinyRecipe] = []
    build = TinyStage.build_model

    def build_model(stage: TinyStage) -> Lifter:
        trained.append(stage.recipe)
        return build(stage)

    monkeypatch.setattr(TinyStage, "build_model", build_model)
    command = ["train", "hourglass", "--recipe", "tiny", "-o", str(tmp_path / "run"), "--backgrounds"]
    assert main([*command, str(tmp_path)]) == 0
    assert [recipe.plan.synth.photos for recipe in trained] == [tmp_path]


def test_a_run_is_resumed(tmp_path: Path) -> None:
    start = ["train", "lifter", "--recipe", "tiny", "-o", str(tmp_path)]
    assert main([*start, "--max-minutes", "0"]) == 0
    assert checkpoint.load(tmp_path / "last.pt")["step"] == 0
    assert main([*start, "--resume"]) == 0
    assert checkpoint.load(tmp_path / "last.pt")["step"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--recipe huge -o {out}", "hourlift: there is no recipe 'huge'; the recipes are tiny, small\n"),
        ("--recipe tiny -o {out} --resume", "hourlift: {out}/last.pt: No such file or directory\n"),
        ("--recipe tiny -o {out} --init {out}/x.pt", "hourlift: {out}/x.pt: No such file or directory\n"),
        (
            "--recipe tiny -o {out} --data {out}",
            "hourlift: the recipe 'tiny' renders its people: --data ",
        ),
        ("--recipe tiny -o {out} --device abacus", "hourlift: There is no kind of device called 'abacus'; use cpu, "),
    ],
)
def test_mistakes_are_one_line(options: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "lifter", *options.format(out=tmp_path).split()]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(message.format(out=tmp_path))
    assert printed.count("\n") == 1


def test_a_folder_without_backgrounds_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "hourglass", "--recipe", "tiny", "-o", str(tmp_path / "run"), "--backgrounds"]
    for folder in (tmp_path / "nowhere", tmp_path):
        assert main([*command, str(folder)]) == 2
        assert capsys.readouterr().err.startswith(f"hourlift: {folder}: no")
    assert not (tmp_path / "run").exists()


def test_motion_that_cannot_be_read_is_named_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "walk.bvh").write_text("HIERARCHY\nROOT Hips\n")
    command = ["train", "hourglass", "--recipe", "tiny", "-o", str(tmp_path / "run"), "--motion", str(tmp_path)]
    assert main(command) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"hourlift: {tmp_path / 'walk.bvh'}") and printed.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_signal_is_exit_status_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def batches(*_: Any) -> Iterator[Tensor]:
        yield torch.randn(4, 17, 2)
        os.kill(os.getpid(), signal.SIGTERM)
        yield torch.randn(4, 17, 2)

    monkeypatch.setattr(TinyStage, "batches", batches)
    assert main(["train", "lifter", "--recipe", "tiny", "-o", str(tmp_path)]) == 130
    assert checkpoint.load(tmp_path / "last.pt")["step"] == 1
