"""People that no training run has seen, rendered on the fly, with their truth in 2D and 3D."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hourlift.data.sample import Sample
from hourlift.geometry.crop import Crop
from hourlift.predict.joints import cut_out
from hourlift.synth.presets import PRESETS, everyday
from hourlift.synth.samples import render_samples

HELD_OUT_SEED = 20_000_000
"""Training seeds are small; so are those of its backgrounds."""
SIZE = 320  # rendered larger than the network's input, as a photograph is


def synthetic_samples(
    count: int, seed: int = HELD_OUT_SEED, size: int = SIZE, photos: Path | None = None
) -> Iterator[Sample]:
    """Render people one after the other; `synth.samples.remake` makes one of them again.

    Args:
        count: how many.
        seed: the same seed gives the same people.
        size: side of the square pictures.
        photos: folder of photographs without people, for backgrounds and cloth.

    Returns:
        Samples whose joints outside of the picture are NaN in 2D, as no annotator could place them.

    Raises:
        ValueError: the folder holds no readable picture.
    """
    return render_samples(replace(everyday(), size=size, photos=photos), seed, count)


def mixed_samples(count: int, seed: int, size: int = SIZE, photos: Path | None = None) -> Iterator[Sample]:
    """Render as many people of each of the generator's presets; arguments as `synthetic_samples` has them."""
    names = list(PRESETS)
    for i, name in enumerate(names):
        first, last = i * count // len(names), (i + 1) * count // len(names)
        config = replace(PRESETS[name](), size=size, photos=photos)
        yield from render_samples(config, seed, last - first, first=first)
def synthetic_crops(
    count: int,
    crop_size: int,
    margin: float,
    *,
    seed: int = HELD_OUT_SEED,
    photos: Path | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> NDArray[np.uint8]:
    """What a hourglass gets to see of rendered people.

    Args:
        count: N people.
        crop_size: S, the hourglass's input.
        margin: the crop's side over the longer side of the box.
        seed: as in `synthetic_samples`.
        photos: as in `synthetic_samples`.
        report: told after each person how many are done.

    Returns:
        (N, S, S, 3) uint8 RGB.
    """
    crops = np.empty((count, crop_size, crop_size, 3), np.uint8)
    for i, sample in enumerate(synthetic_samples(count, seed, photos=photos)):
        crops[i] = cut_out(sample.load_image(), [Crop.from_box(sample.box_xyxy_px, crop_size, margin)], crop_size)[0]
        report(i + 1)
    return crops
