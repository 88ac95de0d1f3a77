"""Deferred shading: light is computed only for pixels that show a surface."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.body.parametric import Body, PosedBodies
from hourlift.synth.body.parts import triangle_parts
from hourlift.synth.camera.views import Views
from hourlift.synth.clothes.garments import Garments
from hourlift.synth.clothes.paint import spread
from hourlift.synth.clothes.wardrobe import (
    GLOSS,
    SKIN,
    SKIRT,
    Outfit,
    colour_points,
    fold_normals,
    surface_points,
    wear,
)
from hourlift.synth.core.batch import Batch
from hourlift.synth.core.planar import at_corner, blend, dot, in_batch, put, taken, unit
from hourlift.synth.render.backdrop import (
    FARTHEST_M,
    Planes,
    SeenPlanes,
    colour_planes,
    floor_depth,
    plane_light,
    see_planes,
)
from hourlift.synth.render.dressed import Dressed
from hourlift.synth.render.hits import Hits, find_hits, take_hits
from hourlift.synth.render.light import Light
from hourlift.synth.render.lighting import light_points
from hourlift.synth.render.rasterise import rasterise
from hourlift.synth.render.shadow import contact, lamp_share
from hourlift.synth.scene.layout import PHOTO, Scene
from hourlift.synth.scene.materials import Atlas
from hourlift.synth.scene.props import PropMesh, prop_mesh

_CONTACT_STRENGTH = 0.75
_EVERY = 9  # every ninth vertex is used for the contact of a body with the floor
_WRAP = (0.35, 0.18, 0.12)  # how far light extends around skin: red farthest, because of subsurface scattering


@dataclass(frozen=True, kw_only=True)
class Layer(Batch):
    """Rendered people, props and places, without background images.

    Attributes:
        colour: (B, S, S, 3) in [0, 1].
        drawn: (B, S, S) bool, where the colour is valid; elsewhere a background image is visible.
        mask: (B, S, S) bool, the people.
        surface: (B, S, S) int8: -1 for the backdrop, 0 the person, from 1 the props.
        part: (B, S, S) uint8 index into parts.PARTS, 0 where no person is seen.
        shadow: (B, S, S) float, darkening by people of pixels that are not drawn, in [0, 1].
        depth: (B, S, S) metres along the optical axis, infinite where there is neither person nor prop.
    """

    colour: Tensor
    drawn: Tensor
    mask: Tensor
    surface: Tensor
    part: Tensor
    shadow: Tensor
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
    garments: Garments | None = None,
) -> Layer:
    """Rasterise and shade B posed, dressed people and the scenes around them, all on the body's device.

    Args:
        body: Body with the faces to draw.
        people: Posed people.
        outfit: Their outfits.
        views: One camera per person.
        light: Light of each image.
        bank: (P, S, S, 3) uint8 images to cut cloth from.
        with_shadow: Whether there are shadows.
        scene: Scene around each person; None for people without a scene, on the floor below them.
        atlas: Textures of the scene.
        present: (B,) bool, people to draw; None for all.
        garments: Garments for outfits with a dressing.
    """
    mesh, floor = _assemble(body, people, outfit, scene, present)
    screen = views.screen(mesh.vertices.mT)
    dressed = None
    if garments is not None and outfit.dressing is not None:
        dressed = Dressed.fit(people, outfit.dressing, garments, body, views, present)
    triangle = rasterise(
        screen,
        mesh.faces,
        mesh.kept if dressed is None else _uncovered(mesh, dressed, body),
        views.size,
        None if dressed is None else dressed.adder(len(mesh.faces)),
    )
    hits, depth = find_hits(screen.mT, mesh.faces.T.contiguous(), triangle)
    worn = None if dressed is None else dressed.hits(triangle, len(mesh.faces), depth)
    solid = triangle >= 0

    # Background: a place's planes, or the floor below an image.
    photographed = torch.arange(len(floor), device=floor.device)
    behind = torch.full_like(depth, FARTHEST_M)
    if scene is not None and atlas is not None:
        photographed = (scene.place == PHOTO).nonzero()[:, 0]
        planes = see_planes(scene, views)
        behind.index_copy_(0, planes.image, planes.depth)
    if with_shadow:
        some = views.map(lambda value: value[photographed])
        behind.index_copy_(0, photographed, floor_depth(some, floor[photographed]))
    share = _lamp_share(people, mesh, floor, views, light, torch.where(solid, depth, behind), with_shadow)
    dark = _contact(people, floor, views, present) if with_shadow else torch.zeros_like(share)

    colour = torch.zeros(len(floor), 3, views.size, views.size, device=floor.device)
    surface = torch.full((solid.numel(),), -1, dtype=torch.int8, device=floor.device)
    lamp_at = share.flatten()
    is_person = hits.triangle < len(body.faces)
    own = take_hits(hits, is_person.nonzero()[:, 0])
    skins = None if dressed is None else dressed.skin(own, body, views)
    lit = _shade_people(body, people, own, outfit, views, light, bank, taken(lamp_at, own.index), skins)
    put(colour, own.index, own.image, lit)
    surface.index_fill_(0, own.index, 0)
    part = torch.zeros(solid.numel(), dtype=torch.uint8, device=floor.device)
    part.index_copy_(0, own.index, taken(triangle_parts(body), own.triangle))
    if dressed is not None and worn is not None:
        lit = dressed.colour(worn, outfit, views, light, bank, taken(lamp_at, worn.index))
        put(colour, worn.index, worn.image, lit)
        surface.index_fill_(0, worn.index, 0)
        part.index_copy_(0, worn.index, taken(dressed.mesh.part, worn.triangle))
    drawn = solid
    if scene is not None and atlas is not None:
        other = take_hits(hits, (~is_person).nonzero()[:, 0])
        lit, slot = _shade_props(other, body, mesh, scene, views, light, atlas, taken(lamp_at, other.index))
        put(colour, other.index, other.image, lit)
        surface.index_copy_(0, other.index, (slot + 1).to(torch.int8))
        lit, seen = _shade_planes(planes, ~solid[planes.image], scene, views, light, atlas, lamp_at, dark.flatten())
        put(colour, seen.pixel, seen.image, lit)
        drawn = solid | (scene.place != PHOTO)[:, None, None]
    shadow = torch.zeros_like(share)
    if with_shadow:
        strength = _lamp_strength(light)[photographed, None, None]
        shade = 1 - (1 - share[photographed]).mul_(strength).neg_().add_(1).mul_(1 - dark[photographed])
        unseen = solid[photographed] | (behind[photographed] == FARTHEST_M)
        shadow.index_copy_(0, photographed, shade.masked_fill_(unseen, 0.0))
    surface = surface.view_as(triangle)
    return Layer(
        colour=colour.permute(0, 2, 3, 1),
        drawn=drawn,
        mask=surface == 0,
        surface=surface,
        part=part.view_as(triangle),
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


def _uncovered(mesh: _Mesh, dressed: Dressed, body: Body) -> Tensor:
    """Triangles (B, T) that are drawn, without those of the bodies that garments cover."""
    kept = mesh.kept.clone()
    kept[:, : len(body.faces)] &= body_faces_worn(~dressed.covered, body.faces)
    return kept


def body_faces_worn(worn: Tensor, faces: Tensor) -> Tensor:
    """Triangles (B, T) with a vertex that is worn (B, V)."""
    first, second, third = (worn.index_select(1, faces[:, k]) for k in range(3))
    return first | second | third


def _lamp_share(
    people: PosedBodies, mesh: _Mesh, floor: Tensor, views: Views, light: Light, depth: Tensor, with_shadow: bool
) -> Tensor:
    """Share (B, S, S) of the lamp's light that arrives at the point of each pixel, at `depth` (B, S, S)."""
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
    hits: Hits,
    outfit: Outfit,
    views: Views,
    light: Light,
    bank: Tensor,
    lamp_share: Tensor,
    skins: Tensor | None,
) -> Tensor:
    """Display colours (3, N) of the hits, which are all on people."""
    person, vertices = hits.image, people.vertices.mT
    of_body = taken(body.faces.T.contiguous(), hits.triangle)
    corner = in_batch(of_body, person, vertices)
    normal = unit(blend(people.normals.mT, corner, hits.weights))
    points = surface_points(body, vertices, person, of_body, hits.weights)
    normal = fold_normals(outfit, points, normal)
    colour = colour_points(outfit, points, bank, skins)
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
    return light_points(colour, normal, toward, light, person, gloss, lamp_share, looks[:3])


