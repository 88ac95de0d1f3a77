"""Augmentation of a training batch: one affine warp per picture, then what a sensor does to it. Batched, on the device.

Shapes: B pictures (B, 3, S, S), J joints (B, J, 2) in pixels (centres at integers).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hourlift.geometry.skeleton import H36M17


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """How far pictures are changed; the defaults change nothing but flips.

    Attributes:
        flip: Probability of a mirrored picture, left and right joints exchanged.
        rotation_deg: Spread of the Gaussian angle.
        any_rotation: Share of pictures turned by any angle.
        zoom: Crops take a square of the picture's side divided by a factor log-uniform in this range.
        shift: Spread of the Gaussian shift, as a share of the crop's side.
        photometric: Strength of gain, contrast, colour, and gamma changes; 1 is strong.
        grey: Share of grey pictures.
        noise: Largest standard deviation of sensor noise, of 1.
        blur: Share of pictures of a lower resolution.
        patches: Share of pictures with an occluding patch: black, white, a colour, or noise.
    """

    flip: float = 0.5
    rotation_deg: float = 0.0
    any_rotation: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    photometric: float = 0.0
    grey: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    patches: float = 0.0


def augment(
    images: Tensor, joints_px: Tensor, size: int, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Warps, cuts to `size` and disturbs a batch.

    Args:
        images: (B, 3, S, S) uint8.
        joints_px: (B, 17, 2), Human3.6M order.
        size: Side of the answer, pixels.
        config: How far.
        generator: Of the CPU; the same state gives the same answer.

    Returns:
        Pictures (B, 3, size, size) float32 in [0, 1]; their joints (B, 17, 2) in pixels, also where they lie outside;
        known (B, 17) bool, False for a joint that the source picture did not hold although the crop reaches there.
    """
    count, device = len(images), images.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return (low + (high - low) * torch.rand(count, *shape, generator=generator)).to(device)

    def chance(probability: float) -> Tensor:
        return uniform(0, 1) < probability

    angle = torch.randn(count, generator=generator).to(device).clamp(-2.5, 2.5) * math.radians(config.rotation_deg)
    angle = torch.where(chance(config.any_rotation), uniform(-math.pi, math.pi), angle)
    zoom = torch.exp(uniform(math.log(config.zoom[0]), math.log(config.zoom[1])))
    shift = config.shift * torch.randn(count, 2, generator=generator).to(device).clamp(-2, 2)
    mirrored = chance(config.flip)
    pictures, joints, known = _warp(images, joints_px, size, angle, zoom, shift, mirrored, chance(0.5))
    if config.patches:
        pictures = _paste_patches(pictures, chance(config.patches), uniform)
    if config.blur:
        pictures = torch.where(chance(config.blur)[:, None, None, None], _lower_resolution(pictures, generator), pictures)
    if config.photometric:
        pictures = _recolour(pictures, config.photometric, uniform)
    if config.grey:
        grey = pictures.mean(1, keepdim=True).expand_as(pictures)
        pictures = torch.where(chance(config.grey)[:, None, None, None], grey, pictures)
    if config.noise:
        level = (config.noise * uniform(0, 1) ** 2)[:, None, None, None]
        pictures = pictures + level * torch.randn(pictures.shape, generator=generator).to(device)
    return pictures.clamp(0, 1), joints, known


def _warp(
    images: Tensor, joints_px: Tensor, size: int, angle: Tensor, zoom: Tensor, shift: Tensor, mirrored: Tensor,
    extended: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """One affine sampling per picture; `extended` pictures repeat their border where others are black."""
    source = images.shape[-1]
    step = source / (size * zoom)  # source pixels per pixel of the answer
    cos, sin = angle.cos() * step, angle.sin() * step
    sign = torch.where(mirrored, -1.0, 1.0)
    linear = torch.stack([cos * sign, -sin, sin * sign, cos], -1).view(-1, 2, 2)  # answer -> source
    middle = (source - 1) / 2 + shift * step[:, None] * size
    along = torch.arange(size, device=images.device) - (size - 1) / 2
    pixels = torch.stack(torch.meshgrid(along, along, indexing="xy"), -1).view(1, -1, 2)
    places = (pixels @ linear.mT + middle[:, None]).view(-1, size, size, 2)
    places = torch.where(extended[:, None, None, None], places.clamp(0, source - 1), places)
    grid = (places + 0.5) * (2 / source) - 1
    pictures = F.grid_sample(images.float() / 255, grid, align_corners=False)
    joints = torch.linalg.solve(linear[:, None], (joints_px - middle[:, None])[..., None])[..., 0] + (size - 1) / 2
    held = ((joints_px > -0.5) & (joints_px < source - 0.5)).all(-1)
    outside = ((joints < -0.5) | (joints > size - 0.5)).any(-1)
    known = held | outside
    other = torch.as_tensor(H36M17.flip_permutation, device=joints.device)
    joints = torch.where(mirrored[:, None, None], joints[:, other], joints)
    return pictures, joints, torch.where(mirrored[:, None], known[:, other], known)


def _lower_resolution(pictures: Tensor, generator: torch.Generator) -> Tensor:
    size = pictures.shape[-1]
    side = int(size * (0.3 + 0.5 * torch.rand((), generator=generator).item()))
    small = F.interpolate(pictures, size=(side, side), mode="area")
    return F.interpolate(small, size=(size, size), mode="bilinear")


def _recolour(pictures: Tensor, strength: float, uniform) -> Tensor:  # type: ignore[no-untyped-def]
    gamma = torch.exp(strength * uniform(-0.5, 0.5, 1, 1, 1))
    gain = torch.exp(strength * (uniform(-0.4, 0.4, 1, 1, 1) + uniform(-0.2, 0.2, 3, 1, 1)))
    contrast = torch.exp(strength * uniform(-0.5, 0.3, 1, 1, 1))
    saturation = torch.exp(strength * uniform(-1.2, 0.4, 1, 1, 1))
    pictures = pictures.clamp(1e-4, 1) ** gamma * gain
    mean = pictures.mean((1, 2, 3), keepdim=True)
    pictures = mean + (pictures - mean) * contrast
    grey = pictures.mean(1, keepdim=True)
    return grey + (pictures - grey) * saturation


def _paste_patches(pictures: Tensor, chosen: Tensor, uniform) -> Tensor:  # type: ignore[no-untyped-def]
    size = pictures.shape[-1]
    along = torch.arange(size, device=pictures.device)
    middle, half = uniform(0, 1, 2) * size, torch.exp(uniform(math.log(0.04), math.log(0.2), 2)) * size
    inside = (along[None, None] - middle[..., None]).abs() < half[..., None]  # (B, 2, S)
    patch = (inside[:, 0, None, :] & inside[:, 1, :, None] & chosen[:, None, None])[:, None]
    kind = uniform(0, 4, 1, 1, 1).floor()
    colour = torch.where(kind == 0, 0.0, torch.where(kind == 1, 1.0, uniform(0, 1, 3, 1, 1)))
    noisy = torch.where(kind == 3, pictures.roll(1, 0), colour.expand_as(pictures))  # part of another picture
    return torch.where(patch, noisy, pictures)
