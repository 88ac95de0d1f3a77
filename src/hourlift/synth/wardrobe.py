"""What people wear, and how each point of their surface is coloured.

Clothes are the body's own garment shells (tights, skirt, hair), cut by sleeve, leg, waist and neck, inflated, and
coloured by patterns in rest coordinates, so that a pattern sticks to the cloth. Rest heights are metres of the mean
body: feet at -0.83, hips 0.06, waist 0.16, shoulders 0.52, chin 0.64, eyes 0.73, crown 0.87.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.batch import Batch
from hourlift.synth.body import NOWHERE, Body
from hourlift.synth.draw import Draw

SKIN, EYE, TIGHTS, SKIRT, HAIR = range(5)  # body_cache.LAYER_OF_GROUP, with SKIN for the body
PLAIN, STRIPES, CHECKS, PHOTO, SPOTS = range(5)  # patterns
NEVER_Z = 9.0  # a height that nothing on the body reaches; so does its negative below

_SKIN_TONES = torch.tensor(
    [
        [0.95, 0.79, 0.70],
        [0.91, 0.71, 0.58],
        [0.80, 0.58, 0.43],
        [0.62, 0.42, 0.30],
        [0.45, 0.29, 0.19],
        [0.29, 0.18, 0.13],
    ]
)
_HAIR_TONES = torch.tensor(
    [
        [0.10, 0.08, 0.07],
        [0.20, 0.13, 0.09],
        [0.36, 0.24, 0.15],
        [0.66, 0.52, 0.32],
        [0.60, 0.59, 0.58],
        [0.45, 0.20, 0.10],
    ]
)
_HAIR_SHARES = [0.3, 0.25, 0.18, 0.12, 0.1, 0.05]
# Where sleeves and legs end, as VertexTraits counts, and how often: none, short, ... long.
_SLEEVES, _SLEEVE_SHARES = torch.tensor([0.0, 0.3, 0.5, 0.9, 1.75, 1.97]), [0.14, 0.18, 0.24, 0.06, 0.18, 0.2]
_LEGS, _LEG_SHARES = torch.tensor([0.15, 0.45, 0.8, 1.3, 1.95, 2.05]), [0.08, 0.16, 0.18, 0.06, 0.27, 0.25]
_TOP_PATTERN_SHARES, _BOTTOM_PATTERN_SHARES = [0.38, 0.14, 0.08, 0.3, 0.1], [0.6, 0.06, 0.06, 0.2, 0.08]

_SHELL_M = 0.006  # how far a garment lies off the skin at least
_PHOTO_PX_PER_M = 160  # pixels of a bank's picture on a metre of cloth


@dataclass(frozen=True, kw_only=True)
class Outfit(Batch):
    """B outfits. Places along sleeve and leg as VertexTraits counts; heights at rest; colours in [0, 1] for display.

    Attributes:
        sleeve: (B,) end of the sleeves; below 0 for no shirt.
        leg: (B,) end of the trouser legs.
        waist: (B,) height between shirt and trousers.
        neck: (B,) height at which the shirt ends.
        skirt: (B,) height of the hem, -NEVER_Z for no skirt.
        hair_hem: (B,) height down to which loose hair reaches, NEVER_Z for none.
        hair_line: (B,) height of the scalp's edge above the face.
        bald: (B,) bool.
        looseness: (B,) metres that cloth stands off.
        sock: (B,) where socks end, NEVER_Z for none.
        skin: (B, 3) colour; so are hair, shoe and sole.
        hair: (B, 3).
        shoe: (B, 3).
        sole: (B, 3), of socks too.
        top: (B, 2, 3) the two colours of the shirt.
        bottom: (B, 2, 3) those of trousers or skirt.
        top_pattern: (B,) PLAIN, STRIPES, ...
        bottom_pattern: (B,).
        frequency: (B, 2) repeats per metre of the patterns of top and bottom.
        angle: (B,) of the patterns, radians.
        cloth: (B, 2) pictures of the bank that top and bottom are cut from.
        button_row: (B,) bool.
        lips: (B, 3) colour.
    """

    sleeve: Tensor
    leg: Tensor
    waist: Tensor
    neck: Tensor
    skirt: Tensor
    hair_hem: Tensor
    hair_line: Tensor
    bald: Tensor
    looseness: Tensor
    sock: Tensor
    skin: Tensor
    hair: Tensor
    shoe: Tensor
    sole: Tensor
    top: Tensor
    bottom: Tensor
    top_pattern: Tensor
    bottom_pattern: Tensor
    frequency: Tensor
    angle: Tensor
    cloth: Tensor
    button_row: Tensor
    lips: Tensor


@dataclass(frozen=True, kw_only=True)
class SurfacePoints:
    """N points on the surfaces of a batch of people.

    Attributes:
        person: (N,) int64, index of each point's person.
        layer: (N,) int64: SKIN, EYE, ...
        rest: (N, 3) place on the mean body at rest, metres.
        arm: (N,) as VertexTraits has it; so are leg, head and foot.
        leg: (N,).
        head: (N,).
        foot: (N,).
    """

    person: Tensor
    layer: Tensor
    rest: Tensor
    arm: Tensor
    leg: Tensor
    head: Tensor
    foot: Tensor


def sample_outfits(draw: Draw, bank_size: int) -> Outfit:
    """Draws outfits; `bank_size` is the number of pictures that cloth can be cut from."""

    def colour(saturation: float) -> Tensor:
        value = draw.uniform(0.03, 0.97)[:, None]
        return (value * (1 + saturation * (2 * draw.vector(3) - 1))).clamp(0.01, 1)

    def garment(skin: Tensor) -> Tensor:
        first = torch.where(draw.chance(0.25)[:, None], colour(0.12), colour(0.9))  # greys are common
        first = torch.where(draw.chance(0.05)[:, None], skin, first)  # camouflaged
        return torch.stack([first, colour(0.9)], 1)

    tone = draw.uniform(0, len(_SKIN_TONES) - 1.001)
    low = tone.long()
    skin = torch.lerp(_SKIN_TONES[low], _SKIN_TONES[low + 1], (tone - low)[:, None]) * draw.uniform(0.88, 1.1)[:, None]
    hair = _HAIR_TONES[draw.choose(_HAIR_SHARES)] * draw.uniform(0.6, 1.3)[:, None]
    sleeves = _SLEEVES[draw.choose(_SLEEVE_SHARES)]
    legs = _LEGS[draw.choose(_LEG_SHARES)]
    shirtless = draw.chance(0.06)
    waist = draw.uniform(0.06, 0.2)
    same = draw.chance(0.12)[:, None, None]  # overalls, suits, dresses
    top = garment(skin)
    return Outfit(
        sleeve=torch.where(shirtless, -1.0, sleeves + draw.normal(0, 0.04)),
        leg=legs + draw.normal(0, 0.04),
        waist=waist,
        neck=torch.where(shirtless, waist, draw.uniform(0.5, 0.6)),
        skirt=torch.where(draw.chance(0.13), draw.uniform(-0.65, -0.2), -NEVER_Z),
        hair_hem=torch.where(draw.chance(0.35), draw.uniform(0.42, 0.68), NEVER_Z),
        hair_line=draw.uniform(0.775, 0.815),
        bald=draw.chance(0.1),
        looseness=torch.where(draw.chance(0.7), draw.uniform(0, 0.028), 0.0),
        sock=torch.where(draw.chance(0.5), draw.uniform(1.55, 1.9), NEVER_Z),
        skin=skin.clamp(0, 1),
        hair=hair.clamp(0.01, 1),
        shoe=torch.where(draw.chance(0.15)[:, None], skin, colour(0.5)),
        sole=torch.where(draw.chance(0.5)[:, None], torch.tensor(0.85), colour(0.3)),
        top=top,
        bottom=torch.where(same, top, garment(skin)),
        top_pattern=draw.choose(_TOP_PATTERN_SHARES),
        bottom_pattern=draw.choose(_BOTTOM_PATTERN_SHARES),
        frequency=torch.stack([draw.log_uniform(4, 45), draw.log_uniform(4, 45)], -1),
        angle=draw.uniform(0, 3.1416),  # half a turn: stripes have no direction
        cloth=torch.stack([draw.integer(bank_size), draw.integer(bank_size)], -1),
        button_row=draw.chance(0.3),
        lips=(skin * torch.tensor([0.85, 0.55, 0.55]) + 0.05 * draw.vector(3)).clamp(0, 1),
    )


def wear(body: Body, outfit: Outfit) -> tuple[Tensor, Tensor]:
    """Cuts and inflates the shells.

    Returns:
        Worn (B, V) bool, vertices to draw; lift (B, V), metres to move vertices along their normals.
    """
    traits, layer = body.traits, body.layer
    x, y, z = body.mean.unbind(-1)
    top, bottom = _covered(outfit.map(lambda value: value[:, None]), traits.arm, traits.leg, z)
    skirted = outfit.skirt[:, None] > -NEVER_Z
    face = (y < -0.09) & (z < 0.80)
    worn = (layer == SKIN) | (layer == EYE)
    worn = worn | ((layer == TIGHTS) & (top | (bottom & ~skirted)))
    worn = worn | ((layer == SKIRT) & skirted & (z > outfit.skirt[:, None]))
    worn = worn | ((layer == HAIR) & ~outfit.bald[:, None] & (z > outfit.hair_hem[:, None]) & ~face)
    folds = 0.7 + 0.3 * torch.sin(31 * x) * torch.sin(23 * z)
    cloth = _SHELL_M + outfit.looseness[:, None] * folds
    shod = (traits.foot > 0.5).float() * 0.008
    scalp = ((traits.head > 0.5) & (z > 0.77) & ~face).float() * torch.where(outfit.bald, 0.0, 0.01)[:, None]
    return worn, torch.where((layer == TIGHTS) | (layer == SKIRT), cloth, shod + scalp)


def _covered(outfit: Outfit, arm: Tensor, leg: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Where shirt and trousers are, bool; the outfit's values are broadcast with those of the points."""
    is_arm, is_leg = arm > NOWHERE / 2, leg > NOWHERE / 2
    trunk = ~is_arm & ~is_leg & (z < outfit.neck)
    top = torch.where(is_arm, arm < outfit.sleeve, trunk & (z > outfit.waist))
    bottom = torch.where(is_leg, leg < outfit.leg, trunk & (z <= outfit.waist))
    return top, bottom


