"""Stage 1's training on a data set, as in the report: crops of people with one of its augmentation policies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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
from hourlift.training.hourglass.model import HourglassStageBase
from hourlift.training.hourglass.stage import HourglassBatch

_VALIDATED_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class HourglassDataRecipe:
    """Everything that determines a run of the hourglass on a data set, except the data set.

    Attributes:
        name: Name of the weights.
        network: Configuration of the network.
        policy: Augmentation of the images: one of the report's policies, or hourlift's own.
        train_split: Split of the data set to train on.
        val_split: Split to validate on.
        input_size: Side of the crops in pixels.
        loss: The loss, which determines the meaning of the heatmaps.
        sigma: Standard deviation of the target Gaussians in heatmap pixels.
        batch_size: Batch size per process.
        read_workers: Processes that read images ahead of the training; 0 reads in the training process.
        held_out: Approximate number of validation people, evenly spaced over the split.
        train: Configuration of the training loop.
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


class HourglassDataStage(HourglassStageBase):
    """The hourglass's part of the training loop, for people of a data set.

    Args:
        recipe: Recipe of the run.
        train_people: Training people from `crops.cut` at the recipe's input size, with feet if the network has them.
        val_people: People to validate on, in the same form.
    """

    recipe: HourglassDataRecipe

    def __init__(
        self, recipe: HourglassDataRecipe, train_people: Sequence[PersonCrop], val_people: Sequence[PersonCrop]
    ) -> None:
        self.recipe = recipe
        self._train_people, self._val_people = train_people, val_people

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[HourglassBatch]:
        """Yield augmented batches; every person is used once before any person is used again."""
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
            generator=torch.Generator(),  # otherwise it uses PyTorch's global one, which would change a resumed run
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
        """Return the loss of all stacks, and the last stack's accuracy: the report's training curve."""
        stacks, _ = joints_and_parts(model(batch.images), self.recipe.network.num_joints)
        loss = heatmap_loss(stacks, batch.joints, batch.weights, kind=self.recipe.loss, sigma=self.recipe.sigma)
        return loss, {"accuracy": batch_accuracy(stacks[-1], batch.joints, batch.weights)}

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """Run `hourglass_measures.measure` on the validation people; its accuracy is the report's validation curve."""
        recipe, size = self.recipe, self.recipe.input_size
        people = self._val_people[:: max(1, len(self._val_people) // recipe.held_out)]
        parts = (load(people[i : i + _VALIDATED_AT_ONCE]).images for i in range(0, len(people), _VALIDATED_AT_ONCE))
        found = find_joints(model, parts, device, loss=recipe.loss, sigma=recipe.sigma, bf16=recipe.train.bf16)
        found = found[:, : H36M17.num_joints]
        true_px = np.stack([person.joints_px[: H36M17.num_joints] for person in people])
        inside = ((true_px > -0.5) & (true_px < size - 0.5)).all(-1, keepdims=True)
        return measure(found, np.where(inside, true_px, np.nan), torso_length(true_px, H36M17), size)


def _read_alone(worker: int) -> None:
    """Limit OpenCV to one thread per process; its own threads do not survive the fork."""
    del worker
    cv2.setNumThreads(0)
