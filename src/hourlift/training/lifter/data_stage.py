"""Stage 2's training on a data set, as in the report: pairs of 2D joints, detected or true, and 3D joints in mm."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import Crop
from hourlift.geometry.skeleton import H36M17
from hourlift.lifter.inputs import lift_pair
from hourlift.lifter.loss import LossKind, lifter_loss
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.lifter.normalize import CROP_SIZE, ROOT, InputKind
from hourlift.metrics.mpjpe import mpjpe, pa_mpjpe
from hourlift.synth.core.draw import Draw
from hourlift.training.engine.distributed import unwrapped
from hourlift.training.engine.loop import TrainConfig
from hourlift.training.lifter.baselines import baselines
from hourlift.training.lifter.detection_errors import DetectionErrors, disturb
from hourlift.training.lifter.stage import LifterBatch
from hourlift.training.people import rows_of_step
from hourlift.training.rendered import HELD_OUT_SEED

_NOISE = 4  # stream of random numbers for the errors of 2D joints
_VALIDATED_AT_ONCE = 4096

Detections = Mapping[str, NDArray[np.floating]]
"""2D joints (17, 2) in image pixels, by the sample's id."""


@dataclass(frozen=True, kw_only=True)
class LifterDataRecipe:
    """Everything that determines a run of the lifter on a data set, except the data set.

    Attributes:
        name: Name of the weights.
        network: Configuration of the network.
        inputs: The lifter's kind of input.
        loss: The loss.
        train_split: Split of the data set to train on.
        val_split: Split to validate on.
        batch_size: Batch size per process.
        epochs: Number of passes over the training people; see `with_steps_of`.
        held_out: Approximate number of validation people, evenly spaced over the split.
        errors: Errors added to true 2D joints in training; None adds none.
        train: Configuration of the training loop.
    """

    name: str
    network: LifterConfig
    inputs: InputKind = "crop"
    loss: LossKind = "l2"
    train_split: str = "report-train"
    val_split: str = "report-validate"
    batch_size: int = 64
    epochs: int = 80
    held_out: int = 16_384
    errors: DetectionErrors | None = None
    train: TrainConfig

    def with_steps_of(self, people: int) -> "LifterDataRecipe":
        """Return the recipe with the steps of its epochs over this many people, validated after every epoch."""
        an_epoch = -(-people // self.batch_size)
        train = replace(self.train, steps=self.epochs * an_epoch, validate_every=an_epoch)
        return replace(self, train=train)


@dataclass(frozen=True, kw_only=True, eq=False)
class LiftPairs:
    """N people in 2D and in 3D.

    Attributes:
        seen: (N, 17, 2) float32: 2D joints in the plane of the recipe's input: x/z and y/z in camera axes ("rays"), or
            pixels of the 256-pixel crop ("crop").
        joints_cam_mm: (N, 17, 3) float32.
        left_out: Number of people skipped because a joint is unknown in 2D or 3D.
    """

    seen: Tensor
    joints_cam_mm: Tensor
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.seen)

    def batch(self, rows: Tensor, inputs: InputKind, errors: DetectionErrors | None, draw: Draw) -> LifterBatch:
        """Return input and target of the lifter for some people."""
        seen, joints = self.seen[rows], self.joints_cam_mm[rows]
        if errors is not None:
            seen = disturb(draw, seen, errors)
        if inputs == "rays":
            rays, joints_mm = lift_pair(joints, seen)
            return LifterBatch(rays=rays, joints_mm=joints_mm)
        return LifterBatch(rays=_from_root(seen), joints_mm=_from_root(joints))


def collect(people: Iterable[Sample], inputs: InputKind, detections: Detections | None = None) -> LiftPairs:
    """Make pairs from a data set's people.

    Args:
        people: people annotated in 3D; images are not read.
        inputs: the lifter's kind of input.
        detections: 2D joints to train on instead of the true ones.

    Raises:
        ValueError: a sample has no joints in millimetres, no camera, or no detection; or no people are left.
    """
    seen, joints, left_out = [], [], 0
    for sample in people:
        true_mm = sample.joints_3d_cam_mm
        if true_mm is None:
            raise UserError(f"sample {sample.id} has no joints in millimetres: a lifter needs a data set in 3D")
        place = _seen(sample, _joints_px(sample, true_mm, detections), inputs)
        if np.isfinite(place).all() and np.isfinite(true_mm).all():
            seen.append(place)
            joints.append(true_mm)
        else:
            left_out += 1
    if not seen:
        raise UserError(f"no people to train or validate on: each of {left_out} people has an unknown joint")
    return LiftPairs(
        seen=torch.from_numpy(np.stack(seen).astype(np.float32)),
        joints_cam_mm=torch.from_numpy(np.stack(joints).astype(np.float32)),
        left_out=left_out,
    )


