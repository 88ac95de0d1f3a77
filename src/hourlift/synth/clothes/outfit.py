"""Clothes and looks of heads, drawn at random, as tensors."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hourlift.synth.body.accessories import ACCESSORIES
from hourlift.synth.clothes.dressing import Dressing
from hourlift.synth.clothes.heads import NEVER_Z, sample_heads
from hourlift.synth.core.batch import Batch
from hourlift.synth.core.draw import Draw

PLAIN, STRIPES, CHECKS, PHOTO, SPOTS, CAMOUFLAGE, DENIM, TARTAN, FADE = range(9)  # patterns
NO_PRINT, CHEST, BACK = range(3)  # position of a print

# Styles of dress, and their shares.
CASUAL, SPORT, SUIT, COATED, DRESS, SWIM, TIGHT, WORK = range(8)
_STYLE_SHARES = [0.42, 0.16, 0.08, 0.09, 0.09, 0.07, 0.05, 0.04]
# Where sleeves and legs end, as VertexTraits counts: none, short, ... long; and how often in each style.
_SLEEVES = torch.tensor([-0.25, 0.3, 0.55, 0.95, 1.75, 2.02])
_SLEEVE_SHARES = torch.tensor(
    [
        [0.08, 0.2, 0.28, 0.04, 0.15, 0.25],
        [0.3, 0.25, 0.25, 0.02, 0.03, 0.15],
        [0, 0, 0.05, 0.02, 0.08, 0.85],
        [0, 0, 0, 0.05, 0.15, 0.8],
        [0.4, 0.2, 0.15, 0.05, 0.1, 0.1],
        [1.0, 0, 0, 0, 0, 0],
        [0.3, 0.1, 0.1, 0.0, 0.1, 0.4],
        [0.02, 0.1, 0.3, 0.08, 0.1, 0.4],
    ]
)
_LEGS = torch.tensor([0.12, 0.45, 0.8, 1.35, 1.9, 2.05])
_LEG_SHARES = torch.tensor(
    [
        [0.02, 0.1, 0.15, 0.05, 0.33, 0.35],
        [0.08, 0.35, 0.22, 0.05, 0.15, 0.15],
        [0, 0, 0, 0, 0.4, 0.6],
        [0, 0, 0, 0, 0.5, 0.5],
        [0.5, 0.1, 0, 0, 0.25, 0.15],
        [0.7, 0.2, 0.1, 0, 0, 0],
        [0.15, 0.15, 0.15, 0.15, 0.3, 0.1],
        [0, 0.05, 0.1, 0, 0.35, 0.5],
    ]
)
_PATTERN_SHARES = [0.36, 0.11, 0.07, 0.24, 0.06, 0.04, 0.03, 0.05, 0.04]
_BOTTOM_PATTERN_SHARES = [0.46, 0.04, 0.04, 0.15, 0.03, 0.04, 0.2, 0.02, 0.02]


@dataclass(frozen=True, kw_only=True)
class Outfit(Batch):
    """B outfits. Positions along sleeve and leg as in VertexTraits; heights at rest in metres; display colours.

    Attributes:
        sleeve: (B,) end of the sleeves.
        leg: (B,) end of the trouser legs.
        waist: (B,) height between shirt and trousers.
        midriff: (B,) height where the shirt ends, at the waist or above; above the neck for no shirt.
        neck: (B,) height at which the shirt ends, on the side of the neck.
        v_neck: (B,) how far the neckline dips in front, metres.
        skirt: (B,) height of the hem, -NEVER_Z for no skirt.
        coat: (B,) bool, the skirt is the lower part of the shirt and is worn over the trousers.
        looseness: (B, 2) metres that shirt and trousers (or skirt) stand off.
        crumple: (B,) strength of the folds.
        phase: (B, 2) random numbers in [0, 1) that shift folds, blotches and words.
        sock: (B,) where socks begin, NEVER_Z for none; so do shoes.
        shoe_top: (B,).
        glove: (B,) where gloves begin, NEVER_Z for none.
        top: (B, 2, 3) the two colours of the shirt; so has bottom those of trousers or skirt.
        bottom: (B, 2, 3).
        trim: (B, 3) colour of collar, cuffs, buttons, tie; so are inner (what is under an open jacket), belt, ....
        inner: (B, 3).
        belt: (B, 3).
        sock_colour: (B, 3).
        shoe: (B, 3).
        sole: (B, 3).
        glove_colour: (B, 3).
        pattern: (B, 2) of shirt and of trousers: PLAIN, STRIPES, ...
        frequency: (B, 2) repeats per metre of the patterns.
        angle: (B, 2) of the patterns, radians.
        cloth: (B, 2) images of the bank that shirt and trousers are cut from.
        cloth_px: (B, 2) pixels of the image on a metre of cloth.
        opening: (B, 2) half width at waist and at the collar of the gap of an open jacket, metres; 0 for none.
        buttons: (B,) bool; so are zip, collar, cuffs, pockets, belted, side_stripe, contrast_sleeves, tie.
        zip: (B,).
        collar: (B,).
        cuffs: (B,).
        pockets: (B,).
        belted: (B,).
        side_stripe: (B,).
        contrast_sleeves: (B,).
        tie: (B,).
        print_place: (B,) NO_PRINT, CHEST or BACK.
        print_cut: (B, 3) half width, half height and height of the middle of the print.
        print_words: (B,) bool, lines of writing instead of an image.
        print_image: (B,) of the bank.
        straps: (B,) bool, those of a backpack; strap: that of a bag.
        strap: (B,).
        carries: (B, accessories) float, 1 for what they have; accessories.ACCESSORIES.
        extra: (B, accessories, 3) colours of the accessories.
        skin: (B, 3) colour; so are hair, iris, lips, beard_colour and eyeshadow.
        hair: (B, 3).
        iris: (B, 3).
        lips: (B, 3).
        beard_colour: (B, 3).
        eyeshadow: (B, 3).
        gaze: (B, 2) metres that the irises are off the middle.
        hair_hem: (B,) height down to which loose hair reaches, NEVER_Z for none.
        hair_line: (B,) height of the scalp's edge above the face.
        hair_lift: (B,) metres that hair on the scalp stands off.
        hair_density: (B,) from 0, bald, to 1.
        bald_above: (B,) height above which the top of the head is bald.
        fringe: (B,) bool, hair over the forehead.
        beard: (B, 3) how dense moustache, chin and cheeks are, from 0 to 1.
        brow: (B,) half height of the brows, metres.
        blush: (B,) redness of cheeks, nose, knuckles.
        body_hair: (B,) density on the chest.
        dressing: Garments that some people wear instead of what is painted; None where there are none.
    """

    sleeve: Tensor
    leg: Tensor
    waist: Tensor
    midriff: Tensor
    neck: Tensor
    v_neck: Tensor
    skirt: Tensor
    coat: Tensor
    looseness: Tensor
    crumple: Tensor
    phase: Tensor
    sock: Tensor
    shoe_top: Tensor
    glove: Tensor
    top: Tensor
    bottom: Tensor
    trim: Tensor
    inner: Tensor
    belt: Tensor
    sock_colour: Tensor
    shoe: Tensor
    sole: Tensor
    glove_colour: Tensor
    pattern: Tensor
    frequency: Tensor
    angle: Tensor
    cloth: Tensor
    cloth_px: Tensor
    opening: Tensor
    buttons: Tensor
    zip: Tensor
    collar: Tensor
    cuffs: Tensor
    pockets: Tensor
    belted: Tensor
    side_stripe: Tensor
    contrast_sleeves: Tensor
    tie: Tensor
    print_place: Tensor
    print_cut: Tensor
    print_words: Tensor
    print_image: Tensor
    straps: Tensor
    strap: Tensor
    carries: Tensor
    extra: Tensor
    skin: Tensor
    hair: Tensor
    iris: Tensor
    lips: Tensor
    beard_colour: Tensor
    eyeshadow: Tensor
    gaze: Tensor
    hair_hem: Tensor
    hair_line: Tensor
    hair_lift: Tensor
    hair_density: Tensor
    bald_above: Tensor
    fringe: Tensor
    beard: Tensor
    brow: Tensor
    blush: Tensor
    body_hair: Tensor
    dressing: Dressing | None = None


def sample_outfits(draw: Draw, bank_size: int) -> Outfit:
    """Draws outfits; `bank_size` is the number of images that cloth can be cut from."""
    head = sample_heads(draw)
    style = draw.choose(_STYLE_SHARES)
    cut = _sample_cuts(draw, style)
    colours = _sample_colours(draw, style, head["skin"])
    details = _sample_details(draw, style, bank_size)
    carried = _sample_accessories(draw, style, head, colours)
    barefoot = (style == SWIM) & draw.chance(0.9) | draw.chance(0.08)
    cut["shoe_top"] = torch.where(barefoot, NEVER_Z, cut["shoe_top"])
    cut["sock"] = torch.where(barefoot & draw.chance(0.8), NEVER_Z, cut["sock"])
    parts: dict[str, Any] = {**head, **cut, **colours, **details, **carried}
    return Outfit(**parts)


def _colour(draw: Draw, saturation: float = 0.9) -> Tensor:
    """Colours (B, 3) of any lightness; saturation 0 is grey."""
    value = draw.uniform(0.03, 0.97)[:, None]
    return (value * (1 + saturation * (2 * draw.vector(3) - 1))).clamp(0.01, 1)


def _dye(draw: Draw) -> Tensor:
    """Colours (B, 3) that cloth has: white, black, greys and blues are common, some are vivid."""
    mixed = _colour(draw)
    mixed = torch.where(draw.chance(0.22)[:, None], _colour(draw, 0.1), mixed)
    mixed = torch.where(draw.chance(0.08)[:, None], draw.uniform(0.82, 0.97)[:, None], mixed)
    mixed = torch.where(draw.chance(0.09)[:, None], draw.uniform(0.02, 0.12)[:, None].expand(-1, 3), mixed)
    navy = draw.uniform(0.5, 1.5)[:, None] * torch.tensor([0.11, 0.15, 0.27])
    mixed = torch.where(draw.chance(0.07)[:, None], navy, mixed)
    vivid = torch.nn.functional.normalize(draw.vector(3) ** 3, dim=-1) * draw.uniform(0.7, 1.1)[:, None]
    return torch.where(draw.chance(0.12)[:, None], vivid, mixed).clamp(0.01, 1)


def _among(draw: Draw, style: Tensor, shares: Tensor) -> Tensor:
    """Index drawn with the shares of each style."""
    return torch.multinomial(shares[style], 1, generator=draw.generator)[:, 0]


def _sample_cuts(draw: Draw, style: Tensor) -> dict[str, Tensor]:
    """Lengths and looseness."""
    waist = draw.uniform(0.07, 0.2)
    dress, coat, suit, tight = (style == kind for kind in (DRESS, COATED, SUIT, TIGHT))
    swim = style == SWIM
    covered = dress | coat | suit
    shirtless = swim & draw.chance(0.6) | draw.chance(0.04) & ~covered
    cropped = swim | (style == SPORT) & draw.chance(0.12) | draw.chance(0.03) & ~covered
    midriff = torch.where(cropped, draw.uniform(0.2, 0.36), waist)
    coat_hem = torch.where(draw.chance(0.5), draw.uniform(-0.12, 0.02), draw.uniform(-0.5, -0.1))
    skirt = torch.where(dress, draw.uniform(-0.7, -0.15), -NEVER_Z)
    loose = torch.stack([draw.uniform(0, 0.022), draw.uniform(0, 0.024)], 1)
    baggy = torch.stack([draw.uniform(0.015, 0.034), draw.uniform(0.015, 0.04)], 1)
    loose = torch.where(torch.stack([draw.chance(0.25), draw.chance(0.25)], 1), baggy, loose)
    loose[:, 0] = torch.where(coat, draw.uniform(0.012, 0.038), loose[:, 0])
    loose = torch.where(suit[:, None], loose.clamp(0.006, 0.018), loose)
    loose = torch.where((tight | swim)[:, None], 0.0, loose)
    turtle, low = draw.chance(0.08) | coat & draw.chance(0.5), draw.chance(0.18) | dress & draw.chance(0.5)
    neck = torch.where(turtle, draw.uniform(0.6, 0.64), draw.uniform(0.55, 0.6))
    return {
        "sleeve": _SLEEVES[_among(draw, style, _SLEEVE_SHARES)] + draw.normal(0, 0.04),
        "leg": _LEGS[_among(draw, style, _LEG_SHARES)] + draw.normal(0, 0.04),
        "waist": waist,
        "midriff": torch.where(shirtless, NEVER_Z, torch.maximum(midriff, waist)),
        "neck": torch.where(low, draw.uniform(0.5, 0.55), neck),
        "v_neck": torch.where(draw.chance(0.35) & ~turtle, draw.uniform(0.03, 0.15), 0.0),
        "skirt": torch.where(coat, coat_hem, torch.where(draw.chance(0.03), -0.35, skirt)),
        "coat": coat,
        "looseness": loose,
        "crumple": draw.uniform(0.3, 1.0) * torch.where(tight | swim, 0.25, 1.0),
        "phase": draw.vector(2),
        "sock": torch.where(draw.chance(0.6), draw.uniform(1.3, 1.95), NEVER_Z),
        "shoe_top": torch.where(draw.chance(0.15), draw.uniform(1.3, 1.8), draw.uniform(1.98, 2.1)),
        "glove": torch.where(draw.chance(0.06), draw.uniform(1.8, 2.0), NEVER_Z),
    }


def _sample_colours(draw: Draw, style: Tensor, skin: Tensor) -> dict[str, Tensor]:
    def garment() -> Tensor:
        first = torch.where(draw.chance(0.04)[:, None], skin, _dye(draw))  # camouflaged
        return torch.stack([first, _dye(draw)], 1)

    top, bottom = garment(), garment()
    same = (style == SUIT) & draw.chance(0.8) | (style == DRESS) & draw.chance(0.85) | draw.chance(0.08)
    bottom = torch.where(same[:, None, None], top, bottom)
    dark = draw.uniform(0.03, 0.25)[:, None].expand(-1, 3)
    white = draw.uniform(0.8, 0.97)[:, None]
    return {
        "top": top,
        "bottom": bottom,
        "trim": torch.where(draw.chance(0.3)[:, None], white, _dye(draw)),
        "inner": torch.where(draw.chance(0.35)[:, None], white, _dye(draw)),
        "belt": torch.where(draw.chance(0.6)[:, None], dark * torch.tensor([1.2, 0.9, 0.7]), _dye(draw)),
        "sock_colour": torch.where(draw.chance(0.4)[:, None], white, _dye(draw)),
        "shoe": torch.where(draw.chance(0.35)[:, None], dark, _dye(draw)),
        "sole": torch.where(
            draw.chance(0.55)[:, None], white, torch.where(draw.chance(0.5)[:, None], dark, _dye(draw))
        ),
        "glove_colour": torch.where(draw.chance(0.5)[:, None], dark, _dye(draw)),
    }


def _sample_details(draw: Draw, style: Tensor, bank_size: int) -> dict[str, Tensor]:
    """Patterns, prints and what is sewn on."""
    suit, coat, sport, work = (style == kind for kind in (SUIT, COATED, SPORT, WORK))
    jacket = suit | coat & draw.chance(0.6) | (style == CASUAL) & draw.chance(0.16)
    wide = torch.where(suit, -0.02, draw.uniform(0.01, 0.09))
    opening = torch.stack([wide, torch.where(suit, 0.07, wide * draw.uniform(0.6, 1.2))], 1)
    patterns = torch.stack([draw.choose(_PATTERN_SHARES), draw.choose(_BOTTOM_PATTERN_SHARES)], 1)
    same = (style == DRESS) | suit | draw.chance(0.08)
    patterns[:, 1] = torch.where(same, patterns[:, 0], patterns[:, 1])
    patterns = torch.where(suit[:, None] & draw.chance(0.7)[:, None], PLAIN, patterns)
    cloth = torch.stack([draw.integer(bank_size), draw.integer(bank_size)], -1)
    cloth[:, 1] = torch.where(same, cloth[:, 0], cloth[:, 1])
    place = draw.choose([0.62, 0.26, 0.12])
    half = torch.stack([draw.uniform(0.05, 0.13), draw.uniform(0.02, 0.11), draw.uniform(0.32, 0.44)], 1)
    fastened = draw.choose([0.5, 0.3, 0.2])
    return {
        "pattern": patterns,
        "frequency": torch.stack([draw.log_uniform(4, 45), draw.log_uniform(4, 45)], -1),
        "angle": torch.stack([draw.turn(), draw.turn()], 1) * draw.chance(0.6)[:, None],
        "cloth": cloth,
        "cloth_px": torch.stack([draw.log_uniform(90, 900), draw.log_uniform(90, 900)], 1),
        "opening": torch.where(jacket[:, None], opening, 0.0),
        "buttons": fastened == 1,
        "zip": fastened == 2,
        "collar": draw.chance(0.4),
        "cuffs": draw.chance(0.25),
        "pockets": draw.chance(0.4),
        "belted": draw.chance(0.35) | suit,
        "side_stripe": sport & draw.chance(0.4) | draw.chance(0.03),
        "contrast_sleeves": draw.chance(0.1),
        "tie": suit & draw.chance(0.7),
        "print_place": torch.where(work & draw.chance(0.5), BACK, place) * ~suit,
        "print_cut": half,
        "print_words": draw.chance(0.45),
        "print_image": draw.integer(bank_size),
    }


def _sample_accessories(
    draw: Draw, style: Tensor, head: dict[str, Tensor], colours: dict[str, Tensor]
) -> dict[str, Tensor]:
    """What they carry: at most one hat, tied hair where there is hair, no pack over a hood."""
    hat = torch.where(style == SWIM, 0, draw.choose([0.8, 0.075, 0.05, 0.04, 0.035]))
    tied = torch.where((head["hair_density"] > 0.9) & (head["bald_above"] > 1), draw.choose([0.72, 0.12, 0.16]), 0)
    head["hair_hem"] = torch.where((tied > 0) & draw.chance(0.8), NEVER_Z, head["hair_hem"])
    eyewear = draw.choose([0.74, 0.17, 0.09])
    bare = style == SWIM
    pack = draw.chance(0.08) & ~bare
    bag = draw.choose([0.92, 0.045, 0.035]) * ~bare
    worn = {
        "cap": hat == 1,
        "beanie": hat == 2,
        "wide_hat": hat == 3,
        "helmet": hat == 4,
        "bun": tied == 1,
        "ponytail": tied == 2,
        "glasses": eyewear > 0,
        "lenses": eyewear == 2,
        "scarf": draw.chance(0.035) & ~bare,
        "hood": draw.chance(0.13) & ~pack & ((style == CASUAL) | (style == COATED)),
        "backpack": pack,
        "shoulder_bag": bag == 1,
        "belt_bag": bag == 2,
    }
    dark = draw.uniform(0.02, 0.14)[:, None].expand(-1, 3)
    colour = {name: _dye(draw) for name in ACCESSORIES}
    colour |= {"bun": head["hair"], "ponytail": head["hair"], "lenses": dark, "hood": colours["top"][:, 0]}
    colour["glasses"] = torch.where(draw.chance(0.75)[:, None], dark, colour["glasses"])
    return {
        "carries": torch.stack([worn[name] for name in ACCESSORIES], 1).float(),
        "extra": torch.stack([colour[name] for name in ACCESSORIES], 1),
        "straps": pack | draw.chance(0.02),
        "strap": worn["shoulder_bag"] | draw.chance(0.02),
    }