def _shade_props(
    hits: Hits, body: Body, mesh: _Mesh, scene: Scene, views: Views, light: Light, atlas: Atlas, lamp_share: Tensor
) -> tuple[Tensor, Tensor]:
    """Display colours (3, N) of the hits, which are all on props, and the props' slots (N,)."""
    props, image, face = mesh.props, hits.image, hits.triangle - len(body.faces)
    slot, corner = taken(props.face_slot, face), taken(props.faces.T.contiguous(), face)
    normal = unit(blend(mesh.normals, hits.corner, hits.weights))
    at = blend(mesh.vertices, hits.corner, hits.weights)
    toward = unit(spread(views.eye.T, image) - at)
    local = blend(props.vertices.T[None], corner, hits.weights)
    axis = taken(props.normals.abs().argmax(1), corner[0])
    prop = torch.add(slot, image, alpha=scene.props.shown.shape[1])

    def of_prop(values: Tensor) -> Tensor:
        return taken(values.flatten(0, 1).movedim(0, -1).contiguous(), prop)

    repeats, half, texture = of_prop(scene.props.repeats), of_prop(scene.props.half), of_prop(scene.props.texture)
    stretched = (repeats == 0).float()
    place = torch.lerp(local * half * repeats, local * 0.5 + 0.5, stretched)
    u = torch.lerp(place[0], place[1], (axis == 0).float())
    v = torch.lerp(place[2], place[1], (axis == 2).float())
    per_metre = torch.lerp(repeats, 0.5 / half.amax(0), stretched)
    eye = spread(torch.stack([views.focal, scene.floor_m]), image)
    colour = atlas.colours(texture, u, -v, 1.4 * hits.depth * per_metre / eye[0]).mul_(of_prop(scene.props.tint))
    # The base of an object is darker, because little light reaches it.
    colour *= 0.72 + 0.28 * ((at[2] - eye[1]) * 4).clamp_(0, 1)
    gloss = 0.02 + 0.1 * (texture % 3 == 0)
    return light_points(colour, normal, toward, light, image, gloss, lamp_share, torch.zeros_like(u)), slot


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
