"""Clothes of people, and the colour of each point of their surface.

Painted clothes are the body's own garment shells (tights, skirt, hair), cut by sleeve, leg, waist and neck, inflated,
and coloured in rest coordinates, so that patterns move with the cloth. Rest coordinates are those of a standard body,
in
metres: soles at -0.82, hips 0.06, waist 0.16, shoulders 0.52, chin 0.64, eyes 0.757, crown 0.867.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from hourlift.synth.body.accessories import ACCESSORIES, FIRST_ACCESSORY
from hourlift.synth.body.parametric import NOWHERE, Body, VertexTraits
from hourlift.synth.clothes import bare, cloth
from hourlift.synth.clothes.heads import NEVER_Z
from hourlift.synth.clothes.outfit import Outfit, sample_outfits
from hourlift.synth.clothes.paint import Attributes, mix, spread
from hourlift.synth.core.planar import at_corner, blend, in_batch, replace, taken

__all__ = [
    "EYE",
    "GLOSS",
    "HAIR",
    "NEVER_Z",
    "SKIN",
    "SKIRT",
    "TIGHTS",
    "Outfit",
    "SurfacePoints",
    "colour_points",
    "fold_normals",
    "sample_outfits",
    "surface_points",
    "wear",
]

SKIN, EYE, TIGHTS, SKIRT, HAIR = range(5)  # body_cache.LAYER_OF_GROUP, with SKIN for the body
# Accessories have the layers from FIRST_ACCESSORY on. For shade.py: both sides of all layers from SKIRT on are seen.
_CODE = {name: FIRST_ACCESSORY + i for i, name in enumerate(ACCESSORIES)}
GLOSS = (HAIR, *(_CODE[name] for name in ("bun", "ponytail", "helmet", "lenses", "glasses")))
"""Glossy layers."""

_STANDARD_Z = np.array([-0.8186, 0.0645, 0.6179, 0.7566, 0.8669])  # soles, hips, neck, eyes, crown
_STANDARD_EYES_Y = -0.1426
_SHELL_M = 0.006  # minimum distance of a garment from the skin
_HATS = ("cap", "beanie", "wide_hat", "helmet")
_UNDER_HAT_Z = 0.79


@dataclass(frozen=True, kw_only=True)
class SurfacePoints:
    """N points on the surfaces of a batch of people.

    Attributes:
        person: (N,) int64, index of each point's person.
        layer: (N,) int64: SKIN, EYE, ..., accessories.
        rest: (3, N) position on the standard body at rest, metres.
        arm: (N,) as in VertexTraits; also leg, head and foot.
        leg: (N,).
        head: (N,).
        foot: (N,).
        cloth: (4, N) metres: forward and outward from the axis of trunk or limb at rest, u and v round and along it.
        lengthwise: (3, N) unit vectors along trunk or limb in the world, in the surface.
    """

    person: Tensor
    layer: Tensor
    rest: Tensor
    arm: Tensor
    leg: Tensor
    head: Tensor
    foot: Tensor
    cloth: Tensor
    lengthwise: Tensor


@dataclass(frozen=True, kw_only=True)
class _Chart:
    """Attributes of a body's vertices, as in SurfacePoints.

    Attributes:
        attributes: (V, 12) rest, arm, leg, head, foot; forward, outward; signed radius, shift and v of the cloth.
        length: (V,) metres along trunk or limb.
        of_layer: Indices of each layer's vertices.
        scalp: Indices of the skin of heads and feet, which hair and shoes raise.
    """

    attributes: Tensor
    length: Tensor
    of_layer: dict[int, Tensor]
    scalp: Tensor


@lru_cache(maxsize=4)
def chart(body: Body) -> _Chart:
    """Position of each vertex on the standard body; computed once."""
    attributes, length = places_of(body, body.mean, body.traits)
    z, leg, head = attributes[:, 2], attributes[:, 4], attributes[:, 5]
    lifted = (body.layer == SKIN) & ((head > 0.5) & (z > 0.65) | (leg > 1.2))
    return _Chart(
        attributes=attributes,
        length=length,
        of_layer={k: (body.layer == k).nonzero()[:, 0] for k in range(FIRST_ACCESSORY + len(ACCESSORIES))},
        scalp=lifted.nonzero()[:, 0],
    )


def places_of(body: Body, points: Tensor, traits: VertexTraits) -> tuple[Tensor, Tensor]:
    """Attributes (V, 12) and length (V,) of `_Chart` for points (V, 3) of the mean body at rest."""
    z = points[:, 2].cpu().double().numpy()
    eyes = body.mean[body.layer == EYE].cpu()
    skin_z = body.mean[body.layer == SKIN, 2].cpu().double().numpy()
    bones = body.bone_mean[[body.bone["upperleg01.L"], body.bone["neck01"]], 2].tolist()
    eyes_z = float(eyes[:, 2].min() + eyes[:, 2].max()) / 2
    own = np.array([skin_z.min(), *bones, eyes_z, skin_z.max()])
    standard = np.interp(z, own, _STANDARD_Z) + np.minimum(z - own[0], 0) + np.maximum(z - own[-1], 0)
    rest = points.clone()
    rest[:, 2] = torch.as_tensor(standard, dtype=torch.float32, device=points.device)
    rest[:, 1] += (_STANDARD_EYES_Y - float(eyes[:, 1].min())) * (traits.head > 0.5)
    ring, length = _ring(body, points, traits)
    traits_of = torch.stack([traits.arm, traits.leg, traits.head, traits.foot], 1)
    return torch.cat([rest, traits_of, ring, _cloth_coordinates(points, traits)], 1).contiguous(), length


def _cloth_coordinates(points: Tensor, traits: VertexTraits) -> Tensor:
    """(V, 3): signed radius of trunk or limb in metres, shift of the cloth round it, and place along it."""
    arm, leg = traits.arm > NOWHERE / 2, traits.leg > NOWHERE / 2
    side = points[:, 0].sign()
    radius = torch.where(arm, 0.05 * side, torch.where(leg, 0.08 * side, 0.15))
    # Nearly the same on both sides of the shoulder, so that no seam is full of noise.
    along = torch.where(arm, 0.5 - 0.28 * traits.arm, points[:, 2])
    return torch.stack([radius, 0.16 * side * arm, along], 1)


def _ring(body: Body, mean: Tensor, traits: VertexTraits) -> tuple[Tensor, Tensor]:
    """(V, 2) metres forward and outward from the axis of trunk or limb, and (V,) metres along it."""
    side = torch.where(mean[:, :1] > 0, 1.0, -1.0)
    mirrored = mean * torch.cat([side, torch.ones_like(side), torch.ones_like(side)], 1)
    ring, length = torch.stack([-(mean[:, 1] + 0.02), mean[:, 0]], 1), mean[:, 2].clone()
    for along, stems in (
        (traits.arm, ("upperarm01", "lowerarm01", "wrist")),
        (traits.leg, ("upperleg01", "lowerleg01", "foot")),
    ):
        chain = body.bone_mean[[body.bone[f"{stem}.L"] for stem in stems]]
        for k in range(2):
            axis = torch.nn.functional.normalize(chain[k + 1] - chain[k], dim=0)
            ahead = torch.tensor([0.0, -1.0, 0.0], device=mean.device)
            forward = torch.nn.functional.normalize(ahead - axis * (axis @ ahead), dim=0)
            outward = torch.linalg.cross(axis, forward)
            outward = outward * outward[0].sign()
            here = (along > NOWHERE / 2) & ((along >= 1) == bool(k))
            offset = mirrored - chain[k]
            ring[here] = torch.stack([offset @ forward, offset @ outward], 1)[here]
            length[here] = -(offset @ axis)[here]
    return ring, length


def surface_points(body: Body, vertices: Tensor, person: Tensor, corner: Tensor, weights: Tensor) -> SurfacePoints:
    """Interpolate points within triangles.

    Args:
        body: Body with the mesh.
        vertices: (B, 3, V) posed, world.
        person: (N,).
        corner: (3, N) vertices of each point's triangle.
        weights: (3, N) of the corners.
    """
    here = chart(body)
    at = blend(here.attributes.T[None], corner, weights)
    forward, outward, radius, shift, v = at[7:]
    a, b, c = (at_corner(vertices, place) for place in in_batch(corner, person, vertices))
    lengthwise = cloth.uphill(a, b, c, torch.stack([taken(here.length, place) for place in corner]))
    return SurfacePoints(
        person=person,
        layer=taken(body.layer, corner[0]),
        rest=at[:3],
        arm=at[3],
        leg=at[4],
        head=at[5],
        foot=at[6],
        cloth=torch.stack([forward, outward, torch.atan2(outward, forward).mul_(radius).add_(shift), v]),
        lengthwise=lengthwise,
    )


def wear(body: Body, outfit: Outfit) -> tuple[Tensor, Tensor]:
    """Cut and inflate the shells, and add the accessories.

    Returns:
        Worn (B, V) bool, vertices to draw; lift (B, V), metres to move vertices along their normals.
    """
    here, per_person = chart(body), outfit.map(lambda value: value[:, None])
    count, device = len(outfit.sleeve), body.mean.device
    worn = torch.zeros(count, len(body.mean), dtype=torch.bool, device=device)
    lift = torch.zeros(count, len(body.mean), device=device)
    worn[:, here.of_layer[SKIN]] = True
    worn[:, here.of_layer[EYE]] = True
    skirted = outfit.skirt[:, None] > -NEVER_Z
    coat = outfit.coat[:, None]

    tights = here.of_layer[TIGHTS]
    x, y, z, arm, leg, _, _, forward = here.attributes[tights, :8].unbind(1)
    top, bottom = _covered(per_person, x, y, z, arm, leg)
    bottom = bottom & (~skirted | coat)
    worn[:, tights] = top | bottom
    lift[:, tights] = torch.where(top | bottom, _stand_off(per_person, top, x, y, z, arm, leg, forward), 0.0)

    skirt = here.of_layer[SKIRT]
    x, y, z = here.attributes[skirt, :3].unbind(1)
    slit = coat & (outfit.opening[:, 1:] != 0) & (y < 0) & (x.abs() < 0.05 + outfit.opening[:, :1].clamp(min=0))
    worn[:, skirt] = skirted & (z > outfit.skirt[:, None]) & ~(slit & (z < 0.05))
    loose = torch.where(coat, outfit.looseness[:, :1], outfit.looseness[:, 1:])
    lift[:, skirt] = _SHELL_M + 0.004 * coat + loose * _waves(per_person, x, y, z)

    hatted = outfit.carries[:, [_CODE[name] - FIRST_ACCESSORY for name in _HATS]].sum(1)[:, None] > 0
    hair = here.of_layer[HAIR]
    x, y, z = here.attributes[hair, :3].unbind(1)
    brow = torch.where(outfit.fringe[:, None], 0.78, 0.845)
    face = (y < -0.085) & (z < brow) & (x.abs() < 0.08)
    worn[:, hair] = (z > outfit.hair_hem[:, None]) & ~face & ~(hatted & (z > _UNDER_HAT_Z))

    lifted = here.scalp
    x, y, z, _, leg, head = here.attributes[lifted, :6].unbind(1)
    grown = bare.scalp_share(x.abs(), y, z, outfit.hair_line[:, None], soft=0.03) * (z < outfit.bald_above[:, None])
    hidden = torch.where(hatted & (z > _UNDER_HAT_Z), 0.15, 1.0)
    shod = (leg > outfit.shoe_top[:, None]) * 0.008
    on_scalp = (head > 0.5) & ((x.abs() < 0.073) | (z > 0.775) | (y > 0.01))
    lift[:, lifted] = torch.where(on_scalp, grown * hidden * outfit.hair_lift[:, None], shod)

    for index, name in enumerate(ACCESSORIES):
        worn[:, here.of_layer[_CODE[name]]] = outfit.carries[:, index, None] > 0
    return worn, lift


def _waves(outfit: Outfit, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Smooth variation (B, V) about 1 of the distance of cloth from the body."""
    shift = 6.2832 * outfit.phase[..., 0]
    return 0.8 + 0.2 * torch.sin(29 * x + 17 * y + shift) * torch.sin(19 * z + 2 * shift)


