"""Light and surroundings from panoramas of high dynamic range, as Radiance `.hdr` files."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourlift.errors import UserError
from hourlift.synth.camera.views import Views
from hourlift.synth.core.batch import Batch
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, about
from hourlift.synth.render.backdrop import FARTHEST_M, rays
from hourlift.synth.render.light import Light

HEIGHT, WIDTH = 256, 512
_LAMP_SHARE = 0.002  # share of a panorama's directions, the brightest, that are the lamp
_LAMP_RADIUS = math.radians(25)  # radius of the lamp around the brightest point
_WHITE_QUANTILE = 0.85  # quantile of the panorama's luminance that is shown as light grey
_SHOWN_AS = 0.7
_WHITE_BALANCE = 0.75  # how far a camera compensates for the colour of the light


@dataclass(frozen=True)
class Probes:
    """N panoramas, and their light on surfaces.

    Attributes:
        images: (N, HEIGHT, WIDTH, 3) uint8, for display: as a camera exposed for the place shows it.
        lamp: (N, 3) light on a surface facing the main light, linear, relative to white.
        direction: (N, 3) unit vectors towards it; x and y are horizontal, z is up.
        ambient: (N, 4, 3) light from everywhere else on a surface of unit normal n: ambient[0] + n . ambient[1:].
        hardness: (N,) share of the light that is the lamp's, from straight ahead of it.
    """

    images: Tensor
    lamp: Tensor
    direction: Tensor
    ambient: Tensor
    hardness: Tensor

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, kw_only=True)
class Surroundings(Batch):
    """Panoramas of B images.

    Attributes:
        probe: (B,) index of the panorama, -1 for none.
        yaw: (B,) rotation of the panorama, radians.
    """

    probe: Tensor
    yaw: Tensor


@lru_cache(maxsize=2)
def load_probes(folder: Path) -> Probes:
    """Load the panoramas of a folder.

    Raises:
        ValueError: as for `panorama_paths`, or a panorama cannot be read.
    """
    measured = [_measure(_read(path)) for path in panorama_paths(folder)]
    return Probes(*(torch.stack(values) for values in zip(*measured, strict=True)))


def panorama_paths(folder: Path) -> list[Path]:
    """Return the panoramas in a folder.

    Raises:
        ValueError: the path is not a folder, or contains none.
    """
    paths = sorted(folder.glob("*.hdr")) if folder.is_dir() else []
    if not paths:
        raise UserError(f"{folder}: not a folder of panoramas (.hdr)")
    return paths


def _read(path: Path) -> NDArray[np.float32]:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.float32 or image.ndim != 3:
        raise UserError(f"{path}: not a panorama of high dynamic range")
    linear = cv2.resize(image[..., 2::-1], (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.asarray(np.maximum(linear, 0), np.float32)


def directions() -> Tensor:
    """(HEIGHT, WIDTH, 3) unit vectors of a panorama's texels."""
    polar = (torch.arange(HEIGHT) + 0.5) * (math.pi / HEIGHT)
    azimuth = (torch.arange(WIDTH) + 0.5) * (2 * math.pi / WIDTH)
    level = polar.sin()[:, None]
    return torch.stack([level * azimuth.cos(), level * azimuth.sin(), polar.cos()[:, None].expand(-1, WIDTH)], -1)


