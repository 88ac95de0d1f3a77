"""Share of the lamp's light that arrives: soft shadows, spot lights, and dark contact of bodies with the floor."""

from functools import cache

import torch
from torch import Tensor

from hourlift.synth.camera.views import Views
from hourlift.synth.core.planar import at_corner, image_of, in_batch, pixel_of, taken
from hourlift.synth.render.backdrop import FARTHEST_M, rays
from hourlift.synth.render.light import Light
from hourlift.synth.render.rasterise import rasterise

MAP_SIDE = 128
_NEAR_PER_M = 1 / 40  # of the nearness along the light, which must stay within (0, 1]
_FAR_M = 12.0  # depth of what the light meets last
_LEAST_SPREAD_M2 = 0.02**2  # of depths within a texel
_BIAS_M = 0.015
_BLEEDING = 0.25  # share of light below which a point counts as dark: variance maps leak
_CONTACT_M = 0.25  # height over the floor up to which a body darkens it


def lamp_share(
    light: Light, views: Views, depth: Tensor, mesh: tuple[Tensor, Tensor, Tensor], middle: Tensor, radius: Tensor,
    floor: Tensor,
) -> Tensor:  # fmt: skip
    """Share (N, S, S) of the lamp's light that arrives at the point of each pixel.

    Donnelly and Lauritzen, "Variance Shadow Maps", 2006: the map stores mean and variance of the depths along the light
    around each texel, and Chebyshev's inequality bounds the share of them that is behind a point.

    Args:
        light: On each of N images.
        views: Their cameras.
        depth: (N, S, S) metres.
        mesh: Shadow casters: vertices (N, V, 3) in the world, faces (T, 3) int32, and which are drawn (N, T).
        middle: (N, 3) centre of the map's volume, world, metres.
        radius: (N,) its radius.
        floor: (N,) height of the floor, where remaining light ends.
    """
    surface, faces, kept = mesh
    basis = _basis(light.direction)
    shift = -(basis @ middle[..., None])[..., 0]
    screen = torch.baddbmm(shift[..., None], basis, surface.mT)
    screen[:, :2] *= (0.5 * MAP_SIDE / radius)[:, None, None]
    screen[:, :2] += 0.5 * MAP_SIDE - 0.5
    screen[:, 2].mul_(-_NEAR_PER_M).add_(0.5)
    ends = _floor_along(basis, radius, floor - middle[:, 2])
    seen = _depth_map(screen, faces, kept)
    seen = torch.minimum(seen, ends)
    moments = _blurred(seen, light.softness)
    u, v, w = _in_light(views, depth, basis, shift + (basis @ views.eye[..., None])[..., 0])
    grid = torch.empty(*depth.shape, 2, device=depth.device)
    torch.div(u, radius[:, None, None], out=grid[..., 0])
    torch.div(v, radius[:, None, None], out=grid[..., 1])
    mean, square = torch.nn.functional.grid_sample(
        moments, grid, mode="bilinear", padding_mode="border", align_corners=False
    ).unbind(1)
    spread = torch.addcmul(square, mean, mean, value=-1).clamp_(min=_LEAST_SPREAD_M2)
    behind = w.sub_(mean).sub_(_BIAS_M).clamp_(min=0)
    share = spread.div_(torch.addcmul(spread, behind, behind)).sub_(_BLEEDING).clamp_(min=0).mul_(1 / (1 - _BLEEDING))
    reach = torch.maximum(u.abs(), v.abs()).div_(radius[:, None, None])
    fading = (1 - reach).mul_(6).clamp_(0, 1).mul_(light.shadow[:, None, None])
    share = 1 - share.neg_().add_(1).mul_(fading)
    lit = (light.spot < FARTHEST_M).nonzero()[:, 0]
    if len(lit):
        spot, away = light.spot[lit, None, None], torch.hypot(u[lit], v[lit])
        share[lit] *= (1 + (spot - away) / (0.35 * spot)).clamp(0, 1)
    return share


def _basis(direction: Tensor) -> Tensor:
    """Rotations (N, 3, 3) whose rows are two directions across the light and the one along it, away from the lamp."""
    helper = torch.tensor([0.0, 0.0, 1.0], device=direction.device).expand_as(direction)
    across = torch.nn.functional.normalize(torch.linalg.cross(helper, direction) + 1e-6, dim=-1)
    return torch.stack([across, torch.linalg.cross(direction, across), -direction], 1)


def _floor_along(basis: Tensor, radius: Tensor, floor: Tensor) -> Tensor:
    """Depths (N, MAP_SIDE, MAP_SIDE) at which the light meets the floor, `floor` (N,) metres above the map's middle."""
    step = ((torch.arange(MAP_SIDE, device=basis.device) + 0.5) / MAP_SIDE * 2 - 1) * radius[:, None]
    rise = (basis[:, 0, 2:] * step)[:, None, :] + (basis[:, 1, 2:] * step)[:, :, None]
    falling = (-basis[:, 2, 2])[:, None, None]
    depth = (rise - floor[:, None, None]) / falling.clamp(min=0.1)
    return torch.where(falling > 0.1, depth, _FAR_M).clamp(-_FAR_M, _FAR_M)


