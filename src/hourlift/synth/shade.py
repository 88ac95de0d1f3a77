"""Deferred shading: light falls only on the pixels that were hit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.batch import Batch
from hourlift.synth.body import Body, PosedBodies
from hourlift.synth.camera import NEAREST_M, Views
from hourlift.synth.draw import Draw
from hourlift.synth.outfit import Outfit
from hourlift.synth.rasterise import rasterise
from hourlift.synth.wardrobe import HAIR, SKIRT, colour_points, fold_normals, surface_points, wear

GAMMA = 2.2
"""Display colours are linear ones to the power of 1 / GAMMA."""


@dataclass(frozen=True, kw_only=True)
class Light(Batch):
    """B lights: a sun or lamp, the sky above and what the ground throws back.

    Attributes:
        direction: (B, 3) unit vectors towards the lamp, world.
        lamp: (B, 3) colour; so are sky and ground, linear.
        sky: (B, 3).
        ground: (B, 3).
        shadow: (B,) how dark the shadow on the floor is, in [0, 1].
    """

    direction: Tensor
    lamp: Tensor
    sky: Tensor
    ground: Tensor
    shadow: Tensor


def sample_lights(draw: Draw) -> Light:
    """Draws lights from dusk to midday, warm to cold."""
    azimuth, height = draw.turn(), draw.uniform(0.25, 1.45)  # radians above the horizon
    direction = torch.stack([azimuth.cos() * height.cos(), azimuth.sin() * height.cos(), height.sin()], -1)
    warmth = draw.uniform(-0.06, 0.16)[:, None] * torch.tensor([1.0, 0.0, -1.0])
    exposure = draw.log_uniform(0.6, 1.35)[:, None]
    key = draw.uniform(0.15, 1.0)[:, None]
    return Light(
        direction=direction,
        lamp=exposure * key * (1 + warmth) * 0.85,
        sky=exposure * (1.0 - 0.45 * key) * torch.tensor([0.95, 1.0, 1.06]),
        ground=exposure * draw.uniform(0.25, 0.6)[:, None] * torch.tensor([1.04, 1.0, 0.92]),
        shadow=torch.where(draw.chance(0.6), draw.uniform(0.15, 0.65), 0.0) * key[:, 0],
    )


@dataclass(frozen=True, kw_only=True)
class Layer(Batch):
    """The rendered people without background.

    Attributes:
        colour: (B, S, S, 3) in [0, 1].
        mask: (B, S, S) bool.
        shadow: (B, S, S) bool, the floor that they shade.
        depth: (B, S, S) metres along the optical axis, infinite where nobody is.
    """

    colour: Tensor
    mask: Tensor
    shadow: Tensor
    depth: Tensor


def render_people(
    body: Body, people: PosedBodies, outfit: Outfit, views: Views, light: Light, bank: Tensor, with_shadow: bool
) -> Layer:
    """Rasterises and shades B posed, dressed people, all on the body's device.

    Args:
        body: Whose faces are drawn.
        people: Posed.
        outfit: What they wear.
        views: A camera each.
        light: On each.
        bank: (P, S, S, 3) uint8 pictures to cut cloth from.
        with_shadow: Whether they shade the floor below them; else the shadow is empty.
    """
    size, corners = views.size, body.faces.long()
    worn, lift = wear(body, outfit)
    surface = people.vertices + people.normals * lift[..., None]
    kept = worn[:, corners].any(2)
    screen = views.screen(surface)
    triangle = rasterise(screen, body.faces, kept, size)

    hit = triangle.flatten() >= 0
    index = hit.nonzero()[:, 0]
    person = index // (size * size)
    corner = corners[triangle.flatten()[index]]  # (N, 3)
    pixel = torch.stack([index % size, (index // size) % size], -1).float()
    weights, nearness = _perspective_weights(screen[person[:, None], corner], pixel)

    def blend(values: Tensor) -> Tensor:
        """Interpolates values (N, 3 corners, D)."""
        return (values * weights[..., None]).sum(1)

    normal = torch.nn.functional.normalize(blend(people.normals[person[:, None], corner]), dim=-1)
    points = surface_points(body, people.vertices, person, corner, weights)
    normal = fold_normals(outfit, points, normal)
    colour = colour_points(outfit, points, bank)
    toward = torch.nn.functional.normalize(views.eye[person] - surface[person, corner[:, 0]], dim=-1)
    away = (points.layer >= SKIRT) & ((normal * toward).sum(-1) < 0)  # inner sides of skirt and hair
    normal = torch.where(away[:, None], -normal, normal)
    lit = _light_points(colour, normal, toward, light.map(lambda value: value[person]), points.layer == HAIR)

    depth = torch.full_like(hit, torch.inf, dtype=torch.float32)
    depth[index] = NEAREST_M / nearness
    picture = torch.zeros(len(hit), 3, device=hit.device)
    picture[index] = lit
    mask = hit.view(-1, size, size)
    return Layer(
        colour=picture.view(*mask.shape, 3),
        mask=mask,
        shadow=_floor_shadow(body, people, kept, views, light) if with_shadow else torch.zeros_like(mask),
        depth=depth.view_as(mask),
    )


def _perspective_weights(corners: Tensor, pixel: Tensor) -> tuple[Tensor, Tensor]:
    """Perspective-correct barycentric weights (N, 3) and nearness (N,) at pixels (N, 2) of triangles (N, 3, 3)."""
    a, b, c = corners[..., :2].unbind(1)

    def cross(p: Tensor, q: Tensor) -> Tensor:
        return (p[:, 0] - pixel[:, 0]) * (q[:, 1] - pixel[:, 1]) - (p[:, 1] - pixel[:, 1]) * (q[:, 0] - pixel[:, 0])

    screen = torch.stack([cross(b, c), cross(c, a), cross(a, b)], -1)
    screen = screen / screen.sum(-1, keepdim=True)
    weighted = screen * corners[..., 2]
    total = weighted.sum(-1)
    return weighted / total[:, None], total


def _light_points(colour: Tensor, normal: Tensor, toward: Tensor, light: Light, hair: Tensor) -> Tensor:
    """Display colours (N, 3) of lit points: Lambert and Blinn-Phong under a lamp, and light from sky and ground.

    Args:
        colour: (N, 3) display colours without light.
        normal: (N, 3) unit vectors; so is toward, the way to the camera.
        toward: (N, 3).
        light: On each point.
        hair: (N,) bool, what shines.
    """
    diffuse = (normal * light.direction).sum(-1).clamp(min=0)[:, None] * light.lamp
    up = 0.5 + 0.5 * normal[:, 2:]
    ambient = light.sky * up + light.ground * (1 - up)
    half = torch.nn.functional.normalize(light.direction + toward, dim=-1)
    gloss = torch.where(hair, 0.12, 0.04)[:, None] * (normal * half).sum(-1).clamp(min=0)[:, None] ** 20
    # Grazing angles darken a little: a cheap stand-in for ambient occlusion at the contours.
    rim = 0.8 + 0.2 * (normal * toward).sum(-1).clamp(0, 1)[:, None]
    linear = colour**GAMMA * (ambient * rim + diffuse) + gloss * light.lamp
    return linear.clamp(0, 1) ** (1 / GAMMA)


def _floor_shadow(body: Body, people: PosedBodies, kept: Tensor, views: Views, light: Light) -> Tensor:
    """Mask (B, S, S) of the people's shadows on the floor: the mesh flattened along the light, then rasterised.

    The floor lies below the lowest vertex; a low lamp counts as 0.2 high, so that no shadow is endless.
    """
    height = people.vertices[..., 2] - people.vertices[..., 2].amin(1)[:, None]
    slant = light.direction / light.direction[:, 2:].clamp(min=0.2)
    flat = people.vertices - height[..., None] * slant[:, None]
    return rasterise(views.screen(flat), body.faces, kept, views.size) >= 0
