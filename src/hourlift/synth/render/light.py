"""Light on people: sun, lamp or spot, sky and ground, and the hardness of shadows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.core.batch import Batch
from hourlift.synth.core.draw import Draw
from hourlift.synth.render.backdrop import FARTHEST_M


@dataclass(frozen=True, kw_only=True)
class Light(Batch):
    """B lights: a sun or lamp, the sky above, and light reflected by the ground.

    Attributes:
        direction: (B, 3) unit vectors towards the lamp, world.
        lamp: (B, 3) colour; so are sky and ground, linear.
        sky: (B, 3).
        ground: (B, 3).
        sides: (B, 2, 3) half of the difference in light between surfaces facing along world x, or y, and facing away.
        shadow: (B,) share of the lamp's light blocked by a shadow, in [0, 1]; 0 for light without shadows.
        softness: (B,) softness of the shadows' edges, in [0, 1].
        spot: (B,) radius in metres around the person that the lamp lights, FARTHEST_M for everything.
    """

    direction: Tensor
    lamp: Tensor
    sky: Tensor
    ground: Tensor
    sides: Tensor
    shadow: Tensor
    softness: Tensor
    spot: Tensor


def sample_lights(draw: Draw) -> Light:
    """Draw lights: sun, lamp or overcast, from dusk to over-exposed, of 2500 to 9000 K."""
    azimuth, height = draw.turn(), draw.uniform(0.25, 1.45)  # radians above the horizon
    direction = torch.stack([azimuth.cos() * height.cos(), azimuth.sin() * height.cos(), height.sin()], -1)
    mired = draw.uniform(1e6 / 9000, 1e6 / 2500)
    sky_mired = torch.lerp(mired, draw.uniform(1e6 / 9000, 1e6 / 4500), draw.uniform())
    # Cameras compensate for most of the light's colour, seldom for all.
    white = torch.lerp(torch.full_like(mired, 1e6 / 5500), (mired + sky_mired) / 2, draw.uniform(0.45, 1.0))
    exposure = draw.log_uniform(0.6, 1.4)
    extreme = draw.vector(1)[:, 0]
    exposure = torch.where(extreme < 0.08, draw.uniform(0.12, 0.4), exposure)
    exposure = torch.where(extreme > 0.94, draw.uniform(1.6, 2.6), exposure)[:, None]
    key = torch.where(draw.chance(0.3), draw.uniform(0.0, 0.35), draw.uniform(0.35, 1.0))[:, None]
    spot = draw.chance(0.07)
    ambient = torch.where(spot, draw.uniform(0.15, 0.7), 1.0)[:, None]
    return Light(
        direction=direction,
        lamp=exposure * key * 1.25 * _temperature(mired, white),
        sky=exposure * ambient * (1.0 - 0.7 * key) * _temperature(sky_mired, white),
        ground=exposure
        * ambient
        * (1 - 0.4 * key)
        * draw.uniform(0.25, 0.6)[:, None]
        * torch.tensor([1.04, 1.0, 0.92]),
        sides=torch.zeros(draw.count, 2, 3),
        shadow=torch.where((key[:, 0] > 0.3) & draw.chance(0.75), draw.uniform(0.55, 1.0), 0.0),
        softness=draw.uniform() ** 2,
        spot=torch.where(spot, draw.uniform(0.5, 1.6), FARTHEST_M),
    )


def _temperature(mired: Tensor, white: Tensor) -> Tensor:
    """Linear colours (B, 3) of black bodies of 1e6 / mired kelvin to a camera balanced for 1e6 / white (Wien)."""
    slope = 14388e-6 / torch.tensor([610e-3, 550e-3, 465e-3])  # second radiation constant over wavelength, per mired
    ratio = torch.exp(-slope * (mired - white)[:, None])
    return ratio / ratio.mean(1, keepdim=True)
