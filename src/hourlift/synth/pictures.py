"""A bank of pictures without people: backgrounds, and patches of cloth.

Procedural ones are drawn from a seed; a folder of the user's photographs makes them richer.
"""

import logging
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

SIDE = 320
"""Side of the pictures in pixels."""

MAX_PHOTO_CROPS = 4096
"""Most crops that are kept of a folder of photographs: 1.2 GB."""

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}

log = logging.getLogger(__name__)


def picture_bank(seed: int, *, photos: Path | None = None, procedural: int = 96, crops_per_photo: int = 8) -> Tensor:
    """Returns (N, SIDE, SIDE, 3) uint8 RGB pictures.

    Args:
        seed: Of the procedural pictures and of the crops.
        photos: Folder searched for photographs, sub-folders too; an unreadable one is skipped with a warning.
        procedural: How many pictures to draw.
        crops_per_photo: Square crops taken from each photograph at random places and scales; fewer of each, and
            then of evenly chosen photographs only, if they would be more than MAX_PHOTO_CROPS.

    Raises:
        ValueError: `photos` is not a folder or holds no readable picture.
    """
    paths = [] if photos is None else photo_paths(photos)
    rng = np.random.default_rng(seed)
    pictures = [_draw_picture(rng) for _ in range(procedural)]
    if paths:
        paths = paths[:: -(-len(paths) // MAX_PHOTO_CROPS)]
        each = min(crops_per_photo, MAX_PHOTO_CROPS // len(paths))
        crops = [crop for path in paths for crop in _photo_crops(path, rng, each)]
        if not crops:
            raise ValueError(f"{photos}: no readable picture in this folder of backgrounds")
        pictures += crops
    return torch.from_numpy(np.stack(pictures))


def photo_paths(folder: Path) -> list[Path]:
    """The pictures in a folder and its sub-folders, by the endings of their names.

    Raises:
        ValueError: It is not a folder, or holds none.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: not a folder of background pictures")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    if not paths:
        raise ValueError(f"{folder}: no picture ({', '.join(sorted(PHOTO_SUFFIXES))}) in this folder of backgrounds")
    return paths


def _photo_crops(path: Path, rng: np.random.Generator, count: int) -> list[np.ndarray]:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        log.warning("%s: unreadable background skipped", path)
        return []
    picture = picture[..., ::-1]
    crops = []
    for _ in range(count):
        side = max(1, int(min(picture.shape[:2]) * rng.uniform(0.35, 1.0)))
        y, x = (int(rng.integers(0, length - side + 1)) for length in picture.shape[:2])
        crops.append(cv2.resize(picture[y : y + side, x : x + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return crops


def _colour(rng: np.random.Generator, saturation: float = 0.7) -> np.ndarray:
    """A colour (3,) in [0, 255]."""
    value = rng.uniform(15, 245)
    return np.clip(value * (1 + saturation * rng.uniform(-1, 1, 3)), 0, 255)


def _clouds(rng: np.random.Generator) -> np.ndarray:
    """Fractal value noise (SIDE, SIDE) in [0, 1]."""
    noise = np.zeros((SIDE, SIDE), np.float32)
    start = int(rng.integers(2, 9))
    for octave in range(6):
        cells = min(start * 2**octave, SIDE)
        grid = rng.random((cells, max(1, int(cells * rng.uniform(0.5, 1)))), np.float32)
        noise += 0.55**octave * cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    noise -= noise.min()
    return noise / noise.max()


def _surface(rng: np.random.Generator) -> np.ndarray:
    """One textured surface (SIDE, SIDE, 3), about [0, 255]: two colours mixed by clouds, stripes, tiles or a ramp."""
    kind = rng.integers(0, 4)
    yy, xx = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE
    angle, frequency = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(2), np.log(40)))
    along = (xx * np.cos(angle) + yy * np.sin(angle)) * frequency
    across = (-xx * np.sin(angle) + yy * np.cos(angle)) * frequency
    mix = _clouds(rng)
    if kind == 1:
        mix = 0.7 * (along % 1 > rng.uniform(0.1, 0.9)) + 0.3 * mix
    elif kind == 2:
        mix = 0.7 * ((np.floor(along) + np.floor(across)) % 2) + 0.3 * mix
    elif kind == 3:
        mix = 0.8 * along / frequency + 0.2 * mix
    mix = mix[..., None]
    surface = _colour(rng) * mix + _colour(rng) * (1 - mix)
    return np.asarray(surface * (0.8 + 0.4 * _clouds(rng)[..., None]))


def _draw_picture(rng: np.random.Generator) -> np.ndarray:
    """A wall, mostly a floor, and clutter, some of it blurred as if far away."""
    picture = _surface(rng)
    if rng.random() < 0.7:
        horizon = int(SIDE * rng.uniform(0.25, 0.85))
        picture[horizon:] = _surface(rng)[horizon:]
    picture = np.ascontiguousarray(np.clip(picture, 0, 255).astype(np.uint8))
    for _ in range(rng.integers(0, 25)):
        _draw_thing(picture, rng)
    if rng.random() < 0.4:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 4)))
    return picture


def _draw_thing(picture: np.ndarray, rng: np.random.Generator) -> None:
    """A box, a disc, a bar like a limb, a polygon, or a patch of another surface, drawn into the picture."""
    colour = _colour(rng).tolist()
    x, y = (int(v) for v in rng.integers(0, SIDE, 2))
    w, h = (int(SIDE * np.exp(rng.uniform(np.log(0.02), np.log(0.4)))) for _ in range(2))
    match rng.integers(0, 5):
        case 0:
            cv2.rectangle(picture, (x, y), (x + w, y + h), colour, -1)
        case 1:
            half = (w // 2 + 1, h // 2 + 1)
            cv2.ellipse(picture, (x, y), half, float(rng.uniform(0, 180)), 0, 360, colour, -1, cv2.LINE_AA)
        case 2:
            end = (x + int(rng.normal(0, 60)), y + int(rng.normal(0, 60)))
            cv2.line(picture, (x, y), end, colour, int(rng.integers(2, 22)), cv2.LINE_AA)
        case 3:
            corners = (np.array([x, y]) + rng.normal(0, 35, (int(rng.integers(3, 7)), 2))).astype(np.int32)
            cv2.fillPoly(picture, [corners], colour, cv2.LINE_AA)
        case _:
            patch = _surface(rng)[: min(h, SIDE - y), : min(w, SIDE - x)]
            picture[y : y + h, x : x + w] = np.clip(patch, 0, 255)
