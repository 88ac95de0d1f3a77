"""What people wear, and how each point of their surface is coloured.

Clothes are the body's own garment shells (tights, skirt, hair), cut by sleeve, leg, waist and neck, inflated, and
coloured in rest coordinates, so that a pattern sticks to the cloth. Rest coordinates are those of a standard body, in
metres: soles at -0.82, hips 0.06, waist 0.16, shoulders 0.52, chin 0.64, eyes 0.757, crown 0.867.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from hourlift.synth import bare, cloth
from hourlift.synth.accessories import ACCESSORIES, FIRST_ACCESSORY
from hourlift.synth.body import NOWHERE, Body
from hourlift.synth.outfit import NEVER_Z, Outfit, sample_outfits
from hourlift.synth.paint import Attributes

__all__ = [
    *("EYE", "GLOSS", "HAIR", "NEVER_Z", "SKIN", "SKIRT", "TIGHTS"),
    *("Outfit", "SurfacePoints", "colour_points", "fold_normals", "sample_outfits", "surface_points", "wear"),
]

SKIN, EYE, TIGHTS, SKIRT, HAIR = range(5)  # body_cache.LAYER_OF_GROUP, with SKIN for the body
# Accessories have the layers from FIRST_ACCESSORY on. For shade.py: both sides of all layers from SKIRT on are seen.
_CODE = {name: FIRST_ACCESSORY + i for i, name in enumerate(ACCESSORIES)}
GLOSS = (HAIR, *(_CODE[name] for name in ("bun", "ponytail", "helmet", "lenses", "glasses")))
"""Layers that shine."""

_STANDARD_Z = np.array([-0.8186, 0.0645, 0.6179, 0.7566, 0.8669])  # soles, hips, neck, eyes, crown
_STANDARD_EYES_Y = -0.1426
_SHELL_M = 0.006  # how far a garment lies off the skin at least
_HATS = ("cap", "beanie", "wide_hat", "helmet")
_UNDER_HAT_Z = 0.79


@dataclass(frozen=True, kw_only=True)
class SurfacePoints:
    """N points on the surfaces of a batch of people.

    Attributes:
        person: (N,) int64, index of each point's person.
        layer: (N,) int64: SKIN, EYE, ..., accessories.
        rest: (N, 3) place on the standard body at rest, metres.
        arm: (N,) as VertexTraits has it; so are leg, head and foot.
        leg: (N,).
        head: (N,).
        foot: (N,).
        ring: (N, 2) metres from the axis of trunk or limb at rest: forward, and outward (left on the trunk).
        lengthwise: (N, 3) unit vectors along trunk or limb in the world, in the surface.
    """

    person: Tensor
    layer: Tensor
    rest: Tensor
    arm: Tensor
    leg: Tensor
    head: Tensor
    foot: Tensor
    ring: Tensor
    lengthwise: Tensor


@dataclass(frozen=True, kw_only=True)
class _Chart:
    """A body's vertices in the terms of SurfacePoints: (V, 9) rest, arm, leg, head, foot, ring; (V,) length."""

    attributes: Tensor
    length: Tensor
    of_layer: dict[int, Tensor]  # indices of each layer's vertices
    scalp: Tensor  # indices of the skin of head and feet, which is lifted by hair and shoes


@lru_cache(maxsize=4)
def chart(body: Body) -> _Chart:
    """Where each vertex lies on the standard body; computed once."""
    traits, device = body.traits, body.mean.device
    z = body.mean[:, 2].cpu().double().numpy()
    eyes = body.mean[body.layer == EYE].cpu()
    skin_z = z[(body.layer == SKIN).cpu().numpy()]
    bones = body.bone_mean[[body.bone["upperleg01.L"], body.bone["neck01"]], 2].tolist()
    eyes_z = float(eyes[:, 2].min() + eyes[:, 2].max()) / 2
    own = np.array([skin_z.min(), *bones, eyes_z, skin_z.max()])
    standard = np.interp(z, own, _STANDARD_Z) + np.minimum(z - own[0], 0) + np.maximum(z - own[-1], 0)
    rest = body.mean.clone()
    rest[:, 2] = torch.as_tensor(standard, dtype=torch.float32, device=device)
    rest[:, 1] += (_STANDARD_EYES_Y - float(eyes[:, 1].min())) * (traits.head > 0.5)
    ring, length = _ring(body)
    traits_of = torch.stack([traits.arm, traits.leg, traits.head, traits.foot], 1)
    lifted = (body.layer == SKIN) & ((traits.head > 0.5) & (rest[:, 2] > 0.65) | (traits.leg > 1.2))
    return _Chart(
        attributes=torch.cat([rest, traits_of, ring], 1).contiguous(),
        length=length,
        of_layer={k: (body.layer == k).nonzero()[:, 0] for k in range(FIRST_ACCESSORY + len(ACCESSORIES))},
        scalp=lifted.nonzero()[:, 0],
    )


