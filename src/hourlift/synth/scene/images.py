"""A bank of images without people: backgrounds, and patches of cloth.

Procedural images are drawn from a seed; a folder of the user's photographs adds variety.
"""

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from hourlift.errors import UserError
from hourlift.synth.scene.materials import draw_materials, foliage, natural_colour, spectral_noise

SIDE = 320
"""Side of the images in pixels."""

MAX_PHOTO_CROPS = 4096
"""Maximum number of crops kept of a folder of photographs: 1.2 GB."""

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}

log = logging.getLogger(__name__)


def image_bank(
    seed: int, *, photos: Path | Sequence[Path] | None = None, procedural: int = 96, crops_per_photo: int = 8
) -> Tensor:
    """Return (N, SIDE, SIDE, 3) uint8 RGB images.

    Args:
        seed: Seed of the procedural images and of the crops.
        photos: Folder or folders searched for photographs, including sub-folders. Unreadable ones are skipped, with one
            warning in total.
        procedural: Number of procedural images.
        crops_per_photo: Square crops of each photograph at random positions and scales. If they would be more than
            MAX_PHOTO_CROPS, there are fewer of each, and then only of evenly chosen photographs.

    Raises:
        ValueError: one of `photos` is not a folder, or contains no readable image.
    """
    folders = [] if photos is None else [photos] if isinstance(photos, Path) else list(photos)
    paths = [path for folder in folders for path in photo_paths(folder)]
    rng = np.random.default_rng(seed)
    images = [_draw_image(rng) for _ in range(procedural)]
    if paths:
        paths = paths[:: -(-len(paths) // MAX_PHOTO_CROPS)]
        each = min(crops_per_photo, MAX_PHOTO_CROPS // len(paths))
        taken = {path: _photo_crops(path, rng, each) for path in paths}
        unreadable = [path for path, crops in taken.items() if not crops]
        if len(unreadable) == len(paths):
            raise UserError(f"{folders[0]}: no readable image in this folder of backgrounds")
        if unreadable:
            log.warning("%d unreadable backgrounds skipped, the first is %s", len(unreadable), unreadable[0])
        crops = [crop for of_photo in taken.values() for crop in of_photo]
        images += crops
    return torch.from_numpy(np.stack(images))


def photo_paths(folder: Path) -> list[Path]:
    """Return the images in a folder and its sub-folders, by file suffix.

    Raises:
        ValueError: The path is not a folder, or contains no images.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: not a folder of background images")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    if not paths:
        raise UserError(f"{folder}: no image ({', '.join(sorted(PHOTO_SUFFIXES))}) in this folder of backgrounds")
    return paths


def _photo_crops(path: Path, rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Crops of a photograph; none if it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        return []
    image = image[..., ::-1]
    crops = []
    for _ in range(count):
        side = max(1, int(min(image.shape[:2]) * rng.uniform(0.35, 1.0)))
        y, x = (int(rng.integers(0, length - side + 1)) for length in image.shape[:2])
        crops.append(cv2.resize(image[y : y + side, x : x + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return crops


def _draw_image(rng: np.random.Generator) -> np.ndarray:
    """A place: a wall and a floor, open land, a street, leaves; with clutter; partly blurred as if far away."""
    kind = rng.choice(4, p=[0.42, 0.25, 0.2, 0.13])
    image = (_indoors, _landscape, _street, _greenery)[kind](rng)
    image = np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8))
    for _ in range(rng.integers(0, 25 if kind == 0 else 8)):
        _draw_thing(image, rng)
    if rng.random() < 0.5:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.6, 3.5)))
    # Light that falls off to one side.
    yy, xx = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.exp(rng.uniform(0, 0.9) * (xx * np.cos(angle) + yy * np.sin(angle)))
    return np.clip(image * ramp[..., None], 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def _materials() -> np.ndarray:
    return draw_materials(1)


def _surface(rng: np.random.Generator) -> np.ndarray:
    """A surface of some material (SIDE, SIDE, 3), at some scale, tinted."""
    materials = _materials()
    texture = materials[rng.integers(len(materials))].astype(np.float32)
    side = int(SIDE * rng.uniform(0.35, 1.3))
    texture = cv2.resize(texture, (side, side), interpolation=cv2.INTER_AREA)
    tiled = np.tile(texture, (-(-SIDE // side), -(-SIDE // side), 1))[:SIDE, :SIDE]
    return np.asarray(tiled * (0.8 + 0.4 * rng.random(3)))


def _ground(rng: np.random.Generator, rows: int) -> np.ndarray:
    """A floor in perspective (rows, SIDE, 3), from the horizon down."""
    surface = _surface(rng)
    depth = 1 / np.linspace(0.08, 1, rows)
    xx = (np.arange(SIDE) - SIDE / 2)[None] * depth[:, None] * 1.2
    yy = np.broadcast_to((depth * SIDE * 1.5)[:, None], xx.shape)
    return surface[yy.astype(int) % SIDE, xx.astype(int) % SIDE]


def _indoors(rng: np.random.Generator) -> np.ndarray:
    image = _surface(rng)
    if rng.random() < 0.35:  # a second wall
        column = int(SIDE * rng.uniform(0.2, 0.8))
        image[:, column:] = image[:, column:] * rng.uniform(0.5, 0.85)
    for _ in range(rng.integers(0, 3)):
        _draw_window(image, rng)
    if rng.random() < 0.7:
        horizon = int(SIDE * rng.uniform(0.35, 0.85))
        image[horizon:] = _ground(rng, SIDE - horizon)
        if rng.random() < 0.5:
            cv2.line(image, (0, horizon), (SIDE, horizon), natural_colour(rng).tolist(), int(rng.integers(1, 9)))
    return image


def _draw_window(image: np.ndarray, rng: np.random.Generator) -> None:
    """A window, a door, an image on the wall or a shelf, drawn into the image."""
    x, y = (int(v) for v in rng.integers(0, int(0.8 * SIDE), 2))
    w, h = (int(v) for v in rng.integers(25, 120, 2))
    part = image[y : y + h, x : x + w]
    if rng.random() < 0.5:
        part[:] = _sky(rng, h)[: part.shape[0], : part.shape[1]] if rng.random() < 0.6 else natural_colour(rng)
        for at in np.linspace(0, w, int(rng.integers(2, 5))):
            cv2.line(image, (x + int(at), y), (x + int(at), y + h), natural_colour(rng).tolist(), 2)
    else:
        part[:] = natural_colour(rng) * 0.5
        shelf = int(rng.integers(15, 40))
        for top in range(y, y + h, shelf):
            for left in range(x, x + w, 6):
                height = int(rng.uniform(0.4, 0.9) * shelf)
                right = left + int(rng.integers(3, 9))
                cv2.rectangle(image, (left, top + shelf - height), (right, top + shelf - 2), _colour(rng).tolist(), -1)
    cv2.rectangle(image, (x, y), (x + w, y + h), natural_colour(rng).tolist(), int(rng.integers(1, 6)))


def _sky(rng: np.random.Generator, rows: int) -> np.ndarray:
    """A sky (rows, SIDE, 3): blue, grey, or the colours of an evening, with clouds."""
    day = np.array([[95, 140, 205], [190, 210, 230]])
    grey = np.array([[150, 155, 165], [205, 208, 212]])
    evening = np.array([[70, 80, 130], [240, 170, 110]])
    top, bottom = (day, grey, evening)[rng.choice(3, p=[0.5, 0.35, 0.15])] * rng.uniform(0.7, 1.15)
    share = np.linspace(0, 1, rows)[:, None, None]
    cloud = np.clip(spectral_noise(rng, 1.4, 0.5, SIDE)[:rows, :, None] * 0.5 + rng.uniform(-0.4, 0.4), 0, 1)
    sky = (top * (1 - share) + bottom * share) * np.ones((1, SIDE, 1))
    return np.asarray(sky * (1 - cloud) + 235 * cloud)


def _landscape(rng: np.random.Generator) -> np.ndarray:
    """Sky, hills or trees at the horizon, and ground."""
    horizon = int(SIDE * rng.uniform(0.3, 0.75))
    image = np.empty((SIDE, SIDE, 3), np.float32)
    image[:horizon] = _sky(rng, horizon)
    image[horizon:] = _ground(rng, SIDE - horizon)
    leaves = foliage(rng, SIDE)
    for row in range(int(rng.integers(1, 4))):
        outline = np.interp(np.arange(SIDE), np.arange(256) * SIDE / 256, spectral_noise(rng, rng.uniform(1.2, 1.9))[0])
        height = SIDE * rng.uniform(0.02, 0.16) * (1 + 0.6 * outline)
        above = horizon - height[None] + 3 * row
        hill = (np.arange(SIDE)[:, None] > above) & (np.arange(SIDE)[:, None] <= horizon + 3 * row)
        haze = rng.uniform(0.0, 0.6)
        image = np.where(hill[..., None], leaves * (1 - haze) + 170 * haze, image)
    return image


def _street(rng: np.random.Generator) -> np.ndarray:
    """Houses with rows of windows before the sky, and ground."""
    horizon = int(SIDE * rng.uniform(0.4, 0.8))
    image = np.empty((SIDE, SIDE, 3), np.float32)
    image[:horizon] = _sky(rng, horizon)
    x = 0
    while x < SIDE:
        width, height = int(rng.integers(40, 160)), int(horizon * rng.uniform(0.3, 1.1))
        top = max(0, horizon - height)
        wall = _surface(rng)[top:horizon, : min(width, SIDE - x)]
        wall = wall * 0.5 + wall.mean((0, 1)) * 0.5
        step_x, step_y = (int(v) for v in rng.integers(12, 34, 2))
        glass, lit = natural_colour(rng) * 0.6, rng.random((40, 40)) < rng.uniform(0, 0.3)
        for j, wy in enumerate(range(step_y // 2, wall.shape[0] - step_y // 2, step_y)):
            for i, wx in enumerate(range(step_x // 3, wall.shape[1] - step_x // 2, step_x)):
                pane = glass * (0.8 + 0.4 * rng.random()) + (130 if lit[j % 40, i % 40] else 0)
                wall[wy : wy + int(0.6 * step_y), wx : wx + int(0.55 * step_x)] = pane
        image[top:horizon, x : x + width] = wall
        x += width
    image[horizon:] = _ground(rng, SIDE - horizon)
    return image


def _greenery(rng: np.random.Generator) -> np.ndarray:
    leaves = foliage(rng, SIDE)
    if rng.random() < 0.5:
        leaves[int(SIDE * rng.uniform(0.5, 0.9)) :] *= 0.6
    for _ in range(rng.integers(0, 5)):  # trunks
        x, lean = int(rng.integers(0, SIDE)), int(rng.normal(0, 25))
        cv2.line(leaves, (x, 0), (x + lean, SIDE), (natural_colour(rng, 28) * 0.5).tolist(), int(rng.integers(4, 30)))
    return leaves


def _colour(rng: np.random.Generator) -> np.ndarray:
    """A colour (3,) in [0, 255], typical of man-made objects: natural, or bright."""
    return natural_colour(rng) if rng.random() < 0.75 else rng.uniform(20, 240, 3)


def _draw_thing(image: np.ndarray, rng: np.random.Generator) -> None:
    """A box, a disc, a bar like a limb, a polygon, or a patch of another surface, drawn into the image."""
    colour = _colour(rng).tolist()
    x, y = (int(v) for v in rng.integers(0, SIDE, 2))
    w, h = (int(SIDE * np.exp(rng.uniform(np.log(0.02), np.log(0.4)))) for _ in range(2))
    match rng.integers(0, 5):
        case 0:
            cv2.rectangle(image, (x, y), (x + w, y + h), colour, -1)
        case 1:
            half = (w // 2 + 1, h // 2 + 1)
            cv2.ellipse(image, (x, y), half, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        case 2:
            end = (x + int(rng.normal(0, 60)), y + int(rng.normal(0, 60)))
            cv2.line(image, (x, y), end, colour, int(rng.integers(2, 22)), cv2.LINE_AA)
        case 3:
            corners = (np.array([x, y]) + rng.normal(0, 35, (int(rng.integers(3, 7)), 2))).astype(np.int32)
            cv2.fillPoly(image, [corners], colour, cv2.LINE_AA)
        case _:
            patch = _surface(rng)[: min(h, SIDE - y), : min(w, SIDE - x)]
            image[y : y + h, x : x + w] = np.clip(patch, 0, 255)
