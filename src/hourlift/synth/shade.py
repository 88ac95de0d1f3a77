"""Deferred shading: light falls only on the pixels that were hit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.backdrop import FARTHEST_M, colour_planes, floor_depth, plane_light, see_planes
from hourlift.synth.batch import Batch
from hourlift.synth.body import Body, PosedBodies
from hourlift.synth.camera import NEAREST_M, Views
from hourlift.synth.draw import Draw
from hourlift.synth.materials import Atlas
from hourlift.synth.props import PropMesh, prop_mesh
from hourlift.synth.rasterise import rasterise
from hourlift.synth.scene import FLOOR, PICTURE, Scene
from hourlift.synth.shadow import contact, interpolation, lamp_share
from hourlift.synth.wardrobe import GLOSS, SKIN, SKIRT, Outfit, colour_points, fold_normals, surface_points, wear

_CONTACT_STRENGTH = 0.75
_EVERY = 9  # one vertex in so many tells where a body meets the floor
_WRAP = (0.35, 0.18, 0.12)  # how far light reaches round skin: red farthest, as it is scattered below the surface


@dataclass(frozen=True, kw_only=True)
class Light(Batch):
    """B lights: a sun or lamp, the sky above and what the ground throws back.

    Attributes:
        direction: (B, 3) unit vectors towards the lamp, world.
        lamp: (B, 3) colour; so are sky and ground, linear.
        sky: (B, 3).
        ground: (B, 3).
        shadow: (B,) how much of the lamp a shadow takes away, in [0, 1]; 0 for light without shadows.
        softness: (B,) of the shadows' edges, in [0, 1].
        spot: (B,) radius in metres of what the lamp lights around the person, FARTHEST_M for everything.
    """

    direction: Tensor
    lamp: Tensor
    sky: Tensor
    ground: Tensor
    shadow: Tensor
    softness: Tensor
    spot: Tensor


def sample_lights(draw: Draw) -> Light:
    """Draws lights: sun, lamp or overcast, from dusk to over-exposed, of 2500 to 9000 K."""
    azimuth, height = draw.turn(), draw.uniform(0.25, 1.45)  # radians above the horizon
    direction = torch.stack([azimuth.cos() * height.cos(), azimuth.sin() * height.cos(), height.sin()], -1)
    mired = draw.uniform(1e6 / 9000, 1e6 / 2500)
    sky_mired = torch.lerp(mired, draw.uniform(1e6 / 9000, 1e6 / 4500), draw.uniform())
    # Cameras make up for most of the light's colour, seldom for all.
    white = torch.lerp(torch.full_like(mired, 1e6 / 5500), (mired + sky_mired) / 2, draw.uniform(0.45, 1.0))
    exposure = draw.log_uniform(0.6, 1.4)
    extreme = draw.vector(1)[:, 0]
    exposure = torch.where(extreme < 0.08, draw.uniform(0.12, 0.4), exposure)
    exposure = torch.where(extreme > 0.94, draw.uniform(1.6, 2.6), exposure)[:, None]
    key = torch.where(draw.chance(0.3), draw.uniform(0.0, 0.35), draw.uniform(0.35, 1.0))[:, None]
    spot = draw.chance(0.07)
    ambient = torch.where(spot, draw.uniform(0.15, 0.7), 1.0)[:, None]
    return Light(
        direction=direction,
        lamp=exposure * key * 1.25 * _temperature(mired, white),
        sky=exposure * ambient * (1.0 - 0.7 * key) * _temperature(sky_mired, white),
        ground=exposure
        * ambient
        * (1 - 0.4 * key)
        * draw.uniform(0.25, 0.6)[:, None]
        * torch.tensor([1.04, 1.0, 0.92]),
        shadow=torch.where(key[:, 0] > 0.3, draw.uniform(0.55, 1.0), 0.0),
        softness=draw.uniform() ** 2,
        spot=torch.where(spot, draw.uniform(0.5, 1.6), FARTHEST_M),
    )


def _temperature(mired: Tensor, white: Tensor) -> Tensor:
    """Linear colours (B, 3) of black bodies of 1e6 / mired kelvin to a camera balanced for 1e6 / white (Wien)."""
    slope = 14388e-6 / torch.tensor([610e-3, 550e-3, 465e-3])  # second radiation constant over wavelength, per mired
    ratio = torch.exp(-slope * (mired - white)[:, None])
    return ratio / ratio.mean(1, keepdim=True)


@dataclass(frozen=True, kw_only=True)
class Layer(Batch):
    """What was rendered: people, props and places, without pictures behind.

    Attributes:
        colour: (B, S, S, 3) in [0, 1].
        drawn: (B, S, S) bool, where the colour holds; elsewhere a picture shows.
        mask: (B, S, S) bool, the people.
        surface: (B, S, S) int64: -1 for the backdrop, 0 the person, from 1 the props.
        shadow: (B, S, S) float, how dark people make what is not drawn, in [0, 1].
        depth: (B, S, S) metres along the optical axis, infinite where there is neither person nor prop.
    """

    colour: Tensor
    drawn: Tensor
    mask: Tensor
    surface: Tensor
    shadow: Tensor
    depth: Tensor


@dataclass(frozen=True)
class _Hits:
    """N pixels that see person or prop: place in the flattened batch, picture, triangle, corners and their weights."""

    index: Tensor
    picture: Tensor
    triangle: Tensor
    weights: Tensor


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
    worn, lift = wear(body, outfit)
    surface = people.vertices + people.normals * lift[..., None]
    faces, normals = body.faces, people.normals
    kept = worn[:, faces.long()].any(2)
    if present is not None:
        kept = kept & present[:, None]
    floor = surface[..., 2].amin(1) if scene is None else scene.floor_m
    props = prop_mesh(surface.device)
    if scene is not None:
        placed, turned = props.placed(scene.props)
        surface, normals = torch.cat([surface, placed], 1), torch.cat([normals, turned], 1)
        faces = torch.cat([faces, props.faces + people.vertices.shape[1]])
        kept = torch.cat([kept, scene.props.shown[:, props.face_slot]], 1)
    screen = views.screen(surface)
    triangle = rasterise(screen, faces, kept, views.size)
    hits, depth = _hits(screen, faces, triangle)

    # What the pixels see: people and props, a place's planes, or the floor below a picture.
    solid = triangle >= 0
    behind = torch.full_like(depth, FARTHEST_M)
    planes = None if scene is None else see_planes(scene, views)
    if planes is not None:
        behind[planes.picture] = planes.depth
    share = torch.ones_like(depth)
    casts = ((light.shadow > 0) & with_shadow) | (light.spot < FARTHEST_M)
    chosen = casts.nonzero()[:, 0]
    on_picture = torch.ones_like(casts) if scene is None else scene.place == PICTURE
    if with_shadow or len(chosen):
        pictured = on_picture.nonzero()[:, 0]
        behind[pictured] = floor_depth(views.map(lambda value: value[pictured]), floor[pictured])
    if len(chosen):
        low, high = people.joints.amin(1), people.joints.amax(1)
        radius = (0.75 * (high - low).norm(dim=-1) + 0.3).clamp(min=1.0)
        some = light.map(lambda value: value[chosen])
        share[chosen] = lamp_share(
            some, views.map(lambda value: value[chosen]), torch.where(solid, depth, behind)[chosen],
            (surface[chosen], faces, kept[chosen]), ((low + high) / 2)[chosen], radius[chosen], floor[chosen],
        )  # fmt: skip

    picture = torch.zeros(solid.numel(), 3, device=solid.device)
    lamp_at = share.flatten()[hits.index]
    lit = torch.empty(len(hits.index), 3, device=solid.device)
    is_person = hits.triangle < len(body.faces)
    own, other = is_person.nonzero()[:, 0], (~is_person).nonzero()[:, 0]
    lit[own] = _shade_people(body, people, _take(hits, own), outfit, views, light, bank, lamp_at[own])
    if scene is not None and atlas is not None:
        some_hits = _take(hits, other)
        lit[other] = _shade_props(
            props, some_hits, len(body.faces), people.vertices.shape[1], surface, normals, depth, scene, views, light,
            atlas, lamp_at[other],
        )  # fmt: skip
    picture[hits.index] = lit
    picture = picture.view(*solid.shape, 3)
    drawn = solid
    dark = _contact(people, floor, views, present) if with_shadow else torch.zeros_like(share)
    if planes is not None and atlas is not None and scene is not None:
        free = ~solid[planes.picture]
        colour, row = colour_planes(planes, scene, views, atlas, free)
        around, direct = plane_light(scene, light.direction, light.lamp, light.sky, light.ground)
        place = (free.flatten().nonzero()[:, 0], planes.picture)
        index = place[1][place[0] // views.size**2] * views.size**2 + place[0] % views.size**2
        near = (1 - dark.flatten()[index] * (row % 6 == FLOOR))[:, None]
        linear = colour.square() * (
            around.flatten(0, 1)[row] + direct.flatten(0, 1)[row] * share.flatten()[index, None]
        )
        picture.view(-1, 3)[index] = (linear * near).clamp(0, 1).sqrt()
        drawn = solid | ~on_picture[:, None, None]
    surfaces = torch.full_like(triangle, -1)
    surfaces.view(-1)[hits.index] = _surface_of(hits, props, len(body.faces))
    is_floor = behind < FARTHEST_M
    brightness = light.lamp.mean(1) * light.direction[:, 2].clamp(min=0)
    strength = brightness / (brightness + light.sky.mean(1)).clamp(min=1e-3)
    shadow = 1 - (1 - (1 - share) * strength[:, None, None]) * (1 - dark)
    return Layer(
        colour=picture,
        drawn=drawn,
        mask=surfaces == 0,
        surface=surfaces,
        shadow=torch.where(is_floor & ~solid & with_shadow, shadow, 0.0),
        depth=depth,
    )


def _hits(screen: Tensor, faces: Tensor, triangle: Tensor) -> tuple[_Hits, Tensor]:
    """The pixels that see something, and the depth (B, S, S) there, infinite elsewhere."""
    size = triangle.shape[-1]
    flat = triangle.flatten()
    index = (flat >= 0).nonzero()[:, 0]
    picture, hit = index // size**2, flat[index]
    pixel = torch.stack([index % size, (index // size) % size], -1)
    weights, nearness = interpolation(screen[picture[:, None], faces[hit].long()], pixel)
    depth = torch.full(flat.shape, torch.inf, device=screen.device)
    depth[index] = NEAREST_M / nearness
    return _Hits(index, picture, hit, weights), depth.view_as(triangle)


def _take(hits: _Hits, chosen: Tensor) -> _Hits:
    return _Hits(hits.index[chosen], hits.picture[chosen], hits.triangle[chosen], hits.weights[chosen])


def _blend(values: Tensor, weights: Tensor) -> Tensor:
    """Interpolates values (N, 3 corners, D)."""
    return (values * weights[..., None]).sum(1)


def _surface_of(hits: _Hits, props: PropMesh, body_faces: int) -> Tensor:
    """Layer.surface at the hits."""
    slot = props.face_slot[(hits.triangle - body_faces).clamp(min=0)] + 1
    return torch.where(hits.triangle < body_faces, 0, slot)


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
    """Display colours (N, 3) of the hits, which are all on people."""
    person, corner = hits.picture, body.faces.long()[hits.triangle]
    normal = torch.nn.functional.normalize(_blend(people.normals[person[:, None], corner], hits.weights), dim=-1)
    points = surface_points(body, people.vertices, person, corner, hits.weights)
    normal = fold_normals(outfit, points, normal)
    colour = colour_points(outfit, points, bank)
    toward = torch.nn.functional.normalize(views.eye[person] - people.vertices[person, corner[:, 0]], dim=-1)
    away = (points.layer >= SKIRT) & ((normal * toward).sum(-1) < 0)  # inner sides of skirt and hair
    normal = torch.where(away[:, None], -normal, normal)
    wrap = torch.where((points.layer == SKIN)[:, None], torch.tensor(_WRAP, device=colour.device), 0.0)
    gloss = torch.where(
        torch.isin(points.layer, torch.tensor(GLOSS, device=colour.device)),
        0.12,
        torch.where(points.foot > 0.5, 0.1, 0.04),
    )
    return _light_points(colour, normal, toward, light.map(lambda value: value[person]), gloss, lamp_share, wrap)


def _shade_props(
    props: PropMesh,
    hits: _Hits,
    first_face: int,
    first_vertex: int,
    surface: Tensor,
    normals: Tensor,
    depth: Tensor,
    scene: Scene,
    views: Views,
    light: Light,
    atlas: Atlas,
    lamp_share: Tensor,
) -> Tensor:
    """Display colours (N, 3) of the hits, which are all on props."""
    picture, face = hits.picture, hits.triangle - first_face
    slot, corner = props.face_slot[face], props.faces[face].long()
    normal = torch.nn.functional.normalize(
        _blend(normals[picture[:, None], corner + first_vertex], hits.weights), dim=-1
    )
    toward = torch.nn.functional.normalize(views.eye[picture] - surface[picture, corner[:, 0] + first_vertex], dim=-1)
    unit, side = _blend(props.vertices[corner], hits.weights), props.normals[corner[:, 0]]
    repeats = scene.props.repeats[picture, slot][:, None]
    half = scene.props.half[picture, slot]
    stretched = repeats == 0
    at = torch.where(stretched, unit * 0.5 + 0.5, unit * half * repeats)
    axis = side.abs().argmax(1)
    u = torch.where(axis == 0, at[:, 1], at[:, 0])
    v = torch.where(axis == 2, at[:, 1], at[:, 2])
    texture = scene.props.texture[picture, slot]
    per_metre = torch.where(stretched[:, 0], 0.5 / half.amax(1), repeats[:, 0])
    footprint = 1.4 * depth.flatten()[hits.index] * per_metre / views.focal[picture]
    colour = atlas.colours(texture, u, -v, footprint) * scene.props.tint[picture, slot]
    gloss = 0.02 + 0.1 * (texture % 3 == 0)
    # The foot of a thing is darker, as little light gets there.
    near_floor = (surface[picture[:, None], corner + first_vertex, 2] * hits.weights).sum(1) - scene.floor_m[picture]
    colour = colour * (0.72 + 0.28 * (near_floor * 4).clamp(0, 1))[:, None]
    return _light_points(
        colour, normal, toward, light.map(lambda value: value[picture]), gloss, lamp_share, torch.zeros_like(colour)
    )


def _light_points(
    colour: Tensor, normal: Tensor, toward: Tensor, light: Light, gloss: Tensor, lamp_share: Tensor, wrap: Tensor
) -> Tensor:
    """Display colours (N, 3) of lit points: Lambert and Blinn-Phong under a lamp, and light from sky and ground.

    Args:
        colour: (N, 3) display colours without light.
        normal: (N, 3) unit vectors; so is toward, the way to the camera.
        toward: (N, 3).
        light: On each point.
        gloss: (N,) strength of highlights.
        lamp_share: (N,) of the lamp's light that arrives.
        wrap: (N, 3) how far light reaches beyond the edge of the lit side, in cosines, by colour.
    """
    cosine = (normal * light.direction).sum(-1, keepdim=True)
    lamp = light.lamp * lamp_share[:, None]
    diffuse = ((cosine + wrap) / (1 + wrap)).clamp(min=0) * lamp
    up = 0.5 + 0.5 * normal[:, 2:]
    ambient = light.sky * up + light.ground * (1 - up)
    half = torch.nn.functional.normalize(light.direction + toward, dim=-1)
    shine = gloss[:, None] * (normal * half).sum(-1).clamp(min=0)[:, None] ** 20
    # Grazing angles darken a little: a cheap stand-in for ambient occlusion at the contours.
    rim = 0.75 + 0.25 * (normal * toward).sum(-1).clamp(0, 1)[:, None]
    linear = colour * colour * (ambient * rim + diffuse) + shine * lamp
    return linear.clamp(0, 1).sqrt()
