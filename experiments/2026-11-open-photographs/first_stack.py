r"""Takes the first stack of a trained hourglass as a network of its own, which starts far ahead of an untrained one.

Every stack learns to give all heatmaps (intermediate supervision), so the first is a whole network, of about half the
arithmetic of two.

    python experiments/2026-11-open-photographs/first_stack.py checkpoints/hourglass-open.pt -o runs/first.pt --size 160
"""

import argparse
from pathlib import Path

import torch

from hourlift.training.engine import checkpoint

LATER = ("hourglasses.", "features.", "heatmaps.")
MERGES = ("merge_features.", "merge_heatmaps.")


def main() -> None:
    """Writes a checkpoint to start from with --init, or to export."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--name", default="hourglass-fast")
    parser.add_argument("--size", type=int, required=True, help="side of the crops, pixels")
    options = parser.parse_args()
    state = checkpoint.load(options.checkpoint)
    weights = {
        name: value
        for name, value in state["ema"].items()
        if not name.startswith(MERGES) and not (name.startswith(LATER) and name.split(".")[1] != "0")
    }
    stage = {**state["stage"], "recipe": options.name, "input_size": options.size}
    config = {**state["model_config"], "num_stacks": 1}
    torch.save({**state, "ema": weights, "stage": stage, "model_config": config}, options.out)


if __name__ == "__main__":
    main()
