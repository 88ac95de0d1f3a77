"""Uncovered parts: skin, eyes, faces, hair. Positions are those of wardrobe's standard body, metres."""

import torch
from torch import Tensor

from hourlift.synth.clothes.cloth import Place
from hourlift.synth.clothes.outfit import Outfit
from hourlift.synth.clothes.paint import Attributes, mix, near, noise, ramp
from hourlift.synth.core.planar import replace, taken

EYE_X, EYE_Z = 0.0297, 0.7566
_BODY = ("skin", "blush", "phase", "sock", "sock_colour", "shoe_top", "shoe", "sole", "glove", "glove_colour")
_HEAD = (
    *("skin", "blush", "phase", "hair"),
    "lips",
    "eyeshadow",
    "beard",
    "beard_colour",
    "brow",
    "hair_line",
    "hair_density",
    "bald_above",
)
_IRIS_M, _PUPIL_M = 0.0066, 0.0030


def body_skin(outfit: Outfit, person: Tensor, place: Place) -> Tensor:
    """Colours (3, N) of skin below the head, with socks, shoes and gloves."""
    at, y, z, arm, leg = Attributes(outfit, _BODY, person), place.y, place.z, place.arm, place.leg
    colour = _complexion(at, place.x, y, z)
    joints = near(arm - 1, 0.07, 0.1) + near(leg - 1, 0.08, 0.15) * (y < 0) + 0.8 * ramp(arm, 2.15, 2.4)
    colour = mix(colour, colour * _tint(colour, 1.02, 0.84, 0.82), (at.blush * 5 * joints).clamp(0, 1))
    palm = ramp(arm, 2.0, 2.15) * ramp(place.outward, 0.004, -0.006)
    pale = torch.maximum(palm, ramp(z, -0.805, -0.812) * (leg > 1.5))
    colour = mix(colour, _tint(colour, 0.86, 0.64, 0.55), 0.4 * pale)
    trunk = ((arm < 0) & (leg < -0.6)).nonzero()[:, 0]
    if len(trunk):
        replace(colour, trunk, _bare_trunk(outfit, taken(person, trunk), place.at(trunk), taken(colour, trunk)))
    return shod_and_gloved(outfit, person, place, colour)


def shod_and_gloved(outfit: Outfit, person: Tensor, place: Place, colour: Tensor) -> Tensor:
    """Skin below the head of colours (3, N), with socks, shoes and gloves."""
    at = Attributes(outfit, _BODY, person)
    colour = mix(colour, at.sock_colour, place.leg > at.sock)
    shoe = mix(at.shoe, at.sole, place.z < -0.806)
    colour = mix(colour, shoe, place.leg > at.shoe_top)
    return mix(colour, at.glove_colour, place.arm > at.glove)


def head_of_hair(outfit: Outfit, person: Tensor, rest: Tensor, colour: Tensor) -> Tensor:
    """Skin of heads of colours (3, N) with a face, and hair on the scalp and a beard as in the outfit."""
    at = Attributes(outfit, _HEAD, person)
    x, y, z = rest
    side = x.abs()
    ear = (side > 0.073) & (z > 0.69) & (z < 0.775) & (y > -0.07) & (y < 0.01)
    colour = _beard(at, colour, side, y, z, ramp(y, -0.075, -0.105))
    scalp = scalp_share(side, y, z, at.hair_line) * ~ear
    density = at.hair_density * (1 - 0.93 * ramp(z - at.bald_above, -0.008, 0.006))
    return mix(colour, strands(at.hair, x, y, z), 0.92 * scalp * density)


def _tint(colour: Tensor, red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue], device=colour.device)[:, None]


def _bare_trunk(outfit: Outfit, person: Tensor, place: Place, colour: Tensor) -> Tensor:
    """Skin of the trunk, of colours (3, N), with details that distinguish front from back."""
    at, side, z = Attributes(outfit, ("body_hair", "hair"), person), place.x.abs(), place.z
    front, back = (place.y < -0.04).float(), (place.y > 0.02).float()
    nipple = near(((side - 0.082) ** 2 + (z - 0.395) ** 2).sqrt(), 0.011, 0.006)
    navel = near((side**2 + (z - 0.185) ** 2).sqrt(), 0.006, 0.006)
    breast = near(z - 0.355 + 0.15 * side, 0.003, 0.015) * (side < 0.14)
    middle = near(side, 0.002, 0.009) * (z > 0.1) * (z < 0.45)
    dark = front * (0.75 * nipple + 0.8 * navel + 0.3 * breast + 0.25 * middle)
    dark = dark + 0.35 * near(side, 0.003, 0.012) * back * (z > 0.05)
    colour = mix(colour, colour * _tint(colour, 0.66, 0.5, 0.47), dark.clamp(0, 1))
    return mix(colour, at.hair, at.body_hair * near(side, 0.05, 0.06) * near(z - 0.4, 0.05, 0.08) * front)


