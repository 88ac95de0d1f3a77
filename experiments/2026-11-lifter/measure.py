"""Everything that the model card tells of a lifter, from true 2D joints.

    python experiments/2026-11-lifter/measure.py cmu.npz src/hourlift/weights/lifter.onnx [other.onnx ...]

Held-out people: bodies of all heights in poses of motion-capture subjects that no training saw, and in poses of the
sampler's every kind; cameras as in training. Not one of them was drawn in training, as their seeds differ.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hourlift.geometry.camera import Camera
from hourlift.geometry.plausible import plausibility
from hourlift.geometry.skeleton import H36M17
from hourlift.metrics.mpjpe import joint_errors, mpjpe, mpjpe_per_joint, n_mpjpe, pa_mpjpe
from hourlift.predict import PosePredictor
from hourlift.predict.models.runtime import Model
from hourlift.synth.camera.views import sample_views
from hourlift.synth.core.draw import Draw
from hourlift.synth.pose.mix import KINDS, PoseMix, sample_rotations
from hourlift.training.lifter.baselines import baselines
from hourlift.training.lifter.seen import Sight
from hourlift.training.lifter.stage import LifterBatch, LifterStage
from hourlift.training.recipes import lifter, published
from hourlift.training.rendered import HELD_OUT_SEED

COUNT, KNOWN = 8192, 60_000
DISTANCES_M = (0, 2, 3, 4.5, 7, 20)
Answer = Callable[[Sight], tuple[NDArray, NDArray, NDArray | None]]


def look(draw: Draw, joints: torch.Tensor) -> Sight:
    """The people before a camera each."""
    return Sight.exact(1000 * sample_views(draw, joints, 1, lifter().views).to_camera(joints))


def answers(file: Path, motion: Path) -> tuple[Answer, bool]:
    """What a lifter says of people: predicted and true joints and spread; and whether it reads confidence."""
    model = Model(file, "lifter", threads=1, precision="fp32")
    has_confidence = model.contract.get("inputs", "rays") == "person"
    stage = LifterStage(lifter() if has_confidence else published())

    def answer(sight: Sight) -> tuple[NDArray, NDArray, NDArray | None]:
        read, truth = stage.pair(sight)
        outputs = model.run_all(read.numpy())
        return outputs[0].astype(float), truth.numpy().astype(float), outputs[1] if len(outputs) > 1 else None

    return answer, has_confidence


def in_two(predicted: NDArray, true: NDArray) -> str:
    return f"{mpjpe(predicted, true):.1f} / {pa_mpjpe(predicted, true):.1f}"


def invariance(file: Path, sights: Sight) -> None:
    """The same people through other images: what PosePredictor answers."""
    predictor = PosePredictor(lifter=file, threads=1, precision="fp32")
    near = Camera(fx=900.0, fy=900.0, cx=499.5, cy=499.5, image_wh=(1000, 1000))
    others = {
        "another lens and principal point": Camera(fx=2100.0, fy=2080.0, cx=130.0, cy=777.0, image_wh=(1000, 1000)),
        "half the resolution": near.scaled((500, 500)),
        "a distorting lens": Camera(
            fx=900.0, fy=900.0, cx=499.5, cy=499.5, image_wh=(1000, 1000), distortion=(-0.05, 0.01, 1e-3, -1e-3)
        ),
    }
    joints = sights.joints_cam_mm.numpy().astype(float)

    def lifted(joints_mm: NDArray, camera: Camera) -> NDArray:
        boxes = np.tile([0.0, 0.0, *camera.image_wh], (len(joints_mm), 1))
        poses = predictor.lift(camera.project(joints_mm), boxes, camera.image_wh, camera)
        return np.array([pose.joints_3d_mm for pose in poses], dtype=float)

    first = lifted(joints, near)
    for name, camera in others.items():
        print(f"| {name} | {joint_errors(lifted(joints, camera), first).mean():.3f} |")
    aside = joints @ turn_about_y(18.0).T
    back = lifted(aside, near) @ turn_about_y(18.0)
    print(f"| turned by 18 degrees about the camera's centre, off-centre | {joint_errors(back, first).mean():.2f} |")
    # Twice as far: the same direction, half the size, less perspective; and moved aside at that distance.
    far = joints + joints[:, :1]
    print(f"| twice as far, so at half the size | {joint_errors(lifted(far, near), first).mean():.1f} |")
    both = far @ turn_about_y(12.0).T
    back = lifted(both, others["another lens and principal point"]) @ turn_about_y(12.0)
    print(f"| half the size, off-centre, through another lens | {joint_errors(back, first).mean():.1f} |")


def turn_about_y(degrees: float) -> NDArray:
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])


def main(motion: Path, files: list[Path]) -> None:
    stage = LifterStage(lifter(), motion)
    draw = Draw((HELD_OUT_SEED, 9), COUNT)
    shapes, _ = stage.body.sample_shapes(COUNT, draw.generator)
    rotations, kinds = sample_rotations(stage.body, draw, PoseMix(prior=0.0))
    sampler = look(draw, stage.body.joints(shapes, rotations))
    draw = Draw((HELD_OUT_SEED, 10), COUNT)
    captured = look(draw, stage.captured(draw))
    sets = {"motion capture": captured, "sampler": sampler}

    print("| baselines | mean pose | nearest of 60,000 training poses |\n|---|---:|---:|")
    parts = [look(d := Draw((77, i), 4000), stage._pose(d)) for i in range(KNOWN // 4000)]
    pairs = [stage.pair(part) for part in parts]
    known = LifterBatch(rays=torch.cat([x[..., :2] for x, _ in pairs]), joints_mm=torch.cat([y for _, y in pairs]))
    for name, sight in sets.items():
        read, truth = stage.pair(sight)
        scores = baselines(known, LifterBatch(rays=read[:2000, :, :2], joints_mm=truth[:2000]))
        print(
            f"| {name} | {scores['mean_pose_mpjpe']:.1f} / {scores['mean_pose_pa_mpjpe']:.1f} "
            f"| {scores['nearest_mpjpe']:.1f} / {scores['nearest_pa_mpjpe']:.1f} |"
        )
    for file in files:
        print(f"\n## {file.name}")
        answer, reads_confidence = answers(file, motion)
        for name, sight in sets.items():
            predicted, true, spread = answer(sight)
            result = plausibility(predicted)
            print(f"\n{name}: MPJPE / PA-MPJPE {in_two(predicted, true)}, N-MPJPE {n_mpjpe(predicted, true):.1f}")
            print(
                f"wrong knees {result.knee_wrong:.2%}, elbows {result.elbow_wrong:.2%}, "
                f"lengths {result.lengths_wrong:.2%}, asymmetry {result.asymmetry:.2%}"
            )
            each = mpjpe_per_joint(predicted, true)
            print("by joint:", ", ".join(f"{n} {e:.0f}" for n, e in zip(H36M17.joint_names, each, strict=True)))
            distance = sight.joints_cam_mm[:, 0].norm(dim=-1).numpy() / 1000
            for low, high in zip(DISTANCES_M[:-1], DISTANCES_M[1:], strict=True):
                rows = (distance >= low) & (distance < high)
                print(f"{low} to {high} m: {in_two(predicted[rows], true[rows])} ({rows.mean():.0%})", end="; ")
            print()
            if name == "sampler":
                for k, kind in enumerate(KINDS):
                    if (rows := kinds.numpy() == k).sum() > 20:
                        print(f"{kind} {in_two(predicted[rows], true[rows])}", end="; ")
                print()
            if reads_confidence:
                unsized = Sight(**(vars(sight) | {"size_known": torch.zeros(COUNT, dtype=torch.bool)}))
                print(f"size unknown: {in_two(*answer(unsized)[:2])}")
                missing = sight.without(Draw((HELD_OUT_SEED, 12), COUNT), 0.1)
                print(f"a tenth of the joints missing: {in_two(*answer(missing)[:2])}")
            if spread is not None:
                calibration(spread, joint_errors(predicted, true))
        print("\n| the same people seen otherwise | mean difference, mm |\n|---|---:|")
        invariance(file, Sight(**{key: value[:1000] for key, value in vars(captured).items()}))


def calibration(spread: NDArray, errors: NDArray) -> None:
    """Told and found mean distance in tenths of the joints by what was told."""
    expected, found = spread[:, 1:].ravel(), errors[:, 1:].ravel()
    order = np.argsort(expected)
    tenths = [f"{expected[part].mean():.0f}: {found[part].mean():.0f}" for part in np.array_split(order, 10)]
    print("spread expected: found, mm, by tenths:", ", ".join(tenths))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motion", type=Path)
    parser.add_argument("lifters", type=Path, nargs="+")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    main(arguments.motion, arguments.lifters)
