"""Image degradations of a camera: blur, exposure, colour, noise, sharpening, compression. Batched, on the device.

Steps follow the order in a camera: lens and shutter (blur), low resolution, exposure with vignetting and white balance,
tone curve, colours; then, in luma and colour differences, noise, sharpening and JPEG. Rare steps run only on the
selected images: on a CPU, passes over memory dominate the cost.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from hourlift.synth.camera.jpeg import RGB_TO_YCC, YCC_TO_RGB, compress
from hourlift.synth.core.batch import Batch
from hourlift.synth.core.draw import Draw

_RESOLUTIONS = (0.7, 0.5, 0.35, 0.25)
_NOISE_SIDE = 512  # side of the noise tile that images are cut from
_DISPLAY_GAMMA = 2.2
_METERED = 0.45  # mean of a well exposed image
_BLURRED_SIDE = 384  # pixels; blur does not grow with larger images, to limit the kernels


@dataclass(frozen=True, kw_only=True)
class SensorConfig:
    """Deviations of images from an ideal camera.

    Every image has its own level, about 1, sometimes 0.3 or 3, which multiplies all degradations: most images look like
    those of a good phone, some are bad in all respects at once. Spreads are standard deviations at level 1.

    Attributes:
        strength: Factor of the levels; 0 turns all degradations off.
        level_spread: Spread of the logarithm of the level.
        blur_share: Share of images out of focus.
        blur: Largest radius of the disc of confusion at level 1, share of the image's side.
        motion_share: Share of images with a moving camera.
        motion: Longest streak at level 1, share of the side.
        low_resolution_share: Share of images with a quarter to 0.7 of the pixels along a side, enlarged again.
        auto_exposure: How far exposure moves an image's mean brightness towards middle grey: 0 not at all, 1
            completely.
        exposure_spread: Spread of the exposure error, in stops.
        contrast_spread: Spread of the slope of the tone curve at middle grey.
        cast_spread: Spread of the logarithm of the gains of red and blue.
        vignette_share: Share of images with darker corners.
        saturation_spread: Spread of the logarithm of the saturation.
        grey_share: Share of grey images.
        noise_share: Share of images with noise.
        noise: Noise at middle grey at level 1, in [0, 1]; half of its variance is shot noise.
        sharpen_share: Share of images with a halo at edges.
        jpeg_share: Share of images that were compressed.
        jpeg_quality: Lowest quality, at level 1 and above, and highest.
    """

    strength: float = 1.0
    level_spread: float = 0.5
    blur_share: float = 0.2
    blur: float = 0.006
    motion_share: float = 0.1
    motion: float = 0.02
    low_resolution_share: float = 0.1
    auto_exposure: float = 0.5
    exposure_spread: float = 0.35
    contrast_spread: float = 0.12
    cast_spread: float = 0.05
    vignette_share: float = 0.25
    saturation_spread: float = 0.2
    grey_share: float = 0.04
    noise_share: float = 0.8
    noise: float = 0.011
    sharpen_share: float = 0.35
    jpeg_share: float = 0.7
    jpeg_quality: tuple[float, float] = (35.0, 96.0)


OFF = SensorConfig(strength=0.0)
"""An ideal camera."""


@dataclass(frozen=True, kw_only=True)
class Sensors(Batch):
    """B cameras and files, on the CPU. Expand one over the frames of a clip to keep its look constant.

    Attributes:
        radius: (B,) of the disc of confusion, share of the image's side; 0 is sharp.
        streak: (B,) length of the camera's movement, share of the side; 0 is still.
        direction: (B,) of the movement, radians.
        resolution: (B,) pixels along the side over the image's; 1 is full.
        auto_exposure: (B,) 1 makes the image's mean that of middle grey, 0 leaves it.
        gain: (B, 3) of red, green and blue, after the display's gamma.
        contrast: (B,) slope of the tone curve at middle grey, less 1.
        vignette: (B,) share of the light that is lost in the corners.
        saturation: (B,) 1 is natural, 0 grey.
        shot: (B,) variance of the luma's noise per luma, in [0, 1].
        read: (B,) variance of the luma's noise in the dark.
        chroma: (B,) deviation of the colours' noise over the luma's.
        halo: (B,) strength of the sharpening; 0 is none.
        quality: (B,) of the JPEG file, 1 to 100; 0 was never compressed.
        noise_place: (B, 2) int64, part of the noise tile.
    """

    radius: Tensor
    streak: Tensor
    direction: Tensor
    resolution: Tensor
    auto_exposure: Tensor
    gain: Tensor
    contrast: Tensor
    vignette: Tensor
    saturation: Tensor
    shot: Tensor
    read: Tensor
    chroma: Tensor
    halo: Tensor
    quality: Tensor
    noise_place: Tensor


def sense(draw: Draw, images: Tensor, config: SensorConfig) -> Tensor:
    """Degrade images (B, 3, S, S) float32 in [0, 1]; the result has the same shape and range.

    Rounding to 8 bits is left to the caller.
    """
    return images if config.strength == 0 else expose(images, sample_sensors(draw, config))


def sample_sensors(draw: Draw, config: SensorConfig) -> Sensors:
    """Draw the parameters of cameras, good and bad."""
    level = (config.strength * (config.level_spread * draw.normal()).exp()).clamp(max=3.0)

    def rare(share: float, value: Tensor) -> Tensor:
        return torch.where(draw.chance(share), value, 0.0)

    exposure = config.exposure_spread * draw.normal() * level.sqrt()
    cast = config.cast_spread * torch.stack([draw.normal(), 0.3 * draw.normal(), draw.normal()], -1) * level[:, None]
    noise = config.noise * level * draw.log_uniform(0.3, 1.5)
    variance = torch.where(draw.chance(config.noise_share), noise**2, 0.0)
    low, high = config.jpeg_quality
    quality = (high - (high - low) * draw.uniform() ** 1.5 * level).clamp(8, high).round()
    low_resolution = draw.chance(config.low_resolution_share * min(1.0, config.strength))
    steps = torch.tensor(_RESOLUTIONS)[draw.choose((0.4, 0.35, 0.2, 0.05))]
    each = draw.unlike()
    return Sensors(
        radius=rare(config.blur_share, config.blur * level * draw.uniform(0.2, 1.0)).clamp(max=0.015),
        streak=rare(config.motion_share, config.motion * level * draw.uniform(0.2, 1.0)).clamp(max=0.05),
        direction=draw.turn(),
        resolution=torch.where(low_resolution, steps, 1.0),
        auto_exposure=torch.full_like(level, config.auto_exposure * min(1.0, config.strength)),
        gain=(2 ** (exposure / _DISPLAY_GAMMA))[:, None].clamp(0.5, 1.8) * cast.clamp(-0.3, 0.3).exp(),
        contrast=(config.contrast_spread * draw.normal() * level).clamp(-0.45, 0.45),
        vignette=rare(config.vignette_share, (0.25 * level * draw.uniform(0.3, 1.0)).clamp(max=0.6)),
        saturation=torch.where(
            draw.chance(config.grey_share * min(1.0, config.strength)),
            0.0,
            (config.saturation_spread * draw.normal() * level).clamp(-1.2, 0.6).exp(),
        ),
        shot=variance,  # at luma 0.5 it gives one half of the variance, the dark's noise the other
        read=variance / 2,
        chroma=draw.uniform(0.2, 0.8),
        halo=rare(config.sharpen_share, (0.6 * level * draw.uniform(0.2, 1.0)).clamp(max=1.5)),
        quality=rare(config.jpeg_share, quality),
        noise_place=torch.stack([each.integer(_NOISE_SIDE), each.integer(_NOISE_SIDE)], -1),
    )


def expose(images: Tensor, sensors: Sensors) -> Tensor:
    """Degrade images (B, 3, S, S) in [0, 1] with given cameras, one per image."""
    pixels = min(images.shape[-1], _BLURRED_SIDE)
    out = images.clone()
    _change(out, sensors, (sensors.radius * pixels > 0.2) | (sensors.streak * pixels > 0.5), _blur)
    for factor in _RESOLUTIONS:
        _change(out, sensors, sensors.resolution == factor, partial(_enlarge, factor=factor))
    _meter(out, sensors.auto_exposure.to(out))
    out *= sensors.gain.to(out)[..., None, None]
    _change(out, sensors, sensors.vignette > 0, _vignette)
    _tone(out.clamp_(0, 1), sensors.contrast.to(out)[:, None, None, None])
    saturation = torch.stack([torch.ones_like(sensors.saturation), sensors.saturation, sensors.saturation], -1)
    ycc = _transform((saturation[..., None] * RGB_TO_YCC).to(out), out)
    _change(ycc, sensors, sensors.read > 0, _add_noise)
    _change(ycc[:, :1], sensors, sensors.halo > 0, _sharpen)
    _change(ycc, sensors, sensors.quality > 0, lambda some, files: compress(some, files.quality))
    return _transform(YCC_TO_RGB.to(ycc).expand(len(ycc), 3, 3), ycc).clamp_(0, 1)


def point_spread(radius: Tensor, length: Tensor, direction: Tensor) -> Tensor:
    """Blur kernels (B, K, K) that sum to one: a disc drawn along a line.

    Args:
        radius: (B,) of the disc, pixels.
        length: (B,) of the line, pixels.
        direction: (B,) of the line, radians.
    """
    reach = math.ceil((radius + length / 2).max().item() + 0.5)
    y, x = torch.meshgrid(*[torch.arange(-reach, reach + 1.0, device=radius.device)] * 2, indexing="ij")
    cos, sin = direction.cos()[:, None, None], direction.sin()[:, None, None]
    along = ((x * cos + y * sin).abs() - length[:, None, None] / 2).clamp(min=0)
    weight = (radius[:, None, None] + 0.5 - torch.hypot(along, y * cos - x * sin)).clamp(0, 1)
    return weight / weight.sum((1, 2), keepdim=True)


def convolve(images: Tensor, kernels: Tensor) -> Tensor:
    """Images (B, C, H, W), each with its own kernel (B, K, K); the border is repeated outwards."""
    count, channels = images.shape[:2]
    reach = kernels.shape[-1] // 2
    padded = pad(images, (reach,) * 4, mode="replicate").view(
        1, count * channels, *[n + 2 * reach for n in images.shape[2:]]
    )
    weight = kernels[:, None].expand(-1, channels, -1, -1).reshape(count * channels, 1, *kernels.shape[1:])
    return conv2d(padded, weight, groups=count * channels).view_as(images)


def _change(images: Tensor, sensors: Sensors, chosen: Tensor, step: Callable[[Tensor, Sensors], Tensor]) -> None:
    """Replace selected images by the result of a step; `chosen` (B,) is on the CPU, so no synchronisation is needed."""
    index = chosen.nonzero()[:, 0]
    if len(index):
        there = index.to(images.device)
        images[there] = step(images[there], sensors.map(lambda value: value[index].to(images.device)))


def _blur(images: Tensor, sensors: Sensors) -> Tensor:
    pixels = min(images.shape[-1], _BLURRED_SIDE)
    return convolve(images, point_spread(sensors.radius * pixels, sensors.streak * pixels, sensors.direction))


def _enlarge(images: Tensor, sensors: Sensors, factor: float) -> Tensor:
    """Images of `factor` times the pixels along a side, back in their size."""
    del sensors
    size = images.shape[2:]
    few = interpolate(images, size=[max(1, round(factor * n)) for n in size], mode="bilinear", antialias=True)
    return interpolate(few, size=size, mode="bilinear", align_corners=False)


def _meter(images: Tensor, share: Tensor) -> None:
    """Move the mean of images (B, C, H, W) a share (B,) of the way to that of a well exposed image, in place.

    A factor m on the odds x / (1 - x) keeps black and white and clips nothing, like the shoulder of a video tone curve.
    """
    mean = images.mean((1, 2, 3)).clamp(0.04, 0.96)
    factor = ((1 / mean - 1) / (1 / _METERED - 1)) ** share
    factor = factor[:, None, None, None]
    below = images * (factor - 1)
    below += 1
    images *= factor
    images /= below


def _vignette(images: Tensor, sensors: Sensors) -> Tensor:
    y, x = (torch.linspace(-1, 1, n, device=images.device) ** 2 / 2 for n in images.shape[2:])
    return images.mul_((1 - sensors.vignette[:, None, None] * (y[:, None] + x))[:, None])


def _tone(images: Tensor, contrast: Tensor) -> None:
    """The cubic x + 4 c x (1 - x) (x - 1/2) through black, middle grey and white, steeper by c there; in place."""
    slope = images * (-4 * contrast)  # Horner's scheme in place: allocating memory costs more than arithmetic
    slope += 6 * contrast
    slope *= images
    slope += 1 - 2 * contrast
    images *= slope


def _transform(matrices: Tensor, images: Tensor) -> Tensor:
    """Colours (B, 3, H, W) times matrices (B, 3, 3)."""
    return torch.bmm(matrices, images.flatten(2)).view_as(images)


def _add_noise(ycc: Tensor, sensors: Sensors) -> Tensor:
    side = ycc.shape[-1]
    tile = _noise_tile(side, ycc.device)
    parts = tile.unfold(1, side, 1).unfold(2, side, 1)  # a view: every part of the tile
    noise = parts[:, sensors.noise_place[:, 0], sensors.noise_place[:, 1]].transpose(0, 1)  # (B, 3, S, S)
    luma = ycc[:, :1]
    deviation = (luma * sensors.shot[:, None, None, None]).add_(sensors.read[:, None, None, None]).sqrt_()
    luma.addcmul_(deviation, noise[:, :1]).clamp_(0, 1)
    deviation *= (sensors.chroma * sensors.saturation.clamp(max=1))[:, None, None, None]
    ycc[:, 1:].addcmul_(deviation, noise[:, 1:])
    return ycc


def _sharpen(luma: Tensor, sensors: Sensors) -> Tensor:
    """Sharpen: move luma (B, 1, S, S) away from its blurred version."""
    tent = torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0], device=luma.device) / 9
    soft = convolve(luma, torch.outer(tent, tent).expand(len(luma), 5, 5))
    return luma.lerp_(soft, -sensors.halo[:, None, None, None]).clamp_(0, 1)


@lru_cache(maxsize=2)
def _noise_tile(side: int, device: torch.device) -> Tensor:
    """Noise (3, N, N) of unit variance for luma, and coarser for colours; N is _NOISE_SIDE and `side` more.

    Neighbouring pixels are correlated, as after demosaicing. It is drawn once, because drawing it for every pixel would
    cost more than all other steps together.
    """
    side += _NOISE_SIDE
    noise = torch.randn(3, side, side, generator=torch.Generator().manual_seed(0))
    for channel, taps in ((0, (0.2, 1.0, 0.2)), (1, (0.5, 1.0, 1.0, 1.0, 0.5)), (2, (0.5, 1.0, 1.0, 1.0, 0.5))):
        for axis in (0, 1):
            shifted = [tap * noise[channel].roll(i - len(taps) // 2, axis) for i, tap in enumerate(taps)]
            noise[channel] = torch.stack(shifted).sum(0)
    noise -= noise.mean((1, 2), keepdim=True)
    return (noise / noise.std((1, 2), keepdim=True)).to(device)