def _stand_off(
    outfit: Outfit, top: Tensor, x: Tensor, y: Tensor, z: Tensor, arm: Tensor, leg: Tensor, forward: Tensor
) -> Tensor:
    """Distance (B, V) in metres of shirt and trousers from the skin: jackets hang open, wide legs widen downwards."""
    loose = torch.where(top, outfit.looseness[..., 0], outfit.looseness[..., 1])
    wider = torch.where(leg > NOWHERE / 2, (0.55 + 0.3 * leg).clamp(0.5, 1.1), 1.0)
    wider = torch.where(arm > NOWHERE / 2, (0.6 + 0.25 * arm).clamp(0.4, 0.9), wider)
    gap = torch.lerp(outfit.opening[..., 0], outfit.opening[..., 1], ((z - 0.15) / 0.38).clamp(0, 1))
    inside = top & (gap > 0) & (x.abs() < gap) & (forward > 0) & (arm < NOWHERE / 2)
    layered = torch.where(top & (outfit.opening[..., 1] != 0), 0.006, 0.0)
    return _SHELL_M + torch.where(inside, 0.0, layered + loose * wider * _waves(outfit, x, y, z))


def _covered(
    outfit: Outfit | Attributes, x: Tensor, y: Tensor, z: Tensor, arm: Tensor, leg: Tensor
) -> tuple[Tensor, Tensor]:
    """Positions covered by shirt and by trousers, bool; the outfit's values are broadcast with those of the points."""
    is_arm, is_leg = arm > NOWHERE / 2, leg > NOWHERE / 2
    trunk = ~is_arm & ~is_leg & (z < cloth.neckline(outfit, x, y))
    shirted = outfit.midriff < NEVER_Z / 2
    top = shirted & (is_arm & (arm < outfit.sleeve) | trunk & (z > outfit.midriff))
    top = top & ~((outfit.sleeve < 0) & (x.abs() > 0.125) & (z > 0.44))  # armholes
    bottom = is_leg & (leg < outfit.leg) | trunk & (z <= outfit.waist)
    return top, bottom