def head_skin(outfit: Outfit, person: Tensor, rest: Tensor) -> Tensor:
    """Colours (3, N) of the skin of heads at places (3, N): a face in front, hair on the scalp, ears between."""
    at = Attributes(outfit, _HEAD, person)
    x, y, z = rest
    side = x.abs()
    face = ramp(y, -0.075, -0.105)
    colour = _complexion(at, x, y, z)
    cheek = near(((side - 0.043) ** 2 + (z - 0.712) ** 2).sqrt(), 0.008, 0.022) * face
    tip = near((side**2 + (z - 0.712) ** 2).sqrt(), 0.006, 0.012) * (y < -0.15)
    ear = (side > 0.073) & (z > 0.69) & (z < 0.775) & (y > -0.07) & (y < 0.01)
    flushed = colour * _tint(colour, 1.03, 0.74, 0.72)
    colour = mix(colour, flushed, (4.5 * at.blush * (cheek + tip + 0.8 * ear)).clamp(0, 0.8))
    # Shade where light hardly comes: eye sockets, beside and under the nose, under the lower lip, under the chin.
    socket = near(((side - EYE_X) / 0.023) ** 2 + ((z - EYE_Z - 0.004) / 0.017) ** 2, 0.5, 0.7) * face
    colour = mix(colour, at.eyeshadow, 0.75 * socket)
    wing = near(side - 0.019, 0.002, 0.006) * near(z - 0.708, 0.007, 0.006)
    under = near(z - 0.699, 0.0025, 0.004) * near(side, 0.014, 0.006)
    lower = near(z - 0.662, 0.002, 0.006) * near(side, 0.014, 0.01)
    throat = ramp(z, 0.648, 0.635) * ramp(y, -0.06, -0.09)
    shade = (0.35 * wing + 0.45 * under + 0.25 * lower) * face + 0.3 * throat
    nostril = near((((side - 0.0075) / 1.5) ** 2 + (z - 0.7015) ** 2).sqrt(), 0.0014, 0.0022) * face
    colour = colour * (1 - 0.5 * shade.clamp(0, 1)) * (1 - 0.7 * nostril)
    colour = _beard(at, colour, side, y, z, face)
    lips = near(((side / 0.025) ** 2 + ((z - 0.6815) / 0.0095) ** 2).sqrt(), 0.85, 0.25) * face
    colour = mix(colour, at.lips, lips)
    mouth = near(z - 0.682, 0.0008, 0.0018) * near(side, 0.021, 0.005) * face
    colour = colour * (1 - 0.6 * mouth)
    lash = ((side - EYE_X) / 0.0185) ** 2 + ((z - EYE_Z) / 0.0125) ** 2
    upper = near(lash - 1.0, 0.18, 0.35) * (0.3 + 0.45 * (z > EYE_Z)) * face
    colour = colour * (1 - upper)
    arch = EYE_Z + 0.0215 - 0.16 * (side - 0.034).clamp(min=0) + 0.1 * (side - 0.022).clamp(max=0)
    brow = near(z - arch, at.brow, 0.002) * near(side - 0.033, 0.021, 0.004) * face
    colour = mix(colour, 0.75 * at.beard_colour, 0.9 * brow)
    scalp = scalp_share(side, y, z, at.hair_line) * ~ear
    density = at.hair_density * (1 - 0.93 * ramp(z - at.bald_above, -0.008, 0.006))
    return mix(colour, strands(at.hair, x, y, z), scalp * density)


def scalp_share(side: Tensor, y: Tensor, z: Tensor, line: Tensor, soft: float = 0.006) -> Tensor:
    """How far (N,) points of the head lie inside the hair: above forehead and temples, behind the ears to the nape."""
    temple, nape = ramp(y, -0.108, -0.085), ramp(y, -0.035, -0.005)
    receding = 0.25 * (side - 0.03).clamp(min=0)
    edge = torch.lerp(line - receding, torch.full_like(temple, 0.74), temple)
    edge = torch.lerp(edge, torch.full_like(nape, 0.672), nape)
    return ramp(z - edge, -0.002, soft - 0.002)


def strands(hair: Tensor, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Colours (3, N) of hair of colours (3, N), with lighter and darker strands that run down."""
    grain = noise(2.3 * x + 1.7 * y, 0.35 * z)
    return hair * (1 + 0.09 * grain[0].clamp(-2, 2) + 0.07 * grain[2]).clamp(0.4, 1.6)


def eyes(outfit: Outfit, person: Tensor, rest: Tensor) -> Tensor:
    """Colours (3, N) of eyeballs at places (3, N)."""
    at = Attributes(outfit, ("iris", "gaze", "skin"), person)
    x, _, z = rest
    off = torch.where(x > 0, x - EYE_X, x + EYE_X) - at.gaze[0]
    distance = (off**2 + (z - EYE_Z - at.gaze[1]) ** 2).sqrt()
    white = 0.86 - 0.3 * ramp(z, EYE_Z + 0.002, EYE_Z + 0.01)  # the upper lid shades it
    colour = white * torch.tensor([1.0, 0.97, 0.95], device=x.device)[:, None]
    colour = mix(colour, at.iris, near(distance, _IRIS_M, 0.001))
    return mix(colour, 0.03, near(distance, _PUPIL_M, 0.001))


def _complexion(at: Attributes, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    blotch = noise(1.9 * x + at.phase[0], 1.3 * z + 0.7 * y + at.phase[1], slice(2, 4))
    return at.skin * (1 + 0.025 * blotch[0] + 0.015 * blotch[1])


def _beard(at: Attributes, colour: Tensor, side: Tensor, y: Tensor, z: Tensor, face: Tensor) -> Tensor:
    moustache = near(z - 0.6945 + 0.12 * side, 0.004, 0.004) * near(side, 0.026, 0.006) * face
    chin = ramp(z, 0.672, 0.666) * near(side, 0.024, 0.008) * ramp(y, -0.06, -0.085)
    round_mouth = near(side - 0.03, 0.003, 0.004) * near(z - 0.672, 0.02, 0.006) * face
    line = 0.667 + 0.55 * (side - 0.02).clamp(min=0)
    cheeks = ramp(z - line, 0.004, -0.004) * ramp(y, -0.028, -0.045) * ramp(z, 0.622, 0.634)
    share = torch.maximum(at.beard[0] * moustache, at.beard[1] * torch.maximum(chin, round_mouth))
    share = torch.maximum(share, at.beard[2] * cheeks)
    return mix(colour, at.beard_colour, share)
