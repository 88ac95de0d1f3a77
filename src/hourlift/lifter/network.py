"""The lifter: a residual multi-layer perceptron from 2D joints to 3D joints.

Martinez, Hossain, Romero, Little, "A simple yet effective baseline for 3d human pose estimation", ICCV 2017.

Shapes: B people, J = 17 joints, W = width.

    rays (B, J, 2) -> without the root, standardised (B, 32)
      -> Linear(32, W), batch norm, ReLU, dropout
      -> num_blocks x { x + [Linear(W, W), batch norm, ReLU, dropout] x 2 }
      -> Linear(W, 48) -> to millimetres, the root put back as zeros (B, J, 3)

Additions to the paper, enabled in the config: the input includes each joint's confidence and the person's size
(B, J, 4), and a second head predicts the mean error of each joint (B, J, 4). That head learns from the joints'
errors, but does not influence the joints.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIN_STD = 1e-6  # a coordinate that never moves in the training data is centred, not divided by zero
PERSON_CHANNELS = 4
"""Numbers per joint of `normalize.person_input`."""
_SPREAD_WIDTH = 128
_SPREAD_MM = (1.0, 60.0, 2000.0)  # minimum, value at the start of training, maximum


@dataclass(frozen=True, kw_only=True)
class LifterConfig:
    """The shape of the network; the defaults are the paper's (4.29 M parameters).

    Attributes:
        num_joints: Number of joints, including the root.
        width: Width of the layers.
        num_blocks: Residual blocks of two layers.
        dropout: Share of a layer's values that are dropped in training.
        channels: Numbers per joint of the input: 2 for a ray (or `crop_offsets`), 4 for `normalize.person_input`.
        spread: Whether there is a head that predicts the mean error of each joint.
    """

    num_joints: int = 17
    width: int = 1024
    num_blocks: int = 2
    dropout: float = 0.5
    channels: int = 2
    spread: bool = False


class Lifter(nn.Module):
    """Joints as normalised viewing rays -> joints in millimetres, in the virtual camera.

    The statistics of the training data are buffers, so a checkpoint carries them: see `set_statistics`.
    """

    input_mean: Tensor
    input_std: Tensor
    output_mean: Tensor
    output_std: Tensor
    size_mean: Tensor
    size_std: Tensor

    def __init__(self, config: LifterConfig) -> None:
        super().__init__()
        self.config = config
        others = config.num_joints - 1  # every joint except the root, which is zero in input and output
        inputs = others * 2
        if config.channels == PERSON_CHANNELS:
            inputs += config.num_joints + 2  # confidence, size, whether the size is known
            self.register_buffer("size_mean", torch.zeros(()))
            self.register_buffer("size_std", torch.ones(()))
        self.layers = nn.Sequential(
            *_linear_unit(inputs, config),
            *(_ResidualBlock(config) for _ in range(config.num_blocks)),
            nn.Linear(config.width, others * 3),
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
        if config.spread:
            self.spread = nn.Sequential(
                nn.Linear(config.width, _SPREAD_WIDTH), nn.ReLU(), nn.Linear(_SPREAD_WIDTH, others)
            )
        for side, size in (("input", 2), ("output", 3)):
            self.register_buffer(f"{side}_mean", torch.zeros(others, size))
            self.register_buffer(f"{side}_std", torch.ones(others, size))

    def forward(self, rays: Tensor) -> Tensor:
        """Lift people.

        Args:
            rays: (B, J, 2) from `hourlift.lifter.normalize`, or (B, J, 4) of its `person_input`.

        Returns:
            (B, J, 3) joints in mm relative to the root, axes of the virtual camera; the root is zero. With a head of
            spread (B, J, 4): the last value is the expected distance to the truth, mm.
        """
        hidden = self.layers[:-1](self._features(rays))
        lifted = self.layers[-1](hidden).unflatten(1, self.output_mean.shape)
        joints_mm = lifted.float() * self.output_std + self.output_mean
        if self.config.spread:
            least, usual, most = _SPREAD_MM
            spread_mm = (usual * self.spread(hidden.detach()).float().exp()).clamp(least, most)
            joints_mm = torch.cat((joints_mm, spread_mm[..., None]), dim=-1)
        return F.pad(joints_mm, (0, 0, 1, 0))

    def _features(self, seen: Tensor) -> Tensor:
        """(B, F) input of the first layer."""
        rays = (without_root(seen[..., :2]) - self.input_mean) / self.input_std
        if self.config.channels != PERSON_CHANNELS:
            return rays.flatten(1)
        confidence, size = seen[..., 2], seen[:, :1, 3]
        has_size = (size > 0).to(size.dtype)
        scaled = (size.clamp_min(MIN_STD).log() - self.size_mean) / self.size_std
        known = (confidence > 0).to(rays.dtype)[:, 1:, None]
        return torch.cat(((rays * known).flatten(1), confidence, scaled * has_size, has_size), dim=1)

    @torch.no_grad()
    def set_statistics(self, rays: Tensor, joints_mm: Tensor) -> None:
        """Set mean and standard deviation per coordinate from training data.

        Args:
            rays: (N, J, 2 or 4) inputs, all joints and all sizes known.
            joints_mm: (N, J, 3) targets. A few thousand people are enough.
        """
        for side, values in (("input", without_root(rays[..., :2])), ("output", without_root(joints_mm))):
            getattr(self, f"{side}_mean").copy_(values.mean(0))
            getattr(self, f"{side}_std").copy_(values.std(0).clamp_min(MIN_STD))
        if self.config.channels == PERSON_CHANNELS:
            size = rays[:, 0, 3].log()
            self.size_mean.copy_(size.mean())
            self.size_std.copy_(size.std().clamp_min(MIN_STD))


class _ResidualBlock(nn.Module):
    """Two linear units and a skip around both; nothing after the sum."""

    def __init__(self, config: LifterConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(*_linear_unit(config.width, config), *_linear_unit(config.width, config))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def _linear_unit(in_features: int, config: LifterConfig) -> tuple[nn.Module, ...]:
    return (
        nn.Linear(in_features, config.width),
        nn.BatchNorm1d(config.width),
        nn.ReLU(),
        nn.Dropout(config.dropout),
    )


def without_root(joints: Tensor) -> Tensor:
    """(B, J, D) -> (B, J - 1, D): the joints without the root, which is the first."""
    return joints[:, 1:]
