"""Deferred shading: light falls only on the pixels that were hit."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.backdrop import FARTHEST_M, Planes, colour_planes, floor_depth, plane_light, see_planes
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
        shadow=torch.where((key[:, 0] > 0.3) & draw.chance(0.75), draw.uniform(0.55, 1.0), 0.0),
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
        surface: (B, S, S) int8: -1 for the backdrop, 0 the person, from 1 the props.
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
    """N pixels that see person or prop.

    Attributes:
        index: (N,) place in the flattened batch, ascending.
        picture: (N,).
        triangle: (N,).
        corner: (N, 3) vertices in the flattened batch.
        weights: (3, N) of the corners.
    """

    index: Tensor
    picture: Tensor
    triangle: Tensor
    corner: Tensor
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
    mesh, floor = _assemble(body, people, outfit, scene, present)
    screen = views.screen(mesh.vertices)
    triangle = rasterise(screen, mesh.faces, mesh.kept, views.size)
    hits, depth = _hits(screen, mesh.faces, triangle)
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

    colour = torch.zeros(solid.numel(), 3, device=floor.device)
    surface = torch.full((solid.numel(),), -1, dtype=torch.int8, device=floor.device)
    lamp_at = share.flatten()
    is_person = hits.triangle < len(body.faces)
    own = _take(hits, is_person.nonzero()[:, 0])
    lit = _shade_people(body, people, own, outfit, views, light, bank, lamp_at.index_select(0, own.index))
    colour.index_copy_(0, own.index, lit)
    surface.index_fill_(0, own.index, 0)
    drawn = solid
    if scene is not None and atlas is not None:
        other = _take(hits, (~is_person).nonzero()[:, 0])
        lit, slot = _shade_props(other, body, mesh, depth, scene, views, light, atlas, lamp_at)
        colour.index_copy_(0, other.index, lit)
        surface.index_copy_(0, other.index, (slot + 1).to(torch.int8))
        lit, pixel = _shade_planes(planes, ~solid[planes.picture], scene, views, light, atlas, lamp_at, dark.flatten())
        colour.index_copy_(0, pixel, lit)
        drawn = solid | (scene.place != PICTURE)[:, None, None]
    shadow = torch.zeros_like(share)
    if with_shadow:
        strength = _lamp_strength(light)[pictured, None, None]
        shade = 1 - (1 - share[pictured]).mul_(strength).neg_().add_(1).mul_(1 - dark[pictured])
        unseen = solid[pictured] | (behind[pictured] == FARTHEST_M)
        shadow.index_copy_(0, pictured, shade.masked_fill_(unseen, 0.0))
    surface = surface.view_as(triangle)
    return Layer(
        colour=colour.view(*solid.shape, 3), drawn=drawn, mask=surface == 0, surface=surface, shadow=shadow, depth=depth
    )


@dataclass(frozen=True)
class _Mesh:
    """People and props as one: vertices and normals (B, V, 3), faces (T, 3), which are drawn (B, T)."""

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
    surface = people.vertices + people.normals * lift[..., None]
    kept = body_faces_worn(worn, body.faces)
    if present is not None:
        kept = kept & present[:, None]
    props = prop_mesh(surface.device)
    if scene is None:
        return _Mesh(surface, people.normals, body.faces, kept, props), surface[..., 2].amin(1)
    placed, turned = props.placed(scene.props)
    faces = torch.cat([body.faces, props.faces + surface.shape[1]])
    kept = torch.cat([kept, scene.props.shown[:, props.face_slot]], 1)
    mesh = _Mesh(torch.cat([surface, placed], 1), torch.cat([people.normals, turned], 1), faces, kept, props)
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
    picture, hit = index // size**2, flat.index_select(0, index)
    corner = faces.index_select(0, hit) + (picture * screen.shape[1])[:, None]
    weights, nearness = interpolation(screen.flatten(0, 1), corner, index % size, (index // size) % size)
    depth = torch.full(flat.shape, torch.inf, device=screen.device)
    depth.index_copy_(0, index, NEAREST_M / nearness)
    return _Hits(index, picture, hit, corner, weights), depth.view_as(triangle)


def _take(hits: _Hits, chosen: Tensor) -> _Hits:
    some = [values.index_select(0, chosen) for values in (hits.index, hits.picture, hits.triangle, hits.corner)]
    return _Hits(some[0], some[1], some[2], some[3], hits.weights.index_select(1, chosen))


def _blend(values: Tensor, corner: Tensor, weights: Tensor) -> Tensor:
    """Interpolates rows of values (V, D) between corners (N, 3) with weights (3, N): (D, N)."""
    mixed = torch.nn.functional.embedding_bag(corner, values, per_sample_weights=weights.T.contiguous(), mode="sum")
    return mixed.T.contiguous()


def _unit(vectors: Tensor) -> Tensor:
    """Vectors (3, N) of length 1."""
    return vectors * (vectors * vectors).sum(0).clamp_(min=1e-12).rsqrt_()


def _lamp_share(
    people: PosedBodies, mesh: _Mesh, floor: Tensor, views: Views, light: Light, depth: Tensor, with_shadow: bool
) -> Tensor:
    """Share (B, S, S) of the lamp's light that arrives where each pixel looks, at `depth` (B, S, S)."""
    share = torch.ones_like(depth)
    chosen = (((light.shadow > 0) & with_shadow) | (light.spot < FARTHEST_M)).nonzero()[:, 0]
    if len(chosen):
        low, high = people.joints[chosen].amin(1), people.joints[chosen].amax(1)
        radius = (0.75 * (high - low).norm(dim=-1) + 0.3).clamp(min=1.0)
        some = (mesh.vertices[chosen], mesh.faces, mesh.kept[chosen])
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
    """Display colours (N, 3) of the hits, which are all on people."""
    person, corner = hits.picture, body.faces.index_select(0, hits.triangle).long()
    first = person * body.mean.shape[0]
    in_batch = corner + first[:, None]
    normal = _unit(_blend(people.normals.flatten(0, 1), in_batch, hits.weights))
    points = surface_points(body, people.vertices, person, corner, hits.weights.T.contiguous())
    normal = fold_normals(outfit, points, normal.T.contiguous()).T.contiguous()
    colour = colour_points(outfit, points, bank).T.contiguous()
    at = people.vertices.flatten(0, 1).index_select(0, in_batch[:, 0])
    toward = _unit((views.eye.index_select(0, person) - at).T.contiguous())
    away = (points.layer >= SKIRT) & ((normal * toward).sum(0) < 0)  # inner sides of skirt and hair
    normal = torch.where(away, -normal, normal)
    kinds = int(body.layer.max()) + 1
    wrap, gloss = torch.zeros(kinds, 3), torch.full((kinds,), 0.04)
    wrap[SKIN] = torch.tensor(_WRAP)
    gloss[list(GLOSS)] = 0.14
    gloss_at = torch.where(points.foot > 0.5, 0.1, gloss.to(colour.device)[points.layer])
    wrap_at = wrap.to(colour.device).index_select(0, points.layer).T.contiguous()
    return _light_points(colour, normal, toward, light, person, gloss_at, lamp_share, wrap_at)


