"""Colours and folds of cloth, in coordinates of the cloth."""

from collections.abc import Callable

import torch
from torch import Tensor

from hourlift.synth.clothes.outfit import (
    BACK,
    CAMOUFLAGE,
    CHECKS,
    CHEST,
    DENIM,
    FADE,
    PHOTO,
    PLAIN,
    SPOTS,
    STRIPES,
    TARTAN,
    Outfit,
)
from hourlift.synth.clothes.paint import Attributes, frac, mix, near, noise, ramp, spread
from hourlift.synth.core.planar import cross, replace, taken, unit

_PATTERN = ("pattern", "frequency", "angle", "cloth", "cloth_px", "phase")
_LIMB = ("sleeve", "leg", "cuffs", "side_stripe", "contrast_sleeves", "trim", "top")
_TRUNK = (
    *("trim", "inner", "belt", "waist", "midriff", "neck", "v_neck", "opening", "phase"),
    *("buttons", "zip", "collar", "cuffs", "pockets", "belted", "tie", "print_words"),
)
_FOLDS_PER_M = (0.9, 0.5)  # repeats of the noise across and along the cloth
_FOLD_SLOPE = 0.33


class Place:
    """Where N points are.

    Attributes:
        x, y, z: (N,) on the standard body, metres.
        arm, leg: (N,) positions along the limbs as in VertexTraits.
        forward, outward: (N,) metres from the axis of trunk or limb.
        u, v: (N,) metres around and along trunk or limb.
        is_top: (N,) float, 1 on the shirt.
    """

    def __init__(self, columns: Tensor, is_top: Tensor) -> None:
        self.columns, self.is_top = columns, is_top
        self.x, self.y, self.z, self.arm, self.leg, self.forward, self.outward, self.u, self.v = columns

    def at(self, index: Tensor) -> "Place":
        """Some of the points."""
        return Place(taken(self.columns, index), taken(self.is_top, index))


def cloth_colour(outfit: Outfit, person: Tensor, place: Place, bank: Tensor) -> Tensor:
    """Colours (3, N) of the shirt where `place.is_top`, of trousers or skirt elsewhere."""
    first = spread(torch.cat([outfit.top[:, 0], outfit.bottom[:, 0]], 1).T, person)
    colour = torch.lerp(first[3:], first[:3], place.is_top)
    patterns = spread(outfit.pattern.T.float(), person)
    pattern = torch.lerp(patterns[1], patterns[0], place.is_top)
    _repaint(
        colour,
        (pattern != PLAIN).nonzero()[:, 0],
        lambda index: _patterned(outfit, taken(person, index), place.at(index), taken(colour, index), bank),
    )
    phase = spread(outfit.phase.T, person)
    blotch, grain = noise(2 * place.u + phase[0], 2 * place.v + phase[1], slice(2, 4))
    coarse = 1 + 2.5 * (pattern == DENIM)
    return colour * (1 + coarse * (0.026 * grain + 0.022 * blotch))


def _repaint(colour: Tensor, index: Tensor, painter: Callable[[Tensor], Tensor]) -> None:
    """Paint some of the points of colours (3, N), in place."""
    if len(index):
        replace(colour, index, painter(index))


