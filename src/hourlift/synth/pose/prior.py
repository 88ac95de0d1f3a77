"""A compact prior of poses, fitted to motion capture, which ships with hourlift.

A pose consists of the rotation vectors of the moving bones, with the heading removed from the root. Their principal
components follow a mixture of Gaussians, fitted by experiments/2026-11-generator/fit_prior.py. The file contains a
model, not the data: every centre is an average over a hundred frames or more, mirrored frames included, and samples
come from the distribution around it.

The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF
EIA-0196217. Standing people are also from ReActIdle (MIT licence, Copyright (c) 2025 [RSAIT]). The notes beside
pose_prior.npz have their terms.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import from_vector, quaternion, rotation_vector
from hourlift.synth.pose.retarget import fill_in, hold_hinges, mirrored

PRIOR_FILE = Path(__file__).with_name("pose_prior.npz")


@dataclass(frozen=True, kw_only=True)
class PosePrior:
    """A mixture of M Gaussians over D components of the rotation vectors of N bones.

    Attributes:
        bones: (N) labels.
        weights: (M,) of the Gaussians, sum 1.
        means: (M, D).
        factors: (M, D, D) lower Cholesky factors of the covariances.
        centre: (3 N,) mean rotation vectors, radians.
        basis: (D, 3 N) a rotation vector is centre + components @ basis.
        low: (3 N,) smallest values, except one in a thousand.
        high: (3 N,) largest values, except one in a thousand; draws are clamped to this range.
    """

    bones: list[str]
    weights: Tensor
    means: Tensor
    factors: Tensor
    centre: Tensor
    basis: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def load(cls, file: Path = PRIOR_FILE) -> "PosePrior":
        """Reads what `save` wrote."""
        with np.load(file, allow_pickle=False) as content:
            arrays = {key: content[key] for key in content.files}
        bones = arrays.pop("bones").tolist()
        lower = torch.from_numpy(arrays.pop("lower").astype(np.float32))
        tensors = {key: torch.from_numpy(array.astype(np.float32)) for key, array in arrays.items()}
        size = tensors["basis"].shape[0]
        factors = torch.zeros(len(lower), size, size)
        row, column = torch.tril_indices(size, size)
        factors[:, row, column] = lower
        return cls(bones=bones, factors=factors, **tensors)

    def save(self, file: Path) -> None:
        """Writes half-precision numbers."""
        row, column = torch.tril_indices(*self.factors.shape[1:])
        arrays = {name: value.numpy() for name, value in vars(self).items() if isinstance(value, Tensor)}
        arrays["lower"] = arrays.pop("factors")[:, row, column]
        halves: dict[str, Any] = {key: value.astype(np.float16) for key, value in arrays.items()}
        np.savez_compressed(file, bones=self.bones, **halves)

    def draw(self, draw: Draw, temperature: float = 1.0) -> Tensor:
        """Rotation vectors (B, N, 3)."""
        chosen = draw.choose(self.weights.tolist())
        noise = torch.randn(draw.count, self.means.shape[1], generator=draw.generator) * temperature
        components = self.means[chosen] + (self.factors[chosen] @ noise[..., None])[..., 0]
        vectors = self.centre + components @ self.basis
        return torch.minimum(torch.maximum(vectors, self.low), self.high).unflatten(1, (-1, 3))


def sample_prior(body: Body, draw: Draw, temperature: float = 1.0) -> Tensor:
    """Draws poses: rotations (B, K, 3, 3) of the body's bones in world axes, on the CPU.

    They roughly face the front of the rest pose; the root leans as in the data.

    Args:
        body: Body to pose.
        draw: One draw per person.
        temperature: Factor of the spread around the centres; below 1, poses are more typical.
    """
    prior = _shipped()
    rotations = torch.eye(3).repeat(draw.count, body.num_bones, 1, 1)
    rotations[:, [body.bone[bone] for bone in prior.bones]] = from_vector(prior.draw(draw, temperature))
    rotations = fill_in(body, hold_hinges(body, rotations), draw)
    return torch.where(draw.chance(0.5)[:, None, None, None], mirrored(body, rotations), rotations)


def pose_vectors(body: Body, rotations: Tensor, bones: list[str]) -> Tensor:
    """Rotation vectors (B, N, 3) of bones, the root's without heading."""
    turned = rotations.clone()
    turned[:, body.bone["root"]] = without_heading(turned[:, body.bone["root"]])
    return rotation_vector(turned[:, [body.bone[bone] for bone in bones]])


def without_heading(root: Tensor) -> Tensor:
    """Turns (B, 3, 3) without their part about the vertical."""
    real, _, _, z = quaternion(root).unbind(-1)
    half = torch.atan2(z, real)
    up = torch.tensor([0.0, 0.0, -1.0], device=root.device)
    return from_vector(2 * half[:, None] * up) @ root


@lru_cache(maxsize=1)
def _shipped() -> PosePrior:
    return PosePrior.load()
