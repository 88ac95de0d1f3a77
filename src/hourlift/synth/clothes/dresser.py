"""Draw the garments that people wear, and their colours, from `garments.Garments`."""

from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from hourlift.synth.body.accessories import ACCESSORIES
from hourlift.synth.clothes.dressing import SLOTS, Dressing
from hourlift.synth.clothes.garments import Garments
from hourlift.synth.clothes.heads import NEVER_Z
from hourlift.synth.clothes.outfit import Outfit
from hourlift.synth.clothes.pieces import ANY, BEARD, BOTTOM, BROWS, DRESS, FEMALE, HAIR, HAT, MALE, SHOES, TOP
from hourlift.synth.core.draw import Draw

_TOP, _BOTTOM, _SHOES, _HAT, _HAIR, _BEARD, _BROWS = range(len(SLOTS))
_NONE = -1
_OTHER_SEX = 0.06  # weight of garments made for the other sex
_TIED = ("bun", "ponytail")
_HEADGEAR = ("cap", "beanie", "wide_hat", "helmet", "hood")
_UNCUT = 9.0  # position beyond the end of any sleeve or leg


class Dresser:
    """Dress people in garments.

    Args:
        garments: Garments to choose from.
        share: Share of people dressed in garments; the others wear painted clothes.
    """

    def __init__(self, garments: Garments, share: float) -> None:
        self.garments, self.share = garments, share

    @cached_property
    def _weights(self) -> dict[int, Tensor]:
        """(3, P) weight of each piece for each sex, by role."""
        pieces = self.garments.pieces
        made_for = torch.tensor([piece.sex for piece in pieces])
        weights = {}
        for role in {piece.role for piece in pieces}:
            own = torch.tensor([float(piece.role == role) for piece in pieces])
            for_sex = [
                torch.where((made_for == ANY) | (made_for == sex), own, _OTHER_SEX * own) for sex in (FEMALE, MALE)
            ]
            weights[role] = torch.stack([own, *for_sex])
        return weights

    def dress(self, draw: Draw, outfit: Outfit, female: Tensor) -> Outfit:
        """Return the outfits with garments instead of painted clothes for some people.

        Args:
            draw: One draw per person.
            outfit: Outfits on the CPU; garments use their colours and patterns.
            female: (B,) bool.
        """
        sex = torch.where(female, FEMALE, MALE)
        dressed = draw.chance(self.share)
        gown = dressed & (female & draw.chance(0.16) | draw.chance(0.01))
        roles = (TOP, BOTTOM, SHOES, HAT, HAIR, BEARD, BROWS)
        some = (1.0, 1.0, 0.92, 0.09, 0.93, 0.2, 0.95)
        piece = torch.stack([self._choose(draw, role, sex) for role in roles], 1)
        worn = torch.stack([draw.chance(share) for share in some], 1) & dressed[:, None]
        gowns = self._choose(draw, DRESS, sex)
        gown &= gowns != _NONE
        piece[:, _TOP] = torch.where(gown, gowns, piece[:, _TOP])
        worn[:, _BOTTOM] &= ~gown
        hatted = outfit.carries[:, [ACCESSORIES.index(name) for name in _HEADGEAR]].sum(1) > 0
        worn[:, _HAT] &= ~hatted
        worn[:, _HAIR] &= ~(hatted | worn[:, _HAT] & draw.chance(0.6))
        worn[:, _BEARD] &= ~female
        piece = torch.where(worn, piece, _NONE)
        return self._coloured(draw, _without_painted(outfit, piece), piece, dressed, sex)

    def _choose(self, draw: Draw, role: int, sex: Tensor) -> Tensor:
        """(B,) index of a piece of a role, -1 where there is none."""
        weights = self._weights.get(role)
        drawn = draw.uniform()
        if weights is None:
            return torch.full((draw.count,), _NONE)
        ends = (weights / weights.sum(1, keepdim=True)).cumsum(1)[sex]
        return torch.searchsorted(ends.contiguous(), drawn[:, None])[:, 0].clamp(max=ends.shape[1] - 1)

    def _coloured(self, draw: Draw, outfit: Outfit, piece: Tensor, dressed: Tensor, sex: Tensor) -> Outfit:
        count, slots = piece.shape
        texture, mean = self._textures(piece, draw.vector(slots))
        level = mean.mean(-1)
        way = draw.vector(slots)
        way[:, [_HAT, _SHOES]] *= 0.65
        painted, dyed = (way > 0.65).float(), ((way > 0.4) & (way <= 0.65)).float()
        hue = 1 + 0.35 * (2 * draw.vector(3 * slots).view(count, slots, 3) - 1)
        gain = torch.exp(0.7 * (2 * draw.vector(slots) - 1))[..., None]
        own = (gain * hue).clamp(max=0.95 / mean.clamp(min=0.05))
        dye = torch.stack([outfit.top[:, 0], outfit.bottom[:, 0], outfit.shoe, outfit.trim, *[outfit.hair] * 3], 1)
        dye[:, _BEARD:] = torch.minimum(dye[:, _BEARD:], outfit.beard_colour[:, None])
        for slot in (_HAIR, _BEARD, _BROWS):
            dyed[:, slot], painted[:, slot] = 1.0, 0.0
        painted[:, [_SHOES, _HAT]] = 0.0
        tint = torch.where(dyed[..., None] > 0, dye, own)
        lift = torch.zeros(count, slots)
        lift[:, _TOP] = draw.uniform(0.003, 0.009)
        lift[:, _BOTTOM] = draw.uniform(0.0, 0.006)
        sleeve = torch.where(draw.chance(0.4), draw.uniform(0.1, 1.7), _UNCUT)
        leg = torch.where(draw.chance(0.25), draw.uniform(0.35, 1.75), _UNCUT)
        skin, skin_tint = self._skins(draw, outfit, dressed, sex)
        dressing = Dressing(
            piece=piece, texture=texture, level=level, tint=tint, dyed=dyed, painted=painted, lift=lift,
            sleeve=sleeve, leg=leg, skin=skin, skin_tint=skin_tint,
        )  # fmt: skip
        return replace(outfit, dressing=dressing)

    def _textures(self, piece: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 7) texture of each piece, one of its variants, and its mean colour (B, 7, 3)."""
        pieces, most = self.garments.pieces, self._most_variants
        count = torch.tensor([len(p.textures) for p in pieces])[piece.clamp(min=0)]
        variant = (chosen * count).long()
        table = torch.tensor([[*p.textures, *[0] * (most - len(p.textures))] for p in pieces])
        means = torch.tensor(np.stack([np.pad(p.means, ((0, most - len(p.means)), (0, 0))) for p in pieces]))
        at = piece.clamp(min=0), variant
        return table[at], means[at]

    @cached_property
    def _most_variants(self) -> int:
        return max(len(piece.textures) for piece in self.garments.pieces)

    def _skins(self, draw: Draw, outfit: Outfit, dressed: Tensor, sex: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) texture of the skin closest to the outfit's tone among a few, and factors (B, 3) towards that tone."""
        garments = self.garments
        drawn = draw.vector(4)
        shift = draw.uniform(0.35, 0.9)[:, None]
        if not len(garments.skins):
            return torch.full((draw.count,), _NONE), torch.ones(draw.count, 3)
        made_for, means = torch.from_numpy(garments.skin_sex), torch.from_numpy(garments.skin_means)
        chosen = []
        for wanted in (FEMALE, MALE):
            among = ((made_for == wanted) | (made_for == ANY)).nonzero()[:, 0]
            among = among if len(among) else torch.arange(len(made_for))
            tried = among[(drawn * len(among)).long()]  # (B, 4)
            apart = (means[tried].log() - outfit.skin[:, None].clamp(min=0.02).log()).abs().sum(-1)
            chosen.append(tried.gather(1, apart.argmin(1, keepdim=True))[:, 0])
        skin = torch.where(sex == FEMALE, *chosen)
        tint = (outfit.skin / means[skin].clamp(min=0.02)).clamp(0.55, 1.6) ** shift
        tint = torch.minimum(tint, 1.0 / means[skin].clamp(min=0.05))
        return torch.where(dressed, torch.from_numpy(garments.skins).long()[skin], _NONE), tint


