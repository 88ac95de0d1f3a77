r"""Judges the hourglasses of hourglass.sh on people none of them was trained on, with and without regard to sides.

    python experiments/2026-11-study/judge.py studio runs/study

Blind to sides: of each left-right pair the better of the two assignments counts, so that what is left is where limbs
were found, not whose side they were given.
"""

import argparse
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hourlift.data.recognise import recognise
from hourlift.geometry.skeleton import H36M17
from hourlift.metrics.pck import heatmap_pck
from hourlift.training.engine.checkpoint import load_model
from hourlift.training.hourglass.crops import PersonCrop, cut, load
from hourlift.training.hourglass.measures import find_joints

SIZE, AT_ONCE = 64, 64
Points = NDArray[np.floating]


def blind(predicted: Points, true: Points) -> Points:
    """Predictions with each pair exchanged where that brings it nearer to the truth."""
    best = predicted.copy()
    for a, b in H36M17.flip_pairs:
        pair, other = predicted[:, [a, b]], predicted[:, [b, a]]
        errors = (np.linalg.norm(each - true[:, [a, b]], axis=-1).sum(-1) for each in (pair, other))
        kept, exchanged = errors
        best[:, [a, b]] = np.where((exchanged < kept)[:, None, None], other, pair)
    return best


def judge(model: torch.nn.Module, people: list[PersonCrop]) -> tuple[float, float]:
    """PCK on heatmap scale, and the same blind to sides."""
    batches = (load(people[i : i + AT_ONCE]).images for i in range(0, len(people), AT_ONCE))
    with torch.no_grad():
        found = find_joints(model, batches, torch.device("cpu"), loss="cross_entropy", sigma=1.0, bf16=False)
    true = np.stack([person.joints_px for person in people])
    return heatmap_pck(found, true, SIZE), heatmap_pck(blind(found, true), true, SIZE)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--stride", type=int, default=3)
    options = parser.parse_args()
    studio = recognise(options.data)
    splits = {
        name: cut(studio.samples(split, stride=options.stride), SIZE)
        for name, split in (("S1-S7", "report-train"), ("S8", "report-validate"), ("S9, S11", "test"))
    }
    rows: dict[str, list[list[float]]] = defaultdict(list)
    for done in sorted(options.runs.glob("*/done")):
        match = re.fullmatch(r"(.+)-seed\d+", done.parent.name)
        if match is None or match[1].startswith("lifter"):
            continue
        model, _ = load_model(done.parent / "compact.pt")
        rows[match[1]].append([100 * share for people in splits.values() for share in judge(model, people)])
    print("| row | seeds |", " | ".join(f"{name} | blind" for name in splits), "|")
    print("|---|---:|" + "---:|---:|" * len(splits))
    for row, values in rows.items():
        low, high = np.min(values, 0), np.max(values, 0)
        cells = [f"{m:.1f} ({a:.1f} to {b:.1f})" for m, a, b in zip(np.mean(values, 0), low, high, strict=True)]
        print(f"| {row} | {len(values)} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
