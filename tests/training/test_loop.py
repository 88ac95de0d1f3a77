"""The training loop: what a run leaves, how it stops, and that resuming is as if it had not stopped."""

import json
import math
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hourlift.hourglass.condition import conditioned
from hourlift.training.engine import bfloat16, checkpoint
from hourlift.training.engine.loop import Stage, TrainConfig, _Run, step_seed, train
from hourlift.training.engine.optimizer import optimizer

MakeStage = Callable[..., Stage]


def same(left: Any, right: Any) -> bool:
    """Equal to the bit, through dictionaries and lists."""
    if isinstance(left, Tensor):
        return torch.equal(left, right)
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_run_leaves_checkpoints_and_a_log(
    toy: MakeStage, config: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = train(toy(), config, tmp_path / "run")
    assert (result.step, result.stopped_by, result.checkpoint) == (12, "finished", tmp_path / "run" / "last.pt")
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"last.pt", "compact.pt", "log.jsonl"} <= left
    assert not any(name.startswith(".") for name in left)
    lines = log_of(tmp_path / "run")
    assert [line["step"] for line in lines] == [4, 6, 6, 8, 12, 12]
    assert lines[0]["half"] == pytest.approx(lines[0]["loss"] / 2, rel=1e-4)
    assert lines[0]["two"] == 2.0
    assert 0 <= lines[0]["data_wait"] < 1
    assert lines[0]["items_s"] > 0
    assert lines[-1] == {"step": 12, "val_level": pytest.approx(result.metrics["level"], rel=1e-5)}
    printed = capsys.readouterr()
    assert "step 4/12  loss" in printed.err
    assert not printed.out


def test_a_run_learns(toy: MakeStage, config: TrainConfig, tmp_path: Path) -> None:
    train(toy(), replace(config, steps=60, lr=1e-2, log_every=10, validate_every=100), tmp_path)
    losses = [line["loss"] for line in log_of(tmp_path) if "loss" in line]
    assert losses[-1] < losses[0] - 0.3