def colour_points(outfit: Outfit, points: SurfacePoints, bank: Tensor) -> Tensor:
    """Colours surface points.

    Args:
        outfit: Of all people, on the points' device.
        points: N of them.
        bank: (P, S, S, 3) uint8 pictures to cut cloth from.

    Returns:
        (N, 3) display colours in [0, 1].
    """
    outfit = outfit.map(lambda value: value[points.person])  # of each point
    layer = points.layer
    x, y, z = points.rest.unbind(-1)
    top, bottom = _covered(outfit, points.arm, points.leg, z)
    cloth = _cloth(outfit, points, top, bank)
    pupil = ((x.abs() - 0.031) ** 2 + (z - 0.728) ** 2).sqrt()[:, None]
    eye = torch.where(pupil < 0.0065, 0.06, torch.where(pupil < 0.012, 0.25, 0.92))
    strands = outfit.hair * (0.8 + 0.4 * ((x * 90 + y * 60) % 1))[:, None]
    # Skin under a tight shell takes the cloth's colour, so that poke-through does not show.
    dressed = (layer == SKIRT) | top | bottom
    colour = torch.where(dressed[:, None], cloth, _bare(outfit, points))
    colour = torch.where((layer == HAIR)[:, None], strands, colour)
    return torch.where((layer == EYE)[:, None], eye, colour)


