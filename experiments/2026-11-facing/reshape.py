r"""Starts a network of another shape from a checkpoint: what fits is copied, what does not is fresh.

python experiments/2026-11-facing/reshape.py checkpoints/hourglass-fast.pt runs/wide.pt --widening 1.25
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from hourlift.hourglass.network import StackedHourglass
from hourlift.training.engine import checkpoint


def main() -> None:
    """Writes a compact checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--widening", type=float)
    parser.add_argument("--parts", type=int, help="of the body that the network tells")
    options = parser.parse_args()
    torch.manual_seed(0)
    old, meta = checkpoint.load_model(options.source)
    assert isinstance(old, StackedHourglass)
    config = replace(
        old.config,
        widening=options.widening or old.config.widening,
        num_parts=old.config.num_parts if options.parts is None else options.parts,
    )
    new = StackedHourglass(config)
    theirs, ours, copied = old.state_dict(), new.state_dict(), 0
    for name, value in ours.items():
        if name not in theirs:
            continue
        if theirs[name].shape == value.shape:
            value.copy_(theirs[name])
            copied += value.numel()
        elif name.startswith("heatmaps"):
            rows = min(len(value), len(theirs[name]))
            value[:rows] = theirs[name][:rows]
            copied += value[:rows].numel()
    print(f"{copied} of {sum(value.numel() for value in ours.values())} numbers copied")
    state = {**meta, **checkpoint.describe_model(new), "step": 0, "metrics": {}, "ema": ours}
    checkpoint.save_compact(options.out, state)


if __name__ == "__main__":
    main()
