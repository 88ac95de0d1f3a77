"""People cut out of rendered images, to be pasted into scenes."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.synth.generate import Generator, SynthBatch
from hourlift.training.rendered import render

_LEAST_PIXELS = 400
_MOST_AT_BORDER = 6  # pixels of a person at one border of the image, else the person is cut off


class Cutout(NamedTuple):
    """One person.

    Attributes:
        colour: (h, w, 3) uint8 RGB.
        alpha: (h, w) uint8, 255 where the person is.
    """

    colour: Image
    alpha: NDArray[np.uint8]


def render_cutouts(generator: Generator, seed: Sequence[int], count: int) -> list[Cutout]:
    """Render people and cut them out; those that their image cuts off are left out, so there are fewer than `count`."""
    return cut_out(render(generator, seed, count).to("cpu"))


def cut_out(people: SynthBatch) -> list[Cutout]:
    """Cut the whole people out of their images, with soft edges one pixel inside, where the old background ends."""
    found = []
    for image, shown in zip(people.images.permute(0, 2, 3, 1), people.mask, strict=True):
        mask = shown.to(torch.uint8).numpy()
        borders = mask[0].sum(), mask[-1].sum(), mask[:, 0].sum(), mask[:, -1].sum()
        if mask.sum() < _LEAST_PIXELS or max(borders) > _MOST_AT_BORDER:
            continue
        alpha = cv2.blur(cv2.erode(255 * mask, np.ones((3, 3), np.uint8)), (3, 3))
        x, y, width, height = cv2.boundingRect(mask)
        part = slice(y, y + height), slice(x, x + width)
        found.append(Cutout(image.numpy()[part].copy(), alpha[part].astype(np.uint8)))
    return found
