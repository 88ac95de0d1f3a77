"""Seamless surfaces (floors, grounds, walls, stuff), and one atlas of all textures of a scene.

A texture of a material covers TILE_M x TILE_M metres. The atlas stores each texture at several sizes, to avoid aliasing
at a distance.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from hourlift.synth.core.planar import taken

SIDE = 256
"""Side of the textures in pixels."""

TILE_M = 2.0
"""Metres that a material covers before it repeats."""

FLOORS, GROUNDS, WALLS, STUFF = (range(0, 16), range(16, 32), range(32, 52), range(52, 72))
"""Which textures of the atlas are what."""

NUM_MATERIALS = STUFF.stop
_LEVELS = 6  # 256, 128, ... 8 pixels
_MOST_PICTURES = 160  # of the bank in the atlas, to limit memory


@dataclass(frozen=True)
class Atlas:
    """Textures at several sizes.

    Attributes:
        texels: (3, M) uint8, display colours; each texture's levels one after the other, each row by row.
        count: Number of textures: the materials, then images of the bank.
    """

    texels: Tensor
    count: int

    def colours(self, texture: Tensor, u: Tensor, v: Tensor, footprint: Tensor) -> Tensor:
        """Display colours (3, N) in [0, 1].

        Args:
            texture: (N,) int64 index.
            u: (N,) place in textures, repeating, to the right; so is v, downwards.
            v: (N,).
            footprint: (N,) textures that a pixel covers.
        """
        level = (footprint * SIDE).clamp(min=1.0).log2_().floor_().clamp_(max=_LEVELS - 1).int()
        side = torch.bitwise_right_shift(torch.full_like(level, SIDE), level)
        # A level starts behind all larger ones: 4/3 (256^2 - side^2) pixels.
        start = (SIDE * SIDE - side * side) // 3 * 4
        column = ((u - u.floor()) * side).int()
        row = ((v - v.floor()) * side).int()
        column, row = torch.minimum(column, side - 1), torch.minimum(row, side - 1)
        place = texture * _PER_TEXTURE + (start + row * side + column)
        return taken(self.texels, place).float().mul_(1 / 255)


_PER_TEXTURE = sum((SIDE >> level) ** 2 for level in range(_LEVELS))


def build_atlas(seed: int, bank: Tensor) -> Atlas:
    """Draws the materials and adds images of a bank (P, S, S, 3) uint8, evenly chosen; on the bank's device."""
    chosen = bank[:: -(-len(bank) // _MOST_PICTURES)]
    images = torch.from_numpy(draw_materials(seed)).to(bank.device)
    smaller = chosen.permute(0, 3, 1, 2).float()
    smaller = torch.nn.functional.interpolate(smaller, (SIDE, SIDE), mode="bilinear", align_corners=False)
    level = torch.cat([images.permute(0, 3, 1, 2).float(), smaller])
    levels = []
    for _ in range(_LEVELS):
        levels.append(level.round().to(torch.uint8).permute(0, 2, 3, 1).flatten(1, 2))
        level = torch.nn.functional.avg_pool2d(level, 2)
    texels = torch.cat(levels, 1)
    return Atlas(texels.flatten(0, 1).T.contiguous(), len(texels))


def draw_materials(seed: int) -> np.ndarray:
    """Return (NUM_MATERIALS, SIDE, SIDE, 3) uint8 RGB textures, in the order of FLOORS, GROUNDS, WALLS and STUFF."""
    rng = np.random.default_rng(seed)
    floors = [_planks, _tiles, _carpet, _concrete]
    grounds = [_grass, _sand, _asphalt, _paving]
    walls = [_plaster, _plaster, _brick, _wallpaper, _tiles]
    stuff = [_wood, _fabric, _worn_paint, _leaves, _lettering]
    drawn = []
    for group, kinds in ((FLOORS, floors), (GROUNDS, grounds), (WALLS, walls), (STUFF, stuff)):
        makers: list[Callable[[np.random.Generator], np.ndarray]] = [kinds[i % len(kinds)] for i in range(len(group))]
        drawn += [np.clip(maker(rng), 0, 255).astype(np.uint8) for maker in makers]
    return np.stack(drawn)


def natural_colour(rng: np.random.Generator, hue_deg: float | None = None) -> np.ndarray:
    """A colour (3,) in [0, 255], typical of surfaces: mostly dull, often brownish or grey, of any lightness."""
    if hue_deg is None:
        hue_deg = rng.choice([rng.uniform(10, 50), rng.uniform(0, 360)], p=[0.55, 0.45])
    saturation = rng.beta(1.3, 3.0)
    value = rng.uniform(0.2, 0.97)
    hsv = np.array([[[hue_deg, saturation, value]]], np.float32)
    return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0] * 255)


def spectral_noise(rng: np.random.Generator, slope: float, stretch: float = 1.0, side: int = SIDE) -> np.ndarray:
    """Seamless noise (side, side), mean 0, spread 1; amplitudes fall as frequency ** -slope.

    Args:
        rng: Source of randomness.
        slope: 0 for white noise, 1 for clouds with detail, 2 for soft clouds.
        stretch: How much longer its features are from left to right.
        side: Pixels.
    """
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None] * stretch)
    frequency[0, 0] = 1
    noise = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) * frequency**-slope, (side, side))
    noise -= noise.mean()
    return np.asarray(noise / noise.std(), np.float32)


