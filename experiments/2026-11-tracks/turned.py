"""How often the hourglass runs in a video of people who lean, and how well they are found, on clips turned by quarters.

python experiments/2026-11-tracks/turned.py --motion mocap/cmu.npz --cache clips --clips 12
"""

from pathlib import Path

import numpy as np
import torch
import tyro
from measure import FPS, read_truth, rendered

from hourlift import PosePredictor
from hourlift.geometry import H36M17, box_from_joints
from hourlift.geometry.skeleton import LIMB_JOINTS
from hourlift.metrics.pck import pck, torso_length

LIMBS = H36M17.indices(*LIMB_JOINTS)


class Counted:
    """A hourglass that counts its runs; a search looks at many crops in one."""

    def __init__(self, predictor: PosePredictor) -> None:
        model = predictor._joints._model
        self.runs, self._run = 0, model.run
        model.run = self  # type: ignore[method-assign,assignment]

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.runs += 1
        return self._run(batch)


def main(
    motion: Path, cache: Path, clips: int = 12, first_seed: int = 1, seconds: float = 4.0, size: int = 192
) -> None:
    """Measure; the arguments are those of measure.py."""
    torch.set_num_threads(1)
    predictor = PosePredictor(threads=1)
    counted = Counted(predictor)
    files = list(rendered(motion, cache, range(first_seed, first_seed + clips), round(seconds * FPS), size))
    print("| turned by | PCK@0.2, limb joints | runs a frame |\n|---:|---:|---:|")
    for quarters in range(3):
        right, runs, num_frames = [], counted.runs, 0
        for file in files:
            true = read_truth(file).joints_px
            with np.load(file) as clip:
                images = np.ascontiguousarray(np.rot90(clip["images"], quarters, axes=(1, 2)))
            for _ in range(quarters):
                true = np.stack([true[..., 1], images.shape[1] - 1 - true[..., 0]], axis=-1)
            follow = predictor.follow(box_from_joints(true[0]))
            people = [follow(i, i / FPS, image).people for i, image in enumerate(images)]
            unknown = np.full((17, 2), np.nan)
            found = np.array([poses[0].joints_2d_px if poses else unknown for poses in people])
            right.append(pck(found[:, LIMBS], true[:, LIMBS], torso_length(true, H36M17)))
            num_frames += len(images)
        print(
            f"| {90 * quarters} degrees | {np.mean(right):.1%} | {(counted.runs - runs) / num_frames:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
