"""People before a photograph take on how it was taken: its brightness, colour cast, contrast and sharpness.

Coarsely estimated, and followed only in part: a photograph of a meadow is green without any cast.
"""

import torch
from torch import Tensor

_MIDDLE_GREY, _TYPICAL_SPREAD = 0.46, 0.21  # of well exposed photographs' luma: mean and deviation
_TYPICAL_EDGES = 0.035  # mean step between neighbouring pixels of a sharp photograph
_EXPOSURE, _CAST, _CONTRAST = 0.55, 0.45, 0.5  # how far each is followed, as exponents
_LIMITS = (0.45, 1.7)
_LEAST_SOFTNESS = 0.15


def follow(colour: Tensor, drawn: Tensor, background: Tensor, chosen: Tensor) -> Tensor:
    """Colours of what is drawn, in some pictures like the background's.

    Args:
        colour: (B, S, S, 3) in [0, 1].
        drawn: (B, S, S) bool, where it holds.
        background: (B, S, S, 3) in [0, 1].
        chosen: (B,) bool, the pictures whose background is a photograph.
    """
    index = chosen.nonzero()[:, 0]
    if not len(index):
        return colour
    behind, front = background[index], colour[index]
    mean = behind.mean((1, 2)).clamp(min=0.02)
    luma = behind.mean(-1)
    exposure = (luma.mean((1, 2)) / _MIDDLE_GREY).clamp(*_LIMITS) ** _EXPOSURE
    cast = (mean / mean.mean(1, keepdim=True)).clamp(*_LIMITS) ** _CAST
    contrast = (luma.std((1, 2)) / _TYPICAL_SPREAD).clamp(*_LIMITS) ** _CONTRAST
    edges = (luma[:, :, 1:] - luma[:, :, :-1]).abs().mean((1, 2))
    softness = (1 - edges / _TYPICAL_EDGES).clamp(0, 0.85)
    front = front * (exposure[:, None] * cast)[:, None, None]
    pivot = _MIDDLE_GREY * exposure[:, None, None, None]
    front = pivot + (front - pivot) * contrast[:, None, None, None]
    soft = (softness > _LEAST_SOFTNESS).nonzero()[:, 0]
    if len(soft):
        blurred = _blurred(front[soft], drawn[index[soft]])
        front[soft] = torch.lerp(front[soft], blurred, softness[soft, None, None, None])
    front = front.clamp_(0, 1)
    colour = colour.clone()
    colour[index] = front
    return colour


def _blurred(colour: Tensor, drawn: Tensor) -> Tensor:
    """A tent three pixels wide over what is drawn, which nothing around it leaks into."""
    weight = drawn.float()[:, None]
    planes = torch.cat([colour.permute(0, 3, 1, 2) * weight, weight], 1)
    for _ in range(2):
        planes = torch.nn.functional.avg_pool2d(planes, (1, 3), 1, (0, 1))
        planes = torch.nn.functional.avg_pool2d(planes, (3, 1), 1, (1, 0))
    return (planes[:, :3] / planes[:, 3:].clamp(min=1e-3)).permute(0, 2, 3, 1)
