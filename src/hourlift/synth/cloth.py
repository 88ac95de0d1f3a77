"""How cloth is coloured and folded, in coordinates of the cloth."""

import torch
from torch import Tensor

from hourlift.synth.outfit import (
    BACK,
    CAMOUFLAGE,
    CHECKS,
    CHEST,
    DENIM,
    FADE,
    PHOTO,
    SPOTS,
    STRIPES,
    TARTAN,
    Outfit,
)
from hourlift.synth.paint import Attributes, mix, near, noise, ramp

_GARMENT = ("top", "bottom", "pattern", "frequency", "angle", "cloth", "cloth_px", "phase")
_SEWN = (
    *("trim", "inner", "belt", "sleeve", "leg", "waist", "midriff", "neck", "v_neck", "skirt", "coat", "opening"),
    *("buttons", "zip", "collar", "cuffs", "pockets", "belted", "side_stripe", "contrast_sleeves", "tie", "top"),
    *("print_place", "print_cut", "print_words", "print_picture", "phase"),
)
_FOLDS_PER_M = (0.9, 0.5)  # repeats of the noise across and along the cloth
_FOLD_SLOPE = 0.33


class Place:
    """Where N points of cloth are.

    Attributes:
        x, y, z: (N,) on the standard body, metres.
        arm, leg: (N,) along the limbs as VertexTraits has them.
        forward, outward: (N,) metres from the axis of trunk or limb.
        u, v: (N,) metres round and along trunk or limb.
        is_arm, is_leg, is_top: (N,) bool.
    """

    def __init__(self, points_at: Tensor, is_top: Tensor) -> None:
        self.x, self.y, self.z, self.arm, self.leg, self.forward, self.outward = points_at
        self.is_arm, self.is_leg, self.is_top = self.arm > -0.6, self.leg > -0.6, is_top
        radius = torch.where(self.is_arm, 0.05, torch.where(self.is_leg, 0.08, 0.15))
        side = torch.where(self.is_arm | self.is_leg, self.x.sign(), 1.0)
        self.u = radius * torch.atan2(self.outward, self.forward) * side + 2.3 * self.is_arm * self.x.sign()
        self.v = torch.where(self.is_arm, -0.28 * self.arm, self.z)


def cloth_colour(outfit: Outfit, person: Tensor, place: Place, bank: Tensor) -> Tensor:
    """Colours (3, N) of the shirt where `place.is_top`, of trousers or skirt elsewhere."""
    at = Attributes(outfit, _GARMENT, person)
    is_top = place.is_top
    colours = torch.where(is_top, at.top, at.bottom)  # (2, 3, N)
    pattern, frequency, angle, picture, scale = (
        torch.where(is_top, *value) for value in (at.pattern, at.frequency, at.angle, at.cloth, at.cloth_px)
    )
    cos, sin = angle.cos(), angle.sin()
    along, across = place.u * cos + place.v * sin, place.v * cos - place.u * sin
    grain = noise(2 * place.u + at.phase[0], 2 * place.v + at.phase[1])
    big = noise(0.05 * frequency * place.u + at.phase[1], 0.05 * frequency * place.v + at.phase[0])[2]
    a, b = along * frequency % 1, across * frequency % 1
    width = 0.25 + 0.5 * at.phase[0]
    second = (pattern == STRIPES) & (a < width) | (pattern == CHECKS) & ((a > 0.5) ^ (b > 0.5))
    second = second | (pattern == SPOTS) & ((a - 0.5) ** 2 + (b - 0.5) ** 2 < 0.07)
    second = second | (pattern == CAMOUFLAGE) & (big > 0.25)
    share = second.float()
    tartan = 0.45 * (a < width) + 0.45 * (b < width) - 0.25 * ((a * 4 % 1) < 0.2)
    share = torch.where(pattern == TARTAN, tartan, share)
    share = torch.where(pattern == FADE, ramp(place.v + 0.03 * big, -0.2, 0.45), share)
    colour = mix(colours[0], colours[1], share)
    colour = torch.where((pattern == CAMOUFLAGE) & (big < -0.6), 0.45 * colour, colour)
    weave = torch.where(pattern == DENIM, 0.10, 0.025) * grain[3] + torch.where(pattern == DENIM, 0.09, 0.03) * grain[2]
    blue = torch.tensor([0.26, 0.36, 0.55], device=colour.device)[:, None] * (0.4 + 1.1 * at.phase[0])
    colour = torch.where(pattern == DENIM, blue, colour)
    worn = (pattern == DENIM) & place.is_leg
    colour = mix(
        colour, colour.sqrt(), 0.5 * worn * ramp(place.forward, 0.02, 0.08) * (1 - (place.leg - 0.7).abs()).clamp(0, 1)
    )
    patch = _photo(bank, picture, along * scale, across * scale)
    colour = torch.where(pattern == PHOTO, 0.85 * patch + 0.15 * colour, colour)
    return (colour * (1 + weave)).clamp(0, 1)


