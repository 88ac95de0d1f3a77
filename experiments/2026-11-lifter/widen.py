"""Makes a checkpoint to train on from an exported lifter of rays: the same answers, with room for confidence and size.

    python experiments/2026-11-lifter/widen.py src/hourlift/weights/lifter.onnx start.pt

The first layer gets weights of zero for what is new; the head of spread starts anew. `hourlift train lifter --recipe
lifter --init start.pt` goes on from there.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from hourlift.lifter.network import Lifter
from hourlift.training.engine import checkpoint
from hourlift.training.lifter.stage import LifterStage
from hourlift.training.recipes import lifter


def main(file: Path, out: Path) -> None:
    stored = {
        tensor.name.removesuffix(".float16"): torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
        for tensor in onnx.load(str(file)).graph.initializer
    }
    torch.manual_seed(0)
    stage = LifterStage(lifter())
    model = stage.build_model()
    assert isinstance(model, Lifter)
    state = model.state_dict()
    new = [name for name in state if name not in stored and "num_batches" not in name]
    assert all(name.startswith(("spread", "size")) for name in new), new
    for name, value in stored.items():
        if name == "layers.0.weight":
            state[name].zero_()[:, : value.shape[1]] = value
        elif name in state:
            state[name].copy_(value)
    described = {**checkpoint.describe_model(model), "stage": dict(stage.meta), "step": 0, "metrics": {}}
    checkpoint.save(out, {**described, "ema": state})


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
