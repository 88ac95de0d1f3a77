"""A sheet of rendered and of real crops, mixed, to be distinguished by eye; the key goes into a file of its own.

    python experiments/2026-11-dressed/mixed.py real_open -o mixed.png --backgrounds backgrounds openimages/images \
        --assets makehuman --panoramas hdri
"""

import argparse
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from hourlift.data.images.coco import load_coco
from hourlift.geometry.crop import Crop
from hourlift.predict.models.keypoints import cut_out
from hourlift.synth import presets
from hourlift.synth.samples import render_samples

EACH, COLUMNS = 32, 8
MARGIN = 1.25
"""Side of a crop over the longer side of the person's box."""


def main() -> None:
    """Writes sheet and key."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path, nargs="+", default=[])
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--panoramas", type=Path)
    parser.add_argument("--side", type=int, default=112)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    people = load_coco(options.photographs)
    real = [people[i] for i in rng.choice(len(people), EACH, replace=False)]
    synth = replace(presets.photograph(), size=192)
    synth = presets.with_images(synth, options.backgrounds, options.assets, options.panoramas)
    rendered = list(render_samples(synth, 100 + options.seed, EACH))
    crops = [
        cut_out(p.load_image(), [Crop.from_box(p.box_xyxy_px, options.side, MARGIN)], options.side)[0]
        for p in [*real, *rendered]
    ]
    order = rng.permutation(2 * EACH)
    rows = [np.hstack([crops[i] for i in order[r : r + COLUMNS]]) for r in range(0, 2 * EACH, COLUMNS)]
    cv2.imwrite(str(options.out), np.vstack(rows)[..., ::-1])
    key = "".join("R" if i < EACH else "s" for i in order)  # R for real, s for synthetic
    lines = "\n".join(key[r : r + COLUMNS] for r in range(0, len(key), COLUMNS))
    options.out.with_suffix(".key.txt").write_text(lines + "\n")


if __name__ == "__main__":
    main()
