"""How much of the lamp's light arrives: soft shadows, spot lights, and the dark where a body meets the floor."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hourlift.synth.backdrop import FARTHEST_M, rays
from hourlift.synth.camera import Views
from hourlift.synth.rasterise import rasterise

if TYPE_CHECKING:
    from hourlift.synth.shade import Light

MAP_SIDE = 128
_NEAR_PER_M = 1 / 40  # of the nearness along the light, which must stay within (0, 1]
_FAR_M = 12.0  # depth of what the light meets last
_LEAST_SPREAD_M2 = 0.02**2  # of depths within a texel
_BIAS_M = 0.015
_BLEEDING = 0.25  # share of light below which a point counts as dark: variance maps leak
_CONTACT_M = 0.25  # height over the floor up to which a body darkens it


def lamp_share(
    light: "Light", views: Views, depth: Tensor, mesh: tuple[Tensor, Tensor, Tensor], middle: Tensor, radius: Tensor,
    floor: Tensor,
) -> Tensor:  # fmt: skip
    """Share (N, S, S) of the lamp's light that arrives at what each pixel sees.

    Donnelly and Lauritzen, "Variance Shadow Maps", 2006: the map keeps mean and spread of the depths along the light
    around each texel, and Chebyshev's inequality bounds the share of them that lies behind a point.

    Args:
        light: On each of N pictures.
        views: Their cameras.
        depth: (N, S, S) metres.
        mesh: Vertices (N, V, 3) in the world of what casts shadows, faces (T, 3) int32, and which are drawn (N, T).
        middle: (N, 3) of what the map holds, world, metres.
        radius: (N,) of it.
        floor: (N,) height of the floor, where the light ends that meets nothing else.
    """
    surface, faces, kept = mesh
    basis = _basis(light.direction)
    shift = -(basis @ middle[..., None])[..., 0]
    local = surface @ basis.mT + shift[:, None]
    texels = (local[..., :2] / radius[:, None, None] * 0.5 + 0.5) * MAP_SIDE - 0.5
    screen = torch.cat([texels, 0.5 - local[..., 2:] * _NEAR_PER_M], -1)
    ends = _floor_along(basis, radius, floor - middle[:, 2])
    seen = _depth_map(screen, faces, kept)
    seen = torch.minimum(seen, ends)
    moments = _blurred(seen, light.softness)
    u, v, w = _in_light(views, depth, basis, shift + (basis @ views.eye[..., None])[..., 0])
    grid = torch.stack([u, v], -1) / radius[:, None, None, None]
    mean, square = torch.nn.functional.grid_sample(
        moments, grid, mode="bilinear", padding_mode="border", align_corners=False
    ).unbind(1)
    spread = (square - mean * mean).clamp(min=_LEAST_SPREAD_M2)
    behind = (w - mean - _BIAS_M).clamp(min=0)
    share = ((spread / (spread + behind * behind)) - _BLEEDING).clamp(min=0) * (1 / (1 - _BLEEDING))
    reach = grid.abs().amax(-1)
    dark = (1 - share) * ((1 - reach) * 6).clamp(0, 1) * light.shadow[:, None, None]
    spot = light.spot[:, None, None]
    cone = (1 + (spot - (u * u + v * v).sqrt()) / (0.35 * spot.clamp(max=FARTHEST_M))).clamp(0, 1)
    return (1 - dark) * cone


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
    triangle = rasterise(screen, faces, kept, MAP_SIDE).flatten()
    index = (triangle >= 0).nonzero()[:, 0]
    corner = screen[(index // MAP_SIDE**2)[:, None], faces[triangle[index]].long()]  # (M, 3, 3)
    pixel = torch.stack([index % MAP_SIDE, (index // MAP_SIDE) % MAP_SIDE], -1)
    _, nearness = interpolation(corner, pixel)
    depth = torch.full(triangle.shape, torch.inf, device=screen.device)
    depth[index] = (0.5 - nearness) / _NEAR_PER_M
    return depth.view(-1, MAP_SIDE, MAP_SIDE)


def interpolation(corners: Tensor, pixel: Tensor) -> tuple[Tensor, Tensor]:
    """Perspective-correct barycentric weights (N, 3) and nearness (N,) at pixels (N, 2) of triangles (N, 3, 3)."""
    a, b, c = (corners[..., :2] - pixel[:, None]).unbind(1)

    def cross(p: Tensor, q: Tensor) -> Tensor:
        return p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]

    screen = torch.stack([cross(b, c), cross(c, a), cross(a, b)], -1)
    weighted = screen * corners[..., 2]
    total = weighted.sum(-1)
    return weighted / total[:, None], total / screen.sum(-1)


def _blurred(depth: Tensor, softness: Tensor) -> Tensor:
    """Mean and mean square (N, 2, MAP_SIDE, MAP_SIDE) of the depths around each texel; softness (N,)."""

    def around(values: Tensor, width: int) -> Tensor:
        return torch.nn.functional.avg_pool2d(values, width, 1, width // 2, count_include_pad=False)

    hard = around(torch.stack([depth, depth * depth], 1), 3)
    return torch.lerp(hard, around(around(hard, 5), 7), softness[:, None, None, None])


def _in_light(views: Views, depth: Tensor, basis: Tensor, eye: Tensor) -> list[Tensor]:
    """Places (N, S, S) along each row of the basis of the points that pixels see; eye (N, 3) is the cameras'."""
    return [(way * depth).add_(eye[:, i, None, None]) for i, way in enumerate(rays(views, basis))]


def contact(views: Views, surface: Tensor, floor: Tensor) -> Tensor:
    """How much (B, S, S), in [0, 1], bodies close to the floor darken it: what lies low is splatted and blurred.

    Args:
        views: The cameras.
        surface: (B, V, 3) points of the bodies, world; a few thousand will do.
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
