"""Lifters on the joints that a hourglass finds, of rendered people that no training has seen; true camera, box given.

    python experiments/2026-11-lifter/end_to_end.py src/hourlift/weights/lifter.onnx [other.onnx ...] --count 400

The people are those of `hourlift evaluate synthetic`. Every lifter also once with its poses refined, and once from the
true joints.
"""

import argparse
from pathlib import Path

import numpy as np

from hourlift.evaluation.synthetic import synthetic_samples
from hourlift.geometry.align import root_relative
from hourlift.metrics.mpjpe import joint_errors, mpjpe, n_mpjpe, pa_mpjpe
from hourlift.pose import Pose
from hourlift.predict import PosePredictor
from hourlift.predict.world.limb_fit import refine_pose
from hourlift.weights import HOURGLASS


def main(files: list[Path], weights: str, count: int) -> None:
    predictors = {file: PosePredictor(weights, file, threads=1) for file in files}
    answers: dict[tuple[Path, str], list[Pose]] = {}
    true = []
    for sample in synthetic_samples(count):
        assert sample.camera is not None and sample.joints_3d_cam_mm is not None
        true.append(sample.joints_3d_cam_mm)
        image, box = sample.load_image(), sample.box_xyxy_px[None]
        exact_px = sample.camera.project(sample.joints_3d_cam_mm)[None]
        for file, predictor in predictors.items():
            (pose,) = predictor.predict(image, box, sample.camera)
            (exact,) = predictor.lift(exact_px, box, sample.camera.image_wh, sample.camera)
            for name, found in (("found", pose), ("found, refined", refine_pose(pose)), ("true", exact)):
                answers.setdefault((file, name), []).append(found)
    truth = root_relative(np.array(true, dtype=float))
    print(f"{count} people, {weights}\n\n| lifter | 2D joints | MPJPE | N-MPJPE | PA-MPJPE | spread expected |")
    print("|---|---|---:|---:|---:|---:|")
    for (file, name), poses in answers.items():
        joints = np.array([pose.joints_3d_mm for pose in poses], dtype=float)
        expected = [pose.spread_mm for pose in poses if pose.spread_mm is not None]
        spread = f"{np.mean(expected):.0f}" if expected else ""
        errors = [f"{metric(joints, truth):.1f}" for metric in (mpjpe, n_mpjpe, pa_mpjpe)]
        print(f"| {file.name} | {name} | {' | '.join(errors)} | {spread} |")
    for (_, name), poses in answers.items():
        if name == "found" and poses[0].spread_mm is not None:
            joints = np.array([pose.joints_3d_mm for pose in poses], dtype=float)
            calibration(np.array([pose.spread_mm for pose in poses]), joint_errors(joints, truth))


def calibration(spread: np.ndarray, errors: np.ndarray) -> None:
    expected, found = spread[:, 1:].ravel(), errors[:, 1:].ravel()
    parts = np.array_split(np.argsort(expected), 5)
    print(
        "spread expected: found, mm, by fifths:",
        ", ".join(f"{expected[p].mean():.0f}: {found[p].mean():.0f}" for p in parts),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lifters", type=Path, nargs="+")
    parser.add_argument("--weights", default=HOURGLASS)
    parser.add_argument("--count", type=int, default=400)
    arguments = parser.parse_args()
    main(arguments.lifters, arguments.weights, arguments.count)
