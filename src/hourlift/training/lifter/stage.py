"""Stage 2's training: the lifter on joints of synthetic people, generated during the run, seen by random cameras."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hourlift.data.mocap.motion import MotionClip, load_motion
from hourlift.geometry.plausible import plausibility
from hourlift.geometry.skeleton import H36M17
from hourlift.lifter.inputs import crop_pair, lift_pair, person_pair
from hourlift.lifter.loss import LossKind, bone_loss, lifter_loss, spread_loss
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.lifter.normalize import InputKind
from hourlift.metrics.mpjpe import mpjpe, pa_mpjpe
from hourlift.synth.body.parametric import Body
from hourlift.synth.camera.views import ViewConfig, sample_views
from hourlift.synth.core.draw import Draw
from hourlift.synth.pose.library import PoseLibrary, upper_bones
from hourlift.synth.pose.mix import PoseMix, sample_rotations
from hourlift.training.engine.distributed import unwrapped
from hourlift.training.engine.loop import TrainConfig
from hourlift.training.lifter.detection_errors import DetectionErrors, MeasuredErrors
from hourlift.training.lifter.seen import SeenShares, Sight, see
from hourlift.training.rendered import HELD_OUT_SEED

HELD_OUT_SUBJECTS = ("02", "06", "08", "26", "35", "114")
"""A fifth of the subjects in CMU's motion capture, with a seventh of its frames; never used for training."""

_STATISTICS, _PEOPLE, _VIEWS, _MIXED = 1, 2, 3, 4  # streams of random numbers of a run
_PEOPLE_OF_STATISTICS = 8192
_MISSING_IN_TEST = 0.1


@dataclass(frozen=True, kw_only=True)
class LifterRecipe:
    """Everything that determines a run of the lifter, except motion capture and measured errors.

    Attributes:
        name: Name of the weights.
        network: Configuration of the network.
        poses: Mix of poses.
        captured_share: Share of poses from motion capture, if available; the others are from the mix.
        mixed_share: Share of people with the upper body of another person.
        views: Distribution of cameras.
        errors: Errors of the 2D joints.
        shares: Shares of people for each kind of input.
        inputs: The lifter's kind of input.
        loss: The loss.
        bones: Weight of the additional `bone_loss`.
        chunk_size: Number of people posed at a time.
        reuse: Number of cameras for each person.
        batch_size: Batch size per process.
        held_out: Number of validation people.
        train: Configuration of the training loop.
    """

    name: str
    network: LifterConfig
    poses: PoseMix
    captured_share: float = 0.4
    mixed_share: float = 0.0
    views: ViewConfig
    errors: DetectionErrors
    shares: SeenShares = SeenShares()
    inputs: InputKind = "rays"
    loss: LossKind = "l2"
    bones: float = 0.0
    chunk_size: int = 4096
    reuse: int = 4
    batch_size: int = 256
    held_out: int = 8192
    train: TrainConfig


@dataclass(frozen=True, kw_only=True)
class LifterBatch:
    """Inputs (B, 17, 2 or 4) and target joints (B, 17, 3) in mm, in the form of `lifter.inputs`."""

    rays: Tensor
    joints_mm: Tensor

    def __len__(self) -> int:
        return len(self.rays)


