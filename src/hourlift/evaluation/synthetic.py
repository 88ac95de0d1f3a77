"""Synthetic people for evaluation, rendered on the fly, with 2D and 3D truth. No training run uses their seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hourlift.data.sample import Sample
from hourlift.geometry.crop import Crop
from hourlift.predict.models.keypoints import cut_out
from hourlift.synth.presets import PRESETS, preset
from hourlift.synth.samples import render_samples

HELD_OUT_SEED = 20_000_000
"""Training seeds are smaller, and so are the seeds of training backgrounds."""
SIZE = 320  # larger than the network's input, like a photograph
EVERYDAY, ALL = "everyday", "all"
NEEDS_PHOTOGRAPHS = "photograph"


def synthetic_samples(
    count: int, seed: int = HELD_OUT_SEED, size: int = SIZE, photos: Path | None = None, kind: str = EVERYDAY
) -> Iterator[Sample]:
    """Render people one after the other. `synth.samples.remake` renders a single one again.

    Args:
        count: number of people.
        seed: the same seed gives the same people.
        size: side of the square images.
        photos: folder of photographs without people, for backgrounds and clothes.
        kind: one of the generator's presets, or "all": the same number of people of each preset that needs no
            photographs, one preset after the other.

    Returns:
        Samples. Joints outside the image are NaN in 2D, because no annotator could place them.

    Raises:
        ValueError: the folder holds no readable image, or there is no such preset.
    """
    kinds = [name for name in PRESETS if name != NEEDS_PHOTOGRAPHS] if kind == ALL else [kind]
    configs = [replace(preset(name), size=size, photos=photos) for name in kinds]
    ends = [i * count // len(kinds) for i in range(len(kinds) + 1)]
    runs = zip(configs, ends, ends[1:], strict=False)
    return chain.from_iterable(render_samples(config, seed, end - first, first=first) for config, first, end in runs)


def crops(samples: Sequence[Sample], size: int, margin: float) -> NDArray[np.uint8]:
    """Crop people as the hourglass sees them.

    Args:
        samples: N people.
        size: S, the hourglass's input.
        margin: side of the crop over the longer side of the box.

    Returns:
        (N, S, S, 3) uint8 RGB.
    """
    squares = [Crop.from_box(sample.box_xyxy_px, size, margin) for sample in samples]
    images = [cut_out(sample.load_image(), [crop], size) for sample, crop in zip(samples, squares, strict=True)]
    return np.concatenate(images)