def fold_normals(outfit: Outfit, points: SurfacePoints, normal: Tensor) -> Tensor:
    """Unit normals (N, 3) in the world, bent by folds of the cloth."""
    del outfit, points
    return normal


def _cloth(outfit: Outfit, points: SurfacePoints, top: Tensor, bank: Tensor) -> Tensor:
    """Colour (N, 3) of the shirt where `top`, of trousers or skirt elsewhere."""
    x, y, z = points.rest.unbind(-1)
    is_arm = points.arm > NOWHERE / 2
    # Cloth coordinates in metres: round the axis on arms (0.28 from joint to joint), the frontal plane elsewhere.
    u, v = torch.where(is_arm, y + 0.1, x), torch.where(is_arm, 0.28 * points.arm, z)
    row = torch.arange(len(u), device=u.device)
    garment = torch.where(top, 0, 1)
    frequency = outfit.frequency[row, garment]
    cos, sin = torch.cos(outfit.angle), torch.sin(outfit.angle)
    along, across = (u * cos + v * sin) * frequency % 1, (v * cos - u * sin) * frequency % 1
    pattern = torch.where(top, outfit.top_pattern, outfit.bottom_pattern)
    stripes, spots = along > 0.5, ((along - 0.5) ** 2 + (across - 0.5) ** 2) < 0.07
    second = (pattern == STRIPES) & stripes
    second = second | ((pattern == CHECKS) & (stripes ^ (across > 0.5))) | ((pattern == SPOTS) & spots)
    buttons = (x.abs() < 0.011) & (y < 0) & (z % 0.05 < 0.024)
    second = second | (outfit.button_row & top & ~is_arm & buttons)
    colours = torch.where(top[:, None, None], outfit.top, outfit.bottom)
    cloth = torch.where(second[:, None], colours[:, 1], colours[:, 0])
    patch = _photo_cloth(bank, outfit.cloth[row, garment], u, v)
    return torch.where((pattern == PHOTO)[:, None], 0.75 * patch + 0.25 * cloth, cloth)


