"""The planes of a place (floor, walls, ceiling), intersected with a ray for each pixel."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.camera.views import NEAREST_M, Views
from hourlift.synth.core.batch import Batch
from hourlift.synth.core.planar import image_of, taken
from hourlift.synth.scene.layout import FLOOR, PHOTO, Scene
from hourlift.synth.scene.materials import Atlas

FARTHEST_M = 1e4
"""Depth of pixels without a surface."""


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
    return depth.clamp_(0, FARTHEST_M).lerp_(depth.new_tensor(FARTHEST_M), (depth <= NEAREST_M).float())


@dataclass(frozen=True, kw_only=True)
class Planes(Batch):
    """Planes of the places as seen by the pixels of N images.

    Attributes:
        image: (N,) index of the image in the batch.
        depth: (N, S, S) metres.
        plane: (N, S, S) float: scene.LOW_X, ..., CEILING.
        u: (N, S, S) position on the plane, metres; also v, which is the height above the floor on walls.
        v: (N, S, S).
        slant: (N, S, S) ratio of the plane's area covered by a pixel to that of a surface facing the camera.
    """

    image: Tensor
    depth: Tensor
    plane: Tensor
    u: Tensor
    v: Tensor
    slant: Tensor


def see_planes(scene: Scene, views: Views) -> Planes:
    """Cast rays in images that show a place."""
    chosen = (scene.place != PHOTO).nonzero()[:, 0]
    scene, views = scene.map(lambda value: value[chosen]), views.map(lambda value: value[chosen])
    eye = (scene.axes @ views.eye[..., None])[..., 0]
    # Outdoors the ground meets the image behind only far away, otherwise the base of a wall would be below the horizon.
    # Choices are mixtures by 0 or 1: masked selection is many times slower on a CPU.
    low, high = ((ends - eye)[..., None, None] for ends in (scene.low, scene.high))
    ways = rays(views, scene.axes)
    depths = []
    for i, way in enumerate(ways):  # the camera is inside, so one of the two ends lies behind it
        per_metre = way.reciprocal()
        depths.append(torch.maximum(high[:, i] * per_metre, per_metre.mul_(low[:, i])))
    beside, wall = (depths[0] < depths[1]).float(), torch.minimum(depths[0], depths[1])
    level = (depths[2] < wall).float()
    depth = torch.minimum(depths[2], wall).clamp_(NEAREST_M, FARTHEST_M)
    x, y, z = (torch.addcmul(eye[:, i, None, None], way, depth) for i, way in enumerate(ways))
    ahead = [(way > 0).float() for way in ways]
    plane = torch.lerp(ahead[1].add_(2), ahead[0], beside).lerp_(ahead[2].add_(4), level)
    facing = torch.lerp(ways[1], ways[0], beside).lerp_(ways[2], level).abs_()
    across = torch.lerp(x, y, beside * (1 - level))
    height = z.sub_(scene.floor_m[:, None, None]).lerp_(y, level)
    return Planes(
        image=chosen, depth=depth, plane=plane, u=across, v=height, slant=facing.clamp_(min=0.02).rsqrt_()
    )  # fmt: skip


@dataclass(frozen=True)
class SeenPlanes:
    """N pixels that show planes.

    Attributes:
        pixel: (N,) index in the flattened batch, ascending.
        image: (N,).
        row: (N,) the plane, as a row of the scenes' (B, 6).
        on_floor: (N,) float, 1 on the floor.
    """

    pixel: Tensor
    image: Tensor
    row: Tensor
    on_floor: Tensor


def colour_planes(planes: Planes, scene: Scene, views: Views, atlas: Atlas, where: Tensor) -> tuple[Tensor, SeenPlanes]:
    """Unlit display colours (3, M) of the pixels where `where` (N, S, S) bool is true, and the planes they show."""
    index, pixels = where.flatten().nonzero()[:, 0], views.size**2
    among = image_of(index, len(where), views.size)
    image = taken(planes.image, among)

    def at(values: Tensor) -> Tensor:
        return taken(values.flatten(), index)

    def of_plane(values: Tensor) -> Tensor:
        return taken(values.flatten(0, 1).movedim(0, -1).contiguous(), row)

    plane = at(planes.plane)
    on_floor, row = (plane == FLOOR).float(), torch.add(plane.int(), image, alpha=6)
    repeats, glows = of_plane(scene.repeats), of_plane(scene.glows.float())
    footprint = at(planes.depth).mul_(at(planes.slant)).mul_(repeats).div_(taken(views.focal, image))
    u, v = at(planes.u).mul_(repeats), at(planes.v).mul_(repeats).neg_()
    v.lerp_((1 + v).clamp_(1e-3, 0.999), glows - glows * on_floor)
    u.lerp_(((u - 2 * (u / 2).floor_()) - 1).abs_(), glows)  # mirrored, so that it has no seam
    colour = atlas.colours(of_plane(scene.texture), u, v, footprint).mul_(of_plane(scene.tint))
    return colour, SeenPlanes(index.add_(image.sub(among).mul_(pixels)), image, row, on_floor)


def plane_light(scene: Scene, direction: Tensor, lamp: Tensor, sky: Tensor, ground: Tensor) -> tuple[Tensor, Tensor]:
    """Light on the planes: ambient light and the lamp's light, both (B, 6, 3) and linear.

    Args:
        scene: The places.
        direction: (B, 3) towards the lamp; the others are colours (B, 3).
        lamp: Colour of the lamp; sky and ground as in shade.Light.
        sky: From above.
        ground: From below.
    """
    along = torch.cat([torch.eye(3), -torch.eye(3)])[[0, 3, 1, 4, 2, 5]].to(direction.device)  # inwards
    normal = along @ scene.axes  # (B, 6, 3) in the world
    up = 0.5 + 0.5 * normal[..., 2:]
    around = sky[:, None] * up + ground[:, None] * (1 - up)
    direct = (normal @ direction[..., None]).clamp(min=0) * lamp[:, None]
    glows = scene.glows[..., None]
    day = (0.35 * lamp + sky).mean(-1)[:, None, None]  # a glowing image keeps its colours
    return torch.where(glows, day, around), torch.where(glows, 0.0, direct)
