"""Deferred shading: light falls only on the pixels that were hit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.backdrop import (
    FARTHEST_M,
    Planes,
    SeenPlanes,
    colour_planes,
    floor_depth,
    plane_light,
    see_planes,
)
from hourlift.synth.batch import Batch
from hourlift.synth.body import Body, PosedBodies
from hourlift.synth.camera import NEAREST_M, Views
from hourlift.synth.light import Light
from hourlift.synth.materials import Atlas
from hourlift.synth.paint import spread
from hourlift.synth.planar import at_corner, blend, dot, in_batch, picture_of, pixel_of, put, taken, unit
from hourlift.synth.props import PropMesh, prop_mesh
from hourlift.synth.rasterise import rasterise
from hourlift.synth.scene import PICTURE, Scene
from hourlift.synth.shadow import contact, interpolation, lamp_share
from hourlift.synth.wardrobe import GLOSS, SKIN, SKIRT, Outfit, colour_points, fold_normals, surface_points, wear

_CONTACT_STRENGTH = 0.75
_EVERY = 9  # one vertex in so many tells where a body meets the floor
_WRAP = (0.35, 0.18, 0.12)  # how far light reaches round skin: red farthest, as it is scattered below the surface


@dataclass(frozen=True, kw_only=True)
class Layer(Batch):
    """What was rendered: people, props and places, without pictures behind.

    Attributes:
        colour: (B, S, S, 3) in [0, 1].
        drawn: (B, S, S) bool, where the colour holds; elsewhere a picture shows.
        mask: (B, S, S) bool, the people.
        surface: (B, S, S) int8: -1 for the backdrop, 0 the person, from 1 the props.
        triangle: (B, S, S) int64 of the body where the person is seen, else anything.
        shadow: (B, S, S) float, how dark people make what is not drawn, in [0, 1].
        depth: (B, S, S) metres along the optical axis, infinite where there is neither person nor prop.
    """

    colour: Tensor
    drawn: Tensor
    mask: Tensor
    surface: Tensor
    triangle: Tensor
    shadow: Tensor
    depth: Tensor


@dataclass(frozen=True)
class _Hits:
    """N pixels that see person or prop.

    Attributes:
        index: (N,) place in the flattened batch, ascending.
        picture: (N,).
        triangle: (N,).
        corner: (3, N) places of the corners' first coordinates in the flattened vertices (B, 3, V).
        weights: (3, N) of the corners.
        depth: (N,) metres.
    """

    index: Tensor
    picture: Tensor
    triangle: Tensor
    corner: Tensor
    weights: Tensor
    depth: Tensor


def render_people(
    body: Body,
    people: PosedBodies,
    outfit: Outfit,
    views: Views,
    light: Light,
    bank: Tensor,
    with_shadow: bool,
    scene: Scene | None = None,
    atlas: Atlas | None = None,
    present: Tensor | None = None,
) -> Layer:
    """Rasterises and shades B posed, dressed people and the scenes around them, all on the body's device.

    Args:
        body: Whose faces are drawn.
        people: Posed.
        outfit: What they wear.
        views: A camera each.
        light: On each.
        bank: (P, S, S, 3) uint8 pictures to cut cloth from.
        with_shadow: Whether anything casts shadows.
        scene: Around each person; None for people alone, on the floor below them.
        atlas: Textures of the scene.
        present: (B,) bool, who is drawn; None for all.
    """
    mesh, floor = _assemble(body, people, outfit, scene, present)
    screen = views.screen(mesh.vertices.mT)
    triangle = rasterise(screen, mesh.faces, mesh.kept, views.size)
    hits, depth = _hits(screen.mT, mesh.faces.T.contiguous(), triangle)
    solid = triangle >= 0

    # What is behind: a place's planes, or the floor below a picture.
    pictured = torch.arange(len(floor), device=floor.device)
    behind = torch.full_like(depth, FARTHEST_M)
    if scene is not None and atlas is not None:
        pictured = (scene.place == PICTURE).nonzero()[:, 0]
        planes = see_planes(scene, views)
        behind.index_copy_(0, planes.picture, planes.depth)
    if with_shadow:
        some = views.map(lambda value: value[pictured])
        behind.index_copy_(0, pictured, floor_depth(some, floor[pictured]))
    share = _lamp_share(people, mesh, floor, views, light, torch.where(solid, depth, behind), with_shadow)
    dark = _contact(people, floor, views, present) if with_shadow else torch.zeros_like(share)

    colour = torch.zeros(len(floor), 3, views.size, views.size, device=floor.device)
    surface = torch.full((solid.numel(),), -1, dtype=torch.int8, device=floor.device)
    lamp_at = share.flatten()
    is_person = hits.triangle < len(body.faces)
    own = _take(hits, is_person.nonzero()[:, 0])
    lit = _shade_people(body, people, own, outfit, views, light, bank, taken(lamp_at, own.index))
    put(colour, own.index, own.picture, lit)
    surface.index_fill_(0, own.index, 0)
    drawn = solid
    if scene is not None and atlas is not None:
        other = _take(hits, (~is_person).nonzero()[:, 0])
        lit, slot = _shade_props(other, body, mesh, scene, views, light, atlas, taken(lamp_at, other.index))
        put(colour, other.index, other.picture, lit)
        surface.index_copy_(0, other.index, (slot + 1).to(torch.int8))
        lit, seen = _shade_planes(planes, ~solid[planes.picture], scene, views, light, atlas, lamp_at, dark.flatten())
        put(colour, seen.pixel, seen.picture, lit)
        drawn = solid | (scene.place != PICTURE)[:, None, None]
    shadow = torch.zeros_like(share)
    if with_shadow:
        strength = _lamp_strength(light)[pictured, None, None]
        shade = 1 - (1 - share[pictured]).mul_(strength).neg_().add_(1).mul_(1 - dark[pictured])
        unseen = solid[pictured] | (behind[pictured] == FARTHEST_M)
        shadow.index_copy_(0, pictured, shade.masked_fill_(unseen, 0.0))
    surface = surface.view_as(triangle)
    return Layer(
        colour=colour.permute(0, 2, 3, 1),
        drawn=drawn,
        mask=surface == 0,
        surface=surface,
        triangle=triangle,
        shadow=shadow,
        depth=depth,
    )


@dataclass(frozen=True)
class _Mesh:
    """People and props as one: vertices and normals (B, 3, V), faces (T, 3), which are drawn (B, T)."""

    vertices: Tensor
    normals: Tensor
    faces: Tensor
    kept: Tensor
    props: PropMesh


def _assemble(
    body: Body, people: PosedBodies, outfit: Outfit, scene: Scene | None, present: Tensor | None
) -> tuple[_Mesh, Tensor]:
    """The mesh of people and props, and the heights (B,) of the floors."""
    worn, lift = wear(body, outfit)
    normals = people.normals.mT
    surface = torch.addcmul(people.vertices.mT, normals, lift[:, None])
    kept = body_faces_worn(worn, body.faces)
    if present is not None:
        kept = kept & present[:, None]
    props = prop_mesh(surface.device)
    if scene is None:
        return _Mesh(surface, normals, body.faces, kept, props), surface[:, 2].amin(1)
    placed, turned = props.placed(scene.props)
    faces = torch.cat([body.faces, props.faces + surface.shape[2]])
    kept = torch.cat([kept, scene.props.shown[:, props.face_slot]], 1)
    mesh = _Mesh(torch.cat([surface, placed.mT], 2), torch.cat([normals, turned.mT], 2), faces, kept, props)
    return mesh, scene.floor_m


def body_faces_worn(worn: Tensor, faces: Tensor) -> Tensor:
    """Triangles (B, T) with a vertex that is worn (B, V)."""
    first, second, third = (worn.index_select(1, faces[:, k]) for k in range(3))
    return first | second | third


def _hits(screen: Tensor, faces: Tensor, triangle: Tensor) -> tuple[_Hits, Tensor]:
    """The pixels that see something, and the depth (B, S, S) there, infinite elsewhere."""
    size = triangle.shape[-1]
    flat = triangle.flatten()
    index = (flat >= 0).nonzero()[:, 0]
    picture, hit = picture_of(index, len(triangle), size), flat.index_select(0, index)
    corner = in_batch(taken(faces, hit), picture, screen)
    weights, nearness = interpolation(screen, corner, *pixel_of(index, picture, size))
    depth = torch.full(flat.shape, torch.inf, device=screen.device)
    seen_at = NEAREST_M / nearness
    depth.index_copy_(0, index, seen_at)
    return _Hits(index, picture, hit, corner, weights, seen_at), depth.view_as(triangle)


def _take(hits: _Hits, chosen: Tensor) -> _Hits:
    return _Hits(*(taken(values, chosen) for values in vars(hits).values()))


def _lamp_share(
    people: PosedBodies, mesh: _Mesh, floor: Tensor, views: Views, light: Light, depth: Tensor, with_shadow: bool
) -> Tensor:
    """Share (B, S, S) of the lamp's light that arrives where each pixel looks, at `depth` (B, S, S)."""
    share = torch.ones_like(depth)
    chosen = (((light.shadow > 0) & with_shadow) | (light.spot < FARTHEST_M)).nonzero()[:, 0]
    if len(chosen):
        low, high = people.joints[chosen].amin(1), people.joints[chosen].amax(1)
        radius = (0.75 * (high - low).norm(dim=-1) + 0.3).clamp(min=1.0)
        some = (mesh.vertices[chosen].mT, mesh.faces, mesh.kept[chosen])
        lights, cameras = light.map(lambda value: value[chosen]), views.map(lambda value: value[chosen])
        share[chosen] = lamp_share(lights, cameras, depth[chosen], some, (low + high) / 2, radius, floor[chosen])
    return share


