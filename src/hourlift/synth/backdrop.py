"""The planes of a place (floor, walls, ceiling), found by a ray for each pixel."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.batch import Batch
from hourlift.synth.camera import NEAREST_M, Views
from hourlift.synth.materials import Atlas
from hourlift.synth.scene import FLOOR, PICTURE, Scene

FARTHEST_M = 1e4
"""Depth of what has none."""


def rays(views: Views, axes: Tensor) -> list[Tensor]:
    """Directions through the pixel centres along three axes, each (B, S, S), of unit depth.

    Args:
        views: The cameras.
        axes: (B, 3, 3) rotation from the world to the axes.
    """
    pixel = torch.arange(views.size, device=axes.device, dtype=torch.float32)
    x, y = ((pixel - views.centre[:, i, None]) / views.focal[:, None] for i in (0, 1))  # (B, S)
    turn = axes @ views.rotation.mT
    return [
        (turn[:, i, :1] * x)[:, None, :] + (turn[:, i, 1:2] * y + turn[:, i, 2:])[:, :, None] for i in range(3)
    ]  # fmt: skip


def floor_depth(views: Views, floor: Tensor) -> Tensor:
    """Depth (B, S, S) at which pixels see a floor of height (B,), metres; FARTHEST_M above the horizon."""
    upright = torch.eye(3, device=floor.device).expand(len(floor), 3, 3)
    down = rays(views, upright)[2]
    depth = (floor - views.eye[:, 2])[:, None, None] / down
    return torch.where(depth > NEAREST_M, depth, FARTHEST_M).clamp(max=FARTHEST_M)


@dataclass(frozen=True, kw_only=True)
class Planes(Batch):
    """What the pixels of N pictures see of their places' planes.

    Attributes:
        picture: (N,) index of the picture in the batch.
        depth: (N, S, S) metres.
        plane: (N, S, S) int64: scene.LOW_X, ..., CEILING.
        u: (N, S, S) place on the plane, metres; so is v, which is height over the floor on walls.
        v: (N, S, S).
        slant: (N, S, S) by how much a pixel covers more of the plane than of a surface that faces the camera.
    """

    picture: Tensor
    depth: Tensor
    plane: Tensor
    u: Tensor
    v: Tensor
    slant: Tensor


def see_planes(scene: Scene, views: Views) -> Planes:
    """Casts rays in those pictures that show a place."""
    chosen = (scene.place != PICTURE).nonzero()[:, 0]
    scene, views = scene.map(lambda value: value[chosen]), views.map(lambda value: value[chosen])
    eye = (scene.axes @ views.eye[..., None])[..., 0]
    # Outdoors the ground reaches the picture behind only far away: a wall's foot would be below the horizon else.
    low, high = scene.low - eye, scene.high - eye
    ways = rays(views, scene.axes)
    depths = [torch.where(way > 0, high[:, i, None, None], low[:, i, None, None]) / way for i, way in enumerate(ways)]
    beside = depths[0] < depths[1]
    wall = torch.where(beside, depths[0], depths[1])
    level = depths[2] < wall
    depth = torch.where(level, depths[2], wall).clamp(NEAREST_M, FARTHEST_M)
    x, y, z = (way * depth + eye[:, i, None, None] for i, way in enumerate(ways))
    plane = torch.where(
        level, 4 + (ways[2] > 0).long(), torch.where(beside, (ways[0] > 0).long(), 2 + (ways[1] > 0).long())
    )
    across = torch.where(beside & ~level, y, x)
    height = torch.where(level, y, z - scene.floor_m[:, None, None])
    facing = torch.where(level, ways[2], torch.where(beside, ways[0], ways[1])).abs()
    return Planes(
        picture=chosen, depth=depth, plane=plane, u=across, v=height, slant=facing.clamp(min=0.02).rsqrt()
    )  # fmt: skip


def colour_planes(
    planes: Planes, scene: Scene, views: Views, atlas: Atlas, where: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Colours the pixels where `where` (N, S, S) bool is true.

    Returns:
        Display colours (M, 3) without light, the planes (M,) as indices into (B, 6) flattened, and the pixels (M,) as
        indices into (B, S, S) flattened.
    """
    index = where.flatten().nonzero()[:, 0]
    picture = planes.picture.index_select(0, index // views.size**2)

    def at(values: Tensor) -> Tensor:
        return values.flatten().index_select(0, index)

    plane = at(planes.plane)
    row = picture * 6 + plane

    def of_plane(values: Tensor) -> Tensor:
        return values.flatten(0, 1).index_select(0, row)

    repeats, glows = of_plane(scene.repeats), of_plane(scene.glows)
    footprint = at(planes.depth).mul_(at(planes.slant)).mul_(repeats).div_(views.focal.index_select(0, picture))
    u, v = at(planes.u).mul_(repeats), at(planes.v).mul_(-repeats)
    v = torch.where(glows & (plane != FLOOR), (1 + v).clamp_(1e-3, 0.999), v)
    u = torch.where(glows, ((u - 2 * (u / 2).floor()) - 1).abs_(), u)  # mirrored, so that it has no seam
    colour = atlas.colours(of_plane(scene.texture), u, v, footprint)
    return colour.mul_(of_plane(scene.tint)), row, picture * views.size**2 + index % views.size**2


def plane_light(scene: Scene, direction: Tensor, lamp: Tensor, sky: Tensor, ground: Tensor) -> tuple[Tensor, Tensor]:
    """Light on the planes: from everywhere, and from the lamp, both (B, 6, 3) and linear.

    Args:
        scene: The places.
        direction: (B, 3) towards the lamp; the others are colours (B, 3).
        lamp: Of the lamp; sky and ground as those of shade.Light.
        sky: From above.
        ground: From below.
    """
    along = torch.cat([torch.eye(3), -torch.eye(3)])[[0, 3, 1, 4, 2, 5]].to(direction.device)  # inwards
    normal = along @ scene.axes  # (B, 6, 3) in the world
    up = 0.5 + 0.5 * normal[..., 2:]
    around = sky[:, None] * up + ground[:, None] * (1 - up)
    direct = (normal @ direction[..., None]).clamp(min=0) * lamp[:, None]
    glows = scene.glows[..., None]
    day = (0.35 * lamp + sky).mean(-1)[:, None, None]  # a picture that glows keeps its colours
    return torch.where(glows, day, around), torch.where(glows, 0.0, direct)