_CUT = ("sleeve", "leg", "waist", "midriff", "neck", "v_neck", "coat")


def colour_points(outfit: Outfit, points: SurfacePoints, bank: Tensor, skins: Tensor | None = None) -> Tensor:
    """Compute colours of surface points.

    Args:
        outfit: Outfits of all people, on the points' device.
        points: N of them, in the order of their persons.
        bank: (P, S, S, 3) uint8 images to cut cloth from.
        skins: (3, N) colours of the skins' textures; NaN where skin is painted.

    Returns:
        (3, N) display colours in [0, 1].
    """
    layer, person, columns = points.layer, points.person, _columns(points)
    x, y, z, arm, leg = columns[:5]
    at = Attributes(outfit, _CUT, person)
    top, bottom = _covered(at, x, y, z, arm, leg)
    skirt, skin, tights = layer == SKIRT, layer == SKIN, layer == TIGHTS
    top = top | skirt & (at.coat > 0.5)
    upper = skin & (points.head > 0.5) & (z > 0.632)
    # Skin under a shell takes the cloth's colour, to hide penetration.
    dressed = (skirt | (top | bottom) & (skin | tights)) & ~(upper & (z > at.neck + 0.05))
    head = upper & ~dressed
    other = (skin | tights) & ~dressed & ~head
    colour = torch.empty(3, len(layer), device=x.device)

    def paint(where: Tensor, painter: Callable[[cloth.Place, Tensor, Tensor], Tensor]) -> None:
        index = where.nonzero()[:, 0]
        if len(index):
            place = cloth.Place(taken(columns, index), taken(top, index).float())
            replace(colour, index, painter(place, taken(person, index), index))

    def clothes(place: cloth.Place, person: Tensor, index: Tensor) -> Tensor:
        return cloth.sewn_on(outfit, person, place, cloth.cloth_colour(outfit, person, place, bank), bank)

    def locks(place: cloth.Place, person: Tensor, index: Tensor) -> Tensor:
        return bare.strands(spread(outfit.hair.T, person), *place.columns[:3])

    paint(dressed, clothes)
    textured = torch.zeros_like(other) if skins is None else (other | head) & skin & skins[0].isfinite()
    paint(other & ~textured, lambda place, person, index: bare.body_skin(outfit, person, place))
    paint(head & ~textured, lambda place, person, index: bare.head_skin(outfit, person, place.columns[:3]))
    if skins is not None:
        shown = skins
        paint(
            other & textured,
            lambda place, person, index: bare.shod_and_gloved(outfit, person, place, taken(shown, index)),
        )
        paint(
            head & textured,
            lambda place, person, index: bare.head_of_hair(outfit, person, place.columns[:3], taken(shown, index)),
        )
    paint(layer == EYE, lambda place, person, index: bare.eyes(outfit, person, place.columns[:3]))
    paint(layer == HAIR, locks)
    carried = layer >= FIRST_ACCESSORY
    paint(carried, lambda place, person, index: _accessory_colour(outfit, person, taken(layer, index), place.columns))
    packs = outfit.extra[:, [_CODE["backpack"] - FIRST_ACCESSORY, _CODE["shoulder_bag"] - FIRST_ACCESSORY]]
    trunk = (dressed | other) & (arm < NOWHERE / 2) & (leg < NOWHERE / 2) & (z > 0.06)
    paint(
        trunk & (outfit.straps | outfit.strap)[person],
        lambda place, person, index: cloth.straps(outfit, person, place, taken(colour, index), packs),
    )
    return colour.clamp_(0, 1)


