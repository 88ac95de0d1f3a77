"""The lifter: a residual multi-layer perceptron from 2D joints to 3D joints.

Martinez, Hossain, Romero, Little, "A simple yet effective baseline for 3d human pose estimation", ICCV 2017.

Shapes: B people, J = 17 joints, W = width.

    rays (B, J, 2) -> without the root, standardised (B, 32)
      -> Linear(32, W), batch norm, ReLU, dropout
      -> num_blocks x { x + [Linear(W, W), batch norm, ReLU, dropout] x 2 }
      -> Linear(W, 48) -> to millimetres, the root put back as zeros (B, J, 3)
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIN_STD = 1e-6  # a coordinate that never moves in the training data is centred, not divided by zero


@dataclass(frozen=True, kw_only=True)
class LifterConfig:
    """The shape of the network; the defaults are the paper's (4.29 M parameters)."""

    num_joints: int = 17
    width: int = 1024
    num_blocks: int = 2
    dropout: float = 0.5


class Lifter(nn.Module):
    """Joints as normalised viewing rays -> joints in millimetres, in the virtual camera.

    The statistics of the training data are buffers, so a checkpoint carries them: see `set_statistics`.
    """

    input_mean: Tensor
    input_std: Tensor
    output_mean: Tensor
    output_std: Tensor

    def __init__(self, config: LifterConfig) -> None:
        super().__init__()
        self.config = config
        others = config.num_joints - 1  # every joint but the root, which is zero on both sides
        self.layers = nn.Sequential(
            *_linear_unit(others * 2, config),
            *(_ResidualBlock(config) for _ in range(config.num_blocks)),
            nn.Linear(config.width, others * 3),
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)
        for side, size in (("input", 2), ("output", 3)):
            self.register_buffer(f"{side}_mean", torch.zeros(others, size))
            self.register_buffer(f"{side}_std", torch.ones(others, size))

    def forward(self, rays: Tensor) -> Tensor:
        """Lift people.

        Args:
            rays: (B, J, 2) of `hourlift.lifter.normalize`.

        Returns:
            (B, J, 3) joints in mm relative to the root, axes of the virtual camera; the root is zero.
        """
        standardized = (without_root(rays) - self.input_mean) / self.input_std
        lifted = self.layers(standardized.flatten(1)).unflatten(1, self.output_mean.shape)
        joints_mm = lifted * self.output_std + self.output_mean
        return F.pad(joints_mm, (0, 0, 1, 0))

    @torch.no_grad()
    def set_statistics(self, rays: Tensor, joints_mm: Tensor) -> None:
        """Take mean and standard deviation per coordinate from training data.

        Args:
            rays: (N, J, 2) inputs.
            joints_mm: (N, J, 3) targets. A few thousand people are enough.
        """
        for side, values in (("input", without_root(rays)), ("output", without_root(joints_mm))):
            getattr(self, f"{side}_mean").copy_(values.mean(0))
            getattr(self, f"{side}_std").copy_(values.std(0).clamp_min(MIN_STD))


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
    """(B, J, D) -> (B, J - 1, D): the joints that the network reads and answers. The root is the first joint."""
    return joints[:, 1:]
