"""Stage 1's training: the hourglass on synthetic people rendered as it goes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hourlift.data.sample import OUTSIDE
from hourlift.geometry.crop import CROP_MARGIN
from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass.augment import AugmentConfig, augment
from hourlift.hourglass.loss import LossKind, heatmap_loss
from hourlift.hourglass.network import STRIDE, HourglassConfig, StackedHourglass
from hourlift.metrics.pck import torso_length
from hourlift.synth.generate import Generator
from hourlift.training.hourglass_measures import find_joints, measure
from hourlift.training.loop import TrainConfig, step_seed
from hourlift.training.rendered import HELD_OUT_SEED, RenderedChunks, RenderPlan, chunk_stream, ramp, render

_VALIDATED_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class HourglassRecipe:
    """Everything that a run of the hourglass depends on; a batch is not larger than a chunk of the plan.

    Attributes:
        name: Of the weights.
        network: Its shape.
        input_size: Side of the training pictures, pixels.
        loss: And with it the meaning of the heatmaps.
        sigma: Of the target Gaussians, heatmap pixels.
        mild: Augmentation of the start.
        strong: Augmentation that the curriculum ends with.
        plan: What is rendered.
        batch_size: Per process.
        render_workers: Processes that render ahead of the training; 0 renders in the training's own process, on its
            device.
        held_out: Pictures of the validation.
        train: How it is trained.
    """

    name: str
    network: HourglassConfig
    input_size: int = 256
    loss: LossKind = "cross_entropy"
    sigma: float = 1.0
    mild: AugmentConfig
    strong: AugmentConfig
    plan: RenderPlan
    batch_size: int = 32
    render_workers: int = 1
    held_out: int = 512
    train: TrainConfig


@dataclass(frozen=True, kw_only=True)
class HourglassBatch:
    """Pictures (B, 3, S, S) float32 in [0, 1]; joints (B, 17, 2) in heatmap pixels; weights (B, 17)."""

    images: Tensor
    joints: Tensor
    weights: Tensor

    @classmethod
    def of(cls, images: Tensor, joints_px: Tensor, known: Tensor) -> "HourglassBatch":
        """Pictures, their joints (B, 17, 2) in pixels, and which of those are known (B, 17), as training reads them."""
        return cls(
            images=images.contiguous(memory_format=torch.channels_last),
            joints=(joints_px + 0.5) / STRIDE - 0.5,  # geometry.crop.rescale_points, on tensors
            weights=known.float(),
        )

    def __len__(self) -> int:
        return len(self.images)


def hourglass_meta(recipe: str, input_size: int, loss: LossKind, sigma: float) -> dict[str, Any]:
    """What the export must know of a run: the recipe's name, side of the pictures, loss, sigma of the targets."""
    return {"recipe": recipe, "skeleton": H36M17.name, "input_size": input_size, "loss": loss, "sigma": sigma}


class HourglassStage:
    """The hourglass's part of the training loop."""

    def __init__(self, recipe: HourglassRecipe) -> None:
        assert recipe.batch_size <= recipe.plan.chunk_size, "a batch comes from one chunk of pictures"
        self.recipe = recipe

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the export must know."""
        recipe = self.recipe
        return hourglass_meta(recipe.name, recipe.input_size, recipe.loss, recipe.sigma)

    def build_model(self) -> nn.Module:
        """The network, freshly initialised."""
        return StackedHourglass(self.recipe.network)

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[HourglassBatch]:
        """Augmented batches: a chunk of pictures is gone through `reuse` times, each time in another order."""
        recipe, plan, steps = self.recipe, self.recipe.plan, self.recipe.train.steps
        per_pass = plan.chunk_size // recipe.batch_size
        per_chunk = per_pass * plan.reuse
        first, num_chunks = start_step // per_chunk, -(-steps // per_chunk)
        # The generator needs double precision, which Apple's GPUs lack.
        renderer = "cpu" if recipe.render_workers or device.type != "cuda" else str(device)
        chunks = RenderedChunks(plan, recipe.train.seed * world_size + rank, num_chunks, renderer)
        for index, chunk in enumerate(chunk_stream(chunks, range(first, num_chunks), recipe.render_workers), first):
            begin = index * per_chunk
            for step in range(max(start_step, begin), min(steps, begin + per_chunk)):
                turn, place = divmod(step - begin, per_pass)
                order = torch.Generator().manual_seed(step_seed(recipe.train.seed, index, rank) + 2 + turn)
                picked = torch.randperm(len(chunk), generator=order)[place * recipe.batch_size :][: recipe.batch_size]
                yield self._augmented(
                    chunk.images[picked].to(device), chunk.joints_2d_px[picked].to(device), step, rank
                )

    def _augmented(self, images: Tensor, joints_px: Tensor, step: int, rank: int) -> HourglassBatch:
        """The batch of a step: strongly augmented with the probability that the curriculum has for it, else mildly."""
        recipe = self.recipe
        generator = torch.Generator().manual_seed(step_seed(recipe.train.seed, step, rank) + 1)
        share = ramp(step / recipe.train.steps, recipe.plan.curriculum.augmentation)
        strong = torch.rand((), generator=generator).item() < share
        config = recipe.strong if strong else recipe.mild
        return HourglassBatch.of(*augment(images, joints_px, recipe.input_size, config, generator))

    def loss(self, model: nn.Module, batch: HourglassBatch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Loss of all stacks."""
        stacks = model(batch.images)
        loss = heatmap_loss(stacks, batch.joints, batch.weights, kind=self.recipe.loss, sigma=self.recipe.sigma)
        return loss, {}

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """`measure` on held-out people, cropped as a user's are."""
        recipe = self.recipe
        images, true_px, inside = self._held_out
        parts = images.split(_VALIDATED_AT_ONCE)
        found = find_joints(model, parts, device, loss=recipe.loss, sigma=recipe.sigma, bf16=recipe.train.bf16)
        torso_px = torso_length(true_px, H36M17)
        return measure(found, np.where(inside[..., None], true_px, np.nan), torso_px, recipe.input_size)

    @cached_property
    def _held_out(self) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """Held-out pictures (N, 3, S, S) uint8, joints (N, 17, 2) in pixels, which of them are inside (N, 17)."""
        recipe = self.recipe
        views = replace(recipe.plan.synth.views, margin=(CROP_MARGIN, CROP_MARGIN), shift=0.0, truncated_share=0.0)
        generator = Generator(replace(recipe.plan.synth, size=recipe.input_size, views=views, empty_share=0.0))
        batch = render(generator, (HELD_OUT_SEED,), recipe.held_out)
        return batch.images, batch.joints_2d_px.numpy(), (batch.visibility != OUTSIDE).numpy()