def _mixed(rng: np.random.Generator, mix: np.ndarray, spread: float = 0.35) -> np.ndarray:
    """A colour whose brightness follows `mix` (SIDE, SIDE), about 0 +- 1, and whose hue drifts a little."""
    base = natural_colour(rng)
    other = base * (1 + 0.12 * rng.uniform(-1, 1, 3))
    share = 0.5 + 0.25 * mix[..., None]
    return np.asarray((base * share + other * (1 - share)) * np.exp(spread * mix[..., None]))


def _cells(rows: int, columns: int, offset: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Bricks of a bond: row and column of each pixel's brick, and its place (0 to 1) down and along the brick."""
    yy, xx = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE
    row = np.floor(yy * rows)
    along = xx * columns + offset * row
    return row.astype(int), np.floor(along).astype(int) % columns, yy * rows - row, along % 1


def _bond(rng: np.random.Generator, rows: int, columns: int, offset: float, joint: float, variety: float) -> np.ndarray:
    """Pieces in rows with joints between them; each piece has a brightness of its own."""
    row, column, down, along = _cells(rows, columns, offset)
    tone = rng.normal(0, variety, (rows, columns))[row, column].astype(np.float32)
    surface = _mixed(rng, 0.4 * spectral_noise(rng, 0.8), 0.2) * np.exp(tone)[..., None]
    edge = np.minimum(np.minimum(down, 1 - down) * columns / rows * 1.0, np.minimum(along, 1 - along))
    gap = np.clip((joint - edge) / (0.5 * joint), 0, 1)[..., None]
    grout = natural_colour(rng) * (0.5 + 0.5 * rng.random())
    return np.asarray(surface * (1 - gap) + grout * gap)


def _planks(rng: np.random.Generator) -> np.ndarray:
    rows, columns = int(rng.integers(10, 22)), int(rng.integers(1, 4))
    row, column, down, along = _cells(rows, columns, 0.37)
    shift = rng.integers(0, SIDE, (rows, columns))[row, column]
    yy, xx = np.mgrid[:SIDE, :SIDE]
    grain = spectral_noise(rng, 0.9, 6.0)[(yy + 3 * shift) % SIDE, (xx + shift) % SIDE]
    tone = rng.normal(0, 0.16, (rows, columns))[row, column]
    wood = natural_colour(rng, rng.uniform(15, 38)) * np.exp(0.13 * grain + tone)[..., None]
    seam = (np.minimum(down, 1 - down) < 0.04) | (np.minimum(along, 1 - along) < 0.004 * columns)
    return np.asarray(np.where(seam[..., None], 0.55 * wood, wood))


def _tiles(rng: np.random.Generator) -> np.ndarray:
    count = int(rng.choice([4, 6, 8, 12]))
    tiles = _bond(rng, count, count, float(rng.choice([0, 0.5])), 0.025, 0.04)
    if rng.random() < 0.3:
        row, column, _, _ = _cells(count, count, 0)
        tiles = np.where(((row + column) % 2)[..., None] > 0, tiles, tiles * rng.uniform(0.3, 0.8))
    return tiles


def _carpet(rng: np.random.Generator) -> np.ndarray:
    carpet = _mixed(rng, spectral_noise(rng, 0.15) * 0.8 + 0.3 * spectral_noise(rng, 1.5), 0.13)
    if rng.random() < 0.5:
        yy, xx = np.mgrid[:SIDE, :SIDE] * (2 * np.pi * int(rng.integers(2, 9)) / SIDE)
        mark = np.sin(xx) * np.sin(yy) > rng.uniform(0, 0.8)
        carpet = np.where(mark[..., None], natural_colour(rng) * (carpet / carpet.mean()), carpet)
    return np.asarray(carpet)


def _concrete(rng: np.random.Generator) -> np.ndarray:
    base = natural_colour(rng).mean() * np.array([1.02, 1.0, 0.97])
    return np.asarray(base * np.exp(0.12 * spectral_noise(rng, 1.3) + 0.05 * spectral_noise(rng, 0.1))[..., None])


def _grass(rng: np.random.Generator) -> np.ndarray:
    green = natural_colour(rng, rng.uniform(60, 115)) * np.array([0.75, 0.85, 0.45])
    dry = np.array([150, 130, 80]) * rng.uniform(0.5, 1.1)
    share = np.clip(0.25 + 0.3 * spectral_noise(rng, 1.2), 0, 1)[..., None]
    blades = np.exp(0.4 * spectral_noise(rng, 0.35, 0.5))[..., None]
    return np.asarray((green * (1 - share) + dry * share) * blades)


def _sand(rng: np.random.Generator) -> np.ndarray:
    base = natural_colour(rng, rng.uniform(20, 42)) * 0.6 + 70
    return np.asarray(base * np.exp(0.09 * spectral_noise(rng, 0.9) + 0.08 * spectral_noise(rng, 0.1))[..., None])


def _asphalt(rng: np.random.Generator) -> np.ndarray:
    base = rng.uniform(45, 130) * np.array([1, 1, 1.03])
    return np.asarray(base * np.exp(0.16 * spectral_noise(rng, 0.0) + 0.1 * spectral_noise(rng, 1.5))[..., None])


def _paving(rng: np.random.Generator) -> np.ndarray:
    return _bond(rng, int(rng.integers(4, 16)), int(rng.integers(2, 9)), 0.5, 0.04, 0.12)


def _plaster(rng: np.random.Generator) -> np.ndarray:
    base = natural_colour(rng) * 0.5 + rng.uniform(30, 125)
    return np.asarray(base * np.exp(0.05 * spectral_noise(rng, 1.6) + 0.02 * spectral_noise(rng, 0.2))[..., None])


def _brick(rng: np.random.Generator) -> np.ndarray:
    return _bond(rng, 2 * int(rng.integers(8, 15)), int(rng.integers(6, 12)), 0.5, 0.05, 0.14)


def _wallpaper(rng: np.random.Generator) -> np.ndarray:
    yy, xx = np.mgrid[:SIDE, :SIDE] * (2 * np.pi / SIDE)
    repeats = int(rng.integers(4, 20))
    if rng.random() < 0.5:
        mark = np.sin(xx * repeats) > rng.uniform(-0.5, 0.8)
    else:
        mark = np.sin(xx * repeats) * np.cos(yy * repeats) > rng.uniform(0.1, 0.7)
    base = _plaster(rng)
    return np.asarray(np.where(mark[..., None], base * rng.uniform(0.55, 0.92, 3), base))


def _wood(rng: np.random.Generator) -> np.ndarray:
    grain = 0.16 * spectral_noise(rng, 1.0, 9.0) + 0.06 * np.sin(9 * spectral_noise(rng, 1.8, 5.0))
    return np.asarray(natural_colour(rng, rng.uniform(14, 36)) * np.exp(grain)[..., None])


def _fabric(rng: np.random.Generator) -> np.ndarray:
    yy, xx = np.mgrid[:SIDE, :SIDE] * (2 * np.pi / SIDE)
    weave = 0.06 * (np.sin(64 * xx) + np.sin(64 * yy)) + 0.1 * spectral_noise(rng, 1.4)
    stripes = np.sin(int(rng.integers(3, 24)) * xx) > rng.uniform(0.2, 1.5)
    cloth = np.where(stripes[..., None], natural_colour(rng), natural_colour(rng))
    return np.asarray(cloth * np.exp(weave)[..., None])


def _worn_paint(rng: np.random.Generator) -> np.ndarray:
    paint, below = natural_colour(rng), natural_colour(rng)
    worn = np.clip(3 * (spectral_noise(rng, 1.1) - rng.uniform(1.2, 2.8)), 0, 1)[..., None]
    return np.asarray((paint * (1 - worn) + below * worn) * np.exp(0.07 * spectral_noise(rng, 1.4))[..., None])


def _leaves(rng: np.random.Generator) -> np.ndarray:
    return foliage(rng, SIDE)


def foliage(rng: np.random.Generator, side: int) -> np.ndarray:
    """Leaves (side, side, 3): overlapping blots, light on dark, seamless enough."""
    hue = rng.uniform(50, 120) if rng.random() < 0.8 else rng.uniform(15, 50)
    base = natural_colour(rng, hue) * np.array([0.8, 0.9, 0.5])
    image = np.broadcast_to(base * 0.35, (side, side, 3)).astype(np.float32).copy()
    size = rng.uniform(0.012, 0.05) * side
    for _ in range(int(min(500, 1.4 * (side / size) ** 2 / 4))):
        x, y = (int(v) for v in rng.integers(0, side, 2))
        axes = (int(size * rng.uniform(0.6, 1.3)) + 1, int(size * rng.uniform(0.25, 0.6)) + 1)
        colour = (base * np.exp(rng.normal(0, 0.35)) * (1 + 0.1 * rng.uniform(-1, 1, 3))).tolist()
        cv2.ellipse(image, (x, y), axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    return np.asarray(image * np.exp(0.25 * spectral_noise(rng, 1.5, side=side))[..., None])


def _lettering(rng: np.random.Generator) -> np.ndarray:
    """Rows of marks like text, on a plain ground: posters, boxes, boards."""
    image = np.broadcast_to(natural_colour(rng), (SIDE, SIDE, 3)).astype(np.uint8).copy()
    y = int(rng.integers(4, 30))
    while y < SIDE - 8:
        height = int(rng.choice([5, 8, 14, 30]))
        text = "".join(chr(c) for c in rng.integers(65, 91, int(rng.integers(4, 24))))
        ink = natural_colour(rng).tolist()
        x, thickness = int(rng.integers(0, 60)), 1 + height // 10
        cv2.putText(image, text, (x, y + height), cv2.FONT_HERSHEY_SIMPLEX, height / 22, ink, thickness)
        y += int(height * rng.uniform(1.3, 3.0)) + 2
    return image
