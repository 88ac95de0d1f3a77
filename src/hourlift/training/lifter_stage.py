"""Stage 2's training: the lifter on joints of synthetic people, made as it goes, seen through any camera."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from hourlift.geometry.skeleton import H36M17
from hourlift.lifter.inputs import crop_pair, lift_pair
from hourlift.lifter.loss import LossKind, lifter_loss
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.lifter.normalize import InputKind
from hourlift.metrics.mpjpe import mpjpe, pa_mpjpe
from hourlift.synth.body import Body
from hourlift.synth.camera import ViewConfig, sample_views
from hourlift.synth.draw import Draw
from hourlift.synth.motion import PoseMix, sample_rotations
from hourlift.training.distributed import unwrapped
from hourlift.training.loop import TrainConfig
from hourlift.training.rendered import HELD_OUT_SEED

_STATISTICS, _PEOPLE, _VIEWS = 1, 2, 3  # streams of random numbers of a run
_PEOPLE_OF_STATISTICS = 8192


@dataclass(frozen=True, kw_only=True)
class DetectionErrors:
    """What a 2D stage does to joints. Distances are shares of the person's size: the mean distance from the pelvis.

    Attributes:
        jitter: Standard deviation of the error of a person's joints, log-uniform in this range.
        outliers: Probability that a joint lies far off, and how far (standard deviation).
        swapped: Probability that a left-right pair is exchanged.
        collapsed: Probability that both joints of a pair lie on one of them.
    """

    jitter: tuple[float, float] = (0.005, 0.12)
    outliers: tuple[float, float] = (0.02, 0.6)
    swapped: float = 0.02
    collapsed: float = 0.02


@dataclass(frozen=True, kw_only=True)
class LifterRecipe:
    """Everything that a run of the lifter depends on.

    Attributes:
        name: Of the weights.
        network: Its shape.
        poses: Mix of poses.
        views: Cameras.
        errors: Of the 2D joints.
        inputs: What the lifter reads.
        loss: What is made small.
        chunk_size: People posed at a time.
        reuse: Cameras that each of them is seen through.
        batch_size: Per process.
        held_out: People of the validation.
        train: How it is trained.
    """

    name: str
    network: LifterConfig
    poses: PoseMix
    views: ViewConfig
    errors: DetectionErrors
    inputs: InputKind = "rays"
    loss: LossKind = "l2"
    chunk_size: int = 4096
    reuse: int = 4
    batch_size: int = 256
    held_out: int = 8192
    train: TrainConfig


@dataclass(frozen=True, kw_only=True)
class LifterBatch:
    """What the lifter reads (B, 17, 2), and joints (B, 17, 3) in mm: of `inputs.lift_pair` or `inputs.crop_pair`."""

    rays: Tensor
    joints_mm: Tensor

    def __len__(self) -> int:
        return len(self.rays)


class LifterStage:
    """The lifter's part of the training loop."""

    def __init__(self, recipe: LifterRecipe) -> None:
        self.recipe = recipe

    @cached_property
    def _body(self) -> Body:
        return Body()

    @property
    def meta(self) -> Mapping[str, Any]:
        """What the export must know."""
        return {"recipe": self.recipe.name, "skeleton": H36M17.name, "inputs": self.recipe.inputs}

    def build_model(self) -> nn.Module:
        """The network, with the statistics of some thousand people of the training."""
        model = Lifter(self.recipe.network)
        draw = Draw((self.recipe.train.seed, _STATISTICS, 0), _PEOPLE_OF_STATISTICS)
        model.set_statistics(*self._pair(self._seen(draw)))  # without errors: their outliers would set the scale
        return model

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[LifterBatch]:
        """Batches of people; every chunk poses new ones and looks at each through `reuse` cameras."""
        recipe, seed = self.recipe, self.recipe.train.seed * world_size + rank
        per_view = recipe.chunk_size // recipe.batch_size
        per_chunk = per_view * recipe.reuse
        for index in range(start_step // per_chunk, -(-recipe.train.steps // per_chunk)):
            joints = self._pose(Draw((seed, _PEOPLE, index), recipe.chunk_size))
            for view in range(recipe.reuse):
                draw = Draw((seed, _VIEWS, index, view), recipe.chunk_size)
                seen = _mirror(draw, _look(draw, joints, recipe.views))
                rays, joints_mm = self._pair(seen, add_errors(draw, seen, recipe.errors))
                for place in range(per_view):
                    step = index * per_chunk + view * per_view + place
                    if start_step <= step < recipe.train.steps:
                        part = slice(place * recipe.batch_size, (place + 1) * recipe.batch_size)
                        yield LifterBatch(rays=rays[part].to(device), joints_mm=joints_mm[part].to(device))

    def loss(self, model: nn.Module, batch: LifterBatch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """That of the recipe."""
        network = unwrapped(model)
        assert isinstance(network, Lifter)
        return lifter_loss(model(batch.rays), batch.joints_mm, network.output_std, self.recipe.loss), {}

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """MPJPE and PA-MPJPE, mm, on held-out people: from true 2D joints, and from 2D joints with errors."""
        seen, detections = self._held_out
        measures: dict[str, float] = {}
        for name, found in (("", None), ("noisy_", detections)):
            rays, joints_mm = self._pair(seen, found)
            predicted = model(rays.to(device)).float().cpu().numpy()
            measures[f"{name}mpjpe"] = mpjpe(predicted, joints_mm.numpy())
            measures[f"{name}pa_mpjpe"] = pa_mpjpe(predicted, joints_mm.numpy())
        return measures

    @cached_property
    def _held_out(self) -> tuple[Tensor, Tensor]:
        draw = Draw((HELD_OUT_SEED, 1), self.recipe.held_out)
        seen = self._seen(draw)
        return seen, add_errors(draw, seen, self.recipe.errors)

    def _pair(self, joints_cam_mm: Tensor, detections: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Input and target of the recipe's kind."""
        return (lift_pair if self.recipe.inputs == "rays" else crop_pair)(joints_cam_mm, detections)

    def _seen(self, draw: Draw) -> Tensor:
        """People of the recipe before a camera each, (B, 17, 3) in mm."""
        return _look(draw, self._pose(draw), self.recipe.views)

    def _pose(self, draw: Draw) -> Tensor:
        """Joints (B, 17, 3) of people of the recipe, metres, world."""
        shapes, _ = self._body.sample_shapes(draw.count, draw.generator)
        rotations, _ = sample_rotations(self._body, draw, self.recipe.poses)
        return self._body.joints(shapes, rotations)


def _look(draw: Draw, joints: Tensor, views: ViewConfig) -> Tensor:
    """Joints (B, 17, 3), world and metres -> the same in the frame of a camera of each person, mm."""
    return 1000 * sample_views(draw, joints, 1, views).to_camera(joints)


def _mirror(draw: Draw, joints_cam: Tensor) -> Tensor:
    """Half of the people as seen in a mirror."""
    mirrored = (joints_cam * torch.tensor([-1.0, 1.0, 1.0]))[:, torch.as_tensor(H36M17.flip_permutation)]
    return torch.where(draw.chance(0.5)[:, None, None], mirrored, joints_cam)


def add_errors(draw: Draw, joints_cam: Tensor, errors: DetectionErrors) -> Tensor:
    """Projects people as a 2D stage would find them.

    Args:
        draw: As many draws as people.
        joints_cam: (B, 17, 3) in the frame of the camera, any length unit, all in front of it.
        errors: How wrong.

    Returns:
        (B, 17, 2): x/z and y/z, with errors.
    """
    return disturb(draw, joints_cam[..., :2] / joints_cam[..., 2:], errors)


def disturb(draw: Draw, seen: Tensor, errors: DetectionErrors) -> Tensor:
    """Joints as a 2D stage would find them.

    Args:
        draw: As many draws as people.
        seen: (B, 17, 2) where they are, in any plane and unit.
        errors: How wrong.

    Returns:
        (B, 17, 2) with errors.
    """
    count, num_joints = seen.shape[:2]
    size = (seen - seen[:, :1]).norm(dim=-1).mean(1)[:, None, None]

    def noise(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=draw.generator)

    found = seen.clone()
    for right, left in H36M17.flip_pairs:
        swapped, collapsed = draw.chance(errors.swapped)[:, None], draw.chance(errors.collapsed)[:, None]
        onto_left = draw.chance(0.5)[:, None]
        a, b = seen[:, right], seen[:, left]
        found[:, right] = torch.where(swapped | (collapsed & onto_left), b, a)
        found[:, left] = torch.where(swapped | (collapsed & ~onto_left), a, b)
    found = found + draw.log_uniform(*errors.jitter)[:, None, None] * size * noise(num_joints, 2)
    far = torch.rand(count, num_joints, 1, generator=draw.generator) < errors.outliers[0]
    return torch.where(far, found + errors.outliers[1] * size * noise(num_joints, 2), found)