def _photo_cloth(bank: Tensor, picture: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Colours (N, 3) in [0, 1] of pictures of the bank, laid on the cloth around their middle and repeated."""
    side = bank.shape[1]
    column = ((u * _PHOTO_PX_PER_M + 0.5 * side).long() + 7) % side
    row = ((-v * _PHOTO_PX_PER_M + 0.5 * side).long() + 7) % side
    return bank[picture, row, column].float() / 255


def _bare(outfit: Outfit, points: SurfacePoints) -> Tensor:
    """Colour (N, 3) where no cloth is: shoes, socks, skin; scalp, brows and lips tell front from back."""
    x, y, z = points.rest.unbind(-1)
    front = ((-y - 0.02) / 0.10).clamp(0, 1)
    line = outfit.hair_line * front + 0.66 * (1 - front)  # from the forehead down to the nape
    ear = (x.abs() > 0.072) & (z < 0.745) & (y < -0.01)
    scalp = (points.head > 0.5) & (z > line) & ~ear & ~outfit.bald
    brow = (z - 0.7505 + 0.12 * (x.abs() - 0.03).clamp(min=0)).abs() < 0.0045
    brow = brow & (x.abs() > 0.013) & (x.abs() < 0.055) & (y < -0.09)
    lips = ((z - 0.676).abs() < 0.0085 - 0.2 * x.abs().clamp(min=0.01)) & (x.abs() < 0.027) & (y < -0.12)
    skin = torch.where((scalp | brow)[:, None], outfit.hair * torch.where(brow, 0.8, 1.0)[:, None], outfit.skin)
    skin = torch.where(lips[:, None], outfit.lips, skin)
    sock = (points.leg > NOWHERE / 2) & (points.leg > outfit.sock)
    shoe = torch.where((z < -0.815)[:, None], outfit.sole, outfit.shoe)
    return torch.where((points.foot > 0.5)[:, None], shoe, torch.where(sock[:, None], outfit.sole, skin))
