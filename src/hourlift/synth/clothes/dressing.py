"""Garments of a batch of people, as tensors."""

from dataclasses import dataclass

from torch import Tensor

from hourlift.synth.core.batch import Batch

SLOTS = ("top", "bottom", "shoes", "hat", "hair", "beard", "brows")
"""Slots for pieces, at most one piece per slot; a dress is a top."""
_DARK = 0.08  # added to light and dark of a texture, so that black cloth can be dyed


@dataclass(frozen=True, kw_only=True)
class Dressing(Batch):
    """Garments of B people; an empty slot of SLOTS has the piece -1.

    Attributes:
        piece: (B, 7) index into Garments.pieces.
        texture: (B, 7) index of the texture.
        level: (B, 7) mean lightness of the piece in it, in (0, 1].
        tint: (B, 7, 3) factors of its colours.
        dyed: (B, 7) float, 1 if only the lightness of the texture is used, and the tint is the colour.
        painted: (B, 7) float, 1 if the outfit's patterns are painted on it, with the texture's lightness.
        lift: (B, 7) additional distance from the body in metres.
        sleeve: (B,) position along the arm, as in VertexTraits, where sleeves end.
        leg: (B,) the same of legs, skirts and trousers.
        skin: (B,) index of the skin's texture, -1 for painted skin.
        skin_tint: (B, 3) factors of its colours.
    """

    piece: Tensor
    texture: Tensor
    level: Tensor
    tint: Tensor
    dyed: Tensor
    painted: Tensor
    lift: Tensor
    sleeve: Tensor
    leg: Tensor
    skin: Tensor
    skin_tint: Tensor


def relief(colour: Tensor, level: Tensor) -> Tensor:
    """(N,) light and dark of texels (3, N) about 1, of pieces of mean lightness (N,)."""
    return ((colour.mean(0) + _DARK) / (level + _DARK)).clamp_(0.2, 1.9)
