"""Puts a second hourglass, a copy of the first, behind it: what comes out answers as the one that goes in did.

    python experiments/2026-11-two-stacks/stack.py checkpoints/hourglass-accurate.pt runs/stacked.pt

The merging convolutions start at zero, so the second copy sees the first's input; training tells it the first's answer.
"""

import sys
from pathlib import Path

import torch

from hourlift.hourglass.network import HourglassConfig, StackedHourglass
from hourlift.training.engine import checkpoint


def main() -> None:
    """Reads, doubles and writes."""
    source, target = map(Path, sys.argv[1:])
    state = checkpoint.load(source)
    config = {**state["model_config"], "num_stacks": 2}
    theirs = state["ema"]
    ours = {}
    for name, empty in StackedHourglass(HourglassConfig(**config)).state_dict().items():
        part, _, rest = name.partition(".1.")
        if part.startswith("merge_"):
            ours[name] = torch.zeros_like(empty)
        else:
            ours[name] = theirs[f"{part}.0.{rest}" if part in ("hourglasses", "features", "heatmaps") else name].clone()
    checkpoint.save_compact(target, {**state, "model_config": config, "ema": ours})


if __name__ == "__main__":
    main()
