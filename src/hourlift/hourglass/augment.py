"""Augmentation of a training batch: one affine warp per image, then sensor effects. Batched, on the device.

Shapes: B images (B, 3, S, S), J joints (B, J, 2) in pixels (centres at integers).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass.warp import Draws, Warp

_SHOULDERS, _HIPS = (list(H36M17.indices(f"l_{joint}", f"r_{joint}")) for joint in ("shoulder", "hip"))
_MAX_SPREADS = 2.5, 2.0  # Gaussian angle and shift are truncated at this many standard deviations


@dataclass(frozen=True, kw_only=True)
class AugmentConfig:
    """The strength of the augmentation; by default there are only flips.

    Attributes:
        flip: Probability of a mirrored image, left and right joints exchanged.
        rotation_deg: Standard deviation of the Gaussian angle.
        any_rotation: Share of images turned by any angle.
        upright: Share of images turned until the trunk points up, except for the Gaussian angle, as in the turned crop
            of a leaning person (`predict.models.keypoints`).
        zoom: Range of the log-uniform factor by which the crop is smaller than the image.
        shift: Standard deviation of the Gaussian shift, over the crop's side.
        stretch: Range of the log-uniform width over height by which the source was distorted, which is undone.
        photometric: Strength of gain, contrast, colour, and gamma changes; 1 is strong.
        grey: Share of grey images.
        noise: Largest standard deviation of sensor noise, in a range of 1.
        blur: Share of images with reduced resolution.
        patches: Share of images with an occluding patch: black, white, a colour, or a part of another image.
    """

    flip: float = 0.5
    rotation_deg: float = 0.0
    any_rotation: float = 0.0
    upright: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    shift: float = 0.0
    stretch: tuple[float, float] = (1.0, 1.0)
    photometric: float = 0.0
    grey: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    patches: float = 0.0


def augment(
    images: Tensor, joints_px: Tensor, size: int, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Warps and degrades a batch, and crops it to `size`.

    Args:
        images: (B, 3, S, S) uint8.
        joints_px: (B, 17, 2), Human3.6M order.
        size: Side of the result, pixels.
        config: Strength of the augmentation.
        generator: On the CPU; the same state gives the same result.

    Returns:
        Images (B, 3, size, size) float32 in [0, 1]; their joints (B, 17, 2) in pixels, also outside the image;
        known (B, 17) bool, False for a joint that is in the crop, but outside the source image.
    """
    changed, warp = augment_images(images, joints_px, size, config, generator)
    return changed, *warp.move(joints_px)


def augment_images(
    images: Tensor, joints_px: Tensor, size: int, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Warp]:
    """The images of `augment`, and their warp, for other annotations."""
    draws = Draws(len(images), images.device, generator)
    warp = _sample_warp(draws, trunk_tilt(joints_px), images.shape[-1], size, config)
    return _disturb(warp.sample(images, draws.chance(0.5)), draws, config), warp


def _disturb(images: Tensor, draws: Draws, config: AugmentConfig) -> Tensor:
    """Add occluding patches and sensor effects to images (B, 3, S, S) in [0, 1]."""
    if config.patches:
        images = _paste_patches(images, draws.chance(config.patches), draws)
    if config.blur:
        blurred = draws.chance(config.blur)[:, None, None, None]
        images = torch.where(blurred, _lower_resolution(images, draws), images)
    if config.photometric:
        images = _recolour(images, config.photometric, draws)
    if config.grey:
        grey = images.mean(1, keepdim=True).expand_as(images)
        images = torch.where(draws.chance(config.grey)[:, None, None, None], grey, images)
    if config.noise:
        level = (config.noise * draws.uniform(0, 1) ** 2)[:, None, None, None]  # most images have little noise
        images = images + level * draws.normal(*images.shape[1:])
    return images.clamp(0, 1)


