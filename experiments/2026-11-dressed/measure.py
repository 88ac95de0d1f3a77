"""How people in photographs look in 2D, beside synthetic people of some presets: a Markdown table.

python experiments/2026-11-dressed/measure.py real_open --presets everyday photograph --count 600
"""

import argparse
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hourlift.data.images.coco import load_coco
from hourlift.data.sample import OCCLUDED, OUTSIDE, Sample
from hourlift.geometry.skeleton import H36M17
from hourlift.synth.presets import PRESETS
from hourlift.synth.samples import render_samples

BONES = {
    "trunk": ("hip", "shoulder"),
    "thigh": ("hip", "knee"),
    "shin": ("knee", "ankle"),
    "upper arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
}
KNOWN_OF = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
WAYS = ("down", "level", "up")


def annotated(sample: Sample) -> np.ndarray:
    """(17, 2) the joints that an annotator would click on; of rendered people those that nothing else hides."""
    joints = np.array(sample.joints_2d_px, np.float64)
    if sample.visibility is not None:
        joints[(sample.visibility == OUTSIDE) | (sample.visibility == OCCLUDED)] = np.nan
    return joints


def measures(people: Iterable[Sample]) -> dict[str, float]:
    """Shares, in percent."""
    joints = np.stack([annotated(person) for person in people])
    known = np.isfinite(joints).all(-1)
    found: dict[str, float] = {}
    for joint in KNOWN_OF:
        found[f"{joint}s known"] = 100 * known[:, H36M17.indices(f"l_{joint}", f"r_{joint}")].mean()
    limbs = known[:, H36M17.indices(*(f"{side}_{joint}" for joint in KNOWN_OF for side in "lr"))]
    found["all twelve known"] = 100 * limbs.all(1).mean()
    found["legs unknown, arms known"] = 100 * (~limbs[:, 8:].any(1) & limbs[:, :6].any(1)).mean()
    left, right = (joints[:, H36M17.index(f"{side}_shoulder")] for side in "lr")
    both = np.isfinite(left - right).all(-1)
    found["left shoulder right of the right one"] = 100 * (left[both, 0] > right[both, 0]).mean()
    for bone, (first, second) in BONES.items():
        way = np.concatenate(
            [joints[:, H36M17.index(f"{s}_{second}")] - joints[:, H36M17.index(f"{s}_{first}")] for s in "lr"]
        )
        way = way[np.isfinite(way).all(-1)]
        steep = way[:, 1] / np.maximum(np.linalg.norm(way, axis=1), 1e-6)
        bins = (steep > 0.5, np.abs(steep) <= 0.5, steep < -0.5)
        for name, chosen in zip(WAYS, bins, strict=True):
            found[f"{bone} {name}"] = 100 * float(chosen.mean())
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--presets", nargs="+", default=["everyday"])
    parser.add_argument("--count", type=int, default=600)
    options = parser.parse_args()
    columns = {"photographs": measures(load_coco(options.photographs))}
    for name in options.presets:
        columns[name] = measures(render_samples(replace(PRESETS[name](), size=128), 11, options.count))
    print("| % | " + " | ".join(columns) + " |")
    print("|---|" + "---:|" * len(columns))
    for row in columns["photographs"]:
        print(f"| {row} | " + " | ".join(f"{column[row]:.0f}" for column in columns.values()) + " |")


if __name__ == "__main__":
    main()
