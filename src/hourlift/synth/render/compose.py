"""Composite images: bystanders, antialiased edges, and visibility of joints."""

from dataclasses import replace

import torch
from torch import Tensor

from hourlift.data.sample import OCCLUDED, OUTSIDE, SELF_OCCLUDED, VISIBLE
from hourlift.synth.camera.views import Views
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.planar import image_of, pixel_of, put
from hourlift.synth.render.shade import Layer

JOINT_DEPTH_MM = 140.0
"""A joint farther than this behind the visible surface in front of it is hidden."""

_DEPTH_STEP = 0.03  # of the depth, between neighbouring pixels: an edge within the person
PASTED = 100
"""Value of Layer.surface for objects pasted over the person."""
_TENT = ((1, 2, 1), (2, 4, 2), (1, 2, 1))


def paste_people(
    draw: Draw, layer: Layer, views: Views, joints: Tensor, floor: Tensor, share: float
) -> tuple[Layer, Tensor]:
    """Paste other people of the batch into the images, on the same floor and with the correct size.

    They are cut out of their own images, so their light and their camera height are not exact.

    Args:
        draw: One draw per image.
        layer: What was rendered.
        views: The cameras.
        joints: (B, 17, 3) of the people, world, metres; the first is the pelvis.
        floor: (B,) height of the floor in each image.
        share: Share of images with another person.

    Returns:
        The layer with them, and the pixels (B, S, S) bool in which they hide the person.
    """
    size, device = views.size, joints.device
    chosen = draw.chance(share)
    near, aside, ahead = draw.chance(0.4), draw.uniform(0.15, 1.5), draw.uniform(0.4, 3.5)
    left = draw.chance(0.5)
    chosen, near, aside, ahead, left = (value.to(device) for value in (chosen, near, aside, ahead, left))
    where = chosen.nonzero()[:, 0]
    if not len(where):
        return layer, torch.zeros_like(layer.mask)
    donor = (where + 1) % len(joints)

    def stand(index: Tensor) -> Tensor:
        return torch.cat([joints[index, 0, :2], floor[index, None]], 1)

    def at(index: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        chosen_views = views.map(lambda value: value[index])
        camera = chosen_views.to_camera(point[:, None])
        return chosen_views.project(camera)[:, 0], camera[:, 0, 2].clamp(min=0.5)

    # Beside the person, and behind or in front of them, as seen by the camera.
    sight = torch.nn.functional.normalize(joints[where, 0, :2] - views.eye[where, :2], dim=-1)
    across = torch.stack([-sight[:, 1], sight[:, 0]], -1) * torch.where(left, 1.0, -1.0)[where, None]
    _, distance = at(where, joints[where, 0])
    forward = torch.where(near[where], -torch.minimum(ahead[where] * 0.5, 0.5 * distance), ahead[where])
    beside = aside[where] * torch.where(near[where], 0.5, 1.0)
    spot = stand(where)
    spot[:, :2] = spot[:, :2] + forward[:, None] * sight + beside[:, None] * across
    target, depth = at(where, spot)
    source, source_depth = at(donor, stand(donor))
    scale = (views.focal[donor] / source_depth) / (views.focal[where] / depth)  # source pixels per pixel
    scale = scale.clamp(0.2, 4)
    # affine_grid's coordinates: -1 and 1 are the outer edges of the first and last pixel.
    offset = ((source - scale[:, None] * target + 0.5 - 0.5 * scale[:, None]) * 2 / size - 1) + scale[:, None]
    zero = torch.zeros_like(scale)
    affine = torch.stack([scale, zero, offset[:, 0], zero, scale, offset[:, 1]], -1).view(-1, 2, 3)
    other = torch.cat([layer.colour[donor], layer.mask[donor][..., None].float()], -1).permute(0, 3, 1, 2)
    grid = torch.nn.functional.affine_grid(affine, [len(where), 4, size, size], align_corners=False)
    moved = torch.nn.functional.grid_sample(other, grid, mode="nearest", align_corners=False).permute(0, 2, 3, 1)
    there = (moved[..., 3] > 0.5) & (depth[:, None, None] < layer.depth[where])

    colour, drawn, surface = layer.colour.clone(), layer.drawn.clone(), layer.surface.clone()
    hidden = torch.zeros_like(layer.mask)
    colour[where] = torch.where(there[..., None], moved[..., :3], colour[where])
    drawn[where] |= there
    hidden[where] = there & layer.mask[where]
    surface[where] = torch.where(there, PASTED, surface[where])
    depths = layer.depth.clone()
    depths[where] = torch.where(there, depth[:, None, None], depths[where])
    return replace(layer, colour=colour, drawn=drawn, surface=surface, depth=depths, mask=layer.mask & ~hidden), hidden


def smooth_edges(image: Tensor, surface: Tensor, depth: Tensor) -> Tensor:
    """Blur only the pixels (B, S, S, 3) next to edges, with a tent one pixel wide, for antialiasing.

    Args:
        image: (B, S, S, 3), may be changed in place.
        surface: (B, S, S), there is an edge where it changes.
        depth: (B, S, S), there is an edge where it jumps.
    """
    size = surface.shape[-1]
    step = depth.clamp(max=1e4)

    def changes(first: tuple[slice, ...], second: tuple[slice, ...]) -> Tensor:
        jump = (step[first] - step[second]).abs_() > _DEPTH_STEP * step[first]
        return (surface[first] != surface[second]) | (jump & (surface[first] == 0))

    every, before, after = slice(None), slice(None, -1), slice(1, None)
    across = changes((every, every, before), (every, every, after))
    down = changes((every, before), (every, after))
    edge = torch.zeros_like(surface, dtype=torch.bool)
    edge[:, :, :-1] |= across
    edge[:, :, 1:] |= across
    edge[:, :-1] |= down
    edge[:, 1:] |= down
    index = edge.flatten().nonzero()[:, 0]
    of = image_of(index, len(image), size)
    column, row = pixel_of(index, of, size)
    rows = image.permute(0, 3, 1, 2).contiguous()  # an image from `Layer` is not copied
    place = torch.add(index, of, alpha=2 * size**2)
    steps = {d: ((column + d).clamp_(0, size - 1) - column).int() for d in (-1, 0, 1)}
    down_by = {d: ((row + d).clamp_(0, size - 1) - row).int() * size for d in (-1, 0, 1)}
    total = torch.zeros(3, len(index), device=image.device)
    flat = rows.flatten()
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            near = place + down_by[dy] + steps[dx]
            for channel in range(3):
                texels = flat[channel * size**2 :].index_select(0, near)
                total[channel].add_(texels, alpha=_TENT[dy + 1][dx + 1] / 16)
    put(rows, index, of, total)
    return rows.permute(0, 2, 3, 1)


def visibility(joints_px: Tensor, joints_cam: Tensor, layer: Layer) -> Tensor:
    """Visibility (B, 17) of joints, given in pixels and in metres in the camera frame, from the image."""
    size = layer.mask.shape[1]
    inside = ((joints_px > -0.5) & (joints_px < size - 0.5)).all(-1)
    column, row = joints_px.round().long().clamp(0, size - 1).unbind(-1)
    batch = torch.arange(len(joints_px), device=row.device)[:, None]
    behind = joints_cam[..., 2] - layer.depth[batch, row, column] > JOINT_DEPTH_MM / 1000
    before = (joints_cam[..., 2] > layer.depth[batch, row, column]) & (layer.surface[batch, row, column] > 0)
    state = torch.where(behind, SELF_OCCLUDED, VISIBLE)
    state = torch.where(before, OCCLUDED, state)
    return torch.where(inside, state, OUTSIDE)