def _shade_props(
    hits: _Hits, body: Body, mesh: _Mesh, depth: Tensor, scene: Scene, views: Views, light: Light, atlas: Atlas,
    lamp_at: Tensor,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Display colours (N, 3) of the hits, which are all on props, and the props' slots (N,)."""
    props, picture, face = mesh.props, hits.picture, hits.triangle - len(body.faces)
    slot, corner = props.face_slot.index_select(0, face), props.faces.index_select(0, face)
    normal = _unit(_blend(mesh.normals.flatten(0, 1), hits.corner, hits.weights))
    at = _blend(mesh.vertices.flatten(0, 1), hits.corner, hits.weights)
    toward = _unit(views.eye.index_select(0, picture).T - at)
    unit, side = _blend(props.vertices, corner, hits.weights), props.normals.index_select(0, corner[:, 0])
    prop = picture * scene.props.shown.shape[1] + slot

    def of_prop(values: Tensor) -> Tensor:
        return values.flatten(0, 1).index_select(0, prop)

    repeats, half = of_prop(scene.props.repeats), of_prop(scene.props.half).T
    stretched = repeats == 0
    place = torch.where(stretched, unit * 0.5 + 0.5, unit * half * repeats)
    axis = side.abs().argmax(1)
    u, v = torch.where(axis == 0, place[1], place[0]), torch.where(axis == 2, place[1], place[2])
    per_metre = torch.where(stretched, 0.5 / half.amax(0), repeats)
    footprint = 1.4 * depth.flatten().index_select(0, hits.index) * per_metre / views.focal.index_select(0, picture)
    texture = of_prop(scene.props.texture)
    colour = atlas.colours(texture, u, -v, footprint).mul_(of_prop(scene.props.tint)).T
    # The foot of a thing is darker, as little light gets there.
    colour = colour * (0.72 + 0.28 * ((at[2] - scene.floor_m.index_select(0, picture)) * 4).clamp(0, 1))
    gloss = 0.02 + 0.1 * (texture % 3 == 0)
    share = lamp_at.index_select(0, hits.index)
    return _light_points(colour, normal, toward, light, picture, gloss, share, torch.zeros(3, 1).to(u.device)), slot


def _shade_planes(
    planes: Planes, free: Tensor, scene: Scene, views: Views, light: Light, atlas: Atlas, lamp_at: Tensor, dark: Tensor
) -> tuple[Tensor, Tensor]:
    """Display colours (N, 3) of places where `free` (M, S, S) is true, and their pixels (N,) in the batch."""
    colour, row, pixel = colour_planes(planes, scene, views, atlas, free)
    around, direct = plane_light(scene, light.direction, light.lamp, light.sky, light.ground)
    arriving = direct.flatten(0, 1).index_select(0, row).mul_(lamp_at.index_select(0, pixel)[:, None])
    arriving.add_(around.flatten(0, 1).index_select(0, row))
    near = 1 - dark.index_select(0, pixel) * (row % 6 == FLOOR)
    return colour.square_().mul_(arriving).mul_(near[:, None]).clamp_(0, 1).sqrt_(), pixel


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
    """Display colours (N, 3) of lit points: Lambert and Blinn-Phong under a lamp, and light from sky and ground.

    Args:
        colour: (3, N) display colours without light.
        normal: (3, N) unit vectors; so is toward, the way to the camera.
        toward: (3, N).
        light: On each picture.
        picture: (N,) each point's.
        gloss: (N,) strength of highlights.
        lamp_share: (N,) of the lamp's light that arrives.
        wrap: (3, N) how far light reaches beyond the edge of the lit side, in cosines, by colour.
    """
    table = torch.cat([light.direction, light.lamp, light.sky, light.ground], 1)
    direction, lamp, sky, ground = table.index_select(0, picture).T.contiguous().split(3)
    lamp = lamp * lamp_share
    diffuse = ((normal * direction).sum(0) + wrap).div_(1 + wrap).clamp_(min=0)
    ambient = torch.lerp(ground, sky, (0.5 + 0.5 * normal[2]).expand_as(sky))
    shine = (normal * _unit(direction + toward)).sum(0).clamp_(min=0)
    for _ in range(4):  # to the power of 16
        shine = shine * shine
    # Grazing angles darken a little: a cheap stand-in for ambient occlusion at the contours.
    rim = (normal * toward).sum(0).clamp_(0, 1).mul_(0.25).add_(0.75)
    linear = (ambient * rim).addcmul_(diffuse, lamp).mul_(colour).mul_(colour).addcmul_(lamp, gloss * shine)
    return linear.clamp_(0, 1).sqrt_().T.contiguous()
