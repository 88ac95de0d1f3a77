"""What people wear, and how each point of their surface is coloured.

Clothes are the body's own garment shells (tights, skirt, hair), cut by sleeve, leg, waist and neck, inflated, and
coloured by patterns in rest coordinates, so that a pattern sticks to the cloth. Rest heights are metres of the mean
body: feet at -0.83, hips 0.06, waist 0.16, shoulders 0.52, chin 0.64, eyes 0.73, crown 0.87.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from hourlift.synth.body import Body
from hourlift.synth.draw import Draw

SKIN, EYE, TIGHTS, SKIRT, HAIR = range(5)  # body_cache.LAYER_OF_GROUP, with SKIN for the body
_SKIN_TONES = torch.tensor(
    [[0.95, 0.79, 0.70], [0.91, 0.71, 0.58], [0.80, 0.58, 0.43], [0.62, 0.42, 0.30], [0.45, 0.29, 0.19], [0.29, 0.18, 0.13]]
)
_HAIR_TONES = torch.tensor(
    [[0.10, 0.08, 0.07], [0.20, 0.13, 0.09], [0.36, 0.24, 0.15], [0.66, 0.52, 0.32], [0.60, 0.59, 0.58], [0.45, 0.2, 0.1]]
)
_PATTERNS = 5  # plain, stripes, checks, photo cloth, spots


@dataclass(frozen=True, kw_only=True)
class Outfit:
    """B outfits. Lengths of sleeve and leg as VertexTraits counts them; colours (B, 3), display values in [0, 1]."""

    sleeve: Tensor
    leg: Tensor
    waist: Tensor
    neck: Tensor
    skirt: Tensor  # hem height, or below the feet for none
    hair_hem: Tensor  # rest height that hair reaches down to
    hair_line: Tensor
    bald: Tensor
    looseness: Tensor
    sock: Tensor
    skin: Tensor
    hair: Tensor
    shoe: Tensor
    sole: Tensor
    top: Tensor  # (B, 2, 3): two colours of the garment
    bottom: Tensor
    top_pattern: Tensor
    bottom_pattern: Tensor
    frequency: Tensor  # (B, 2), repeats per metre of top and bottom
    angle: Tensor
    cloth: Tensor  # (B, 2), pictures of the bank that top and bottom are cut from
    button_row: Tensor
    lips: Tensor

    def to(self, device: torch.device) -> "Outfit":
        """The same outfits on another device."""
        return Outfit(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


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
    hair = _HAIR_TONES[draw.choose([0.3, 0.25, 0.18, 0.12, 0.1, 0.05])] * draw.uniform(0.6, 1.3)[:, None]
    sleeves = torch.tensor([0.0, 0.3, 0.5, 0.9, 1.75, 1.97])[draw.choose([0.14, 0.18, 0.24, 0.06, 0.18, 0.2])]
    legs = torch.tensor([0.15, 0.45, 0.8, 1.3, 1.95, 2.05])[draw.choose([0.08, 0.16, 0.18, 0.06, 0.27, 0.25])]
    shirtless = draw.chance(0.06)
    waist = draw.uniform(0.06, 0.2)
    same = draw.chance(0.12)[:, None, None]  # overalls, suits, dresses
    top = garment(skin)
    return Outfit(
        sleeve=torch.where(shirtless, -1.0, sleeves + draw.normal(0, 0.04)),
        leg=legs + draw.normal(0, 0.04),
        waist=waist,
        neck=torch.where(shirtless, waist, draw.uniform(0.5, 0.6)),
        skirt=torch.where(draw.chance(0.13), draw.uniform(-0.65, -0.2), -9.0),
        hair_hem=torch.where(draw.chance(0.35), draw.uniform(0.42, 0.68), 9.0),
        hair_line=draw.uniform(0.775, 0.815),
        bald=draw.chance(0.1),
        looseness=torch.where(draw.chance(0.7), draw.uniform(0, 0.028), 0.0),
        sock=torch.where(draw.chance(0.5), draw.uniform(1.55, 1.9), 9.0),
        skin=skin.clamp(0, 1),
        hair=hair.clamp(0.01, 1),
        shoe=torch.where(draw.chance(0.15)[:, None], skin, colour(0.5)),
        sole=torch.where(draw.chance(0.5)[:, None], torch.tensor(0.85), colour(0.3)),
        top=top,
        bottom=torch.where(same, top, garment(skin)),
        top_pattern=draw.choose([0.38, 0.14, 0.08, 0.3, 0.1]),
        bottom_pattern=draw.choose([0.6, 0.06, 0.06, 0.2, 0.08]),
        frequency=torch.stack([draw.log_uniform(4, 45), draw.log_uniform(4, 45)], -1),
        angle=draw.uniform(0, 3.1416),
        cloth=torch.stack([draw.integer(bank_size), draw.integer(bank_size)], -1),
        button_row=draw.chance(0.3),
        lips=(skin * torch.tensor([0.85, 0.55, 0.55]) + 0.05 * draw.vector(3)).clamp(0, 1),
    )


def wear(body: Body, outfit: Outfit) -> tuple[Tensor, Tensor]:
    """Cuts and inflates the shells.

    Returns:
        Worn (B, V) bool, vertices to draw; lift (B, V), metres to move vertices along their normals.
    """
    traits, z, y = body.traits, body.mean[:, 2], body.mean[:, 1]
    layer = body.layer
    is_arm, is_leg = traits.arm > -0.5, traits.leg > -0.5
    top, bottom = _covered(traits.arm, traits.leg, z, outfit, is_arm, is_leg)
    skirted = outfit.skirt[:, None] > -5
    worn = layer == SKIN
    worn = worn | (layer == EYE)
    worn = worn | ((layer == TIGHTS) & (top | (bottom & ~skirted)))
    worn = worn | ((layer == SKIRT) & skirted & (z > outfit.skirt[:, None]))
    face = (y < -0.09) & (z < 0.80)
    worn = worn | ((layer == HAIR) & ~outfit.bald[:, None] & (z > outfit.hair_hem[:, None]) & ~face)
    folds = 0.7 + 0.3 * torch.sin(31 * body.mean[:, 0]) * torch.sin(23 * z)
    shod = (traits.foot > 0.5).float() * 0.008
    scalp = ((traits.head > 0.5) & (z > 0.77) & ~face).float() * torch.where(outfit.bald, 0.0, 0.01)[:, None]
    lift = torch.where(layer == TIGHTS, 0.006 + outfit.looseness[:, None] * folds, shod + scalp)
    return worn, torch.where(layer == SKIRT, 0.006 + outfit.looseness[:, None] * folds, lift)


def _covered(
    arm: Tensor, leg: Tensor, z: Tensor, outfit: Outfit, is_arm: Tensor, is_leg: Tensor, people: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Where shirt and trousers are: per vertex of every person, or per point of the person `people`."""

    def of(value: Tensor) -> Tensor:
        return value[:, None] if people is None else value[people]

    trunk = ~is_arm & ~is_leg & (z < of(outfit.neck))
    top = torch.where(is_arm, arm < of(outfit.sleeve), trunk & (z > of(outfit.waist)))
    bottom = torch.where(is_leg, leg < of(outfit.leg), trunk & (z <= of(outfit.waist)))
    return top, bottom