def _photo(bank: Tensor, picture: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """Colours (3, N) in [0, 1] of pictures of the bank at pixels (N,), laid out from their middle and mirrored on."""
    side = bank.shape[1]

    def folded(pixel: Tensor) -> Tensor:
        turned = (pixel + 0.5 * side) % (2 * side)
        return torch.minimum(turned, 2 * side - turned).long().clamp(0, side - 1)

    place = (picture.long() * side + folded(row)) * side + folded(column)
    return bank.view(-1, 3).index_select(0, place).T.float() / 255


def sewn_on(outfit: Outfit, person: Tensor, place: Place, colour: Tensor, bank: Tensor) -> Tensor:
    """Cloth of colours (3, N) with collars, cuffs, buttons, pockets, prints and what shows in an open jacket."""
    at = Attributes(outfit, _SEWN, person)
    x, z, top = place.x, place.z, place.is_top
    trunk = ~place.is_arm & ~place.is_leg
    front, back = (place.forward > 0) & trunk, (place.forward < 0) & trunk
    shirt = trunk & top
    colour = torch.where(at.contrast_sleeves & place.is_arm & (place.arm > -0.1), at.top[1], colour)
    colour = mix(colour, at.trim, at.side_stripe & ~top & (place.outward > 0) & (place.forward.abs() < 0.014))
    colour = _print(at, place, colour, bank, front & top, back & top)
    hem = at.cuffs & (place.is_arm & (place.arm > at.sleeve - 0.1) | place.is_leg & ~top & (place.leg > at.leg - 0.07))
    hem = hem | at.cuffs & shirt & (z < at.midriff + 0.025) | at.collar & shirt & (z > neckline(at, place.x, place.y) - 0.028)
    colour = mix(colour, at.trim, hem)
    fastened = (at.opening[0] == 0) & front & top
    seam = near(x, 0.0015, 0.002) * (at.buttons | at.zip) * fastened
    colour = colour * (1 - 0.45 * seam)
    buttons = at.buttons & ((x**2 + (z % 0.08 - 0.04) ** 2) < 0.0085**2)
    colour = mix(colour, at.trim, fastened & (buttons | at.zip & (x.abs() < 0.005)))
    # Seams of pockets: two on the seat, one on the chest.
    seat, chest = at.pockets & ~top & (place.forward < -0.03) & (z < at.waist), at.pockets & front & top
    pocket = seat * _outline(x.abs() - 0.08, z - 0.02, 0.042, 0.05) + chest * _outline(
        x - 0.085, z - 0.41, 0.035, 0.038
    )
    colour = colour * (1 - 0.45 * pocket.clamp(0, 1))
    colour = colour * (1 - 0.4 * (~top & front & (x.abs() < 0.004) & (z > -0.02) & (z < at.waist)))  # the fly
    belt = at.belted & trunk & (z - at.waist).abs().lt(0.018)
    colour = mix(colour, at.belt, belt)
    colour = mix(colour, 0.72, belt & front & (x.abs() < 0.024))
    gap, open_here = open_gap(at, place)
    inside = open_here & (x.abs() < gap)
    lapel = open_here & ~inside & (x.abs() < gap + 0.022)
    colour = mix(colour, at.inner, inside)
    colour = mix(colour, at.trim, inside & at.tie & (x.abs() < 0.012 + 0.04 * (0.5 - z).clamp(0, 0.4)))
    return colour * torch.where(lapel, 0.72, 1.0)


def neckline(at: Attributes | Outfit, x: Tensor, y: Tensor) -> Tensor:
    """Height (N,) at which the shirt ends: lower in front than behind, with a V."""
    dip = at.v_neck * (1 - x.abs() / 0.075).clamp(min=0) * (y < -0.03)
    shoulder = (x.abs() - 0.05 - 0.6 * (0.58 - at.neck)).clamp(min=0)  # the cloth lies on the shoulders
    return at.neck + 0.35 * (y + 0.02) - dip + 2.5 * shoulder


def open_gap(at: Attributes, place: Place) -> tuple[Tensor, Tensor]:
    """Half width (N,) of an open jacket's gap, metres, and where there is one."""
    gap = torch.lerp(at.opening[0], at.opening[1], ((place.z - 0.15) / 0.38).clamp(0, 1))
    jacket = (at.opening[1] != 0) & ~place.is_arm & (place.forward > 0)
    return gap, jacket & place.is_top & (gap > 0)


def _outline(x: Tensor, z: Tensor, half_x: float, half_z: float) -> Tensor:
    """Share (N,) of the outline of a rectangle about 0."""
    return near(torch.maximum(x.abs() - half_x, z.abs() - half_z), 0.001, 0.003)


def _print(at: Attributes, place: Place, colour: Tensor, bank: Tensor, chest: Tensor, back: Tensor) -> Tensor:
    """A picture, or lines of writing, on chest or back."""
    half_x, half_z, middle = at.print_cut
    u, v = place.x / half_x, (middle - place.z) / half_z
    here = (chest & (at.print_place == CHEST) | back & (at.print_place == BACK)) & (u.abs() < 1) & (v.abs() < 1)
    side = bank.shape[1]
    picture = _photo(bank, at.print_picture, 0.5 * side * u, 0.5 * side * v)
    line, letter = (v * half_z / 0.035).floor(), (u * half_x / 0.016).floor()
    dash = ((letter * 12.9898 + line * 78.233 + 37 * at.phase[0]).sin() * 43758.5) % 1
    written = (dash > 0.3) & ((v * half_z / 0.035) % 1 < 0.62) & ((u * half_x / 0.016) % 1 < 0.75)
    return torch.where(at.print_words, mix(colour, at.trim, here & written), mix(colour, picture, here))


def straps(outfit: Outfit, person: Tensor, x: Tensor, y: Tensor, z: Tensor, colour: Tensor, packs: Tensor) -> Tensor:
    """Points of the trunk of colours (3, N), with the straps of backpack and bag; packs (B, 2, 3): their colours."""
    at = Attributes(outfit, ("straps", "strap"), person)
    tone = packs.permute(1, 2, 0)[..., person]
    pack = at.straps & near(x.abs() - 0.085 - 0.2 * (0.45 - z).clamp(0, 0.2), 0.019, 0.004).bool()
    pack = pack & (z > 0.3) & ((y < 0) | (z > 0.5))
    bag = at.strap & ((x + 0.10 - 0.62 * (0.56 - z)).abs() < 0.024) & (z > 0.06) & (z < 0.6)
    return torch.where(pack, tone[0], torch.where(bag, tone[1], colour))


def bend(outfit: Outfit, person: Tensor, place: Place, normal: Tensor, lengthwise: Tensor) -> Tensor:
    """Unit normals (N, 3), bent by folds that are stronger at elbow, knee, waist and in loose cloth.

    Args:
        outfit: Of all people.
        person: (N,).
        place: Of the points.
        normal: (N, 3) unit vectors in the world.
        lengthwise: (N, 3) unit vectors along limb or trunk in the world.
    """
    at = Attributes(outfit, ("looseness", "crumple", "phase"), person)
    loose = torch.where(place.is_top, *at.looseness)
    bent = near(place.arm - 1, 0.1, 0.4) * place.is_arm + near(place.leg - 1, 0.05, 0.3) * place.is_leg
    bent = bent + near(place.z - 0.13, 0.03, 0.15) * ~(place.is_arm | place.is_leg)
    strength = _FOLD_SLOPE * at.crumple * (0.35 + 22 * loose.clamp(max=0.035)) * (0.6 + 0.8 * bent)
    # Folds hang along the limb, and run round it where it bends: mixed by turning the noise's axes.
    turn = 0.9 * bent + 0.6 * (at.phase[0] - 0.5)
    cos, sin = turn.cos(), turn.sin()
    across, along = place.u * cos + place.v * sin, place.v * cos - place.u * sin
    slope = noise(across * _FOLDS_PER_M[0] + at.phase[0], along * _FOLDS_PER_M[1] + at.phase[1])
    slope_u, slope_v = slope[0] * cos - slope[1] * sin, slope[0] * sin + slope[1] * cos
    around = torch.linalg.cross(normal, lengthwise)
    bend = (strength * slope_u)[:, None] * around + (strength * slope_v)[:, None] * lengthwise
    return torch.nn.functional.normalize(normal + bend, dim=-1)
