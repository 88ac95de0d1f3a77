r"""Do sides hold? Measures a checkpoint on easy people seen from all around, by where they face, and on the real mix.

python experiments/2026-11-facing/measure.py runs/facing-b/compact.pt --backgrounds photos
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hourlift.data.sample import OUTSIDE
from hourlift.geometry.crop import CROP_MARGIN
from hourlift.geometry.skeleton import H36M17
from hourlift.metrics.pck import torso_length
from hourlift.synth import presets
from hourlift.synth.camera.sensor import OFF
from hourlift.synth.generate import Generator
from hourlift.training.engine import checkpoint
from hourlift.training.hourglass.measures import find_joints, measure
from hourlift.training.rendered import HELD_OUT_SEED, render

L_HIP, R_HIP, L_SHOULDER, R_SHOULDER = H36M17.indices("l_hip", "r_hip", "l_shoulder", "r_shoulder")


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--count", type=int, default=384)
    options = parser.parse_args()
    torch.set_num_threads(1)
    upright, everyday = presets.upright(), presets.everyday()
    plain = replace(upright.scene, furnished_share=0.0, occluded_share=0.0, bystander_share=0.0)
    kinds = {
        "upright, plain": replace(upright, scene=plain, sensor=OFF),
        "everyday, plain": replace(everyday, scene=plain, sensor=OFF),
        "everyday": everyday,
    }
    print(f"{'people':16} {'facing':8} {'count':>5} {'PCK':>6} {'swapped':>8} {'collapsed':>9}")
    for path in options.checkpoints:
        model, meta = checkpoint.load_model(path)
        print(path, meta["step"])
        stage = meta["stage"]
        for name, config in kinds.items():
            size = stage["input_size"]
            views = replace(config.views, margin=(CROP_MARGIN, CROP_MARGIN), shift=0.0, truncated_share=0.0)
            generator = Generator(replace(config, size=size, views=views, photos=options.backgrounds))
            people = render(generator, (HELD_OUT_SEED, 1), options.count)
            with torch.no_grad():
                found = find_joints(
                    model, people.images.split(32), torch.device("cpu"),
                    loss=stage["loss"], sigma=stage["sigma"],
                )  # fmt: skip
            true = people.joints_2d_px.numpy()
            inside = (people.visibility != OUTSIDE).numpy()
            torso = torso_length(true, H36M17)
            joints = people.joints_3d_cam_mm
            left = joints[:, L_HIP] - joints[:, R_HIP] + joints[:, L_SHOULDER] - joints[:, R_SHOULDER]
            facing = torch.nn.functional.normalize(left, dim=-1)[:, 0].numpy()
            for label, chosen in (
                ("all", facing < 2), ("front", facing > 0.5), ("side", np.abs(facing) <= 0.5), ("back", facing < -0.5)
            ):  # fmt: skip
                scores = measure(found[chosen], np.where(inside[..., None], true, np.nan)[chosen], torso[chosen], size)
                print(
                    f"{name:16} {label:8} {chosen.sum():5} {100 * scores['pck']:6.1f}"
                    f" {100 * scores['swapped']:8.1f} {100 * scores['collapsed']:9.1f}", flush=True,
                )  # fmt: skip


if __name__ == "__main__":
    main()