def _lamp_strength(light: Light) -> Tensor:
    """Share (B,) of the light on the floor that is the lamp's."""
    lamp = light.lamp.mean(1) * light.direction[:, 2].clamp(min=0)
    return lamp / (lamp + light.sky.mean(1)).clamp(min=1e-3)


def _contact(people: PosedBodies, floor: Tensor, views: Views, present: Tensor | None) -> Tensor:
    dark = _CONTACT_STRENGTH * contact(views, people.vertices[:, ::_EVERY], floor)
    return dark if present is None else dark * present[:, None, None]


def _shade_people(
    body: Body,
    people: PosedBodies,
    hits: _Hits,
    outfit: Outfit,
    views: Views,
    light: Light,
    bank: Tensor,
    lamp_share: Tensor,
) -> Tensor:
    """Display colours (3, N) of the hits, which are all on people."""
    person, vertices = hits.picture, people.vertices.mT
    of_body = taken(body.faces.T.contiguous(), hits.triangle)
    corner = in_batch(of_body, person, vertices)
    normal = unit(blend(people.normals.mT, corner, hits.weights))
    points = surface_points(body, vertices, person, of_body, hits.weights)
    normal = fold_normals(outfit, points, normal)
    colour = colour_points(outfit, points, bank)
    toward = unit(spread(views.eye.T, person) - at_corner(vertices, corner[0]))
    inward = (points.layer >= SKIRT) & (dot(normal, toward) < 0)  # inner sides of skirt and hair
    normal *= 1 - 2 * inward.float()
    kinds = int(body.layer.max()) + 1
    looks = torch.zeros(4, kinds)  # how light wraps round, and gloss
    looks[3] = 0.04
    looks[:3, SKIN] = torch.tensor(_WRAP)
    looks[3, list(GLOSS)] = 0.14
    looks = taken(looks.to(colour.device), points.layer)
    gloss = torch.lerp(looks[3], torch.tensor(0.1, device=colour.device), (points.foot > 0.5).float())
    return _light_points(colour, normal, toward, light, person, gloss, lamp_share, looks[:3])


