"""Training on two processes: the same as on one, shared out; and what happens when one of them dies."""

import json
import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from hourlift.training.engine import checkpoint

SCRIPT = f"""
import importlib.util, json, os, pathlib, signal, sys
from dataclasses import replace

import torch
from torch import nn

spec = importlib.util.spec_from_file_location("toys", {str(Path(__file__).with_name("conftest.py"))!r})
toys = importlib.util.module_from_spec(spec)
spec.loader.exec_module(toys)
from hourlift.training.engine import loop

# The processes meet once, for several trainings.
if os.environ.get("WORLD_SIZE") == "2":
    loop.distributed.dist.init_process_group("gloo")
    loop.distributed.dist.init_process_group = loop.distributed.dist.destroy_process_group = lambda *_: None
STEPS, BATCH = 24, 8
RANK, FOLDER = int(os.environ.get("RANK", 0)), pathlib.Path(sys.argv[1])


class Shared(toys.ToyStage):
    '''Every step has one batch, of which each process takes its share; notes its losses.'''

    def __init__(self, fixed_statistics):
        super().__init__()
        self.fixed_statistics, self.losses, self.items = fixed_statistics, [], []

    def build_model(self):
        self.model = super().build_model()
        return self.model

    def batches(self, start_step, device, rank, world_size):
        share = BATCH // world_size
        for step in range(start_step, STEPS):
            generator = torch.Generator().manual_seed(loop.step_seed(0, step))
            whole = torch.rand(BATCH, 3, 16, 16, generator=generator)
            mine = whole[rank * share : (rank + 1) * share]
            self.items.append([float(image[0, 0, 0]) for image in mine])
            yield mine

    def loss(self, model, batch):
        if self.fixed_statistics:
            for module in model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        joints = 1.3 + batch[:, 0, :2, :2]
        loss = toys.heatmap_loss(model(batch), joints, torch.ones(len(batch), 2), kind="cross_entropy", sigma=1.0)
        self.losses.append(loss.item())
        return loss, {{}}


def train_shared(name, fixed_statistics):
    stage = Shared(fixed_statistics)
    loop.train(stage, replace(toys.CONFIG, steps=STEPS, lr=1e-2, norm_batches=0), FOLDER / name / f"rank{{RANK}}")
    weights = [parameter.norm().item() for parameter in stage.model.parameters()]
    values = {{"losses": stage.losses, "items": stage.items, "weights": weights}}
    (FOLDER / f"{{name}}-{{RANK}}.json").write_text(json.dumps(values))


class Mortal(toys.ToyStage):
    def batches(self, start_step, device, rank, world_size):
        for step, batch in enumerate(super().batches(start_step, device, rank, world_size), start_step):
            if sys.argv[2] == "kill" and (rank, step) == (1, 7):
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch


if sys.argv[2] == "share":
    train_shared("fixed", True)
    train_shared("real", False)
    if os.environ.get("WORLD_SIZE") == "2":
        loop.train(Mortal(), toys.CONFIG, FOLDER / "whole")
else:
    config = replace(toys.CONFIG, checkpoint_every_s=0.0 if sys.argv[2] == "kill" else 300.0)
    try:
        loop.train(Mortal(), config, FOLDER / "parts", resume=sys.argv[2] == "resume")
    except ConnectionError as error:
        print("refused:", error, flush=True)
        sys.exit(2)
"""


def start(folder: Path, processes: int, what: str) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), str(script), str(folder), what]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of the same training on one process and on two."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    for folder, processes in ((one, 1), (two, 2)):
        done = start(folder, processes, "share")
        assert done.returncode == 0, done.stderr
    return one, two


def logged(folder: Path, name: str, rank: int, what: str) -> np.ndarray:
    return np.array(json.loads((folder / f"{name}-{rank}.json").read_text())[what])


@pytest.mark.parametrize(("name", "tolerance"), [("fixed", 1e-5), ("real", 0.02)])
def test_the_loss_curve_is_that_of_one_process(shared: tuple[Path, Path], name: str, tolerance: float) -> None:
    """To rounding where batch norm's statistics are fixed; really each process normalises by its own share's."""
    one, two = shared
    whole = logged(one, name, 0, "losses")
    shares = np.mean([logged(two, name, rank, "losses") for rank in range(2)], axis=0)
    np.testing.assert_allclose(shares, whole, rtol=tolerance)
    assert whole[-1] < 0.95 * whole[0]  # a curve, whose fall is more than the tolerance


def test_the_weights_of_all_processes_are_those_of_one(shared: tuple[Path, Path]) -> None:
    one, two = shared
    np.testing.assert_allclose(logged(two, "fixed", 0, "weights"), logged(one, "fixed", 0, "weights"), rtol=1e-4)
    for name in ("fixed", "real"):
        np.testing.assert_array_equal(logged(two, name, 0, "weights"), logged(two, name, 1, "weights"))


def test_shares_have_nobody_twice_and_leave_nobody_out(shared: tuple[Path, Path]) -> None:
    one, two = shared
    both = np.concatenate([logged(two, "fixed", rank, "items") for rank in range(2)], axis=1)
    np.testing.assert_array_equal(both, logged(one, "fixed", 0, "items"))


def test_only_the_first_process_writes(shared: tuple[Path, Path]) -> None:
    _, two = shared
    assert {path.name for path in (two / "fixed" / "rank0").iterdir()} >= {"last.pt", "compact.pt", "log.jsonl"}
    assert not list((two / "fixed" / "rank1").iterdir())


def test_a_run_whose_process_dies_ends_and_is_resumed(shared: tuple[Path, Path], tmp_path: Path) -> None:
    killed = start(tmp_path, 2, "kill")
    assert killed.returncode != 0
    left = {path.name for path in (tmp_path / "parts").iterdir()}
    assert {"last.pt", "log.jsonl"} <= left and not any(name.startswith(".") for name in left)
    assert checkpoint.load(tmp_path / "parts" / "last.pt")["step"] == 7
    resumed = start(tmp_path, 2, "resume")
    assert resumed.returncode == 0, resumed.stderr
    whole, parts = (checkpoint.load(path / "last.pt") for path in (shared[1] / "whole", tmp_path / "parts"))
    assert parts["step"] == 12 and math.isfinite(parts["metrics"]["level"])
    assert all(torch.equal(whole["model"][name], value) for name, value in parts["model"].items())
