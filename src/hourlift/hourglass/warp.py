"""One affine warp per image and its joints, and the random numbers for it.

Shapes: B images (B, 3, S, S), J joints (B, J, 2) in pixels (centres at integers).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hourlift.geometry.skeleton import skeleton_of


class Draws:
    """Random tensors (B, *shape) on a device, from a generator on the CPU."""

    def __init__(self, count: int, device: torch.device, generator: torch.Generator) -> None:
        self._count, self._device, self._generator = count, device, generator

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Uniform between two bounds."""
        drawn = torch.rand(self._count, *shape, generator=self._generator)
        return (low + (high - low) * drawn).to(self._device)

    def normal(self, *shape: int) -> Tensor:
        """From the standard normal distribution."""
        return torch.randn(self._count, *shape, generator=self._generator).to(self._device)

    def once(self) -> float:
        """One number for the whole batch, uniform between 0 and 1."""
        return torch.rand((), generator=self._generator).item()

    def chance(self, probability: float) -> Tensor:
        """(B,) bool, True with the probability."""
        return self.uniform(0, 1) < probability


@dataclass(frozen=True, kw_only=True)
class Warp:
    """An affine map of each image: source = linear (result - middle of the result) + middle, all in pixels.

    Attributes:
        linear: (B, 2, 2).
        middle: (B, 2), source pixels.
        mirrored: (B,) bool, whether it mirrors.
        source: Side of the source in pixels.
        size: Side of the result in pixels.
    """

    linear: Tensor
    middle: Tensor
    mirrored: Tensor
    source: int
    size: int

    def sample(self, images: Tensor, extended: Tensor) -> Tensor:
        """The images (B, 3, size, size) in [0, 1]; padded with the border where `extended` (B,), else black."""
        places = self._places(self.size)
        places = torch.where(extended[:, None, None, None], places.clamp(0, self.source - 1), places)
        grid = (places + 0.5) * (2 / self.source) - 1
        return F.grid_sample(images.float() / 255, grid, align_corners=False)

    def sample_labels(self, labels: Tensor, other_side: Tensor, cells: int) -> Tensor:
        """Labels (B, S, S) at the centres of cells x cells, (B, cells, cells) int64; 0 outside the source.

        `other_side` (L,) is each label's counterpart in a mirrored image.
        """
        x, y = self._places(cells).round().long().unbind(-1)
        inside = (x >= 0) & (x < self.source) & (y >= 0) & (y < self.source)
        person = torch.arange(len(labels), device=labels.device)[:, None, None]
        found = labels[person, y.clamp(0, self.source - 1), x.clamp(0, self.source - 1)].long()
        found = torch.where(self.mirrored[:, None, None], other_side.to(labels.device)[found], found)
        return torch.where(inside, found, 0)

    def _places(self, cells: int) -> Tensor:
        """Positions in the source of the centres of cells x cells of the result: (B, cells, cells, 2) pixels."""
        along = (torch.arange(cells, device=self.linear.device) - (cells - 1) / 2) * (self.size / cells)
        pixels = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1).view(1, -1, 2)
        return (pixels @ self.linear.mT + self.middle[:, None]).view(-1, cells, cells, 2)

    def move(self, joints_px: Tensor) -> tuple[Tensor, Tensor]:
        """The joints (B, J, 2) in the result, and which of them are known, (B, J) bool; J is 17 or, with feet, 21."""
        offset = (joints_px - self.middle[:, None])[..., None]
        joints = torch.linalg.solve(self.linear[:, None], offset)[..., 0] + (self.size - 1) / 2
        held = ((joints_px > -0.5) & (joints_px < self.source - 0.5)).all(-1)
        outside = ((joints < -0.5) | (joints > self.size - 0.5)).any(-1)
        known = held | outside
        other = self.other_side(joints_px.shape[1])
        joints = torch.where(self.mirrored[:, None, None], joints[:, other], joints)
        return joints, torch.where(self.mirrored[:, None], known[:, other], known)

    def other_side(self, count: int) -> Tensor:
        """(count,) index of each joint's counterpart in a mirrored image, of 17 or, with feet, 21."""
        return torch.as_tensor(skeleton_of(count).flip_permutation, device=self.linear.device)
