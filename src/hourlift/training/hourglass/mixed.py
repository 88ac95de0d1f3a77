"""Stage 1's training with alternating batches of rendered people and of a data set's photographs."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hourlift.training.hourglass.data_stage import HourglassDataStage
from hourlift.training.hourglass.stage import HourglassBatch, HourglassStage


class MixedStage:
    """Alternates batches of two stages, rendered first; each stage's recipe has half of the run's steps.

    Args:
        rendered: Stage for rendered people. Determines the run's name and the loss.
        images: Stage for a data set. Its network, input size, loss and sigma must be the same.
    """

    def __init__(self, rendered: HourglassStage, images: HourglassDataStage) -> None:
        for name in ("network", "input_size", "loss", "sigma"):
            ours, theirs = getattr(rendered.recipe, name), getattr(images.recipe, name)
            assert ours == theirs, f"{name} differs: {ours} and {theirs}"
        self._rendered, self._images = rendered, images

    @property
    def meta(self) -> Mapping[str, Any]:
        """Return metadata for the export."""
        return self._rendered.meta

    def build_model(self) -> nn.Module:
        """Return the network, freshly initialised."""
        return self._rendered.build_model()

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[HourglassBatch]:
        """Alternate: step 2k is the k-th batch of rendered people, step 2k + 1 that of the data set."""
        rendered = self._rendered.batches((start_step + 1) // 2, device, rank, world_size)
        images = self._images.batches(start_step // 2, device, rank, world_size)
        if start_step % 2:
            yield next(images)
        for batches in zip(rendered, images, strict=False):
            yield from batches

    def loss(self, model: nn.Module, batch: HourglassBatch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss of all stacks."""
        return self._rendered.loss(model, batch)

    def after_step(self, model: nn.Module, step: int) -> bool:
        """Keep the network's activations small."""
        return self._rendered.after_step(model, step)

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """Return both stages' metrics; those of the data set begin with photos_."""
        images = self._images.validate(model, device)
        return {**self._rendered.validate(model, device), **{f"photos_{k}": v for k, v in images.items()}}