def _patterned(outfit: Outfit, person: Tensor, place: Place, colour: Tensor, bank: Tensor) -> Tensor:
    """Colours (3, N) of cloth that is not plain, of the given ground."""
    at, is_top = Attributes(outfit, _PATTERN, person), place.is_top
    pattern, frequency, angle, image, scale = (
        torch.lerp(value[1], value[0], is_top) for value in (at.pattern, at.frequency, at.angle, at.cloth, at.cloth_px)
    )
    cos, sin = angle.cos(), angle.sin()
    along, across = place.u * cos + place.v * sin, place.v * cos - place.u * sin
    second = spread(torch.cat([outfit.top[:, 1], outfit.bottom[:, 1]], 1).T, person)
    second = torch.lerp(second[3:], second[:3], is_top)
    a, b = frac(along * frequency), frac(across * frequency)
    width = 0.25 + 0.5 * at.phase[0]
    crossed = (a > 0.5) ^ (b > 0.5)
    marked = (pattern == STRIPES) & (a < width) | (pattern == CHECKS) & crossed
    share = (marked | (pattern == SPOTS) & ((a - 0.5) ** 2 + (b - 0.5) ** 2 < 0.07)).float()
    share += (pattern == TARTAN) * (0.45 * (a < width) + 0.45 * (b < width) - 0.25 * (frac(4 * a) < 0.2))
    colour = mix(colour, second, share)
    blue = torch.tensor([0.26, 0.36, 0.55], device=colour.device)[:, None] * (0.4 + 1.1 * at.phase[0])
    faded = ramp(place.forward, 0.02, 0.08) * (1 - (place.leg - 0.7).abs()).clamp(0, 1)  # on the thighs
    colour = mix(colour, mix(blue, blue.sqrt(), 0.5 * faded), pattern == DENIM)

    def blotched(index: Tensor) -> Tensor:
        on = place.at(index)
        size, phase = 0.05 * frequency[index], taken(at.phase, index)
        big = noise(size * on.u + phase[1], size * on.v + phase[0], slice(2, 3))[0]
        camouflaged = pattern[index] == CAMOUFLAGE
        share = torch.lerp(ramp(on.v + 0.03 * big, -0.2, 0.45), (big > 0.25).float(), camouflaged.float())
        dark = 1 - 0.55 * (camouflaged & (big < -0.6))
        return mix(taken(colour, index), taken(second, index), share) * dark

    def photographed(index: Tensor) -> Tensor:
        column, row = along[index] * scale[index], across[index] * scale[index]
        return 0.85 * _photo(bank, image[index], column, row) + 0.15 * taken(colour, index)

    _repaint(colour, ((pattern == CAMOUFLAGE) | (pattern == FADE)).nonzero()[:, 0], blotched)
    _repaint(colour, (pattern == PHOTO).nonzero()[:, 0], photographed)
    return colour


def _photo(bank: Tensor, image: Tensor, column: Tensor, row: Tensor) -> Tensor:
    """Colours (3, N) in [0, 1] of images of the bank at pixels (N,), laid out from their middle and mirrored on."""
    side = bank.shape[1]

    def folded(pixel: Tensor) -> Tensor:
        turned = 2 * side * frac(pixel / (2 * side) + 0.25)
        return torch.minimum(turned, 2 * side - turned).long().clamp(0, side - 1)

    place = ((image + 0.5).long() * side + folded(row)) * side + folded(column)
    return bank.view(-1, 3).index_select(0, place).T.float() / 255


def sewn_on(outfit: Outfit, person: Tensor, place: Place, colour: Tensor, bank: Tensor) -> Tensor:
    """Cloth of colours (3, N) with collars, cuffs, buttons, pockets, prints and the clothes under an open jacket."""
    limb = (place.arm > -0.6) | (place.leg > -0.6)
    trimmed = (outfit.cuffs | outfit.side_stripe | outfit.contrast_sleeves)[person]
    for here, painter in ((limb & trimmed, _sewn_on_limbs), (~limb, _sewn_on_trunk)):
        index = here.nonzero()[:, 0]
        if len(index):
            replace(colour, index, painter(outfit, taken(person, index), place.at(index), taken(colour, index)))
    printed = ~limb & (place.is_top > 0.5) & (outfit.print_place > 0)[person]
    _repaint(
        colour,
        printed.nonzero()[:, 0],
        lambda index: _print(outfit, taken(person, index), place.at(index), taken(colour, index), bank),
    )
    return colour


