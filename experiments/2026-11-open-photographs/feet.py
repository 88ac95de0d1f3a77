r"""Measures foot points on held-out photographs, box given.

python experiments/2026-11-open-photographs/feet.py openimages --weights hourglass-accurate hourglass-fast

PCK@0.2 of heels and big toes that are annotated, and of the ankles of the same data set.
"""

import argparse
from pathlib import Path

import numpy as np

from hourlift.data.images.coco import load_coco
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17, H36M21
from hourlift.metrics import torso_length
from hourlift.predict import PosePredictor

HELD_OUT = Path(__file__).with_name("held_out.txt")
POINTS = ("l_ankle", "r_ankle", *FOOT_POINTS)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder in COCO's layout, with feet")
    parser.add_argument("--weights", nargs="+", default=["hourglass-accurate"])
    options = parser.parse_args()
    names = set(HELD_OUT.read_text(encoding="utf-8").split())
    people = [
        person
        for person in load_coco(options.data)
        if Path(str(person.image)).name in names and person.feet_2d_px is not None
    ]
    true_px = np.array([np.concatenate([person.joints_2d_px, person.feet_2d_px]) for person in people])
    torso_px = torso_length(true_px[:, : H36M17.num_joints], H36M17)
    print(f"| point | annotated | {' | '.join(options.weights)} |\n|---|---:|{'---:|' * len(options.weights)}")
    shares = []
    for weights in options.weights:
        predictor = PosePredictor(weights, threads=1, precision="fp32")
        poses = [predictor.predict(p.load_image(), p.box_xyxy_px[None])[0] for p in people]
        found_px = np.array([np.concatenate([pose.joints_2d_px, pose.feet_2d_px]) for pose in poses])
        shares.append(np.linalg.norm(found_px - true_px, axis=-1) <= 0.2 * torso_px[:, None])
    for point in POINTS:
        i = H36M21.index(point)
        known = np.isfinite(true_px[:, i]).all(axis=-1) & (torso_px > 0)
        cells = " | ".join(f"{100 * right[known, i].mean():.1f}" for right in shares)
        print(f"| {point} | {known.sum()} | {cells} |")


if __name__ == "__main__":
    main()
