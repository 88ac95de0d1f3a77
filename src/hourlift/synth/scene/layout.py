"""Layout of scenes: a floor, optionally a room or open ground around the person, furniture and occluders.

Scenes are drawn on the CPU from a few measurements of the people, like cameras.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.parametric import Body, PosedBodies
from hourlift.synth.camera.views import Views
from hourlift.synth.core.batch import Batch
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, about
from hourlift.synth.pose.mix import KINDS
from hourlift.synth.pose.stance import Stance, measure_stance
from hourlift.synth.scene.config import SceneConfig
from hourlift.synth.scene.furnish import furnish
from hourlift.synth.scene.materials import FLOORS, GROUNDS, NUM_MATERIALS, TILE_M, WALLS
from hourlift.synth.scene.props import Props

PHOTO, ROOM, OUTDOORS = range(3)
LOW_X, HIGH_X, LOW_Y, HIGH_Y, FLOOR, CEILING = range(6)

_HOVERING_KINDS = ("wild", "acrobat", "run")
_LYING_KINDS = ("floor", "kneel")
_PELVIS, _THORAX = H36M17.indices("pelvis", "thorax")


@dataclass(frozen=True, kw_only=True)
class Scene(Batch):
    """B scenes, world frame, metres.

    Attributes:
        place: (B,) PHOTO, ROOM or OUTDOORS.
        floor_m: (B,) height of the floor.
        axes: (B, 3, 3) rotation from the world to the place's axes, whose walls are at right angles to them.
        low: (B, 3) low ends of the place along its axes, relative to the world's origin.
        high: (B, 3) high ends.
        texture: (B, 6) of the planes LOW_X, ..., CEILING, index into the atlas.
        repeats: (B, 6) textures on a metre.
        tint: (B, 6, 3) factors of the planes' colours.
        glows: (B, 6) bool, whether the plane is an image that is not lit by the scene.
        props: Furniture and the like.
    """

    place: Tensor
    floor_m: Tensor
    axes: Tensor
    low: Tensor
    high: Tensor
    texture: Tensor
    repeats: Tensor
    tint: Tensor
    glows: Tensor
    props: Props


def sample_scenes(
    draw: Draw, body: Body, people: PosedBodies, kind: Tensor, views: Views, textures: int, config: SceneConfig
) -> Scene:
    """Draw a scene around each person.

    Args:
        draw: One draw per person.
        body: Body of the people.
        people: Posed people.
        kind: (B,) kinds of their poses, index into KINDS.
        views: Cameras, which the scenes keep free.
        textures: Number of textures of the atlas.
        config: Content of the scenes.

    Returns:
        The scenes, on the people's device.
    """
    device, kind, views = people.joints.device, kind.cpu(), views.to("cpu")
    stance = measure_stance(body, people, kind)
    floor, platform_m = _floor(draw, stance, kind, config)
    above = views.eye[:, 2] > floor + 0.15  # a camera below the floor cannot show a place
    at_place = draw.chance(config.place_share) & above
    place = torch.where(at_place, torch.where(draw.chance(config.outdoor_share), OUTDOORS, ROOM), PHOTO)
    axes, low, high = _bounds(draw, stance, floor, place, views)
    seen_m = 0.5 * (high - low)[:, 0] * views.size / views.focal  # width of what the image shows of a far wall
    texture, repeats, tint, glows = _surfaces(draw, place, seen_m, textures)
    props = furnish(draw, stance, floor, platform_m, (axes, low, high), place == ROOM, views, textures, config)
    return Scene(
        place=place, floor_m=floor, axes=axes, low=low, high=high, texture=texture, repeats=repeats, tint=tint,
        glows=glows, props=props,
    ).to(device)  # fmt: skip


def is_of(kind: Tensor, names: tuple[str, ...]) -> Tensor:
    """Whether a kind (B,) is one of the names; names missing in KINDS are ignored."""
    wanted = [i for i, name in enumerate(KINDS) if name in names]
    return torch.isin(kind, torch.tensor(wanted, dtype=kind.dtype))


def _floor(draw: Draw, stance: Stance, kind: Tensor, config: SceneConfig) -> tuple[Tensor, Tensor]:
    """Heights (B,) of the floor and of platforms on it; a platform of 0 is none."""
    floor = stance.lowest
    seated = stance.seated
    dangling = torch.where(draw.chance(0.25), draw.uniform(0, 0.3), 0.0)
    floor = torch.where(seated, torch.minimum(floor, stance.seat_top - 0.12) - dangling, floor)
    hovering = is_of(kind, _HOVERING_KINDS) & draw.chance(config.hover_share) & ~seated
    floor = torch.where(hovering, floor - draw.uniform(0.03, 0.5), floor)
    low = is_of(kind, _LYING_KINDS) | (stance.joints[:, _THORAX, 2] - stance.joints[:, _PELVIS, 2] < 0.15)
    raised = draw.chance(config.platform_share) & low & ~seated & ~hovering
    height = torch.tensor([0.03, 0.15, 0.35, 0.5])[draw.choose([0.35, 0.2, 0.2, 0.25])] * draw.uniform(0.8, 1.3)
    platform = torch.where(raised, height, 0.0)
    return floor - platform, platform


def _bounds(draw: Draw, stance: Stance, floor: Tensor, place: Tensor, views: Views) -> tuple[Tensor, Tensor, Tensor]:
    """Axes (B, 3, 3), low and high ends (B, 3) of places that hold camera and person."""
    ahead = torch.atan2(views.rotation[:, 2, 1], views.rotation[:, 2, 0])
    yaw = torch.where(draw.chance(0.3), ahead, draw.turn())
    axes = about(2, -yaw / RAD)
    held = torch.cat([stance.joints, views.eye[:, None]], 1) @ axes.mT
    low, high = held.amin(1) - 0.3, held.amax(1) + 0.3
    outdoors = (place == OUTDOORS)[:, None]
    far = draw.log_uniform(12, 60)[:, None]
    low = low - torch.where(outdoors, far, 0.15 + 3.5 * draw.vector(3) ** 1.5)
    high = high + torch.where(outdoors, far, 0.15 + 3.5 * draw.vector(3) ** 1.5)
    ceiling = torch.maximum(floor + draw.uniform(2.3, 3.6), held[..., 2].amax(1) + 0.15)
    low[:, 2] = floor
    high[:, 2] = torch.where(outdoors[:, 0], floor + 300, ceiling)
    return axes, low, high


def _surfaces(draw: Draw, place: Tensor, seen_m: Tensor, textures: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Textures (B, 6), their repeats (B, 6) a metre, tints (B, 6, 3), and which planes glow (B, 6)."""

    def one_of(group: range) -> Tensor:
        return group.start + draw.integer(len(group))

    outdoors = place == OUTDOORS
    indoor_floor = torch.where(draw.chance(0.85), one_of(FLOORS), one_of(WALLS))
    floor = torch.where(outdoors, one_of(GROUNDS), indoor_floor)
    wall, feature = one_of(WALLS), torch.where(draw.chance(0.6), one_of(WALLS), one_of(FLOORS))
    view = NUM_MATERIALS + draw.integer(textures - NUM_MATERIALS)
    walls = wall[:, None].repeat(1, 4)
    walls[torch.arange(len(wall)), draw.integer(4)] = feature  # one wall often differs from the others
    texture = torch.cat([walls, floor[:, None], one_of(range(32, 34))[:, None]], 1)
    glows = outdoors[:, None] & torch.tensor([True, True, True, True, False, True])
    texture = torch.where(glows, view[:, None], texture)
    tile = draw.log_uniform(0.6, 1.5)[:, None].expand(-1, 6) / TILE_M
    repeats = torch.where(glows, 1 / (seen_m * draw.log_uniform(0.8, 2.2))[:, None], tile)
    hue = 1 + 0.2 * (2 * draw.vector(18).view(-1, 6, 3) - 1)
    hue[:, 1:4] = hue[:, :1]
    ceiling = torch.tensor([1.0, 1, 1, 1, 1, 1.5])
    tint = hue * draw.uniform(0.75, 1.45)[:, None, None] * ceiling[:, None]
    tint = torch.where(glows[..., None], draw.log_uniform(0.7, 1.4)[:, None, None], tint)
    return texture, repeats, tint, glows