def _sewn_on_limbs(outfit: Outfit, person: Tensor, place: Place, colour: Tensor) -> Tensor:
    at, top = Attributes(outfit, _LIMB, person), place.is_top
    colour = mix(colour, at.top[1], at.contrast_sleeves * (place.arm > -0.1))
    stripe = at.side_stripe * (1 - top) * ((place.outward > 0) & (place.forward.abs() < 0.014))
    cuff = (place.arm > at.sleeve - 0.1) * top + (place.leg > at.leg - 0.07) * (1 - top)
    return mix(colour, at.trim, (stripe + at.cuffs * cuff).clamp(0, 1))


def _sewn_on_trunk(outfit: Outfit, person: Tensor, place: Place, colour: Tensor) -> Tensor:
    at, top = Attributes(outfit, _TRUNK, person), place.is_top
    x, z, side = place.x, place.z, place.x.abs()
    front = (place.forward > 0).float()
    collar = at.collar * (z > neckline(at, x, place.y) - 0.028)
    colour = mix(colour, at.trim, top * torch.maximum(collar, at.cuffs * (z < at.midriff + 0.025)))
    shut = front * top * (at.opening[1] == 0)
    button = at.buttons * (x**2 + (0.08 * frac(12.5 * z) - 0.04) ** 2 < 0.0085**2)
    colour = mix(colour, at.trim, shut * torch.maximum(button, at.zip * (side < 0.005)))
    # Seams: beside the buttons, round the pockets (two on the seat, one on the chest), of the fly.
    seam = shut * (at.buttons + at.zip) * near(side, 0.0015, 0.002)
    seat = (1 - top) * (place.forward < -0.03) * (z < at.waist) * _outline(side - 0.08, z - 0.02, 0.042, 0.05)
    seam = seam + at.pockets * (seat + front * top * _outline(x - 0.085, z - 0.41, 0.035, 0.038))
    seam = seam + (1 - top) * front * (side < 0.004) * (z > -0.02)
    colour = colour * (1 - 0.45 * seam.clamp(0, 1))
    belt = at.belted * ((z - at.waist).abs() < 0.018)
    colour = mix(mix(colour, at.belt, belt), 0.72, belt * front * (side < 0.024))
    gap = torch.lerp(at.opening[0], at.opening[1], ((z - 0.15) / 0.38).clamp(0, 1))
    jacket = front * top * (at.opening[1] != 0) * (gap > 0)
    inside = jacket * (side < gap)
    colour = mix(colour, at.inner, inside)
    colour = mix(colour, at.trim, inside * at.tie * (side < 0.012 + 0.04 * (0.5 - z).clamp(0, 0.4)))
    return colour * (1 - 0.28 * (jacket - inside) * (side < gap + 0.022))


def neckline(at: Attributes | Outfit, x: Tensor, y: Tensor) -> Tensor:
    """Height (N,) at which the shirt ends: lower in front than behind, with a V; the cloth lies on the shoulders."""
    dip = at.v_neck * (1 - x.abs() / 0.075).clamp(min=0) * (y < -0.03)
    shoulder = (x.abs() - 0.05 - 0.6 * (0.58 - at.neck)).clamp(min=0)
    return at.neck + 0.35 * (y + 0.02) - dip + 2.5 * shoulder


def uphill(a: Tensor, b: Tensor, c: Tensor, rise: Tensor) -> Tensor:
    """Unit vectors (3, N) in the planes of triangles a, b, c (3, N) each, along which heights (3, N) of them rise."""
    first, second = b - a, c - a
    across = cross(first, second)
    return unit(cross(second.mul_(rise[1] - rise[0]).sub_(first.mul_(rise[2] - rise[0])), across))


def _outline(x: Tensor, z: Tensor, half_x: float, half_z: float) -> Tensor:
    """Share (N,) of the outline of a rectangle about 0."""
    return near(torch.maximum(x.abs() - half_x, z.abs() - half_z), 0.001, 0.003)


