"""Deferred shading: light falls only on the pixels that were hit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.body import Body, PosedBodies
from hourlift.synth.camera import Views
from hourlift.synth.draw import Draw
from hourlift.synth.rasterise import rasterise
from hourlift.synth.wardrobe import HAIR, SKIRT, Outfit, colour_points, wear


@dataclass(frozen=True, kw_only=True)
class Light:
    """B lights: a sun or lamp from `direction` (B, 3), and sky and ground colours (B, 3)."""

    direction: Tensor
    lamp: Tensor
    sky: Tensor
    ground: Tensor
    shadow: Tensor  # (B,) how dark the shadow on the floor is


def sample_lights(draw: Draw) -> Light:
    """Draws lights from dusk to midday, warm to cold."""
    azimuth, height = draw.uniform(0, 6.2832), draw.uniform(0.25, 1.45)
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


def light_to(light: Light, device: torch.device) -> Light:
    """The same lights on another device."""
    return Light(**{name: value.to(device) for name, value in vars(light).items()})


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The rendered people without background: colour (B, S, S, 3) in [0, 1], mask and floor shadow (B, S, S) bool,
    depth (B, S, S) metres (infinite where nobody is)."""

    colour: Tensor
    mask: Tensor
    shadow: Tensor
    depth: Tensor


def render_people(
    body: Body, people: PosedBodies, outfit: Outfit, views: Views, light: Light, bank: Tensor, with_shadow: bool
) -> Layer:
    """Rasterises and shades B posed, dressed people."""
    size = views.size
    worn, lift = wear(body, outfit)
    surface = people.vertices + people.normals * lift[..., None]
    corners = body.faces.long()
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
    traits = body.traits
    fixed = torch.cat([body.mean, torch.stack([traits.arm, traits.leg, traits.head, traits.foot], 1)], 1)
    at = blend(fixed[corner])
    layer = body.layer[corner[:, 0]]
    colour = colour_points(outfit, person, layer, at[:, :3], at[:, 3], at[:, 4], at[:, 5], at[:, 6], bank)

    toward = torch.nn.functional.normalize(views.eye[person] - surface[person, corner[:, 0]], dim=-1)
    away = (layer >= SKIRT) & ((normal * toward).sum(-1) < 0)  # inner sides of skirt and hair
    normal = torch.where(away[:, None], -normal, normal)
    lit = _light_points(colour, normal, toward, person, light, layer == HAIR)

    depth = torch.full_like(hit, torch.inf, dtype=torch.float32)
    depth[index] = 1 / nearness
    picture = torch.zeros(len(hit), 3, device=hit.device)
    picture[index] = lit
    shape = (len(screen), size, size)
    shadow = _floor_shadow(body, people.vertices, kept, views, light) if with_shadow else torch.zeros(shape, dtype=torch.bool, device=hit.device)
    return Layer(colour=picture.view(*shape, 3), mask=hit.view(shape), shadow=shadow, depth=depth.view(shape))


def _perspective_weights(corners: Tensor, pixel: Tensor) -> tuple[Tensor, Tensor]:
    """Perspective-correct barycentric weights (N, 3) and 1/depth (N,) at pixels (N, 2) of triangles (N, 3, 3)."""
    from hourlift.synth.camera import NEAREST_M

    a, b, c = corners[..., :2].unbind(1)

    def cross(p: Tensor, q: Tensor) -> Tensor:
        return (p[:, 0] - pixel[:, 0]) * (q[:, 1] - pixel[:, 1]) - (p[:, 1] - pixel[:, 1]) * (q[:, 0] - pixel[:, 0])

    screen = torch.stack([cross(b, c), cross(c, a), cross(a, b)], -1)
    screen = screen / screen.sum(-1, keepdim=True)
    weighted = screen * corners[..., 2]
    total = weighted.sum(-1)
    return weighted / total[:, None], total / NEAREST_M


def _light_points(
    colour: Tensor, normal: Tensor, toward: Tensor, person: Tensor, light: Light, hair: Tensor
) -> Tensor:
    direction = light.direction[person]
    facing = (normal * direction).sum(-1)
    diffuse = facing.clamp(min=0)[:, None] * light.lamp[person]
    up = 0.5 + 0.5 * normal[:, 2:]
    ambient = light.sky[person] * up + light.ground[person] * (1 - up)
    half = torch.nn.functional.normalize(direction + toward, dim=-1)
    gloss = torch.where(hair, 0.12, 0.04)[:, None] * (normal * half).sum(-1).clamp(min=0)[:, None] ** 20
    # Grazing angles darken a little: a cheap stand-in for ambient occlusion at the contours.
    rim = 0.8 + 0.2 * (normal * toward).sum(-1).clamp(0, 1)[:, None]
    linear = colour**2.2 * (ambient * rim + diffuse) + gloss * light.lamp[person]
    return linear.clamp(0, 1) ** (1 / 2.2)


def _floor_shadow(body: Body, vertices: Tensor, kept: Tensor, views: Views, light: Light) -> Tensor:
    """Mask (B, S, S) of the person's shadow on the floor: the mesh flattened along the light, then rasterised."""
    floor = vertices[..., 2].amin(1)[:, None]
    height = (vertices[..., 2] - floor)[..., None]
    flat = vertices - height * (light.direction / light.direction[:, 2:].clamp(min=0.2))[:, None]
    return rasterise(views.screen(flat), body.faces, kept, views.size) >= 0
