"""The training loop of both stages.

A run depends only on its config: the batch of a step and all its random numbers follow from the seed and the step. A
run that was stopped and resumed therefore ends with the same bits (on a CPU) as an uninterrupted one.
"""

import dataclasses
import math
import time
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from hourlift.errors import UserError
from hourlift.training.engine import checkpoint, distributed
from hourlift.training.engine.batch_norm import estimate_statistics
from hourlift.training.engine.bfloat16 import uses_bfloat16
from hourlift.training.engine.clock import Clock
from hourlift.training.engine.ema import Ema
from hourlift.training.engine.memory import keep_freed_memory
from hourlift.training.engine.optimizer import OptimizerKind, optimizer
from hourlift.training.engine.run_log import Meter, RunLog
from hourlift.training.engine.schedule import ScheduleKind, schedule
from hourlift.training.engine.stop import STOP_REASONS, StopReason, deadline_after, stop_requests


class Stage(Protocol):
    """What a run trains, and on which batches. A batch is any object whose length is its number of items."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """Plain data for the checkpoint and the export, such as name, input size, loss, sigma."""

    def build_model(self) -> nn.Module:
        """Return the network, on the CPU; the loop has already seeded PyTorch."""

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[Any]:
        """Yield batches on the device from that step on; each a function of seed, step and rank (see `step_seed`)."""

    def loss(self, model: nn.Module, batch: Any) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss () and other values to log. Call the model; `distributed.unwrapped` has its attributes."""

    def after_step(self, model: nn.Module, step: int) -> bool:
        """Called in every process after each step, and at step 0 of a run initialised with other weights.

        Returns:
            Whether the weights were changed; if so, the loop shares those of the first process.
        """

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """Measure the averaged network, which is in evaluation mode; without gradients, in one process."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a run trains. A step is one batch per process; shares are shares of the run's steps.

    Raises:
        ValueError: A number is out of range.
    """

    steps: int
    lr: float = 1e-3
    schedule: ScheduleKind = "cosine"
    warmup: float = 0.02
    """Share of the run in which the learning rate rises."""
    floor: float = 0.01
    """Share of the learning rate at the end."""
    optimiser: OptimizerKind = "adamw"
    betas: tuple[float, float] = (0.9, 0.99)
    """Betas of Adam; RMSprop uses the second and has no momentum."""
    weight_decay: float = 0.0
    """Applied to kernels and matrices, never to biases and batch norm."""
    max_grad_norm: float | None = None
    ema_decay: float = 0.999
    norm_batches: int = 32
    """Number of batches for the averaged network's batch-norm statistics before it is measured or saved."""
    bf16: bool | None = None
    """Forward pass in bfloat16 where PyTorch considers it safe; weights, losses and statistics stay float32. None: only
    if the device computes in bfloat16."""
    channels_last: bool = True
    compile: bool = False
    """Use torch.compile, on GPUs only: it gains nothing on a CPU."""
    seed: int = 0
    device: str = "cpu"
    threads: int | None = None
    """PyTorch's threads per process; None uses PyTorch's default."""
    max_minutes: float | None = None
    """Stop after this time, preparation included, with a checkpoint to resume from. The schedule still follows the
    clock."""
    log_every: int = 50
    validate_every: int = 1000
    checkpoint_every_s: float = 300.0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.validate_every < 1 or self.log_every < 1:
            raise UserError(f"Steps and intervals must be at least 1: {self}.")
        if not 0 < self.lr < math.inf:
            raise UserError(f"The learning rate must be above 0 and finite, got {self.lr}.")
        for name in ("warmup", "floor", "ema_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} must be between 0 and 1, got {getattr(self, name)}.")


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a run ended."""

    step: int
    stopped_by: StopReason
    metrics: Mapping[str, float]
    checkpoint: Path


def train(
    stage: Stage,
    config: TrainConfig,
    out_dir: Path,
    *,
    resume: bool = False,
    init: Path | None = None,
    clock: Clock | None = None,
) -> TrainResult:
    """Train until the last step, the time limit, a signal (SIGTERM, Ctrl-C), or the end of the data.

    Args:
        stage: What to train.
        config: How to train.
        out_dir: Folder for last.pt (to resume from), compact.pt (only the averaged network) and log.jsonl.
        resume: Resume from out_dir/last.pt.
        init: A checkpoint with averaged weights to initialise a new run.
        clock: Measure of progress; by default the steps.

    Raises:
        FileNotFoundError: There is no checkpoint to resume or to start from.
        ValueError: out_dir holds another run; the device is unavailable; a checkpoint is damaged or of another network;
            the loss became infinite or NaN (the checkpoints are from before).
    """
    deadline = deadline_after(config.max_minutes)
    last = out_dir / "last.pt"
    if last.exists() and not resume:
        raise UserError(f"{out_dir} holds a run already: resume it, or choose another folder.")
    with distributed.join() as world:
        device = world.device(config.device)
        if config.threads is not None:
            torch.set_num_threads(config.threads)
        if device.type == "cpu":
            keep_freed_memory()
        without = not uses_bfloat16(config.bf16, device)
        config = dataclasses.replace(config, bf16=not world.max(without))  # the same for all processes
        torch.manual_seed(config.seed)
        run = _Run(stage, config, device, clock)
        if resume:
            run.resume(checkpoint.load(last), last)
        elif init is not None:
            checkpoint.warm_start(run.model, init)
            stage.after_step(run.model, 0)
            run.ema = Ema(run.model, config.ema_decay)
        out_dir.mkdir(parents=True, exist_ok=True)
        with RunLog(out_dir, steps=run.clock.steps, start=run.step, enabled=world.is_main) as log:
            log.say(f"trains on {device} in {'bfloat16' if config.bf16 else 'float32'}")
            reason = _loop(stage, run, world, log, last, deadline)
            if world.is_main:
                if reason == "signal":  # stop fast: the sender may kill the process soon
                    checkpoint.save(last, run.state())
                if run.validated_at != run.step:
                    run.estimate_statistics()
                    if reason != "signal":
                        run.validate(log)
                checkpoint.save(last, run.state())
                checkpoint.save_compact(out_dir / "compact.pt", run.state())
                log.say(f"{reason} at step {run.step}, {run.clock.at(run.step):.0%} of the run; {last}")
        return TrainResult(step=run.step, stopped_by=reason, metrics=run.metrics, checkpoint=last)


def _loop(stage: Stage, run: "_Run", world: distributed.World, log: RunLog, last: Path, deadline: float) -> StopReason:
    """Run all steps."""
    config = run.config
    model = world.wrap(run.model, run.device).train()
    if config.compile and run.device.type == "cuda":
        model = torch.compile(model)  # type: ignore[assignment]
    batches = stage.batches(run.step, run.device, world.rank, world.size)
    meter, saved_at = Meter(world.size), time.monotonic()
    run.clock.start()
    with stop_requests(deadline) as stop:
        while run.step < config.steps:
            torch.manual_seed(step_seed(config.seed, run.step, world.rank))
            asked_at = time.perf_counter()
            batch = next(batches, None)
            meter.waited_s += time.perf_counter() - asked_at
            is_last = batch is None or run.clock.is_over
            reason = stop.reason() or ("end of data" if is_last else "finished")
            if (agreed := world.max(STOP_REASONS.index(reason))) > 0:
                return STOP_REASONS[agreed]
            assert batch is not None
            meter.add(len(batch), run.update(model, batch))
            log.at(run.step)
            if stage.after_step(run.model, run.step):
                world.share(run.model)
            save_now = world.is_main and time.monotonic() - saved_at > config.checkpoint_every_s
            validate_now = world.is_main and run.step % config.validate_every == 0
            if run.step % config.log_every == 0 or run.step == config.steps or save_now or validate_now:
                log.write(run.step, meter.read(run.step))  # fails before saving if the loss is not finite
                if validate_now:
                    run.estimate_statistics()
                    run.validate(log)
                if save_now:
                    checkpoint.save(last, run.state())
                    saved_at = time.monotonic()
                meter = Meter(world.size)
    return "finished"


class _Run:
    """The state of a run, and how it is saved."""

    def __init__(self, stage: Stage, config: TrainConfig, device: torch.device, clock: Clock | None = None) -> None:
        self.stage, self.config, self.device = stage, config, device
        self.clock = clock or Clock(config.steps)
        self.model = stage.build_model().to(device)
        if config.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = optimizer(self.model, config.optimiser, config.lr, config.betas, config.weight_decay)
        self.ema = Ema(self.model, config.ema_decay)
        self.step = 0
        self.metrics: dict[str, float] = {}
        self.validated_at: int | None = None

    def update(self, model: nn.Module, batch: Sized) -> dict[str, Tensor | float]:
        """Run one step; return the values to log. `model` is the network, possibly wrapped."""
        config = self.config
        lr = config.lr * schedule(
            config.schedule, self.clock.at(self.step + 1), warmup=config.warmup, floor=config.floor
        )
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bool(config.bf16)):
            loss, values = self.stage.loss(model, batch)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        grad_norm = nn.utils.clip_grad_norm_(self.model.parameters(), config.max_grad_norm or math.inf)
        self.optimizer.step()
        self.ema.update(self.model, self.step)
        self.step += 1
        self.clock.tick()
        return {"loss": loss, **values, "grad_norm": grad_norm, "lr": lr}

    def estimate_statistics(self) -> None:
        """Recompute the averaged network's batch-norm statistics on the last batches."""
        count, averaged = self.config.norm_batches, self.ema.model
        batches = self.stage.batches(max(0, self.step - count), self.device, 0, 1)

        def run(model: nn.Module, batch: Any) -> None:
            with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bool(self.config.bf16)):
                self.stage.loss(model, batch)

        torch.manual_seed(step_seed(self.config.seed, self.step))
        estimate_statistics(averaged, islice(batches, min(count, self.step)), run)

    def validate(self, log: RunLog) -> None:
        """Measure the averaged network, always with the same random numbers."""
        torch.manual_seed(self.config.seed)
        with torch.no_grad():
            self.metrics = {
                name: float(value) for name, value in self.stage.validate(self.ema.model, self.device).items()
            }
        self.validated_at = self.step
        log.write(self.step, {f"val_{name}": value for name, value in self.metrics.items()})

    def state(self) -> dict[str, Any]:
        """Return a checkpoint of the current state."""
        return {
            **checkpoint.describe_model(self.model),
            "stage": dict(self.stage.meta),
            "train_config": dataclasses.asdict(self.config),
            "step": self.step,
            "progress": self.clock.at(self.step),
            "metrics": self.metrics,
            "ema": self.ema.model.state_dict(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def resume(self, state: Mapping[str, Any], path: Path) -> None:
        """Restore a checkpoint."""
        if any(state[key] != value for key, value in checkpoint.describe_model(self.model).items()):
            raise UserError(f"{path} holds another network than this run trains: {state['model_config']}.")
        if "optimizer" not in state:
            raise UserError(f"{path} is a compact checkpoint: start a new run from it instead of resuming.")
        self.model.load_state_dict(state["model"])
        self.ema.model.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.metrics = state["step"], dict(state["metrics"])
        self.clock.progress = state.get("progress", 0.0)


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Return a 32-bit seed for the random numbers of one step in one process."""
    return int(np.random.SeedSequence((seed, step, rank)).generate_state(1)[0])
