"""What the search in whole images finds: rendered people, annotated photographs, and images without people.

python experiments/2026-11-two-stacks/search.py --photographs lspet --empty backgrounds
python experiments/2026-11-two-stacks/search.py --joint 0.2 --joints 6 --fit 0.15   # the thresholds before
"""

import argparse
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np

from hourlift.arrays import Image
from hourlift.data.recognise import recognise
from hourlift.data.sample import Sample
from hourlift.evaluation.synthetic import synthetic_samples
from hourlift.geometry.skeleton import H36M17, LIMB_JOINTS
from hourlift.media.images import read_image
from hourlift.metrics.pck import pck, torso_length
from hourlift.predict.models.keypoints import JointEstimator
from hourlift.predict.models.runtime import Model
from hourlift.predict.people import search
from hourlift.weights import HOURGLASS

SEED = 30_000_000
_LIMBS = H36M17.indices(*LIMB_JOINTS)


class Search:
    """`search.find_person` that counts its looks."""

    def __init__(self, weights: str) -> None:
        self._joints = JointEstimator(Model(weights, "hourglass", threads=1))
        self.looks = 0

    def __call__(self, image_rgb: Image) -> search.Detection | None:
        def estimate(boxes: np.ndarray, turns_rad: np.ndarray | None = None, /) -> search.Joints2D:
            self.looks += len(boxes)
            return self._joints.estimate(image_rgb, boxes, turns_rad)

        return search.find_person((image_rgb.shape[1], image_rgb.shape[0]), estimate)


def report(name: str, weights: str, people: Iterable[Sample]) -> None:
    """Prints PCK@0.2 of the limb joints of all people, found or not."""
    search, found, true = Search(weights), [], []
    for sample in people:
        person = search(sample.load_image())
        found.append(np.full((17, 2), np.nan) if person is None else person.joints_px)
        true.append(sample.joints_2d_px)
    pred, truth = np.array(found), np.array(true, np.float64)
    right = pck(pred[:, _LIMBS], truth[:, _LIMBS], torso_length(truth, H36M17))
    missed = np.isnan(pred).all((1, 2)).sum()
    print(f"{name}: {right:.1%}, none in {missed} of {len(true)}, {search.looks / len(true):.0f} looks an image")


def main() -> None:
    """Searches."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default=HOURGLASS)
    parser.add_argument("--rendered", type=int, default=150)
    parser.add_argument("--photographs", type=Path, help="annotated; every third is looked at")
    parser.add_argument("--empty", type=Path, help="folder of images without people")
    parser.add_argument("--joint", type=float, default=search.JOINT_CONFIDENCE)
    parser.add_argument("--joints", type=int, default=search.MIN_JOINTS)
    parser.add_argument("--fit", type=float, default=search.FOUND_CONFIDENCE)
    options = parser.parse_args()
    search.JOINT_CONFIDENCE, search.MIN_JOINTS = options.joint, options.joints
    search.FOUND_CONFIDENCE = options.fit
    report("rendered", options.weights, synthetic_samples(options.rendered, SEED))
    if options.photographs:
        report("photographs", options.weights, islice(recognise(options.photographs).samples("all"), 0, None, 3))
    if options.empty:
        files = sorted(options.empty.rglob("*.jpg"))
        people = [Search(options.weights)(read_image(file).image_rgb) for file in files]
        fits = [f"{person.fit:.2f}" for person in people if person is not None]
        print(f"empty: a person in {len(fits)} of {len(files)}, fits {', '.join(fits)}")


if __name__ == "__main__":
    main()
