"""Gives a hourglass outputs for heels and big toes, which start as copies of its ankles.

python experiments/2026-11-dressed/feet.py checkpoints/hourglass-accurate.pt runs/with-feet.pt
"""

import sys
from pathlib import Path

import torch
from torch import Tensor

from hourlift.geometry.skeleton import FOOT_POINTS, H36M17, H36M21
from hourlift.training.engine import checkpoint

ANKLES = H36M17.indices(*(f"{point[0]}_ankle" for point in FOOT_POINTS))


def widened(name: str, value: Tensor) -> Tensor:
    """A tensor of the network's state with the new outputs behind the joints, and before the parts."""
    joints = H36M17.num_joints
    if name.startswith("heatmaps."):
        return torch.cat([value[:joints], value[ANKLES], value[joints:]])
    if name.startswith("merge_heatmaps.") and name.endswith("weight"):
        unread = torch.zeros_like(value[:, : len(ANKLES)])  # the next stack does not know of them yet
        return torch.cat([value[:, :joints], unread, value[:, joints:]], 1)
    return value


def main() -> None:
    """Reads, widens and writes."""
    source, target = map(Path, sys.argv[1:])
    state = checkpoint.load(source)
    config = {**state["model_config"], "num_joints": H36M21.num_joints}
    ema = {name: widened(name, value) for name, value in state["ema"].items()}
    checkpoint.save_compact(target, {**state, "model_config": config, "ema": ema})


if __name__ == "__main__":
    main()
