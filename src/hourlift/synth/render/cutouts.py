"""Objects in front of the person, cut out of photographs: table edges, foliage, furniture, with soft edges."""

from dataclasses import replace

import torch
from torch import Tensor

from hourlift.synth.core.draw import Draw
from hourlift.synth.render.compose import PASTED
from hourlift.synth.render.shade import Layer

_NEAR_M = 0.3
_CELLS = 6  # of the noise that roughens a cutout's outline


def paste_cutouts(draw: Draw, layer: Layer, bank: Tensor, share: float) -> Layer:
    """Paste a cutout in front of the person in a share of the images.

    Args:
        draw: One draw per image.
        layer: What was rendered.
        bank: (P, side, side, 3) uint8 photographs.
        share: Share of images with a cutout.
    """
    index = draw.chance(share).nonzero()[:, 0]
    image, kind = draw.integer(len(bank)), draw.choose([0.5, 0.25, 0.25])
    middle, half = 0.1 + 0.8 * draw.vector(2), 0.06 + 0.22 * draw.vector(2)
    edge, tilt = draw.uniform(0.45, 0.95), draw.normal(0, 0.15)
    frayed, zoom = draw.uniform(0.0, 0.45), draw.log_uniform(0.6, 1.6)
    noise = torch.randn(draw.count, 1, _CELLS, _CELLS, generator=draw.generator)
    left = draw.chance(0.5)
    if not len(index):
        return layer
    size = layer.mask.shape[1]
    along = (torch.arange(size) + 0.5) / size
    y, x = along[None, :, None], along[None, None, :]

    def of(values: Tensor) -> Tensor:
        return values[index].view(len(index), 1, 1)

    rough = torch.nn.functional.interpolate(noise[index], (size, size), mode="bicubic", align_corners=False)[:, 0]
    band = y - of(edge) - of(tilt) * (x - 0.5)  # below a table's edge
    beside = torch.where(of(left), of(edge) * 0.5 - x, x - 1 + of(edge) * 0.5) + of(tilt) * (y - 0.5)
    round_x, round_y = ((x - of(middle[:, 0])) / of(half[:, 0])), ((y - of(middle[:, 1])) / of(half[:, 1]))
    blob = (1 - (round_x**2 + round_y**2).sqrt()) * of(half.amin(1))
    inside = torch.where(of(kind) == 0, band, torch.where(of(kind) == 1, beside, blob))
    inside = inside + 0.06 * (of(frayed) + (of(kind) == 2)) * rough  # smooth ellipses do not occur in images
    alpha = (inside * size + 0.5).clamp(0, 1)
    texels = bank[image[index]].permute(0, 3, 1, 2).float() / 255
    centred = torch.stack(torch.broadcast_tensors(x - 0.5, y - 0.5), -1)[0]
    grid = 2 * centred[None] * zoom[index].clamp(max=1.0).view(-1, 1, 1, 1)
    pasted = torch.nn.functional.grid_sample(texels, grid, padding_mode="reflection", align_corners=False)
    over = alpha > 0.5
    colour, surface, depth, drawn = (
        layer.colour.clone(),
        layer.surface.clone(),
        layer.depth.clone(),
        layer.drawn.clone(),
    )
    colour[index] = torch.where(over[..., None], pasted.permute(0, 2, 3, 1), colour[index])
    surface[index] = torch.where(over, PASTED, surface[index])
    depth[index] = torch.where(over, _NEAR_M, depth[index])
    drawn[index] |= over
    mask = layer.mask.clone()
    mask[index] &= ~over
    return replace(layer, colour=colour, surface=surface, depth=depth, drawn=drawn, mask=mask)