@pytest.mark.parametrize("changes", [{}, {"bf16": True}, {"optimiser": "rmsprop", "schedule": "exponential"}])
def test_resuming_is_as_if_it_had_not_stopped(
    toy: MakeStage, config: TrainConfig, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = replace(config, **changes)
    train(toy(), config, tmp_path / "whole")
    assert train(toy(num_batches=5), config, tmp_path / "parts").stopped_by == "end of data"
    assert train(toy(num_batches=9), config, tmp_path / "parts", resume=True).step == 9
    train(toy(), config, tmp_path / "parts", resume=True)
    whole, parts = (checkpoint.load(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert same(whole, parts)


def test_a_run_is_a_function_of_its_seed(toy: MakeStage, config: TrainConfig, tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(toy(), replace(config, seed=seed, validate_every=5 if name == "b" else 6), tmp_path / name)
    a, b, c = (checkpoint.load(tmp_path / name / "last.pt")["model"] for name in "abc")
    assert same(a, b)
    assert not same(a, c)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_whole_checkpoint(
    toy: MakeStage, config: TrainConfig, tmp_path: Path, sent: signal.Signals
) -> None:
    before = signal.getsignal(sent)
    result = train(toy(signal_at=7, sent=sent), config, tmp_path / "run")
    assert (result.step, result.stopped_by) == (7, "signal")
    assert signal.getsignal(sent) == before
    assert checkpoint.load(tmp_path / "run" / "last.pt")["step"] == 7
    train(toy(), config, tmp_path / "run", resume=True)
    train(toy(), config, tmp_path / "whole")
    whole, parts = (checkpoint.load(tmp_path / name / "last.pt") for name in ("whole", "run"))
    assert same(whole["model"], parts["model"])


def test_the_time_limit_stops_and_the_schedule_does_not_care(
    toy: MakeStage, config: TrainConfig, tmp_path: Path
) -> None:
    stopped = train(toy(), replace(config, max_minutes=0.0), tmp_path / "run")
    assert (stopped.step, stopped.stopped_by) == (0, "time limit")
    train(toy(), config, tmp_path / "run", resume=True)
    train(toy(), config, tmp_path / "whole")
    whole, parts = (checkpoint.load(tmp_path / name / "last.pt") for name in ("whole", "run"))
    assert same(whole, parts)


def test_preparing_counts_for_the_time_limit(toy: MakeStage, config: TrainConfig, tmp_path: Path) -> None:
    stage = toy()
    build = stage.build_model

    def slowly() -> nn.Module:
        time.sleep(0.3)
        return build()

    stage.build_model = slowly  # type: ignore[method-assign]
    stopped = train(stage, replace(config, max_minutes=0.2 / 60), tmp_path / "run")
    assert (stopped.stopped_by, stopped.step) == ("time limit", 0)


def test_checkpoints_come_by_the_clock(toy: MakeStage, config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="loss became nan"):
        train(toy(nan_at=7), replace(config, checkpoint_every_s=0.0), tmp_path / "run")
    last = checkpoint.load(tmp_path / "run" / "last.pt")
    assert last["step"] == 7  # the updates of the steps 0 to 6
    assert all(value.isfinite().all() for value in last["model"].values())


@pytest.mark.parametrize("nan_at", [0, 2, 11])
def test_a_loss_that_is_not_finite_ends_the_run(
    toy: MakeStage, config: TrainConfig, tmp_path: Path, nan_at: int
) -> None:
    with pytest.raises(ValueError, match=r"loss became nan .* between the steps (0 and 4|8 and 12): try a lower"):
        train(toy(nan_at=nan_at), config, tmp_path / "run")
    assert not (tmp_path / "run" / "last.pt").exists()


def test_the_gradient_norm_is_clipped(config: TrainConfig, tmp_path: Path) -> None:
    seen: list[float] = []

    class Slope(nn.Module):
        """Its loss's gradient has the norm 50."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2, 1))

    class SlopeStage:
        meta: Mapping[str, Any] = {}

        def build_model(self) -> nn.Module:
            model = Slope()
            model.weight.register_post_accumulate_grad_hook(lambda weight: seen.append(float(weight.grad.norm())))
            return model

        def batches(self, *_: Any) -> Any:
            while True:
                yield [0]

        def loss(self, model: nn.Module, batch: list[int]) -> tuple[Tensor, dict[str, float]]:
            return (model.get_parameter("weight").flatten() * torch.tensor([30.0, 40.0])).sum(), {}

        def after_step(self, model: nn.Module, step: int) -> bool:
            return False

        def validate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
            return {}

    def moved(max_grad_norm: float | None) -> list[float]:
        config_ = replace(config, max_grad_norm=max_grad_norm, channels_last=False, schedule="trapezoid", warmup=0.0)
        run = _Run(SlopeStage(), config_, torch.device("cpu"))
        run.optimizer = torch.optim.SGD(run.model.parameters(), lr=1.0)
        values = run.update(run.model, [0])
        assert values["grad_norm"] == pytest.approx(50)
        weight = run.model.get_parameter("weight").detach().flatten()
        return (weight / config.lr).tolist()

    assert moved(1.0) == pytest.approx([-0.6, -0.8], rel=1e-4)
    assert moved(100.0) == pytest.approx([-30, -40], rel=1e-4)
    assert moved(None) == pytest.approx([-30, -40], rel=1e-4)
    assert seen == pytest.approx([50, 50, 50])


def test_weight_decay_spares_biases_and_batch_norm(toy: MakeStage, config: TrainConfig) -> None:
    model = toy().build_model()
    decayed, spared = optimizer(model, config.optimiser, config.lr, config.betas, weight_decay=0.1).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert {p.ndim for p in decayed["params"]} == {4}
    assert {p.ndim for p in spared["params"]} == {1}
    assert len(decayed["params"]) + len(spared["params"]) == sum(p.requires_grad for p in model.parameters())


def test_a_run_is_not_overwritten(toy: MakeStage, config: TrainConfig, tmp_path: Path) -> None:
    train(toy(num_batches=1), config, tmp_path)
    with pytest.raises(ValueError, match="holds a run already"):
        train(toy(), config, tmp_path)
    with pytest.raises(FileNotFoundError):
        train(toy(), config, tmp_path / "empty", resume=True)


def test_resuming_with_another_network_is_a_mistake(toy: MakeStage, config: TrainConfig, tmp_path: Path) -> None:
    train(toy(num_batches=1), config, tmp_path)
    other = replace(toy().network, width=16)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="another network"):
        train(toy(network=other), config, tmp_path, resume=True)
    (tmp_path / "compact.pt").rename(tmp_path / "last.pt")
    with pytest.raises(ValueError, match="compact checkpoint"):
        train(toy(), config, tmp_path, resume=True)


def test_a_new_run_starts_from_given_weights(toy: MakeStage, config: TrainConfig, tmp_path: Path) -> None:
    train(toy(), config, tmp_path / "first")
    train(toy(num_batches=0), replace(config, seed=5), tmp_path / "second", init=tmp_path / "first" / "last.pt")
    second = checkpoint.load(tmp_path / "second" / "last.pt")
    assert second["step"] == 0
    given, _ = checkpoint.load_model(tmp_path / "first" / "last.pt")
    assert same(conditioned(given).state_dict(), second["model"])  # the same answers: tests/hourglass/test_condition.py
    assert same(second["model"], second["ema"])


def test_taking_off_means_changes_no_training(
    toy: MakeStage, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In training mode batch norm takes the batch's own mean off, whatever constant lies under the features."""
    for name, every in (("often", 3), ("never", 1000)):
        monkeypatch.setattr("hourlift.training.hourglass.model.CENTRE_EVERY", every)
        train(toy(), replace(config, bf16=False, log_every=1), tmp_path / name)
    often, never = (log_of(tmp_path / name) for name in ("often", "never"))
    for mine, theirs in zip(often, never, strict=True):
        if "loss" in mine:
            assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-3)
    mine, theirs = (checkpoint.load(tmp_path / name / "last.pt")["model"] for name in ("often", "never"))
    assert not torch.equal(mine["hourglasses.0.skip.layers.8.bias"], theirs["hourglasses.0.skip.layers.8.bias"])


@pytest.mark.parametrize(("device", "message"), [("abacus", "'abacus'; use cpu"), ("cuda", "no CUDA device")])
def test_unknown_devices(toy: MakeStage, config: TrainConfig, tmp_path: Path, device: str, message: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ValueError, match=message):
        train(toy(), replace(config, device=device), tmp_path)


def test_step_seeds_differ() -> None:
    seeds = {step_seed(seed, step, rank) for seed in range(5) for step in range(50) for rank in range(3)}
    assert len(seeds) == 750
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize(("flags", "arithmetic"), [({"avx2"}, "float32"), ({"avx512_bf16"}, "bfloat16")])
def test_bfloat16_is_taken_where_the_processor_has_it(
    toy: MakeStage,
    config: TrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: set[str],
    arithmetic: str,
) -> None:
    monkeypatch.setattr(bfloat16, "processor_flags", lambda: frozenset(flags))
    train(toy(), replace(config, bf16=None), tmp_path / "chosen")
    assert capsys.readouterr().err.count(f"trains on cpu in {arithmetic}") == 1
    train(toy(), replace(config, bf16=arithmetic == "bfloat16"), tmp_path / "given")
    chosen, given = (checkpoint.load(tmp_path / name / "last.pt") for name in ("chosen", "given"))
    assert same(chosen, given)


def test_the_two_arithmetics_differ(toy: MakeStage, config: TrainConfig, tmp_path: Path) -> None:
    for bf16 in (False, True):
        train(toy(), replace(config, bf16=bf16), tmp_path / str(bf16))
    exact, rounded = (checkpoint.load(tmp_path / str(bf16) / "last.pt") for bf16 in (False, True))
    assert not same(exact["model"], rounded["model"])


@pytest.mark.parametrize(
    "wrong",
    [
        *({"steps": 0}, {"validate_every": -1}, {"log_every": 0}, {"lr": 0.0}, {"lr": -1e-3}),
        *({"lr": math.nan}, {"lr": math.inf}, {"warmup": 1.5}, {"floor": -0.1}, {"ema_decay": math.nan}),
    ],
)
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be at least 1|learning rate|must be between"):
        TrainConfig(**{"steps": 4, **wrong})