def _joints_px(sample: Sample, true_mm: NDArray[np.floating], detections: Detections | None) -> NDArray[np.floating]:
    """Return 2D joints in pixels: detected joints, or true ones, also outside the image if the camera is known."""
    if detections is None:
        return sample.joints_2d_px if sample.camera is None else sample.camera.project(true_mm)
    if sample.id not in detections:
        raise UserError(f"the joints file has no person {sample.id}: it was made from other or fewer data")
    return detections[sample.id]


def _seen(sample: Sample, joints_px: NDArray[np.floating], inputs: InputKind) -> NDArray[np.floating]:
    """(17, 2) as in `LiftPairs.seen`."""
    if inputs == "crop":
        return Crop.from_box(sample.box_xyxy_px, CROP_SIZE).to_crop(joints_px)
    camera = sample.camera
    if camera is None:
        if sample.image_wh is None:
            raise UserError(f"sample {sample.id} has neither a camera nor the size of its image")
        camera = Camera.from_fov(sample.image_wh)
    rays = camera.unproject(joints_px)
    return rays[..., :2] / rays[..., 2:]


def _from_root(joints: Tensor) -> Tensor:
    return joints - joints[:, ROOT : ROOT + 1]


class LifterDataStage:
    """The lifter's part of the training loop, for people of a data set.

    Args:
        recipe: Recipe of the run.
        train_people: People to train on, from `collect` with the recipe's inputs.
        val_people: People to validate on, in the same form.
    """

    def __init__(self, recipe: LifterDataRecipe, train_people: LiftPairs, val_people: LiftPairs) -> None:
        self.recipe = recipe
        self._train_people, self._val_people = train_people, val_people

    @property
    def meta(self) -> Mapping[str, Any]:
        """Return metadata for the export."""
        return {"recipe": self.recipe.name, "skeleton": H36M17.name, "inputs": self.recipe.inputs}

    def build_model(self) -> nn.Module:
        """Return the network, with statistics of all training people."""
        model = Lifter(self.recipe.network)
        batch = self._train_people.batch(torch.arange(len(self._train_people)), self.recipe.inputs, None, Draw(0, 0))
        model.set_statistics(batch.rays, batch.joints_mm)
        return model

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[LifterBatch]:
        """Yield batches of people; every person is used once before any person is used again."""
        recipe, seed = self.recipe, self.recipe.train.seed
        for step in range(start_step, recipe.train.steps):
            rows = rows_of_step(len(self._train_people), recipe.batch_size, seed, step, rank, world_size)
            draw = Draw((seed, _NOISE, step, rank), recipe.batch_size)
            batch = self._train_people.batch(torch.from_numpy(rows), recipe.inputs, recipe.errors, draw)
            yield LifterBatch(rays=batch.rays.to(device), joints_mm=batch.joints_mm.to(device))

    def loss(self, model: nn.Module, batch: LifterBatch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the recipe's loss, and the error in mm, which is comparable between losses."""
        network = unwrapped(model)
        assert isinstance(network, Lifter)
        answer = model(batch.rays)
        error_mm = (answer.detach() - batch.joints_mm).norm(dim=-1).mean()
        return lifter_loss(answer, batch.joints_mm, network.output_std, self.recipe.loss), {"mpjpe": error_mm}

    def baselines(self, most: int = 2000) -> Mapping[str, float]:
        """Compute `baselines.baselines` of at most this many validation people, evenly spaced."""
        everyone = torch.arange(len(self._train_people))
        known = self._train_people.batch(everyone, self.recipe.inputs, None, Draw(0, 0))
        rows = torch.arange(0, len(self._val_people), -(-len(self._val_people) // most))
        return baselines(known, self._val_people.batch(rows, self.recipe.inputs, None, Draw(0, 0)))

    def after_step(self, model: nn.Module, step: int) -> bool:
        """Do nothing: the lifter needs no adjustment."""
        del model, step
        return False

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """MPJPE and PA-MPJPE in mm of the validation people, with the recipe's errors added to their 2D joints."""
        step = max(1, len(self._val_people) // self.recipe.held_out)
        rows = torch.arange(0, len(self._val_people), step)
        batch = self._val_people.batch(
            rows, self.recipe.inputs, self.recipe.errors, Draw((HELD_OUT_SEED, 2), len(rows))
        )
        parts = [model(part.to(device)).float().cpu() for part in batch.rays.split(_VALIDATED_AT_ONCE)]
        predicted, true = torch.cat(parts).numpy(), batch.joints_mm.numpy()
        return {"mpjpe": mpjpe(predicted, true), "pa_mpjpe": pa_mpjpe(predicted, true)}
