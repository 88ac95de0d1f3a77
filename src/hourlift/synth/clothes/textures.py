"""Textures at several sizes, sampled smoothly at positions (u, v), for skins, clothes and hair."""

from dataclasses import dataclass

import cv2
import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SIDE = 512
"""Side of the textures in pixels."""
LEVELS = 7
"""Sizes of each: 512, 256, ... 8 pixels."""
PER_TEXTURE = sum((SIDE >> level) ** 2 for level in range(LEVELS))


@dataclass(frozen=True)
class Textures:
    """N textures.

    Attributes:
        texels: (N * PER_TEXTURE, 4) uint8 RGBA; each texture's levels one after the other, each row by row.
    """

    texels: NDArray[np.uint8]

    def colours(self, texture: Tensor, u: Tensor, v: Tensor, level: Tensor) -> Tensor:
        """Display colours (3, N) in [0, 1].

        Args:
            texture: (N,) int64 index.
            u: (N,) place from the left edge, in textures, repeating; so is v from the lower edge.
            v: (N,).
            level: (N,) float, 0 for the largest size, 1 for half of it, ...
        """
        out = torch.empty(3, len(texture))
        if len(texture):
            u, v, level = (values.contiguous() for values in (u, v, level))
            _sample(self.texels, texture.numpy(), u.numpy(), v.numpy(), level.numpy(), out.numpy())
        return out


def build_levels(image: NDArray[np.uint8], used: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """All sizes (PER_TEXTURE, 4) of a texture.

    Args:
        image: (SIDE, SIDE, 4) RGBA.
        used: (SIDE, SIDE) the texels that a mesh shows; the colours of others are spread from these, so that smaller
            sizes have no seams.
    """
    alpha = image[..., 3].astype(np.float32)
    weight = (used & (alpha > 16)).astype(np.float32)
    if not weight.any():
        weight[:] = 1.0
    colour = image[..., :3].astype(np.float32) * weight[..., None]
    pyramid: list[tuple[NDArray, NDArray, NDArray]] = []
    for level in range(LEVELS):
        pyramid.append((colour, weight, alpha))
        side = SIDE >> (level + 1)
        smaller = [cv2.resize(x, (side, side), interpolation=cv2.INTER_AREA) for x in pyramid[-1]]
        colour, weight, alpha = (np.asarray(x, np.float32) for x in smaller)
    total = max(float(pyramid[-1][1].sum()), 1e-6)
    coarser = np.broadcast_to(pyramid[-1][0].sum((0, 1)) / total, (SIDE >> LEVELS - 1, SIDE >> LEVELS - 1, 3))
    levels: list[NDArray[np.uint8]] = []
    for colour, weight, alpha in reversed(pyramid):
        side = len(colour)
        below = cv2.resize(np.ascontiguousarray(coarser), (side, side), interpolation=cv2.INTER_LINEAR)
        share = np.minimum(weight, 1.0)[..., None]
        filled = colour + (1 - share) * below
        levels.insert(0, np.concatenate([filled, alpha[..., None]], -1).round().clip(0, 255).astype(np.uint8))
        coarser = filled
    return np.concatenate([level.reshape(-1, 4) for level in levels])


@numba.njit(inline="always")
def level_start(level: int) -> int:
    """Where a level begins among a texture's texels: behind 4/3 (512^2 - side^2) of larger ones."""
    side = SIDE >> level
    return (SIDE * SIDE - side * side) // 3 * 4


@numba.njit(parallel=True, cache=True, nogil=True)
def _sample(texels, texture, u, v, level, out):  # type: ignore[no-untyped-def]
    for i in numba.prange(len(texture)):
        lod = min(max(int(level[i] + 0.5), 0), LEVELS - 1)
        side = SIDE >> lod
        start = texture[i] * PER_TEXTURE + level_start(lod)
        x = (u[i] - np.floor(u[i])) * side - 0.5
        y = (1.0 - (v[i] - np.floor(v[i]))) * side - 0.5
        column, row = int(np.floor(x)), int(np.floor(y))
        right, down = x - column, y - row
        left, top = min(max(column, 0), side - 1), min(max(row, 0), side - 1)
        after, below = min(max(column + 1, 0), side - 1), min(max(row + 1, 0), side - 1)
        for c in range(3):
            upper = texels[start + top * side + left, c] * (1 - right) + texels[start + top * side + after, c] * right
            lower = (
                texels[start + below * side + left, c] * (1 - right) + texels[start + below * side + after, c] * right
            )
            out[c, i] = (upper * (1 - down) + lower * down) / 255.0