def _shade_props(
    hits: _Hits, body: Body, mesh: _Mesh, scene: Scene, views: Views, light: Light, atlas: Atlas, lamp_share: Tensor
) -> tuple[Tensor, Tensor]:
    """Display colours (3, N) of the hits, which are all on props, and the props' slots (N,)."""
    props, picture, face = mesh.props, hits.picture, hits.triangle - len(body.faces)
    slot, corner = taken(props.face_slot, face), taken(props.faces.T.contiguous(), face)
    normal = unit(blend(mesh.normals, hits.corner, hits.weights))
    at = blend(mesh.vertices, hits.corner, hits.weights)
    toward = unit(spread(views.eye.T, picture) - at)
    local = blend(props.vertices.T[None], corner, hits.weights)
    axis = taken(props.normals.abs().argmax(1), corner[0])
    prop = torch.add(slot, picture, alpha=scene.props.shown.shape[1])

    def of_prop(values: Tensor) -> Tensor:
        return taken(values.flatten(0, 1).movedim(0, -1).contiguous(), prop)

    repeats, half, texture = of_prop(scene.props.repeats), of_prop(scene.props.half), of_prop(scene.props.texture)
    stretched = (repeats == 0).float()
    place = torch.lerp(local * half * repeats, local * 0.5 + 0.5, stretched)
    u = torch.lerp(place[0], place[1], (axis == 0).float())
    v = torch.lerp(place[2], place[1], (axis == 2).float())
    per_metre = torch.lerp(repeats, 0.5 / half.amax(0), stretched)
    eye = spread(torch.stack([views.focal, scene.floor_m]), picture)
    colour = atlas.colours(texture, u, -v, 1.4 * hits.depth * per_metre / eye[0]).mul_(of_prop(scene.props.tint))
    # The foot of a thing is darker, as little light gets there.
    colour *= 0.72 + 0.28 * ((at[2] - eye[1]) * 4).clamp_(0, 1)
    gloss = 0.02 + 0.1 * (texture % 3 == 0)
    return _light_points(colour, normal, toward, light, picture, gloss, lamp_share, torch.zeros_like(u)), slot


