"""Shading of lit points."""

import torch
from torch import Tensor

from hourlift.synth.clothes.paint import spread
from hourlift.synth.core.planar import dot, unit
from hourlift.synth.render.light import Light


def light_points(
    colour: Tensor,
    normal: Tensor,
    toward: Tensor,
    light: Light,
    image: Tensor,
    gloss: Tensor,
    lamp_share: Tensor,
    wrap: Tensor,
) -> Tensor:
    """Display colours (3, N) of lit points: Lambert and Blinn-Phong under a lamp, and light from sky and ground.

    Args:
        colour: (3, N) unlit display colours.
        normal: (3, N) unit vectors; so is toward, the way to the camera.
        toward: (3, N).
        light: On each image.
        image: (N,) each point's.
        gloss: (N,) strength of highlights.
        lamp_share: (N,) of the lamp's light that arrives.
        wrap: (3, N) or (N,), how far light extends beyond the edge of the lit side, in cosines, by colour.
    """
    table = torch.cat([light.direction, light.lamp, light.sky, light.ground, light.sides.flatten(1)], 1)
    direction, lamp, sky, ground, along_x, along_y = spread(table.T, image).split(3)
    lamp *= lamp_share
    diffuse = (dot(normal, direction) + wrap).div_(1 + wrap).clamp_(min=0)
    ambient = ground.lerp_(sky, normal[2].mul(0.5).add_(0.5))
    ambient = ambient.addcmul_(along_x, normal[0]).addcmul_(along_y, normal[1]).clamp_(min=0)
    shine = dot(normal, unit(direction.add_(toward))).clamp_(min=0)
    for _ in range(4):  # to the power of 16
        shine *= shine
    # Grazing angles darken a little: a cheap stand-in for ambient occlusion at the contours.
    rim = dot(normal, toward).clamp_(0, 1).mul_(0.25).add_(0.75)
    linear = ambient.mul_(rim).addcmul_(diffuse, lamp).mul_(colour).mul_(colour).addcmul_(lamp, shine.mul_(gloss))
    return linear.clamp_(0, 1).sqrt_()
