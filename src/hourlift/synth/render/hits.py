"""Pixels that show a triangle: which triangle, where in it, and its depth."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.camera.views import NEAREST_M
from hourlift.synth.core.planar import image_of, in_batch, pixel_of, taken
from hourlift.synth.render.shadow import interpolation


@dataclass(frozen=True)
class Hits:
    """N pixels that show a triangle.

    Attributes:
        index: (N,) index in the flattened batch, ascending.
        image: (N,).
        triangle: (N,).
        corner: (3, N) places of the corners' first coordinates in the flattened vertices (B, 3, V).
        weights: (3, N) of the corners.
        depth: (N,) metres.
    """

    index: Tensor
    image: Tensor
    triangle: Tensor
    corner: Tensor
    weights: Tensor
    depth: Tensor


def find_hits(screen: Tensor, faces: Tensor, triangle: Tensor) -> tuple[Hits, Tensor]:
    """The pixels whose `triangle` (B, S, S) is one of `faces` (3, T), and the depth there, infinite elsewhere."""
    size = triangle.shape[-1]
    flat = triangle.flatten()
    index = ((flat >= 0) & (flat < faces.shape[1])).nonzero()[:, 0]
    image, hit = image_of(index, len(triangle), size), flat.index_select(0, index)
    corner = in_batch(taken(faces, hit), image, screen)
    weights, nearness = interpolation(screen, corner, *pixel_of(index, image, size))
    depth = torch.full(flat.shape, torch.inf, device=screen.device)
    seen_at = NEAREST_M / nearness
    depth.index_copy_(0, index, seen_at)
    return Hits(index, image, hit, corner, weights, seen_at), depth.view_as(triangle)


def take_hits(hits: Hits, chosen: Tensor) -> Hits:
    """Some of the hits, by index."""
    return Hits(*(taken(values, chosen) for values in vars(hits).values()))
