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


def quaternion(rotation: Tensor) -> Tensor:
    """Unit quaternion (..., 4), real part first and not negative, of a rotation (..., 3, 3).

    It is read from the largest column of the outer product q q^T, so that no turn is ill-conditioned.
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in rotation.unbind(-2))
    rows = [
        1 + a + e + i, h - f, c - g, d - b,
        h - f, 1 + a - e - i, b + d, c + g,
        c - g, b + d, 1 - a + e - i, f + h,
        d - b, c + g, f + h, 1 - a - e + i,
    ]  # fmt: skip
    outer = torch.stack(rows, -1).unflatten(-1, (4, 4))
    largest = outer.diagonal(dim1=-2, dim2=-1).argmax(-1)
    column = outer.gather(-2, largest[..., None, None].expand(*largest.shape, 1, 4)).squeeze(-2)
    column = torch.where(column[..., :1] < 0, -column, column)
    return torch.nn.functional.normalize(column, dim=-1)


def rotation_vector(rotation: Tensor) -> Tensor:
    """Axis times angle (..., 3), radians, of at most half a turn, of a rotation (..., 3, 3)."""
    real, imaginary = quaternion(rotation).split([1, 3], -1)
    sine = imaginary.norm(dim=-1, keepdim=True)
    # Near no turn at all, angle / sine tends to 2.
    return imaginary * torch.where(sine > _PARALLEL, 2 * torch.atan2(sine, real) / sine.clamp(min=_PARALLEL), 2.0)


def from_vector(vector: Tensor) -> Tensor:
    """Rotation (..., 3, 3) of axis times angle (..., 3), radians: undoes `rotation_vector`."""
    return axis_angle(vector, vector.norm(dim=-1))


def between(start: Tensor, end: Tensor, share: Tensor | float) -> Tensor:
    """Rotation (..., 3, 3) a share (...) of the way from one (..., 3, 3) to another, along the shortest turn."""
    share = torch.as_tensor(share, dtype=start.dtype, device=start.device)
    return start @ from_vector(share[..., None] * rotation_vector(start.mT @ end))
