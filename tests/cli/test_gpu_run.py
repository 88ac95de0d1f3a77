"""`hourlift gpu-run` on the CPU, with a network and images that are tiny, in seconds."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hourlift.cli import main
from hourlift.hourglass.network import StackedHourglass
from hourlift.synth.presets import everyday
from hourlift.training import gpu_run
from hourlift.training.engine import checkpoint, clock, stop
from hourlift.training.engine.clock import Clock
from hourlift.training.gpu_run import GpuRun, tiny
from hourlift.training.hourglass.stage import HourglassStage
from hourlift.training.recipes import accurate
from hourlift.training.render_speed import choose_workers


class Watch:
    """A clock on the wall that moves when it is looked at, twice a step: a step takes one second on any machine."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 0.5
        return self.now


def test_a_dry_run_leaves_weights_and_a_report_and_is_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu_run, "PRESETS", {"everyday": everyday})  # the others take their time to set up
    monkeypatch.setattr(checkpoint.split, "__defaults__", (100_000,))
    watch = Watch()
    for module in (gpu_run, clock, stop):
        monkeypatch.setattr(module, "time", watch)
    command = ["gpu-run", "--dry-run", "-o", str(tmp_path), "--minutes", "0.25", "--train-minutes", "0.5"]
    assert main(command) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert 0.3 < report["progress"] < 0.8 and report["stopped_by"] == "time limit"
    assert report["views"] == 8 * report["steps"] > 0 and report["speed"]["32"]["views_s"] > 0
    assert set(report["presets"]) == {"everyday"} and 0 <= report["held_out"]["pck"] <= 1
    assert report["weights"] == ["compact.pt.1-of-2", "compact.pt.2-of-2"]
    assert all((tmp_path / name).stat().st_size <= 100_000 for name in report["weights"])
    assert (tmp_path / "report.md").read_text() == capsys.readouterr().out

    assert main([*command[:-2]]) == 0
    again = json.loads((tmp_path / "report.json").read_text())
    assert (again["progress"], again["stopped_by"]) == (1.0, "finished") and again["steps"] > report["steps"]
    model, meta = checkpoint.load_model(tmp_path / "compact.pt")
    assert isinstance(model, StackedHourglass) and meta["step"] == again["steps"]
    assert meta["stage"]["input_size"] == 64

    assert main([*command[:-2]]) == 0  # nothing is left to train
    assert json.loads((tmp_path / "report.json").read_text())["steps"] == again["steps"]


def test_the_size_follows_the_clock() -> None:
    recipe = tiny(accurate())
    recipe = replace(recipe, train=replace(recipe.train, steps=10**6))
    by_hand = Clock(None, minutes=100)
    batches = HourglassStage(recipe, by_hand).batches(0, torch.device("cpu"), 0, 1)
    sides = []
    for progress in (0.0, 0.39, 0.41, 0.9):
        by_hand.progress = progress
        sides += [next(batches).images.shape[-1] for _ in range(4)]  # a chunk
    assert sides == [32] * 8 + [64] * 8
    assert not by_hand.is_over
    by_hand.progress = 1.0
    assert by_hand.is_over
    assert next(batches).images.shape[-1] == 64  # batch norm's statistics are still to be estimated


def test_who_renders(monkeypatch: pytest.MonkeyPatch) -> None:
    from hourlift.training import render_speed

    speeds = {"cuda": 5000.0, "cpu": 40.0}
    monkeypatch.setattr(render_speed, "_measure", lambda device, size: device)
    monkeypatch.setattr(render_speed, "_result", lambda process, device: speeds[device])
    monkeypatch.setattr(render_speed, "_shared_memory", lambda: 2000.0)

    def choose(device: str = "cuda", cores: int = 16, chunk_bytes: int = 1) -> tuple[int, str]:
        return choose_workers(torch.device(device), 176, cores, chunk_bytes)

    assert choose()[0] == 0
    speeds["cuda"] = 650.0  # 14 processes make 560
    assert choose()[0] == 14
    assert choose(chunk_bytes=100)[0] == 0  # memory for 10 processes: the GPU is faster
    speeds["cuda"] = 0.0
    assert choose(chunk_bytes=100)[0] == 10
    assert choose(cores=2) == (1, "the GPU renders 0 images/s, 1 processes about 40")
    assert choose("cpu")[0] == 0


def test_a_gpu_that_does_not_render_is_told(caplog: pytest.LogCaptureFixture) -> None:
    from hourlift.training import render_speed

    broken = subprocess.Popen(
        [sys.executable, "-c", "raise SystemExit('no such GPU')"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert render_speed._result(broken, "cuda") == 0
    assert "rendering on cuda failed: no such GPU" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--minutes 0", "--minutes must be above 0, got 0.0"),
        ("--recipe huge", "there is no recipe 'huge'; the recipes are fast, accurate"),
        ("--backgrounds nowhere", "nowhere: no"),
        ("--device cuda", "PyTorch finds no CUDA device here"),
    ],
)
def test_mistakes_are_one_line(
    options: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if torch.cuda.is_available() and "device" in options:
        pytest.skip("there is a CUDA device")
    monkeypatch.chdir(tmp_path)
    assert main(["gpu-run", "-o", "run", *options.split()]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("hourlift: ")]
    assert len(lines) == 1 and message in lines[0]
    assert not Path("run").exists()


def test_parts_of_another_run_do_not_stay(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    for size, count in ((25, 3), (15, 2), (5, 1)):
        path.write_bytes(bytes(range(size)))
        parts = checkpoint.split(path, 10)
        assert len(parts) == count and sorted(tmp_path.iterdir()) == sorted(parts)
        assert b"".join(part.read_bytes() for part in parts) == bytes(range(size))


def test_the_large_recipe_fits_into_three_files() -> None:
    recipe = accurate()
    kernels = sum(p.numel() for p in StackedHourglass(recipe.network).parameters())
    assert 2 * kernels < 3 * 16 * 2**20
    assert recipe.size_at(0.0) == 128 and recipe.size_at(0.75) == recipe.size_at(1.0) == 256
    assert GpuRun(out=Path("x"), minutes=25).device == "cuda"