def _depth_map(screen: Tensor, faces: Tensor, kept: Tensor) -> Tensor:
    """Depths (N, MAP_SIDE, MAP_SIDE) along the light, metres from the middle; inf where the light meets nothing."""
    triangle = rasterise(screen.mT, faces, kept, MAP_SIDE).flatten()
    index = (triangle >= 0).nonzero()[:, 0]
    image = image_of(index, len(screen), MAP_SIDE)
    corner = in_batch(taken(faces.T.contiguous(), taken(triangle, index)), image, screen)
    _, nearness = interpolation(screen, corner, *pixel_of(index, image, MAP_SIDE))
    depth = torch.full(triangle.shape, torch.inf, device=screen.device)
    depth.index_copy_(0, index, (0.5 - nearness).div_(_NEAR_PER_M))
    return depth.view(-1, MAP_SIDE, MAP_SIDE)


def interpolation(screen: Tensor, corner: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Perspective-correct barycentric weights and nearness of pixels within triangles.

    Args:
        screen: (B, 3, V) rasteriser coordinates of vertices.
        corner: (3, N) vertices of each pixel's triangle, as planar.in_batch has them.
        x: (N,) the pixel's column; y its row.
        y: (N,).

    Returns:
        Weights (3, N) of the corners, nearness (N,).
    """
    a, b, c = (at_corner(screen, place) for place in corner)
    for vertex in (a, b, c):
        vertex[0] -= x
        vertex[1] -= y
    weights = torch.empty_like(a)
    for first, second, weight in ((b, c, weights[0]), (c, a, weights[1]), (a, b, weights[2])):
        torch.mul(first[0], second[1], out=weight).addcmul_(first[1], second[0], value=-1)
    area = weights.sum(0)
    for vertex, weight in zip((a, b, c), weights, strict=True):
        weight *= vertex[2]
    total = weights.sum(0)
    return weights.div_(total), total.div_(area)


def _blurred(depth: Tensor, softness: Tensor) -> Tensor:
    """Mean and mean square (N, 2, MAP_SIDE, MAP_SIDE) of the depths around each texel; softness (N,)."""
    hard, soft = _blurs(depth.device)
    blur = torch.lerp(hard, soft, softness[:, None, None])[:, None]
    return blur @ torch.stack([depth, depth * depth], 1) @ blur.mT


@cache
def _blurs(device: torch.device) -> tuple[Tensor, Tensor]:
    """Matrices (MAP_SIDE, MAP_SIDE) that blur along an axis: means of 3, and again of 5 and of 7 texels."""
    place = torch.arange(MAP_SIDE, device=device)
    apart = (place - place[:, None]).abs()
    three, five, seven = (torch.nn.functional.normalize((apart <= k).float(), p=1, dim=1) for k in (1, 2, 3))
    return three, seven @ five @ three


def _in_light(views: Views, depth: Tensor, basis: Tensor, eye: Tensor) -> list[Tensor]:
    """Places (N, S, S) along each row of the basis of the points that pixels see; eye (N, 3) is the cameras'."""
    return [(way * depth).add_(eye[:, i, None, None]) for i, way in enumerate(rays(views, basis))]


def contact(views: Views, surface: Tensor, floor: Tensor) -> Tensor:
    """Darkening (B, S, S), in [0, 1], by bodies close to the floor: low points are splatted and blurred.

    Args:
        views: The cameras.
        surface: (B, V, 3) points of the bodies, world; a few thousand are enough.
        floor: (B,) its height.
    """
    side = views.size // 4
    height = surface[..., 2] - floor[:, None]
    weight = (1 - height / _CONTACT_M).clamp(0, 1)
    foot = torch.cat([surface[..., :2], floor[:, None, None].expand(*height.shape, 1)], -1)
    place = views.screen(foot)
    cell = ((place[..., :2] + 0.5) / 4).floor()
    inside = ((cell >= 0) & (cell < side)).all(-1) & (place[..., 2] > 0)
    index = (cell[..., 1] * side + cell[..., 0]).clamp(0, side * side - 1).long()
    dark = torch.zeros(len(surface), side * side, device=surface.device)
    dark.scatter_reduce_(1, index, torch.where(inside, weight, 0.0), "amax")
    dark = dark.view(-1, 1, side, side)
    for width in (3, 5, 3):
        dark = torch.nn.functional.avg_pool2d(dark, width, 1, width // 2)
    return torch.nn.functional.interpolate(dark, views.size, mode="bilinear", align_corners=False)[:, 0]
