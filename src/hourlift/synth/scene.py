"""Where people are: a floor, perhaps a room with furniture, and what stands in the way."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.batch import Batch
from hourlift.synth.body import PosedBodies
from hourlift.synth.camera import Views
from hourlift.synth.draw import Draw


@dataclass(frozen=True, kw_only=True)
class SceneConfig:
    """How often scenes hold what."""


@dataclass(frozen=True, kw_only=True)
class Scene(Batch):
    """B scenes, world frame, metres.

    Attributes:
        floor_m: (B,) height of the floor.
    """

    floor_m: Tensor


def sample_scenes(
    draw: Draw, people: PosedBodies, kind: Tensor, views: Views, bank_size: int, config: SceneConfig
) -> Scene:
    """Draws a scene around each person, on the people's device."""
    del draw, kind, views, bank_size, config
    return Scene(floor_m=people.vertices[..., 2].amin(1))


def render_backdrop(scene: Scene, picture: Tensor) -> tuple[Tensor, Tensor]:
    """Draws what is not the person: colour (B, S, S, 3) and depth (B, S, S), infinite where there is a picture only."""
    del scene
    return picture, torch.full_like(picture[..., 0], torch.inf)
