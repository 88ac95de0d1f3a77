"""Stage 1's training on synthetic people rendered during the run."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from hourlift.data.sample import OUTSIDE
from hourlift.geometry.crop import CROP_MARGIN
from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass.augment import AugmentConfig, augment_images
from hourlift.hourglass.loss import LossKind, heatmap_loss, joints_and_parts, part_loss
from hourlift.hourglass.network import STRIDE, HourglassConfig
from hourlift.metrics.pck import torso_length
from hourlift.synth.body.parts import mirrored_parts
from hourlift.synth.generate import Generator
from hourlift.training.engine.clock import Clock
from hourlift.training.engine.loop import TrainConfig, step_seed
from hourlift.training.hourglass.measures import find_joints, measure
from hourlift.training.hourglass.model import HourglassStageBase
from hourlift.training.rendered import (
    HELD_OUT_SEED,
    RenderedChunks,
    RenderPlan,
    WantedChunk,
    chunk_stream,
    ramp,
    render,
)

_VALIDATED_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class HourglassRecipe:
    """Everything that determines a run of the hourglass. A batch must not be larger than a chunk of the plan.

    Attributes:
        name: Name of the weights.
        network: Configuration of the network.
        input_size: Side of the images in pixels.
        first_size: Side of the images in the first part of the run, where smaller images train faster; None uses
            `input_size` throughout.
        first_share: Length of that part, as a share of the run.
        loss: The loss, which determines the meaning of the heatmaps.
        sigma: Standard deviation of the target Gaussians in heatmap pixels.
        mild: Augmentation at the start.
        strong: Augmentation at the end of the curriculum.
        plan: What to render.
        batch_size: Batch size per process.
        render_workers: Processes that render ahead of the training; 0 renders in the training process, on its device.
        held_out: Number of validation images.
        train: Configuration of the training loop.
    """

    name: str
    network: HourglassConfig
    input_size: int = 256
    first_size: int | None = None
    first_share: float = 0.75
    loss: LossKind = "cross_entropy"
    sigma: float = 1.0
    mild: AugmentConfig
    strong: AugmentConfig
    plan: RenderPlan
    batch_size: int = 32
    render_workers: int = 1
    held_out: int = 512
    train: TrainConfig

    def size_at(self, progress: float) -> int:
        """Return the side of the images at a progress in [0, 1] of the run."""
        return self.input_size if self.first_size is None or progress >= self.first_share else self.first_size


@dataclass(frozen=True, kw_only=True)
class HourglassBatch:
    """Images (B, 3, S, S) float32 in [0, 1]; joints (B, J, 2) in heatmap pixels; weights (B, J).

    For a network with body parts, also the parts (B, S / 4, S / 4) shown by the cells.
    """

    images: Tensor
    joints: Tensor
    weights: Tensor
    parts: Tensor | None = None

    @classmethod
    def of(cls, images: Tensor, joints_px: Tensor, known: Tensor, parts: Tensor | None = None) -> "HourglassBatch":
        """Return images, their joints (B, J, 2) in pixels, and which of them are known (B, J), for training."""
        return cls(
            images=images.contiguous(memory_format=torch.channels_last),
            joints=(joints_px + 0.5) / STRIDE - 0.5,  # geometry.crop.rescale_points for tensors
            weights=known.float(),
            parts=parts,
        )

    def __len__(self) -> int:
        return len(self.images)


class _People(NamedTuple):
    images: Tensor
    """(N, 3, S, S) uint8."""
    joints_px: Tensor
    """(N, J, 2)."""
    part: Tensor
    """(N, S, S) uint8."""


class _HeldOut(NamedTuple):
    images: Tensor
    """(N, 3, S, S) uint8."""
    joints_px: np.ndarray
    """(N, 17, 2) pixels of the images."""
    inside: np.ndarray
    """(N, 17) whether the joint is in the image."""


class HourglassStage(HourglassStageBase):
    """The hourglass's part of the training loop.

    Args:
        recipe: Recipe of the run.
        clock: The loop's clock, which controls the curriculum; None uses the steps.
    """

    recipe: HourglassRecipe

    def __init__(self, recipe: HourglassRecipe, clock: Clock | None = None) -> None:
        assert recipe.batch_size <= recipe.plan.chunk_size, "a batch comes from one chunk of images"
        self.recipe, self.clock = recipe, clock or Clock(recipe.train.steps)
        self._size = recipe.input_size  # size of the last batch, also used for validation
        self._held_out: dict[int, _HeldOut] = {}

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[HourglassBatch]:
        """Yield augmented batches: a chunk of images is used `reuse` times, each time in another order."""
        recipe, plan, steps = self.recipe, self.recipe.plan, self.recipe.train.steps
        per_pass = plan.chunk_size // recipe.batch_size
        per_chunk = per_pass * plan.reuse
        first, num_chunks = start_step // per_chunk, -(-steps // per_chunk)
        chunks = RenderedChunks(plan, recipe.train.seed * world_size + rank, self._renderer(device))
        wanted = map(self._wanted_chunk, range(first, num_chunks), range(first * per_chunk, sys.maxsize, per_chunk))
        for index, chunk in enumerate(chunk_stream(chunks, wanted, recipe.render_workers), first):
            points_px = torch.cat([chunk.joints_2d_px, chunk.feet_2d_px], 1)[:, : recipe.network.num_joints]
            people = _People(chunk.images.to(device), points_px.to(device), chunk.part.to(device))
            self._size = recipe.input_size * chunk.images.shape[-1] // plan.synth.size
            begin = index * per_chunk
            for step in range(max(start_step, begin), min(steps, begin + per_chunk)):
                turn, place = divmod(step - begin, per_pass)
                order = torch.Generator().manual_seed(step_seed(recipe.train.seed, index, rank) + 2 + turn)
                picked = torch.randperm(len(chunk), generator=order)[place * recipe.batch_size :][: recipe.batch_size]
                picked = picked.to(device)
                yield self._augmented(_People(*(value[picked] for value in people)), step, rank)

    def _wanted_chunk(self, number: int, step: int) -> WantedChunk:
        """Return a chunk, given its first step."""
        recipe, progress = self.recipe, self.clock.at(step)
        size = recipe.plan.synth.size * recipe.size_at(progress) // recipe.input_size
        return WantedChunk(number, progress, size)

    def _augmented(self, people: "_People", step: int, rank: int) -> HourglassBatch:
        """Return the batch of a step, strongly augmented with the curriculum's probability, otherwise mildly."""
        recipe = self.recipe
        generator = torch.Generator().manual_seed(step_seed(recipe.train.seed, step, rank) + 1)
        share = ramp(self.clock.at(step), recipe.plan.curriculum.augmentation)
        strong = torch.rand((), generator=generator).item() < share
        config = recipe.strong if strong else recipe.mild
        images, warp = augment_images(people.images, people.joints_px, self._size, config, generator)
        parts = None
        if recipe.network.num_parts:
            parts = warp.sample_labels(people.part, mirrored_parts(), self._size // STRIDE)
        return HourglassBatch.of(images, *warp.move(people.joints_px), parts)

    def loss(self, model: nn.Module, batch: HourglassBatch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss of all stacks: joints, and parts if the network has them."""
        recipe = self.recipe
        heatmaps, seen = joints_and_parts(model(batch.images), recipe.network.num_joints)
        loss = heatmap_loss(heatmaps, batch.joints, batch.weights, kind=recipe.loss, sigma=recipe.sigma)
        values = {"side": float(batch.images.shape[-1])}
        if batch.parts is None:
            return loss, values
        parts = part_loss(seen, batch.parts)
        return loss + parts, {**values, "parts": parts.detach(), "joints": loss.detach()}

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """Run `measure` on held-out people, cropped like user images, at the current image size of the training."""
        recipe, size = self.recipe, self._size
        if size not in self._held_out:
            self._held_out[size] = self._render_held_out(size, self._renderer(device))
        images, true_px, inside = self._held_out[size]
        parts = images.split(_VALIDATED_AT_ONCE)
        found = find_joints(model, parts, device, loss=recipe.loss, sigma=recipe.sigma, bf16=recipe.train.bf16)
        found = found[:, : H36M17.num_joints]
        torso_px = torso_length(true_px, H36M17)
        return measure(found, np.where(inside[..., None], true_px, np.nan), torso_px, size)

    def _renderer(self, device: torch.device) -> str:
        """Return the device that renders people for a training device."""
        # The generator needs double precision, which Apple's GPUs lack.
        on_cpu = self.recipe.render_workers or device.type != "cuda" or self.recipe.plan.synth.assets is not None
        return "cpu" if on_cpu else str(device)

    def _render_held_out(self, size: int, device: str) -> _HeldOut:
        recipe = self.recipe
        views = replace(recipe.plan.synth.views, margin=(CROP_MARGIN, CROP_MARGIN), shift=0.0, truncated_share=0.0)
        generator = Generator(replace(recipe.plan.synth, size=size, views=views, empty_share=0.0), device)
        batch = render(generator, (HELD_OUT_SEED,), recipe.held_out).to("cpu")
        return _HeldOut(batch.images, batch.joints_2d_px.numpy(), (batch.visibility != OUTSIDE).numpy())
