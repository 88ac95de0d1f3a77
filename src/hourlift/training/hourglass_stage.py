"""Stage 1's training: the hourglass on synthetic people rendered as it goes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hourlift.geometry.crop import BOX_GROWTH, CROP_MARGIN, rescale_points
from hourlift.geometry.skeleton import H36M17, LIMB_JOINTS
from hourlift.hourglass.augment import AugmentConfig, augment
from hourlift.hourglass.heatmap import decode
from hourlift.hourglass.loss import LossKind, activate, heatmap_loss
from hourlift.hourglass.network import STRIDE, HourglassConfig, StackedHourglass
from hourlift.metrics.pck import pair_confusion, pck, torso_length
from hourlift.synth.generate import OUTSIDE, Generator
from hourlift.training.loop import TrainConfig, step_seed
from hourlift.training.rendered import HELD_OUT_SEED, RenderedChunks, RenderPlan, chunk_stream, ramp


@dataclass(frozen=True, kw_only=True)
class HourglassRecipe:
    """Everything that a run of the hourglass depends on.

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

    def __len__(self) -> int:
        return len(self.images)


class HourglassStage:
    """The hourglass's part of the training loop."""

    def __init__(self, recipe: HourglassRecipe) -> None:
        self.recipe = recipe

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the export must know."""
        recipe = self.recipe
        return {
            "recipe": recipe.name,
            "skeleton": H36M17.name,
            "input_size": recipe.input_size,
            "loss": recipe.loss,
            "sigma": recipe.sigma,
        }

    def build_model(self) -> nn.Module:
        """The network, freshly initialised."""
        return StackedHourglass(self.recipe.network)

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[HourglassBatch]:
        """Augmented batches; every `steps_per_chunk` steps the next chunk of pictures is taken."""
        recipe, plan = self.recipe, self.recipe.plan
        steps, per_pass = recipe.train.steps, plan.chunk_size // recipe.batch_size
        per_chunk = per_pass * plan.reuse
        num_chunks = -(-steps // per_chunk)
        in_process = recipe.render_workers == 0
        chunks = RenderedChunks(
            plan,
            recipe.train.seed * world_size + rank,
            num_chunks,
            str(device) if in_process else "cpu",
        )
        first = start_step // per_chunk
        step = start_step
        for index, chunk in enumerate(chunk_stream(chunks, range(first, num_chunks), recipe.render_workers), first):
            while step < min(steps, (index + 1) * per_chunk):
                generator = torch.Generator().manual_seed(step_seed(recipe.train.seed, step, rank) + 1)
                turn, place = divmod(step - index * per_chunk, per_pass)
                order = torch.Generator().manual_seed(step_seed(recipe.train.seed, index, rank) + 2 + turn)
                picked = torch.randperm(len(chunk), generator=order)[place * recipe.batch_size :][: recipe.batch_size]
                strong = torch.rand((), generator=generator).item() < ramp(step / steps, plan.curriculum.augmentation)
                images, joints, known = augment(
                    chunk.images[picked].to(device),
                    chunk.joints_2d_px[picked].to(device),
                    recipe.input_size,
                    recipe.strong if strong else recipe.mild,
                    generator,
                )
                yield HourglassBatch(
                    images=images.contiguous(memory_format=torch.channels_last),
                    joints=(joints + 0.5) / STRIDE - 0.5,  # geometry.crop.rescale_points, on tensors
                    weights=known.float(),
                )
                step += 1

    def loss(self, model: nn.Module, batch: HourglassBatch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Loss of all stacks."""
        stacks = model(batch.images)
        loss = heatmap_loss(stacks, batch.joints, batch.weights, kind=self.recipe.loss, sigma=self.recipe.sigma)
        return loss, {}

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """PCK@0.2 of the 12 limb joints and left-right confusion on held-out people, cropped as a user's are."""
        images, true_px, inside = self._held_out
        found = []
        for part in images.split(32):
            pictures = part.to(device).float().div(255).contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.recipe.train.bf16):
                logits = model(pictures)[-1]
            heatmaps = activate(logits, self.recipe.loss, self.recipe.sigma)
            points, _ = decode(heatmaps.float().cpu().numpy(), method="dark")
            found.append(rescale_points(points, STRIDE))
        predicted = np.concatenate(found)
        reference = torso_length(true_px, H36M17)
        true_px = np.where(inside[..., None], true_px, np.nan)
        limbs = H36M17.indices(*LIMB_JOINTS)
        confusion = pair_confusion(predicted, true_px, reference, H36M17.flip_pairs)
        pairs = max(1, int(confusion.count.sum()))
        return {
            "pck": pck(predicted[:, limbs], true_px[:, limbs], reference),
            "swapped": confusion.swapped.sum() / pairs,
            "collapsed": confusion.collapsed.sum() / pairs,
        }

    @cached_property
    def _held_out(self) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """Held-out pictures (N, 3, S, S) uint8, joints (N, 17, 2) in pixels, which of them are inside (N, 17)."""
        recipe = self.recipe
        views = replace(recipe.plan.synth.views, margin=(CROP_MARGIN, CROP_MARGIN), shift=0.0, truncated_share=0.0)
        generator = Generator(replace(recipe.plan.synth, size=recipe.input_size, views=views, empty_share=0.0))
        parts = [
            generator.render((HELD_OUT_SEED, part), min(64, recipe.held_out - start))
            for part, start in enumerate(range(0, recipe.held_out, 64))
        ]
        images = torch.cat([part.images for part in parts])
        joints = torch.cat([part.joints_2d_px for part in parts]).numpy()
        visibility = torch.cat([part.visibility for part in parts]).numpy()
        return images, joints, visibility != OUTSIDE