def _shade_planes(
    planes: Planes, free: Tensor, scene: Scene, views: Views, light: Light, atlas: Atlas, lamp_at: Tensor, dark: Tensor
) -> tuple[Tensor, SeenPlanes]:
    """Display colours (3, N) of places where `free` (M, S, S) is true, and which they are."""
    colour, seen = colour_planes(planes, scene, views, atlas, free)
    around, direct = plane_light(scene, light.direction, light.lamp, light.sky, light.ground)
    arriving = taken(direct.flatten(0, 1).T.contiguous(), seen.row).mul_(taken(lamp_at, seen.pixel))
    arriving += taken(around.flatten(0, 1).T.contiguous(), seen.row)
    near = 1 - taken(dark, seen.pixel).mul_(seen.on_floor)
    return colour.square_().mul_(arriving).mul_(near).clamp_(0, 1).sqrt_(), seen


def _light_points(
    colour: Tensor,
    normal: Tensor,
    toward: Tensor,
    light: Light,
    picture: Tensor,
    gloss: Tensor,
    lamp_share: Tensor,
    wrap: Tensor,
) -> Tensor:
    """Display colours (3, N) of lit points: Lambert and Blinn-Phong under a lamp, and light from sky and ground.

    Args:
        colour: (3, N) display colours without light.
        normal: (3, N) unit vectors; so is toward, the way to the camera.
        toward: (3, N).
        light: On each picture.
        picture: (N,) each point's.
        gloss: (N,) strength of highlights.
        lamp_share: (N,) of the lamp's light that arrives.
        wrap: (3, N) or (N,), how far light reaches beyond the edge of the lit side, in cosines, by colour.
    """
    table = torch.cat([light.direction, light.lamp, light.sky, light.ground], 1)
    direction, lamp, sky, ground = spread(table.T, picture).split(3)
    lamp *= lamp_share
    diffuse = (dot(normal, direction) + wrap).div_(1 + wrap).clamp_(min=0)
    ambient = ground.lerp_(sky, normal[2].mul(0.5).add_(0.5))
    shine = dot(normal, unit(direction.add_(toward))).clamp_(min=0)
    for _ in range(4):  # to the power of 16
        shine *= shine
    # Grazing angles darken a little: a cheap stand-in for ambient occlusion at the contours.
    rim = dot(normal, toward).clamp_(0, 1).mul_(0.25).add_(0.75)
    linear = ambient.mul_(rim).addcmul_(diffuse, lamp).mul_(colour).mul_(colour).addcmul_(lamp, shine.mul_(gloss))
    return linear.clamp_(0, 1).sqrt_()
