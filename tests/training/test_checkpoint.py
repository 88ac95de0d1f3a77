"""Checkpoints: whole or not there, plain data, and enough to build the network again."""

import copy
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from hourlift.hourglass.network import HourglassConfig, StackedHourglass
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.training.engine import checkpoint
from hourlift.training.engine.loop import Stage, TrainConfig, train


def state_of(model: nn.Module) -> dict[str, Any]:
    return {**checkpoint.describe_model(model), "stage": {"name": "x"}, "step": 3, "ema": model.state_dict()}


def hourglass() -> StackedHourglass:
    return StackedHourglass(HourglassConfig(num_stacks=1, width=8, num_joints=2, depth=1))


@pytest.mark.parametrize(
    "model", [hourglass(), Lifter(LifterConfig(width=16, num_blocks=1, dropout=0.1))], ids=["hourglass", "lifter"]
)
def test_the_network_is_built_again(model: StackedHourglass | Lifter, tmp_path: Path) -> None:
    nn.init.normal_(next(model.parameters()))
    checkpoint.save(tmp_path / "new" / "a.pt", state_of(model))
    built, meta = checkpoint.load_model(tmp_path / "new" / "a.pt")
    assert type(built) is type(model)
    assert built.config == model.config
    assert not built.training
    assert meta["stage"] == {"name": "x"}
    assert meta["step"] == 3
    assert "ema" not in meta
    for name, value in model.state_dict().items():
        assert torch.equal(value, built.state_dict()[name])


def test_a_run_can_be_used_as_it_is(toy: Callable[..., Stage], config: TrainConfig, tmp_path: Path) -> None:
    train(toy(), config, tmp_path)
    model, meta = checkpoint.load_model(tmp_path / "last.pt")
    compact, same_meta = checkpoint.load_model(tmp_path / "compact.pt")
    assert meta == same_meta
    assert meta["kind"] == "hourglass"
    assert meta["train_config"] == asdict(config)
    assert meta["stage"] == {"name": "toy", "sigma": 1.0}
    assert meta["metrics"].keys() == {"level"}
    averaged = checkpoint.load(tmp_path / "last.pt")["ema"]
    assert all(torch.equal(value, averaged[name]) for name, value in model.state_dict().items())
    images = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(compact(images)[-1], model(images)[-1], atol=5e-3, rtol=5e-3)


def test_compact_checkpoints_are_small_and_keep_what_float16_cannot(tmp_path: Path) -> None:
    lifter = Lifter(LifterConfig(width=128))
    lifter.output_std.fill_(70_000.0)  # more than float16 holds
    checkpoint.save(tmp_path / "full.pt", {**state_of(lifter), "model": copy.deepcopy(lifter).state_dict()})
    checkpoint.save_compact(tmp_path / "compact.pt", checkpoint.load(tmp_path / "full.pt"))
    assert (tmp_path / "compact.pt").stat().st_size < 0.35 * (tmp_path / "full.pt").stat().st_size
    built, _ = checkpoint.load_model(tmp_path / "compact.pt")
    assert isinstance(built, Lifter)
    assert all(value.dtype != torch.float16 for value in built.state_dict().values())
    assert torch.equal(built.output_std, lifter.output_std)


def test_warm_start(tmp_path: Path) -> None:
    first, second = hourglass(), hourglass()
    checkpoint.save_compact(tmp_path / "a.pt", state_of(first))
    checkpoint.warm_start(second, tmp_path / "a.pt")
    for theirs, ours in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(theirs, ours, atol=1e-3, rtol=1e-3)
    with pytest.raises(ValueError, match="holds .*'width': 8.* trains .*'width': 16"):
        checkpoint.warm_start(StackedHourglass(HourglassConfig(width=16, depth=1)), tmp_path / "a.pt")


def test_fields_that_are_newer_than_a_checkpoint_have_their_defaults(tmp_path: Path) -> None:
    state = state_of(hourglass())
    del state["model_config"]["widening"]
    checkpoint.save(tmp_path / "old.pt", state)
    checkpoint.warm_start(hourglass(), tmp_path / "old.pt")
    assert checkpoint.load_model(tmp_path / "old.pt")[0].config == hourglass().config


def test_an_interrupted_write_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.pt"
    checkpoint.save(path, state_of(hourglass()))

    def full_disk(state: object, file: Any) -> None:
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(path, {**state_of(hourglass()), "step": 4})
    assert checkpoint.load(path)["step"] == 3
    assert [file.name for file in tmp_path.iterdir()] == ["a.pt"]


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_cut_off_checkpoints(keep: float, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    checkpoint.save(path, state_of(hourglass()))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(ValueError, match=r"a\.pt is not a valid checkpoint"):
        checkpoint.load_model(path)


def test_files_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    path.write_text("not a checkpoint at all\n" * 50)
    with pytest.raises(ValueError, match="not a valid checkpoint"):
        checkpoint.load(path)
    torch.save(hourglass().state_dict(), path)
    with pytest.raises(ValueError, match="not a checkpoint of hourlift"):
        checkpoint.load(path)
    torch.save({"schema": 99}, path)
    with pytest.raises(ValueError, match="schema 99"):
        checkpoint.load(path)
    checkpoint.save(path, {**state_of(hourglass()), "kind": "spaceship"})
    with pytest.raises(ValueError, match="unknown kind 'spaceship'"):
        checkpoint.load_model(path)
    with pytest.raises(FileNotFoundError):
        checkpoint.load(tmp_path / "none.pt")


def test_loading_runs_no_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"schema": 1, "trap": Trap()}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="not a valid checkpoint"):
        checkpoint.load(tmp_path / "a.pt")
    assert not (tmp_path / "sprung").exists()


def test_other_networks_are_our_mistake() -> None:
    with pytest.raises(TypeError, match="not a Linear"):
        checkpoint.describe_model(nn.Linear(1, 1))
