"""Skin, hair and faces, drawn at random, as tensors."""

import torch
from torch import Tensor

from hourlift.synth.core.draw import Draw

NEVER_Z = 9.0  # a height above the whole body; its negative is below

_SKIN_TONES = torch.tensor(
    [
        [0.95, 0.80, 0.72],
        [0.92, 0.73, 0.61],
        [0.82, 0.61, 0.46],
        [0.64, 0.44, 0.31],
        [0.46, 0.30, 0.20],
        [0.30, 0.19, 0.14],
    ]
)
_HAIR_TONES = torch.tensor(
    [
        [0.09, 0.07, 0.06],
        [0.19, 0.13, 0.09],
        [0.35, 0.23, 0.14],
        [0.70, 0.55, 0.33],
        [0.66, 0.65, 0.64],
        [0.48, 0.21, 0.10],
        [0.55, 0.15, 0.45],  # dyed
    ]
)
_HAIR_SHARES = [0.32, 0.25, 0.17, 0.11, 0.09, 0.04, 0.02]
_IRIS_TONES = torch.tensor([[0.18, 0.10, 0.06], [0.34, 0.22, 0.10], [0.30, 0.38, 0.26], [0.33, 0.46, 0.62]])


def sample_heads(draw: Draw) -> dict[str, Tensor]:
    """Draw skin, hair and face: the corresponding fields of `outfit.Outfit`."""
    tone = draw.uniform(0, len(_SKIN_TONES) - 1.001)
    low = tone.long()
    skin = torch.lerp(_SKIN_TONES[low], _SKIN_TONES[low + 1], (tone - low)[:, None]) * draw.uniform(0.9, 1.08)[:, None]
    skin = (skin * (1 + 0.05 * (2 * draw.vector(3) - 1))).clamp(0, 1)
    # Fair hair goes with fair skin, most of the time.
    shares = torch.tensor(_HAIR_SHARES).expand(draw.count, -1) * torch.tensor([1.0, 1, 1, 1, 1, 1, 1])
    dark_only = (tone > 3.2)[:, None] & torch.tensor([False, False, True, True, False, True, False])
    shade = torch.multinomial(torch.where(dark_only, 0.1 * shares, shares), 1, generator=draw.generator)[:, 0]
    hair = (_HAIR_TONES[shade] * draw.uniform(0.65, 1.3)[:, None]).clamp(0.01, 1)
    style = draw.choose([0.4, 0.34, 0.1, 0.07, 0.09])  # short, long, cropped, shaven, bald on top
    density = torch.tensor([1.0, 1.0, 0.55, 0.0, 0.9])[style]
    afro = (style == 0) & draw.chance(0.12)
    beard = draw.choose([0.66, 0.1, 0.1, 0.07, 0.07])  # none, stubble, full, about the mouth, moustache
    beards = torch.tensor([[0, 0, 0], [0.35, 0.35, 0.3], [0.95, 0.95, 0.9], [0.9, 0.9, 0], [0.9, 0, 0]])[beard]
    beards = torch.where((style == 1)[:, None] & draw.chance(0.75)[:, None], 0.0, beards)
    natural = skin * torch.tensor([0.86, 0.58, 0.56]) + 0.04 * draw.vector(3)
    painted = torch.stack([draw.uniform(0.45, 0.85), draw.uniform(0.03, 0.25), draw.uniform(0.1, 0.35)], 1)
    made_up = (style == 1) & draw.chance(0.4)
    iris = draw.choose([0.5, 0.22, 0.12, 0.16])
    return {
        "skin": skin,
        "hair": hair,
        "iris": _IRIS_TONES[torch.where(tone > 3.2, 0, iris)],
        "lips": torch.where(made_up[:, None], painted, natural).clamp(0, 1),
        "beard_colour": hair * draw.uniform(0.75, 1.05)[:, None],
        "eyeshadow": torch.where(made_up[:, None], 0.5 * skin + 0.35 * draw.vector(3) * 0.6, skin * 0.8),
        "gaze": torch.stack([draw.normal(0, 0.0028), draw.normal(0, 0.0014)], 1).clamp(-0.006, 0.006),
        "hair_hem": torch.where(style == 1, draw.uniform(0.36, 0.69), NEVER_Z),
        "hair_line": torch.where(style == 4, 0.95, draw.uniform(0.8, 0.835)),  # none above a bald forehead
        "hair_lift": torch.where(afro, draw.uniform(0.02, 0.05), draw.uniform(0.004, 0.014)) * (density > 0.6),
        "hair_density": density,
        "bald_above": torch.where(style == 4, draw.uniform(0.795, 0.83), NEVER_Z),
        "fringe": (style < 2) & draw.chance(0.3),
        "beard": beards,
        "brow": draw.uniform(0.0022, 0.0046),
        "blush": draw.uniform(0.02, 0.13),
        "body_hair": torch.where(draw.chance(0.3), draw.uniform(0.1, 0.5), 0.0) * (beard > 0),
    }