def colour_points(
    outfit: Outfit, people: Tensor, layer: Tensor, rest: Tensor, arm: Tensor, leg: Tensor, head: Tensor, foot: Tensor,
    bank: Tensor,
) -> Tensor:  # fmt: skip
    """Colours surface points.

    Args:
        outfit: Of all people, on the points' device.
        people: (N,) index of each point's person.
        layer: (N,) int64.
        rest: (N, 3) place on the mean body at rest, metres.
        arm: (N,) as VertexTraits counts; so are leg, head and foot.
        leg: (N,).
        head: (N,).
        foot: (N,).
        bank: (P, S, S, 3) uint8 pictures to cut cloth from.

    Returns:
        (N, 3) display colours in [0, 1].
    """
    x, y, z = rest.unbind(-1)
    is_arm, is_leg = arm > -0.5, leg > -0.5
    top, bottom = _covered(arm, leg, z, outfit, is_arm, is_leg, people)
    # Cloth coordinates: round the limb's axis on arms, the frontal plane elsewhere.
    u, v = torch.where(is_arm, y + 0.1, x), torch.where(is_arm, 0.28 * arm, z)
    garment = torch.where(top, 0, 1)
    frequency = outfit.frequency[people, garment]
    cos, sin = torch.cos(outfit.angle[people]), torch.sin(outfit.angle[people])
    along, across = (u * cos + v * sin) * frequency, (v * cos - u * sin) * frequency
    pattern = torch.where(top, outfit.top_pattern[people], outfit.bottom_pattern[people])
    stripes, checks = (along % 1) > 0.5, ((along % 1) > 0.5) ^ ((across % 1) > 0.5)
    spots = ((along % 1 - 0.5) ** 2 + (across % 1 - 0.5) ** 2) < 0.07
    second = ((pattern == 1) & stripes) | ((pattern == 2) & checks) | ((pattern == 4) & spots)
    second = second | (outfit.button_row[people] & top & ~is_arm & (x.abs() < 0.011) & (y < 0) & (z % 0.05 < 0.024))
    colours = torch.where(top[:, None, None], outfit.top[people], outfit.bottom[people])
    cloth = torch.where(second[:, None], colours[:, 1], colours[:, 0])
    side = bank.shape[1]
    column = ((u * 160 + 0.5 * side).long() + 7) % side
    row = ((-v * 160 + 0.5 * side).long() + 7) % side
    patch = bank[outfit.cloth[people, garment], row, column].float() / 255
    cloth = torch.where((pattern == 3)[:, None], 0.75 * patch + 0.25 * cloth, cloth)

    skin = _face(outfit, people, rest, head)
    shoe = torch.where((z < -0.815)[:, None], outfit.sole[people], outfit.shoe[people])
    sock = is_leg & (leg > outfit.sock[people])
    bare = torch.where((foot > 0.5)[:, None], shoe, torch.where(sock[:, None], outfit.sole[people], skin))
    pupil = ((x.abs() - 0.031) ** 2 + (z - 0.728) ** 2).sqrt()[:, None]
    eye = torch.where(pupil < 0.0065, 0.06, torch.where(pupil < 0.012, 0.25, 0.92))
    dressed = (layer == SKIRT) | top | bottom
    colour = torch.where((layer == SKIN)[:, None] | ~dressed[:, None], bare, cloth)
    # Skin under a tight shell takes the cloth's colour, so that poke-through does not show.
    colour = torch.where(((layer == SKIN) & (top | bottom))[:, None], cloth, colour)
    colour = torch.where((layer == HAIR)[:, None], outfit.hair[people] * (0.8 + 0.4 * ((x * 90 + y * 60) % 1))[:, None], colour)
    return torch.where((layer == EYE)[:, None], eye, colour)


def _face(outfit: Outfit, people: Tensor, rest: Tensor, head: Tensor) -> Tensor:
    """Skin with scalp, brows and lips: what tells front from back."""
    x, y, z = rest.unbind(-1)
    skin, hair = outfit.skin[people], outfit.hair[people]
    front = ((-y - 0.02) / 0.10).clamp(0, 1)
    line = outfit.hair_line[people] * front + 0.66 * (1 - front)
    ear = (x.abs() > 0.072) & (z < 0.745) & (y < -0.01)
    scalp = (head > 0.5) & (z > line) & ~ear & ~outfit.bald[people]
    brow = (z - 0.7505 + 0.12 * (x.abs() - 0.03).clamp(min=0)).abs() < 0.0045
    brow = brow & (x.abs() > 0.013) & (x.abs() < 0.055) & (y < -0.09)
    lips = ((z - 0.676).abs() < 0.0085 - 0.2 * x.abs().clamp(min=0.01)) & (x.abs() < 0.027) & (y < -0.12)
    skin = torch.where((scalp | brow)[:, None], hair * torch.where(brow, 0.8, 1.0)[:, None], skin)
    return torch.where(lips[:, None], outfit.lips[people], skin)