def _ring(body: Body) -> tuple[Tensor, Tensor]:
    """(V, 2) metres forward and outward from the axis of trunk or limb, and (V,) metres along it."""
    mean, traits = body.mean, body.traits
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
    """Points within triangles.

    Args:
        body: Whose mesh it is.
        vertices: (B, V, 3) posed, world.
        person: (N,).
        corner: (N, 3) int64 vertices of each point's triangle.
        weights: (N, 3) of the corners.
    """
    here = chart(body)
    at = torch.nn.functional.embedding_bag(corner, here.attributes, per_sample_weights=weights, mode="sum")
    count = body.mean.shape[0]
    flat = vertices.reshape(-1, 3)
    origin = person * count
    a, b, c = (flat.index_select(0, origin + corner[:, k]) for k in range(3))
    length = here.length[corner]
    first, second = b - a, c - a
    across = torch.linalg.cross(first, second)
    rise_first, rise_second = length[:, 1:2] - length[:, :1], length[:, 2:] - length[:, :1]
    uphill = torch.linalg.cross(
        rise_first * second - rise_second * first, across
    )  # the gradient, not yet of unit length
    return SurfacePoints(
        person=person,
        layer=body.layer[corner[:, 0]],
        rest=at[:, :3],
        arm=at[:, 3],
        leg=at[:, 4],
        head=at[:, 5],
        foot=at[:, 6],
        ring=at[:, 7:],
        lengthwise=torch.nn.functional.normalize(uphill, dim=-1),
    )


def wear(body: Body, outfit: Outfit) -> tuple[Tensor, Tensor]:
    """Cuts and inflates the shells, and hands out the accessories.

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
    x, y, z, arm, leg, _, _, forward, _ = here.attributes[tights].unbind(1)
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
    x, y, z, _, leg, head, _, _, _ = here.attributes[lifted].unbind(1)
    grown = bare.scalp_share(x.abs(), y, z, outfit.hair_line[:, None]) * (z < outfit.bald_above[:, None])
    hidden = torch.where(hatted & (z > _UNDER_HAT_Z), 0.15, 1.0)
    shod = (leg > outfit.shoe_top[:, None]) * 0.008
    on_scalp = (head > 0.5) & ((x.abs() < 0.073) | (z > 0.775) | (y > 0.01))
    lift[:, lifted] = torch.where(on_scalp, grown * hidden * outfit.hair_lift[:, None], shod)

    for index, name in enumerate(ACCESSORIES):
        worn[:, here.of_layer[_CODE[name]]] = outfit.carries[:, index, None] > 0
    return worn, lift


def _waves(outfit: Outfit, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Smooth variation (B, V) about 1 of how far cloth stands off."""
    shift = 6.2832 * outfit.phase[..., 0]
    return 0.8 + 0.2 * torch.sin(29 * x + 17 * y + shift) * torch.sin(19 * z + 2 * shift)


def _stand_off(
    outfit: Outfit, top: Tensor, x: Tensor, y: Tensor, z: Tensor, arm: Tensor, leg: Tensor, forward: Tensor
) -> Tensor:
    """Metres (B, V) that shirt and trousers lie off the skin: jackets hang open, wide legs widen downwards."""
    loose = torch.where(top, outfit.looseness[..., 0], outfit.looseness[..., 1])
    wider = torch.where(leg > NOWHERE / 2, (0.55 + 0.3 * leg).clamp(0.5, 1.1), 1.0)
    wider = torch.where(arm > NOWHERE / 2, (0.6 + 0.25 * arm).clamp(0.4, 0.9), wider)
    gap = torch.lerp(outfit.opening[..., 0], outfit.opening[..., 1], ((z - 0.15) / 0.38).clamp(0, 1))
    inside = top & (gap > 0) & (x.abs() < gap) & (forward > 0) & (arm < NOWHERE / 2)
    layered = torch.where(top & (outfit.opening[..., 1] != 0), 0.006, 0.0)
    return _SHELL_M + torch.where(inside, 0.0, layered + loose * wider * _waves(outfit, x, y, z))


def _covered(outfit: Outfit, x: Tensor, y: Tensor, z: Tensor, arm: Tensor, leg: Tensor) -> tuple[Tensor, Tensor]:
    """Where shirt and trousers are, bool; the outfit's values are broadcast with those of the points."""
    is_arm, is_leg = arm > NOWHERE / 2, leg > NOWHERE / 2
    trunk = ~is_arm & ~is_leg & (z < cloth.neckline(outfit, x, y))
    shirted = outfit.midriff < NEVER_Z / 2
    top = torch.where(is_arm, shirted & (arm < outfit.sleeve), trunk & (z > outfit.midriff))
    top = top & ~((outfit.sleeve < 0) & (x.abs() > 0.125) & (z > 0.44))  # armholes
    bottom = torch.where(is_leg, leg < outfit.leg, trunk & (z <= outfit.waist))
    return top, bottom


_CUT = ("sleeve", "leg", "waist", "midriff", "neck", "v_neck", "skirt", "coat", "sock", "shoe_top", "glove")