def _measure(linear: NDArray[np.float32]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The fields of `Probes` for one panorama (HEIGHT, WIDTH, 3)."""
    radiance, way = torch.from_numpy(linear), directions()
    luminance = radiance.mean(-1)
    solid = way[..., :2].norm(dim=-1) * (2 * math.pi**2 / (HEIGHT * WIDTH))  # steradians of a texel
    total = (radiance.clamp(max=50 * float(luminance.median())) * solid[..., None]).sum((0, 1)).clamp(min=1e-6)
    radiance = radiance * (total.mean() / total) ** _WHITE_BALANCE
    luminance = radiance.mean(-1)
    white = torch.quantile(luminance.flatten(), _WHITE_QUANTILE).clamp(min=1e-6)
    radiance = radiance * (_SHOWN_AS**2.2 / white)
    luminance = radiance.mean(-1)
    bright = luminance >= torch.quantile(luminance.flatten(), 1 - _LAMP_SHARE)
    towards = (way * (luminance * solid * bright)[..., None]).sum((0, 1))
    towards = torch.nn.functional.normalize(towards, dim=0)
    beyond = radiance.clamp(max=2.0)  # what a lamp adds to the sky around it
    near = (way @ towards > math.cos(_LAMP_RADIUS))[..., None]
    lamp = ((radiance - beyond) * near * solid[..., None]).sum((0, 1)) / math.pi
    rest = torch.where(near, beyond, radiance.clamp(max=8.0)) * solid[..., None]
    # Irradiance over pi in spherical harmonics of order 0 and 1 (Ramamoorthi and Hanrahan 2001).
    even = rest.sum((0, 1)) / (4 * math.pi)
    slope = torch.einsum("hwi,hwc->ic", way, rest) / (2 * math.pi)
    level = (even.mean() + lamp.mean()).clamp(min=1e-6)
    image = (radiance.clamp(0, 1) ** (1 / 2.2) * 255).round().to(torch.uint8)
    return (
        image,
        lamp / level,
        towards,
        torch.cat([even[None], slope]) / level,
        lamp.mean() / level,
    )


def sample_surroundings(draw: Draw, count: int, share: float) -> Surroundings:
    """Draw one of `count` panoramas for a share of the images, and its rotation."""
    probe = torch.where(draw.chance(share), draw.integer(count), -1)
    return Surroundings(probe=probe, yaw=draw.turn())


def lit_by(light: Light, probes: Probes, where: Surroundings, draw: Draw) -> Light:
    """Return the lights, replaced by the measured light in images with a panorama."""
    inside = (where.probe >= 0)[:, None]
    index = where.probe.clamp(min=0)
    turn = about(2, where.yaw / RAD)
    direction = (turn @ probes.direction[index][..., None])[..., 0]
    exposure = draw.log_uniform(0.65, 1.4)[:, None]
    ambient = probes.ambient[index] * exposure[:, None]
    sides = torch.einsum("bij,bjc->bic", turn[:, :2, :2], ambient[:, 1:3])
    sky, ground = ambient[:, 0] + ambient[:, 3], (ambient[:, 0] - ambient[:, 3]).clamp(min=0.02)
    hard = probes.hardness[index]
    return Light(
        direction=torch.where(inside, direction, light.direction),
        lamp=torch.where(inside, probes.lamp[index] * exposure, light.lamp),
        sky=torch.where(inside, sky, light.sky),
        ground=torch.where(inside, ground, light.ground),
        sides=torch.where(inside[..., None], sides, light.sides),
        shadow=torch.where(inside[:, 0], (1.6 * hard).clamp(0, 1) * (hard > 0.12), light.shadow),
        softness=torch.where(inside[:, 0], (1 - hard).clamp(0, 1), light.softness),
        spot=torch.where(inside[:, 0], FARTHEST_M, light.spot),
    )


def behind(probes: Probes, where: Surroundings, views: Views) -> tuple[Tensor, Tensor]:
    """Views of the panoramas: images (N,) with a panorama, and their pixels (N, S, S, 3) in [0, 1]."""
    inside = (where.probe >= 0).nonzero()[:, 0]
    views = views.map(lambda value: value[inside])
    x, y, z = rays(views, about(2, -where.yaw[inside] / RAD))
    azimuth = torch.atan2(y, x) / (2 * math.pi)
    polar = torch.atan2((x * x + y * y).sqrt(), z) / math.pi
    column = ((azimuth - azimuth.floor()) * WIDTH - 0.5) % WIDTH
    row = (polar * HEIGHT - 0.5).clamp(0, HEIGHT - 1)
    images = probes.images[where.probe[inside]].permute(0, 3, 1, 2).float()
    images = torch.cat([images, images[..., :1]], -1)  # around the corner
    grid = torch.stack([column * (2 / WIDTH) - 1, row * (2 / (HEIGHT - 1)) - 1], -1)
    seen = torch.nn.functional.grid_sample(images, grid, padding_mode="border", align_corners=True)
    return inside, seen.div_(255).permute(0, 2, 3, 1)