def trunk_tilt(joints_px: Tensor) -> Tensor:
    """Lean of the trunks of people (B, 17, 2) to the right in the image: (B,) radians, 0 if unknown.

    From hips to shoulders, which all data sets annotate; `predict.models.keypoints.trunk_tilt` uses other joints.
    """
    up = joints_px[:, _SHOULDERS].sum(1) - joints_px[:, _HIPS].sum(1)
    return torch.atan2(up[:, 0], -up[:, 1]).nan_to_num()


def _sample_warp(draws: Draws, tilt: Tensor, source: int, size: int, config: AugmentConfig) -> Warp:
    """The warps of a batch, from images of side `source` with trunks that lean by `tilt`, to images of `size`."""
    most_angle, most_shift = _MAX_SPREADS
    angle = draws.normal().clamp(-most_angle, most_angle) * math.radians(config.rotation_deg)
    if config.upright:
        angle = torch.where(draws.chance(config.upright), angle + tilt, angle)
    angle = torch.where(draws.chance(config.any_rotation), draws.uniform(-math.pi, math.pi), angle)
    zoom = torch.exp(draws.uniform(math.log(config.zoom[0]), math.log(config.zoom[1])))
    shift = config.shift * draws.normal(2).clamp(-most_shift, most_shift)
    mirrored = draws.chance(config.flip)
    step = source / (size * zoom)  # source pixels per pixel of the result
    cos, sin = angle.cos() * step, angle.sin() * step
    sign = torch.where(mirrored, -1.0, 1.0)
    linear = torch.stack([cos * sign, -sin, sin * sign, cos], -1).view(-1, 2, 2)
    if config.stretch != (1.0, 1.0):
        stretch = torch.exp(0.5 * draws.uniform(math.log(config.stretch[0]), math.log(config.stretch[1])))
        linear = linear * torch.stack([stretch, 1 / stretch], -1)[:, :, None]
    return Warp(
        linear=linear,
        middle=(source - 1) / 2 + shift * step[:, None] * size,
        mirrored=mirrored,
        source=source,
        size=size,
    )


def _lower_resolution(images: Tensor, draws: Draws) -> Tensor:
    """Reduce the images to 30 to 80 % of their resolution, the same for all."""
    size = images.shape[-1]
    side = int(size * (0.3 + 0.5 * draws.once()))
    small = F.interpolate(images, size=(side, side), mode="area")
    return F.interpolate(small, size=(size, size), mode="bilinear")


def _recolour(images: Tensor, strength: float, draws: Draws) -> Tensor:
    """Change exposure, white balance, contrast and saturation; all ranges are logarithmic."""
    gamma = torch.exp(strength * draws.uniform(-0.5, 0.5, 1, 1, 1))
    gain = torch.exp(strength * (draws.uniform(-0.4, 0.4, 1, 1, 1) + draws.uniform(-0.2, 0.2, 3, 1, 1)))
    contrast = torch.exp(strength * draws.uniform(-0.5, 0.3, 1, 1, 1))
    saturation = torch.exp(strength * draws.uniform(-1.2, 0.4, 1, 1, 1))
    images = images.clamp(1e-4, 1) ** gamma * gain
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * contrast
    grey = images.mean(1, keepdim=True)
    return grey + (images - grey) * saturation


def _paste_patches(images: Tensor, chosen: Tensor, draws: Draws) -> Tensor:
    """One patch on each of the `chosen` (B,) images; a side is 8 to 40 % of the image's."""
    size = images.shape[-1]
    along = torch.arange(size, device=images.device)
    middle, half = draws.uniform(0, 1, 2) * size, torch.exp(draws.uniform(math.log(0.04), math.log(0.2), 2)) * size
    inside = (along[None, None] - middle[..., None]).abs() < half[..., None]  # (B, 2, S)
    patch = (inside[:, 0, None, :] & inside[:, 1, :, None] & chosen[:, None, None])[:, None]
    kind = draws.uniform(0, 4, 1, 1, 1).floor()  # black, white, a colour, another image
    colour = torch.where(kind == 0, 0.0, torch.where(kind == 1, 1.0, draws.uniform(0, 1, 3, 1, 1)))
    content = torch.where(kind == 3, images.roll(1, 0), colour)
    return torch.where(patch, content, images)