def fold_normals(outfit: Outfit, points: SurfacePoints, normal: Tensor) -> Tensor:
    """Unit normals (3, N) in the world, bent by folds of the cloth, in place."""
    clothed = ((points.layer == TIGHTS) | (points.layer == SKIRT)).nonzero()[:, 0]
    if not len(clothed):
        return normal
    columns, person = taken(_columns(points), clothed), taken(points.person, clothed)
    at = Attributes(outfit, ("waist", "coat"), person)
    on_skirt = taken(points.layer, clothed) == SKIRT
    is_top = (columns[3] > NOWHERE / 2) | (columns[2] > at.waist) | (at.coat > 0.5) & on_skirt
    place = cloth.Place(columns, is_top.float())
    bent = cloth.bend(outfit, person, place, taken(normal, clothed), taken(points.lengthwise, clothed))
    replace(normal, clothed, bent)
    return normal


def _columns(points: SurfacePoints) -> Tensor:
    """(9, N), as cloth.Place has them: x, y, z, arm, leg, forward, outward, u, v."""
    return torch.cat([points.rest, points.arm[None], points.leg[None], points.cloth])


def _accessory_colour(outfit: Outfit, person: Tensor, layer: Tensor, columns: Tensor) -> Tensor:
    """Colours (3, N) of accessories: of their own, with strands on tied hair and a band on hats."""
    x, y, z = columns[:3]
    colour = outfit.extra[person, layer - FIRST_ACCESSORY].T
    tied = (layer == _CODE["bun"]) | (layer == _CODE["ponytail"])
    colour = mix(colour, bare.strands(colour, x, y, z), tied)
    band = ((layer == _CODE["wide_hat"]) | (layer == _CODE["beanie"])) & (z < 0.825) & (z > 0.805)
    return colour * (1 - 0.4 * band.float())