def _print(outfit: Outfit, person: Tensor, place: Place, colour: Tensor, bank: Tensor) -> Tensor:
    """Colours (3, N) of the trunk of a printed shirt: an image, or lines of writing, on chest or back."""
    at = Attributes(outfit, ("print_place", "print_cut", "print_words", "print_image", "phase", "trim"), person)
    half_x, half_z, middle = at.print_cut
    turned = (place.forward > 0).float() * 2 - 1  # text on the back runs the other way
    across, down = place.x * turned, middle - place.z
    u, v = across / half_x, down / half_z
    here = (at.print_place == CHEST) & (place.forward > 0) | (at.print_place == BACK) & (place.forward < 0)
    here = (here & (u.abs() < 1) & (v.abs() < 1)).float()
    side = bank.shape[1]
    image = _photo(bank, at.print_image, 0.5 * side * u, 0.5 * side * v)
    row, letter = down / 0.035, across / 0.016
    dash = frac(43758.5 * (12.9898 * letter.floor() + 78.233 * row.floor() + 37 * at.phase[0]).sin())
    written = (dash > 0.3) & (frac(row) < 0.62) & (frac(letter) < 0.75)
    return torch.lerp(mix(colour, image, here), mix(colour, at.trim, here * written), at.print_words)


def straps(outfit: Outfit, person: Tensor, place: Place, colour: Tensor, packs: Tensor) -> Tensor:
    """Points of the trunk of colours (3, N), with the straps of backpack and bag; packs (B, 2, 3): their colours."""
    at, x, z = Attributes(outfit, ("straps", "strap"), person), place.x, place.z
    tone = spread(packs.flatten(1).T, person)
    bag = at.strap * ((x + 0.10 - 0.62 * (0.56 - z)).abs() < 0.024) * (z < 0.6)
    pack = at.straps * ((x.abs() - 0.085 - 0.2 * (0.45 - z).clamp(0, 0.2)).abs() < 0.02)
    pack = pack * (z > 0.3) * ((place.forward > 0) | (z > 0.5))
    return mix(mix(colour, tone[3:], bag), tone[:3], pack)


def bend(outfit: Outfit, person: Tensor, place: Place, normal: Tensor, lengthwise: Tensor) -> Tensor:
    """Unit normals (3, N), bent by folds that are stronger at elbow, knee, waist and in loose cloth.

    Args:
        outfit: Outfits of all people.
        person: (N,).
        place: Positions of the points.
        normal: (3, N) unit vectors in the world.
        lengthwise: (3, N) unit vectors along limb or trunk in the world.
    """
    at = Attributes(outfit, ("looseness", "crumple", "phase"), person)
    loose = torch.lerp(at.looseness[1], at.looseness[0], place.is_top).clamp(max=0.035)
    trunk = (place.arm < -0.6) & (place.leg < -0.6)
    bent = near(place.arm - 1, 0.1, 0.4) + near(place.leg - 1, 0.05, 0.3) + near(place.z - 0.13, 0.03, 0.15) * trunk
    strength = _FOLD_SLOPE * at.crumple * (0.35 + 22 * loose) * (0.6 + 0.8 * bent)
    # Folds hang along the limb, and run round it where it bends: mixed by turning the noise's axes.
    turn = 0.9 * bent + 0.6 * (at.phase[0] - 0.5)
    cos, sin = turn.cos(), turn.sin()
    across, along = place.u * cos + place.v * sin, place.v * cos - place.u * sin
    slope = noise(across * _FOLDS_PER_M[0] + at.phase[0], along * _FOLDS_PER_M[1] + at.phase[1], slice(2))
    slope_u, slope_v = slope[0] * cos - slope[1] * sin, slope[0] * sin + slope[1] * cos
    bent_by = cross(normal, lengthwise).mul_(slope_u.mul_(strength))
    return unit(bent_by.addcmul_(lengthwise, slope_v.mul_(strength)).add_(normal))
