"""What a camera does to light: exposure, blur, noise, compression. Batched, on the device."""

from dataclasses import dataclass

from torch import Tensor

from hourlift.synth.draw import Draw


@dataclass(frozen=True, kw_only=True)
class SensorConfig:
    """How far pictures are from what an ideal camera sees."""


def sense(draw: Draw, images: Tensor, config: SensorConfig) -> Tensor:
    """Pictures (B, 3, S, S) float32 in [0, 1] as a sensor and a file have them, of the same shape and range."""
    del draw, config
    return images
