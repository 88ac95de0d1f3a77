r"""Where annotators and networks put hips and shoulders, against each other.

    hourlift export checkpoints/hourglass-accurate.pt -o runs/rendered-only.onnx --crop-margin 1.0
    python experiments/2026-11-open-photographs/convention.py real_open openimages --weights runs/rendered-only.onnx

The network of `checkpoints/hourglass-accurate.pt` has learned from rendered people alone, whose joints lie inside the
body. Medians over people who face the camera or turn their back (shoulders and hips wider than a quarter of the trunk),
of joints found within 0.35 of the trunk's length; in hundredths of that length, the annotated one.
"""

import argparse
from pathlib import Path

import numpy as np

from hourlift.arrays import Array
from hourlift.data.images.coco import load_coco
from hourlift.geometry.skeleton import H36M17
from hourlift.predict.models.keypoints import JointEstimator
from hourlift.predict.models.runtime import Model

PAIRS = {"hips": H36M17.indices("l_hip", "r_hip"), "shoulders": H36M17.indices("l_shoulder", "r_shoulder")}
WIDE, FOUND = 0.25, 0.35


def main() -> None:
    """Prints a row for each data set, network and pair."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="+", help="folders in COCO's layout")
    parser.add_argument("--weights", nargs="+", required=True, help="names or .onnx files")
    parser.add_argument("--count", type=int, default=1000, help="people of each data set")
    options = parser.parse_args()
    print("| data | network | joints | found outward | found upward | width, annotated | width, found |")
    print("|---|---|---|---:|---:|---:|---:|")
    for folder in options.data:
        people = load_coco(folder)
        people = people[:: max(1, len(people) // options.count)]
        true_px = np.array([person.joints_2d_px for person in people], np.float64)
        for weights in options.weights:
            estimator = JointEstimator(Model(weights, "hourglass", threads=1, precision="fp32"))
            found_px = np.array(
                [estimator.estimate(p.load_image(), p.box_xyxy_px[None].astype(float)).joints_px[0] for p in people]
            )
            for name, pair in PAIRS.items():
                numbers = " | ".join(f"{100 * value:.0f}" for value in difference(true_px, found_px, pair))
                print(f"| {folder.name} | {Path(weights).stem} | {name} | {numbers} |", flush=True)


def difference(true_px: Array, found_px: Array, pair: list[int]) -> tuple[float, float, float, float]:
    """Medians in trunk lengths: how far outward and upward a pair was found, its width annotated and found."""
    hips, shoulders = (true_px[:, joints].mean(axis=1) for joints in PAIRS.values())
    length = np.linalg.norm(shoulders - hips, axis=-1)
    up = (shoulders - hips) / length[:, None]
    across = np.stack([-up[:, 1], up[:, 0]], -1)
    left, right = pair
    true_width = ((true_px[:, left] - true_px[:, right]) * across).sum(-1) / length
    found_width = ((found_px[:, left] - found_px[:, right]) * across).sum(-1) / length
    outward, upward = [], []
    for joint, side in ((left, 1), (right, -1)):
        moved = (found_px[:, joint] - true_px[:, joint]) / length[:, None]
        kept = (np.abs(true_width) > WIDE) & (np.linalg.norm(moved, axis=-1) < FOUND)
        outward.append((moved * across).sum(-1)[kept] * side * np.sign(true_width[kept]))
        upward.append((moved * up).sum(-1)[kept])
    wide = np.abs(true_width) > WIDE
    return (
        float(np.median(np.concatenate(outward))),
        float(np.median(np.concatenate(upward))),
        float(np.median(np.abs(true_width[wide]))),
        float(np.median(np.abs(found_width[wide]))),
    )


if __name__ == "__main__":
    main()