def colour_points(outfit: Outfit, points: SurfacePoints, bank: Tensor) -> Tensor:
    """Colours surface points.

    Args:
        outfit: Of all people, on the points' device.
        points: N of them.
        bank: (P, S, S, 3) uint8 pictures to cut cloth from.

    Returns:
        (N, 3) display colours in [0, 1].
    """
    layer, person = points.layer, points.person
    columns = _columns(points)
    x, y, z, arm, leg, _, outward = columns
    at = Attributes(outfit, _CUT, person)
    top, bottom = _covered(at, x, y, z, arm, leg)  # type: ignore[arg-type]  # the same fields, at points
    top = top | (layer == SKIRT) & at.coat
    head, eye = (layer == SKIN) & (points.head > 0.5) & (z > 0.632), layer == EYE
    # Skin under a shell takes the cloth's colour, so that poke-through does not show.
    dressed = ((layer == SKIRT) | top | bottom) & (layer <= SKIRT) & ~eye & ~(head & (z > at.neck + 0.05))
    head = head & ~dressed
    carried = layer >= FIRST_ACCESSORY
    other = ~(dressed | head | eye | carried | (layer == HAIR))

    colour = torch.empty(3, len(layer), device=x.device)

    def paint(where: Tensor, painter: Callable[[Tensor], Tensor]) -> None:
        index = where.nonzero()[:, 0]
        if len(index):
            colour[:, index] = painter(index)

    def clothes(index: Tensor) -> Tensor:
        place = cloth.Place(columns[:, index], top[index])
        painted = cloth.cloth_colour(outfit, person[index], place, bank)
        return cloth.sewn_on(outfit, person[index], place, painted, bank)

    def limbs(index: Tensor) -> Tensor:
        rest, on = columns[:3, index], person[index]
        painted = bare.body_skin(outfit, on, rest, arm[index], leg[index], outward[index])
        return _feet_and_hands(outfit, at, index, on, z[index], arm[index], leg[index], painted)

    paint(dressed, clothes)
    paint(other, limbs)
    paint(head, lambda index: bare.head_skin(outfit, person[index], columns[:3, index]))
    paint(eye, lambda index: bare.eyes(outfit, person[index], columns[:3, index]))
    paint(layer == HAIR, lambda index: bare.strands(outfit.hair.T[:, person[index]], *columns[:3, index]))
    paint(carried, lambda index: _accessory_colour(outfit, person[index], layer[index], columns[:, index]))
    strapped = (dressed | other) & (arm < NOWHERE / 2) & (leg < NOWHERE / 2) & (z > 0.06)
    packs = outfit.extra[:, [_CODE["backpack"] - FIRST_ACCESSORY, _CODE["shoulder_bag"] - FIRST_ACCESSORY]]
    strapped = strapped & (outfit.straps | outfit.strap)[person]
    paint(
        strapped,
        lambda index: cloth.straps(outfit, person[index], *columns[:3, index], colour[:, index], packs),
    )
    return colour.T.clamp(0, 1)


def fold_normals(outfit: Outfit, points: SurfacePoints, normal: Tensor) -> Tensor:
    """Unit normals (N, 3) in the world, bent by folds of the cloth."""
    clothed = ((points.layer == TIGHTS) | (points.layer == SKIRT)).nonzero()[:, 0]
    columns = _columns(points)[:, clothed]
    person = points.person[clothed]
    at = Attributes(outfit, ("waist", "coat"), person)
    is_top = (columns[3] > NOWHERE / 2) | (columns[2] > at.waist) | at.coat & (points.layer[clothed] == SKIRT)
    place = cloth.Place(columns, is_top)
    bent = normal.clone()
    bent[clothed] = cloth.bend(outfit, person, place, normal[clothed], points.lengthwise[clothed])
    return bent


def _columns(points: SurfacePoints) -> Tensor:
    """(7, N): x, y, z, arm, leg, forward, outward, each contiguous."""
    return torch.cat([points.rest.T, points.arm[None], points.leg[None], points.ring.T])


def _feet_and_hands(
    outfit: Outfit, at: Attributes, index: Tensor, person: Tensor, z: Tensor, arm: Tensor, leg: Tensor, colour: Tensor
) -> Tensor:
    """Skin of colours (3, N) with socks, shoes and gloves; `at` is of all points, `index` says which these are."""
    socks = leg > at.sock[index]
    colour = torch.where(socks, outfit.sock_colour.T[:, person], colour)
    shod = leg > at.shoe_top[index]
    shoe = torch.where(z < -0.806, outfit.sole.T[:, person], outfit.shoe.T[:, person])
    colour = torch.where(shod, shoe, colour)
    return torch.where(arm > at.glove[index], outfit.glove_colour.T[:, person], colour)


def _accessory_colour(outfit: Outfit, person: Tensor, layer: Tensor, columns: Tensor) -> Tensor:
    """Colours (3, N) of accessories: of their own, with strands on tied hair and a band on hats."""
    x, y, z = columns[:3]
    colour = outfit.extra[person, layer - FIRST_ACCESSORY].T
    tied = (layer == _CODE["bun"]) | (layer == _CODE["ponytail"])
    colour = torch.where(tied, bare.strands(colour, x, y, z), colour)
    band = ((layer == _CODE["wide_hat"]) | (layer == _CODE["beanie"])) & (z < 0.825) & (z > 0.805)
    return colour * torch.where(band, 0.6, 1.0)
