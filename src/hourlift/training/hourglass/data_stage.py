"""Stage 1's training on a data set, as in the report: crops of people, changed by one of its augmentation policies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass.augment import AugmentConfig, augment
from hourlift.hourglass.loss import LossKind, heatmap_loss, joints_and_parts
from hourlift.hourglass.network import HourglassConfig
from hourlift.hourglass.policies import Policy, apply_policy
from hourlift.metrics.pck import torso_length
from hourlift.training.engine.loop import TrainConfig, step_seed
from hourlift.training.hourglass.crops import CropBatch, PersonCrop, StepCrops, load
from hourlift.training.hourglass.measures import batch_accuracy, find_joints, measure
from hourlift.training.hourglass.model import centre, new_hourglass
from hourlift.training.hourglass.stage import HourglassBatch, hourglass_meta

_VALIDATED_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class HourglassDataRecipe:
    """Everything that a run of the hourglass on a data set depends on, but for the data set.

    Attributes:
        name: Of the weights.
        network: Its shape.
        policy: How the images are changed: one of the report's, or our own augmentation.
        learn: Split of the data set that is trained on.
        judge: Split that is validated on.
        input_size: Side of the crops, pixels.
        loss: And with it the meaning of the heatmaps.
        sigma: Of the target Gaussians, heatmap pixels.
        batch_size: Per process.
        read_workers: Processes that read images ahead of the training; 0 reads in the training's own.
        held_out: About so many people of the judging split, at even distances.
        train: How it is trained.
    """

    name: str
    network: HourglassConfig
    policy: Policy | AugmentConfig
    train_split: str = "report-train"
    val_split: str = "report-validate"
    input_size: int = 256
    loss: LossKind = "mse"
    sigma: float = 1.0
    batch_size: int = 16
    read_workers: int = 4
    held_out: int = 1024
    train: TrainConfig


class HourglassDataStage:
    """The hourglass's part of the training loop, on people of a data set.

    Args:
        recipe: Of the run.
        learners: Who is trained on, `crops.cut` to the recipe's input size, with the feet if the network has them.
        judges: Who is validated on, likewise.
    """

    def __init__(
        self, recipe: HourglassDataRecipe, train_people: Sequence[PersonCrop], val_people: Sequence[PersonCrop]
    ) -> None:
        self.recipe = recipe
        self._train_people, self._val_people = train_people, val_people

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the export must know."""
        recipe = self.recipe
        return hourglass_meta(recipe.name, recipe.network, recipe.input_size, recipe.loss, recipe.sigma)

    def build_model(self) -> nn.Module:
        """The network, freshly initialised."""
        return new_hourglass(self.recipe.network)

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[HourglassBatch]:
        """Augmented batches; every person comes once before anybody comes again."""
        recipe = self.recipe
        crops = StepCrops(
            self._train_people, batch_size=recipe.batch_size, seed=recipe.train.seed, rank=rank, world_size=world_size
        )
        steps = range(start_step, recipe.train.steps)
        loader = DataLoader(
            crops,
            batch_size=None,
            sampler=steps,
            num_workers=recipe.read_workers,
            worker_init_fn=_read_alone,
            generator=torch.Generator(),  # or it would draw from PyTorch's own, and move a resumed run's numbers
        )
        for step, batch in zip(steps, loader, strict=True):
            yield self._augmented(batch, device, step, rank)

    def _augmented(self, batch: CropBatch, device: torch.device, step: int, rank: int) -> HourglassBatch:
        generator = torch.Generator().manual_seed(step_seed(self.recipe.train.seed, step, rank) + 1)
        images, joints_px, visible = (tensor.to(device) for tensor in batch)
        policy = self.recipe.policy
        if isinstance(policy, Policy):
            changed, joints, known, _ = apply_policy(images, joints_px, visible, policy, generator)
            return HourglassBatch.of(changed, joints, known)
        return HourglassBatch.of(*augment(images, joints_px, self.recipe.input_size, policy, generator))

    def loss(self, model: nn.Module, batch: HourglassBatch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Loss of all stacks, and the last one's accuracy: the report's training curve."""
        stacks, _ = joints_and_parts(model(batch.images), self.recipe.network.num_joints)
        loss = heatmap_loss(stacks, batch.joints, batch.weights, kind=self.recipe.loss, sigma=self.recipe.sigma)
        return loss, {"accuracy": batch_accuracy(stacks[-1], batch.joints, batch.weights)}

    def after_step(self, model: nn.Module, step: int) -> bool:
        """Keep the network's numbers small."""
        return centre(model, step)

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """`hourglass_measures.measure` on the judging people; its accuracy is the report's validation curve."""
        recipe, size = self.recipe, self.recipe.input_size
        people = self._val_people[:: max(1, len(self._val_people) // recipe.held_out)]
        parts = (load(people[i : i + _VALIDATED_AT_ONCE]).images for i in range(0, len(people), _VALIDATED_AT_ONCE))
        found = find_joints(model, parts, device, loss=recipe.loss, sigma=recipe.sigma, bf16=recipe.train.bf16)
        found = found[:, : H36M17.num_joints]
        true_px = np.stack([person.joints_px[: H36M17.num_joints] for person in people])
        inside = ((true_px > -0.5) & (true_px < size - 0.5)).all(-1, keepdims=True)
        return measure(found, np.where(inside, true_px, np.nan), torso_length(true_px, H36M17), size)


def _read_alone(worker: int) -> None:
    """OpenCV's own threads do not survive the fork, and one a process is enough."""
    del worker
    cv2.setNumThreads(0)
