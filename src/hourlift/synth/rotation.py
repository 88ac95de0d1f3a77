"""Rotation matrices from axes and angles, batched."""

import math

import torch
from torch import Tensor

RAD = math.pi / 180
"""Radians per degree."""

_PARALLEL = 1e-6  # sine below which two directions have no common plane


def axis_angle(axis: Tensor, angle: Tensor) -> Tensor:
    """Rotation (..., 3, 3) by `angle` (...), radians, about `axis` (..., 3) of any length (Rodrigues)."""
    x, y, z = torch.nn.functional.normalize(axis, dim=-1).expand(*angle.shape, 3).unbind(-1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    rest = 1 - cos
    rows = [
        cos + x * x * rest, x * y * rest - z * sin, x * z * rest + y * sin,
        y * x * rest + z * sin, cos + y * y * rest, y * z * rest - x * sin,
        z * x * rest - y * sin, z * y * rest + x * sin, cos + z * z * rest,
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def about(axis: int, degrees: Tensor) -> Tensor:
    """Rotation (B, 3, 3) by `degrees` (B,) about the axis x (0), y (1) or z (2)."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    angle = degrees * RAD
    rotation = torch.eye(3).repeat(len(degrees), 1, 1)
    rotation[:, first, first] = rotation[:, second, second] = angle.cos()
    rotation[:, second, first] = angle.sin()
    rotation[:, first, second] = -angle.sin()
    return rotation


def align(source: Tensor, target: Tensor) -> Tensor:
    """Smallest rotation (..., 3, 3) that turns the direction `source` (..., 3) onto `target` (..., 3).

    Half a turn, for opposite directions, is about any axis at a right angle to them.
    """
    source = torch.nn.functional.normalize(source, dim=-1).expand_as(target)
    target = torch.nn.functional.normalize(target, dim=-1)
    axis = torch.linalg.cross(source, target)
    sine, cosine = axis.norm(dim=-1), (source * target).sum(-1)
    # The coordinate axis farthest from the direction has a common plane with it.
    anything = torch.linalg.cross(source, torch.eye(3, device=source.device)[source.abs().argmin(-1)])
    return axis_angle(torch.where((sine < _PARALLEL)[..., None], anything, axis), torch.atan2(sine, cosine))
