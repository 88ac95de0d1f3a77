"""What telling left and right apart does to the joints that a hourglass finds, for several reaches and odds.

python experiments/2026-11-sides/told_apart.py real_dev/lspet
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from hourlift.data.recognise import recognise
from hourlift.data.sample import Sample
from hourlift.evaluation.scores import LIMB_PAIRS
from hourlift.evaluation.synthetic import synthetic_samples
from hourlift.geometry.skeleton import H36M17, LIMB_JOINTS
from hourlift.hourglass import heatmap
from hourlift.metrics import pair_confusion, pck, torso_length
from hourlift.predict.models.keypoints import JointEstimator
from hourlift.predict.models.runtime import Model
from hourlift.weights import HOURGLASS

_LIMBS = H36M17.indices(*LIMB_JOINTS)
_ODDS = (1.0, 2.0, 4.0, 8.0)


def report(name: str, weights: str, people: Iterable[Sample]) -> None:
    """Prints PCK@0.2 of the limb joints, and how many pairs are swapped and collapsed."""
    estimator = JointEstimator(Model(weights, "hourglass", threads=1, precision="fp32"))
    ways = [(1 / 16, odds) for odds in _ODDS] + [(1 / 12, odds) for odds in _ODDS[1:]]
    found: list[list[np.ndarray]] = [[] for _ in ways]
    true = []
    for sample in people:
        image, box = sample.load_image(), sample.box_xyxy_px[None].astype(float)
        true.append(sample.joints_2d_px)
        for joints, (heatmap.APART_REACH, heatmap.APART_ODDS) in zip(found, ways, strict=True):
            joints.append(estimator.estimate(image, box).joints_px[0])
    truth = np.array(true, float)
    torso = torso_length(truth, H36M17)
    for joints, (reach, odds) in zip(found, ways, strict=True):
        pred = np.array(joints)
        confusion = pair_confusion(pred, truth, torso, LIMB_PAIRS)
        right = pck(pred[:, _LIMBS], truth[:, _LIMBS], torso)
        how = f"1/{1 / reach:.0f}, {odds:g}" if odds > 1 else "no"
        wrong = f"{confusion.swapped_share:.1%} | {confusion.collapsed_share:.1%}"
        print(f"| {name} | {how} | {right:.1%} | {wrong} |", flush=True)


def main() -> None:
    """Decodes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--weights", default=HOURGLASS)
    parser.add_argument("--count", type=int, default=400, help="rendered people")
    options = parser.parse_args()
    print("| | told apart: reach, odds | PCK@0.2, 12 limb joints | swapped | collapsed |\n|---|---|---:|---:|---:|")
    report("photographs", options.weights, recognise(options.photographs).samples("all"))
    report("rendered", options.weights, synthetic_samples(options.count))


if __name__ == "__main__":
    main()
