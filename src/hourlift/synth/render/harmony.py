"""Adapt people in front of a photograph to it: direction of light, brightness, colour cast, contrast, sharpness.

The photograph's properties are estimated coarsely and applied only in part: a photograph of a meadow is green without
a colour cast.
"""

from dataclasses import replace

import cv2
import torch
from torch import Tensor

from hourlift.synth.camera.views import Views
from hourlift.synth.render.light import Light

_MIDDLE_GREY, _TYPICAL_SPREAD = 0.46, 0.21  # mean and deviation of the luma of well exposed photographs
_TYPICAL_EDGES = 0.035  # mean step between neighbouring pixels of a sharp photograph
_EXPOSURE, _CAST, _CONTRAST = 0.55, 0.45, 0.25  # strength of each adaptation, as exponents: a plain wall is not haze
_SOFTEST = 0.5  # a plain wall has no edges to measure sharpness
_LIMITS = (0.45, 1.7)
_LEAST_SOFTNESS = 0.15
_EVERY = 4  # every fourth row of the background is measured

_LEAST_SIDED = 0.08  # minimum difference between halves, as a share of the mean, to determine the side of the light


def light_from_bright_side(light: Light, background: Tensor, views: Views, chosen: Tensor) -> Light:
    """Move the lamp of each light to the brighter side of the background.

    Args:
        light: B lights.
        background: (B, S, S, 3) in [0, 1].
        views: The cameras.
        chosen: (B,) bool, the images whose background is a photograph.
    """
    columns = background[:, ::_EVERY].mean((1, 3))  # (B, S)
    left, right = (half.mean(1) for half in columns.tensor_split(2, 1))
    sided = (right - left) / (right + left).clamp(min=1e-3)
    level = views.rotation[:, 0] * torch.tensor([1.0, 1.0, 0.0], device=background.device)
    to_the_right = torch.nn.functional.normalize(level, dim=1)  # the lamp keeps its height
    across = (light.direction * to_the_right).sum(1)
    wrong = chosen & (sided.abs() > _LEAST_SIDED / 2) & (across * sided < 0)
    mirrored = light.direction - 2 * across[:, None] * to_the_right
    return replace(light, direction=torch.where(wrong[:, None], mirrored, light.direction))


def follow(colour: Tensor, drawn: Tensor, background: Tensor, chosen: Tensor) -> Tensor:
    """Adapt the colours of drawn people, in some images, to the background.

    Args:
        colour: (B, S, S, 3) in [0, 1], a view of (B, 3, S, S); changed in place.
        drawn: (B, S, S) bool, where the colour is valid.
        background: (B, S, S, 3) in [0, 1].
        chosen: (B,) bool, the images whose background is a photograph.
    """
    index = chosen.nonzero()[:, 0]
    if not len(index):
        return colour
    behind = background[:, ::_EVERY].movedim(-1, 1)[index]  # (N, 3, S / 4, S)
    mean = behind.mean((2, 3)).clamp(min=0.02)
    luma = behind.mean(1)
    exposure = (luma.mean((1, 2)) / _MIDDLE_GREY).clamp(*_LIMITS) ** _EXPOSURE
    cast = (mean / mean.mean(1, keepdim=True)).clamp(*_LIMITS) ** _CAST
    contrast = (luma.std((1, 2)) / _TYPICAL_SPREAD).clamp(*_LIMITS) ** _CONTRAST
    edges = (luma[:, :, 1:] - luma[:, :, :-1]).abs().mean((1, 2))
    softness = (1 - edges / _TYPICAL_EDGES).clamp(0, _SOFTEST)
    gain = (contrast * exposure)[:, None] * cast
    offset = _MIDDLE_GREY * exposure * (1 - contrast)
    for n, image in enumerate(index.tolist()):
        front = colour[image].movedim(-1, 0)  # (3, S, S)
        front.mul_(gain[n, :, None, None]).add_(offset[n])
        if softness[n] > _LEAST_SOFTNESS:
            _soften(front, drawn[image], float(softness[n]))
        front.clamp_(0, 1)
    return colour


def _soften(planes: Tensor, drawn: Tensor, share: float) -> None:
    """Move planes (3, S, S), in place, a share of the way to a blur of the drawn pixels only."""
    weight = drawn.float()
    total = _tent(weight).clamp_(min=1e-3)
    for plane in planes:
        plane.lerp_(_tent(plane * weight).div_(total), share)


def _tent(plane: Tensor) -> Tensor:
    """A plane (S, S) under a tent of five pixels, with zeros around it."""
    once = cv2.blur(plane.cpu().numpy(), (3, 3), borderType=cv2.BORDER_CONSTANT)
    return torch.from_numpy(cv2.blur(once, (3, 3), borderType=cv2.BORDER_CONSTANT)).to(plane.device)