class LifterStage:
    """The lifter's part of the training loop.

    Args:
        recipe: Recipe of the run.
        motion: File or folder of motion capture; subjects in `HELD_OUT_SUBJECTS` are used only for validation.
        measured: Measured errors of an hourglass, for a share of the people.
    """

    def __init__(
        self, recipe: LifterRecipe, motion: Path | None = None, measured: MeasuredErrors | None = None
    ) -> None:
        self.recipe, self._measured = recipe, measured
        clips = [] if motion is None else load_motion(motion)
        self._clips: dict[bool, list[MotionClip]] = {
            held_out: [clip for clip in clips if (clip.subject in HELD_OUT_SUBJECTS) == held_out]
            for held_out in (False, True)
        }

    @cached_property
    def body(self) -> Body:
        """The skeleton to lift."""
        return Body()

    @property
    def meta(self) -> Mapping[str, Any]:
        """Return metadata for the export."""
        return {"recipe": self.recipe.name, "skeleton": H36M17.name, "inputs": self.recipe.inputs}

    def build_model(self) -> nn.Module:
        """Return the network, with statistics of some thousand training people."""
        model = Lifter(self.recipe.network)
        draw = Draw((self.recipe.train.seed, _STATISTICS, 0), _PEOPLE_OF_STATISTICS)
        seen = _look(draw, self._pose(draw), self.recipe.views)
        # Without errors: their outliers would determine the scale.
        model.set_statistics(*self.pair(Sight.exact(seen)))
        return model

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[LifterBatch]:
        """Yield batches of people; every chunk poses new people and projects each with `reuse` cameras."""
        recipe, seed = self.recipe, self.recipe.train.seed * world_size + rank
        per_view = recipe.chunk_size // recipe.batch_size
        per_chunk = per_view * recipe.reuse
        for index in range(start_step // per_chunk, -(-recipe.train.steps // per_chunk)):
            joints = self._pose(Draw((seed, _PEOPLE, index), recipe.chunk_size))
            for view in range(recipe.reuse):
                draw = Draw((seed, _VIEWS, index, view), recipe.chunk_size)
                seen = _mirror(draw, _look(draw, joints, recipe.views))
                order = torch.randperm(recipe.chunk_size, generator=draw.generator)
                rays, joints_mm = self.pair(self.look_at(draw, seen))
                for place in range(per_view):
                    step = index * per_chunk + view * per_view + place
                    if start_step <= step < recipe.train.steps:
                        part = order[place * recipe.batch_size : (place + 1) * recipe.batch_size]
                        yield LifterBatch(rays=rays[part].to(device), joints_mm=joints_mm[part].to(device))

    def loss(self, model: nn.Module, batch: LifterBatch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the recipe's loss, and further values to log."""
        network = unwrapped(model)
        assert isinstance(network, Lifter)
        recipe, std_mm, answer = self.recipe, network.output_std, model(batch.rays)
        joints_mm = answer[..., :3]
        loss = lifter_loss(joints_mm, batch.joints_mm, std_mm, recipe.loss)
        if recipe.bones:
            loss = loss + recipe.bones * bone_loss(joints_mm, batch.joints_mm, std_mm)
        if recipe.network.spread:
            loss = loss + 0.1 * spread_loss(answer[..., 3], joints_mm, batch.joints_mm)
        return loss, {"mpjpe": (joints_mm.detach() - batch.joints_mm).norm(dim=-1).mean()}

    def after_step(self, model: nn.Module, step: int) -> bool:
        """Do nothing: the lifter needs no adjustment."""
        del model, step
        return False

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """MPJPE and PA-MPJPE in mm on held-out people.

        From true 2D joints; from 2D joints with errors; with a tenth of the joints missing, if the input can mark them;
        on held-out motion-capture subjects, from true 2D joints. Also the shares of people whose knee or elbow bends
        the wrong way, with true 2D joints as input.
        """
        measures: dict[str, float] = {}
        for name, sight in self._held_out.items():
            rays, joints_mm = self.pair(sight)
            predicted, true = model(rays.to(device)).float().cpu().numpy()[..., :3], joints_mm.numpy()
            measures[f"{name}mpjpe"] = mpjpe(predicted, true)
            measures[f"{name}pa_mpjpe"] = pa_mpjpe(predicted, true)
            if not name:
                result = plausibility(predicted)
                measures |= {"wrong_knees": result.knee_wrong, "wrong_elbows": result.elbow_wrong}
        return measures

    @cached_property
    def _held_out(self) -> dict[str, Sight]:
        """Return the groups of validation people, by name."""
        recipe, draw = self.recipe, Draw((HELD_OUT_SEED, 1), self.recipe.held_out)
        seen = _look(draw, self._pose(draw, held_out=True), recipe.views)
        sights = {"": Sight.exact(seen), "noisy_": self.look_at(draw, seen)}
        if recipe.inputs == "person":
            sights["missing_"] = Sight.exact(seen).without(draw, _MISSING_IN_TEST)
        if self._clips[True]:
            draw = Draw((HELD_OUT_SEED, 2), recipe.held_out)
            sights["mocap_"] = Sight.exact(_look(draw, self.captured(draw), recipe.views))
        return sights

    def captured(self, draw: Draw, *, held_out: bool = True) -> Tensor:
        """Return joints (B, 17, 3) of people in captured poses, metres, world, without mixing or perturbation."""
        shapes, _ = self.body.sample_shapes(draw.count, draw.generator)
        library = self._library(held_out)
        assert library is not None
        return self.body.joints(shapes, library.frames(draw))

    def look_at(self, draw: Draw, joints_cam_mm: Tensor) -> Sight:
        """Simulate the 2D stage of the training."""
        recipe = self.recipe
        has_confidence = recipe.inputs == "person"
        return see(draw, joints_cam_mm, recipe.errors, recipe.shares, self._measured, has_confidence=has_confidence)

    def pair(self, sight: Sight) -> tuple[Tensor, Tensor]:
        """Return input and target in the recipe's form."""
        if self.recipe.inputs == "person":
            return person_pair(sight.joints_cam_mm, sight.places, sight.confidence, sight.size_known)
        return (lift_pair if self.recipe.inputs == "rays" else crop_pair)(sight.joints_cam_mm, sight.places)

    def _library(self, held_out: bool) -> PoseLibrary | None:
        if not self._clips[held_out]:
            return None
        if held_out not in self._libraries:
            self._libraries[held_out] = PoseLibrary(self.body, self._clips[held_out])
        return self._libraries[held_out]

    @cached_property
    def _libraries(self) -> dict[bool, PoseLibrary]:
        return {}

    def _pose(self, draw: Draw, *, held_out: bool = False) -> Tensor:
        """Return joints (B, 17, 3) of the recipe's people, metres, world; held-out people use only the mix."""
        recipe, mix = self.recipe, self.recipe.poses
        library = None if held_out else self._library(False)
        if library is not None:
            others = sum(mix.weights) - mix.captured
            share = recipe.captured_share
            mix = PoseMix(**(vars(mix) | {"captured": others * share / (1 - share)}))
        shapes, _ = self.body.sample_shapes(draw.count, draw.generator)
        rotations, _ = sample_rotations(self.body, draw, mix, library)
        if recipe.mixed_share:
            rotations = _mixed(self.body, draw.stream(_MIXED), rotations, recipe.mixed_share)
        return self.body.joints(shapes, rotations)


def _mixed(body: Body, draw: Draw, rotations: Tensor, share: float) -> Tensor:
    """Give a share of the people the upper body of another, with its rotation relative to the pelvis."""
    others = rotations[torch.randperm(len(rotations), generator=draw.generator)]
    chosen = draw.chance(share)[:, None, None, None] & upper_bones(body)[:, None, None]
    return torch.where(chosen, others, rotations)


def _look(draw: Draw, joints: Tensor, views: ViewConfig) -> Tensor:
    """Transform joints (B, 17, 3) from the world in metres to one camera frame per person in mm."""
    return 1000 * sample_views(draw, joints, 1, views).to_camera(joints)


def _mirror(draw: Draw, joints_cam: Tensor) -> Tensor:
    """Mirror half of the people."""
    mirrored = (joints_cam * torch.tensor([-1.0, 1.0, 1.0]))[:, torch.as_tensor(H36M17.flip_permutation)]
    return torch.where(draw.chance(0.5)[:, None, None], mirrored, joints_cam)