def _without_painted(outfit: Outfit, piece: Tensor) -> Outfit:
    """The outfits without painted clothes, shoes and hair that are replaced by a piece."""
    top, bottom, shoes, _, hair, *_ = (piece >= 0).unbind(1)
    tied = [ACCESSORIES.index(name) for name in _TIED]
    carries = outfit.carries.clone()
    carries[:, tied] = torch.where(hair[:, None], 0.0, carries[:, tied])
    gown = top & ~bottom
    return replace(
        outfit,
        midriff=torch.where(top, NEVER_Z, outfit.midriff),
        sleeve=torch.where(top, -1.0, outfit.sleeve),
        opening=torch.where(top[:, None], 0.0, outfit.opening),
        print_place=torch.where(top, 0, outfit.print_place),
        waist=torch.where(bottom | gown, -NEVER_Z, outfit.waist),
        leg=torch.where(bottom | gown, -1.0, outfit.leg),
        skirt=torch.where(top | bottom, -NEVER_Z, outfit.skirt),
        coat=outfit.coat & ~(top | bottom),
        shoe_top=torch.where(shoes, NEVER_Z, outfit.shoe_top),
        hair_hem=torch.where(hair, NEVER_Z, outfit.hair_hem),
        hair_lift=torch.where(hair, 0.0, outfit.hair_lift),
        carries=carries,
    )
