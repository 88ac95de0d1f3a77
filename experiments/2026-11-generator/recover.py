"""Makes a checkpoint to train on from the shipped ONNX file of the hourglass.

    python experiments/2026-11-generator/recover.py recovered.pt

The export folds batch norms that follow a convolution into it. Here such a norm gets the mean and the variance that its
convolution has on rendered images, and the scale and offset that undo them: the same function, and training goes on.
"""

import sys
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from hourlift.hourglass.loss import activate
from hourlift.hourglass.network import StackedHourglass
from hourlift.predict.models.runtime import Model
from hourlift.synth.generate import Generator, SynthConfig
from hourlift.training.engine import checkpoint
from hourlift.training.recipes import fast
from hourlift.weights import path as weights_path

PICTURES = 256


def module_name(node: str) -> str:
    """`/network/features.0/features.0.1/Conv` is the module `features.0.1`."""
    parts = [*node.split("/")[2:-1], ""]
    return ".".join(part for part, after in pairwise(parts) if not after.startswith(part + "."))


def main(out: Path) -> None:
    recipe, file = fast(), weights_path("hourglass-fast")
    graph = onnx.load(str(file)).graph
    stored = {
        tensor.name.removesuffix(".float16"): torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
        for tensor in graph.initializer
    }
    network = StackedHourglass(recipe.network).eval()
    state, modules = network.state_dict(), dict(network.named_modules())
    for name, value in stored.items():
        if (key := name.removeprefix("network.")) in state:
            state[key].copy_(value)
    norms: dict[str, nn.BatchNorm2d] = {}
    for node in graph.node:
        name = module_name(node.name) if node.op_type == "Conv" else ""
        if not name or node.input[1].startswith("network."):
            continue
        convolution = modules[name]
        convolution.weight.data.copy_(stored[node.input[1]])
        convolution.bias.data.copy_(stored[node.input[2]])
        container, place = name.rsplit(".", 1)
        norms[name] = modules[f"{container}.{int(place) + 1}"]
    for norm in norms.values():
        norm.eps = 0.0  # the identity, until it is measured
    pictures = Generator(SynthConfig(size=recipe.input_size)).render(1, PICTURES).images.float() / 255
    seen: dict[str, Tensor] = {}
    for name in norms:
        modules[name].register_forward_hook(lambda _m, _i, answer, name=name: seen.__setitem__(name, answer))
    with torch.inference_mode():
        expected = activate(network(pictures)[-1], recipe.loss, recipe.sigma)
    for name, norm in norms.items():
        norm.eps = 1e-5
        variance, mean = torch.var_mean(seen[name], (0, 2, 3))
        norm.running_mean.copy_(mean), norm.running_var.copy_(variance)
        norm.weight.data.copy_((variance + norm.eps).sqrt()), norm.bias.data.copy_(mean)
    with torch.inference_mode():
        now = activate(network(pictures)[-1], recipe.loss, recipe.sigma)
    images = (pictures * 255).byte().permute(0, 2, 3, 1).numpy()
    shipped = torch.from_numpy(Model(file, "hourglass").run(images[:8]))
    print(f"largest difference: {(now - expected).abs().max():.1e} of the norms, "
          f"{(now[:8] - shipped).abs().max():.1e} of the shipped file")  # fmt: skip
    assert (now[:8] - shipped).abs().max() < 1e-3
    out.parent.mkdir(parents=True, exist_ok=True)
    stage = {"recipe": recipe.name, "skeleton": "human36m-17", "input_size": recipe.input_size}
    stage |= {"loss": recipe.loss, "sigma": recipe.sigma}
    checkpoint.save_compact(
        out,
        {"kind": "hourglass", "model_config": asdict(recipe.network), "step": 0, "stage": stage,
         "ema": network.state_dict()},
    )  # fmt: skip


main(Path(sys.argv[1]))
