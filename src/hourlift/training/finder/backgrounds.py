"""Photographs without people: backgrounds of composed scenes, and images on which nothing is to be found."""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.synth.scene.images import image_bank, photo_paths
from hourlift.training.people import HELD_OUT_EVERY

_LONGEST = 640  # pixels; larger photographs are reduced


class Backgrounds:
    """Images to draw from.

    Args:
        folders: of photographs without people; empty: procedural images are drawn instead.
        held_out: take every tenth photograph, which the training leaves out, instead of the others. Files that differ
            only in a number at the end of their name are parts of one photograph.
    """

    def __init__(self, folders: Sequence[Path], *, held_out: bool = False) -> None:
        paths = [path for folder in folders for path in photo_paths(folder)]
        names = {name: i for i, name in enumerate(sorted({_photograph(path) for path in paths}))}
        self.paths = [path for path in paths if (names[_photograph(path)] % HELD_OUT_EVERY == 0) == held_out]
        if folders and not self.paths:
            raise UserError(f"{folders[0]}: too few photographs to hold some of them out")

    def draw(self, rng: np.random.Generator) -> Image:
        """A whole image."""
        if not self.paths:
            bank = _drawn()
            return bank[rng.integers(len(bank))]
        return _read(self.paths[rng.integers(len(self.paths))])

    def part(self, rng: np.random.Generator, image_wh: tuple[int, int]) -> Image:
        """A random part (H, W, 3) of a random image, half of them mirrored, with the given width and height."""
        image = self.draw(rng)
        height, width = image.shape[:2]
        share = rng.uniform(0.55, 1.0)
        scale = share * min(width / image_wh[0], height / image_wh[1])
        part_wh = [max(1, int(scale * side)) for side in image_wh]
        x, y = (rng.integers(whole - part + 1) for whole, part in zip((width, height), part_wh, strict=True))
        part = image[y : y + part_wh[1], x : x + part_wh[0]]
        part = part[:, ::-1] if rng.random() < 0.5 else part
        method = cv2.INTER_AREA if part_wh[0] > image_wh[0] else cv2.INTER_LINEAR
        return cv2.resize(part, image_wh, interpolation=method).astype(np.uint8, copy=False)


def _photograph(path: Path) -> str:
    return str(path.parent / re.sub(r"-\d+$", "", path.stem))


@lru_cache(maxsize=1)
def _drawn() -> Image:
    return image_bank(0).numpy()


@lru_cache(maxsize=256)
def _read(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise UserError(f"{path} cannot be read as an image")
    scale = _LONGEST / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return image.astype(np.uint8, copy=False)
