"""A stage so small that a test can train it: a hourglass that looks for the same joints in noise."""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hourlift.hourglass.loss import heatmap_loss
from hourlift.hourglass.network import HourglassConfig
from hourlift.training.engine.loop import TrainConfig, step_seed
from hourlift.training.hourglass.model import centre, new_hourglass

CONFIG = TrainConfig(steps=12, lr=2e-3, log_every=4, validate_every=6, threads=1, bf16=False, max_grad_norm=5.0)


@dataclass
class ToyStage:
    """What a test wants to go wrong is a field."""

    network: HourglassConfig = HourglassConfig(num_stacks=2, width=8, num_joints=2, depth=1)
    num_batches: int = 10**9
    signal_at: int | None = None
    sent: signal.Signals = signal.SIGTERM
    nan_at: int | None = None

    @property
    def meta(self) -> Mapping[str, Any]:
        return {"name": "toy", "sigma": 1.0}

    def build_model(self) -> nn.Module:
        return new_hourglass(self.network)

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[Tensor]:
        for step in range(start_step, self.num_batches):
            generator = torch.Generator().manual_seed(step_seed(0, step, rank))
            if step == self.signal_at:
                os.kill(os.getpid(), self.sent)
            images = torch.rand(2, 3, 16, 16, generator=generator)
            yield (images * torch.nan if step == self.nan_at else images).to(device)

    def loss(self, model: nn.Module, batch: Tensor) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        stacks = model(batch + 0.01 * torch.randn_like(batch))  # as dropout, it draws from PyTorch's own generator
        joints = torch.full((len(batch), 2, 2), 1.3, device=batch.device)
        weights = torch.ones(len(batch), 2, device=batch.device)
        loss = heatmap_loss(stacks, joints, weights, kind="cross_entropy", sigma=1.0)
        return loss, {"half": loss / 2, "two": 2.0}

    def after_step(self, model: nn.Module, step: int) -> bool:
        return centre(model, step)

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        assert not model.training
        assert not torch.is_grad_enabled()
        return {"level": model(torch.rand(1, 3, 16, 16, device=device))[-1].mean().item()}


@pytest.fixture
def config() -> TrainConfig:
    return CONFIG


@pytest.fixture
def toy() -> Callable[..., ToyStage]:
    return ToyStage
