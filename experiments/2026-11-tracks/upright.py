"""How people stand, how tall they are over their bones, and what tells which way is up: on clips of motion capture.

python experiments/2026-11-tracks/upright.py --motion mocap/cmu.npz --cache clips
"""

from pathlib import Path

import numpy as np
import torch
import tyro
from measure import FPS, Truth, angle_deg, disturbed, read_truth, rendered

from hourlift import PosePredictor, PoseSequence
from hourlift.geometry import H36M17
from hourlift.geometry.bones import HEIGHT_BONES, bone_lengths
from hourlift.predict.temporal.smooth import smooth_track
from hourlift.predict.world import floor
from hourlift.synth.body.parametric import Body

LEVEL = np.array([0.0, -1.0, 0.0])


def main(motion: Path, cache: Path, clips: int = 30, first_seed: int = 100) -> None:
    """Measure.

    Args:
        motion: motion capture.
        cache: folder that clips are kept in; their images are tiny and not looked at.
        clips: how many, of 4 s.
        first_seed: of the clips.
    """
    torch.set_num_threads(1)
    cache.mkdir(parents=True, exist_ok=True)
    statures()
    predictor = PosePredictor(threads=1)
    truths = [read_truth(file) for file in rendered(motion, cache, range(first_seed, first_seed + clips), 120, 32)]
    leans = np.array([lean for truth in truths if (lean := standing_lean_deg(truth)) is not None])
    print(f"lean of ankles to thorax in {len(leans)} clips with people who stand, degrees:")
    print(f"  forward {leans[:, 0].mean():.1f} +- {leans[:, 0].std():.1f}, left {leans[:, 1].mean():.1f} +- ", end="")
    print(f"{leans[:, 1].std():.1f}\n")
    print(
        "tilt error, degrees: mean, median, 90 %\n"
        "| | true joints | lifted from 2D joints with errors |\n|---|---:|---:|"
    )
    true = [tilt_errors(track_of(truth), truth) for truth in truths]
    lifted = [
        tilt_errors(smooth_track(PoseSequence.from_frames(disturbed(predictor, truth))), truth) for truth in truths
    ]
    for name in true[0]:
        print(f"| {name} | {summary([row[name] for row in true])} | {summary([row[name] for row in lifted])} |")


def statures() -> None:
    body = Body()
    shapes, height_mm = body.sample_shapes(4000, torch.Generator().manual_seed(0))
    rotations = torch.eye(3).expand(4000, body.num_bones, 3, 3)
    joints = 1000 * body.joints(shapes, rotations).numpy()
    bones = [bone_lengths(person[None])[H36M17.indices(*HEIGHT_BONES)].sum() for person in joints]
    ratio = height_mm.numpy() / bones
    short, tall = height_mm.numpy() < 1500, height_mm.numpy() > 1800
    print(f"height over bones: {ratio.mean():.4f}, spread {100 * ratio.std() / ratio.mean():.2f} %, ", end="")
    print(f"below 1.5 m {ratio[short].mean():.4f}, above 1.8 m {ratio[tall].mean():.4f}")
    people = body.pose(shapes[:400], rotations[:400])
    ankles = people.joints[:, H36M17.indices("l_ankle", "r_ankle"), 2].mean(1) - people.vertices[..., 2].amin(1)
    share = 1000 * ankles.numpy() / height_mm.numpy()[:400]
    print(f"height of the ankle over the sole: {100 * share.mean():.2f} +- {100 * share.std():.2f} % of height\n")


def track_of(truth: Truth) -> PoseSequence:
    count = len(truth.joints_mm)
    return PoseSequence(
        person_id=0,
        frame_index=np.arange(count),
        times_s=np.arange(count) / FPS,
        joints_2d_px=truth.joints_px,
        confidence=np.ones((count, 17)),
        joints_3d_mm=truth.relative_mm,
        root_cam_mm=truth.joints_mm[:, 0],
        box_xyxy_px=np.zeros((count, 4)),
        camera=truth.camera,
    )


def standing_lean_deg(truth: Truth) -> tuple[float, float] | None:
    """Median lean of the line from ankles to thorax, forward and to the left; None where hardly a person stands."""
    joints = truth.world_mm
    stands = floor._stands(joints)
    if stands.sum() < 10:
        return None
    joints = joints[stands]
    thorax, l_ankle, r_ankle = H36M17.indices("thorax", "l_ankle", "r_ankle")
    body = joints[:, thorax] - (joints[:, l_ankle] + joints[:, r_ankle]) / 2
    to_left = (joints[:, floor._L_SIDE] - joints[:, floor._R_SIDE]).sum(axis=1) * [1, 1, 0]
    left = to_left / np.linalg.norm(to_left, axis=-1, keepdims=True)
    forward = np.cross(left, [0.0, 0.0, 1.0])
    return tuple(
        float(np.degrees(np.median(np.arctan2((body * axis).sum(-1), body[:, 2])))) for axis in (forward, left)
    )


def tilt_errors(track: PoseSequence, truth: Truth) -> dict[str, float]:
    people = [floor._Person(track)]
    stands = people[0].standing.sum() >= floor.STANDING_S * FPS
    lean, floor.STANDING_LEAN_DEG = floor.STANDING_LEAN_DEG, 0.0
    straight = floor._up_of_standing(people) if stands else LEVEL
    floor.STANDING_LEAN_DEG = lean
    body = floor._up_of_standing(people) if stands else LEVEL
    spread, floor._STANDING_SPREAD_DEG = floor._STANDING_SPREAD_DEG, 30.0
    feet = floor._level(people, LEVEL)
    floor._STANDING_SPREAD_DEG = spread
    ups = {
        "level camera": LEVEL,
        "feet alone": feet,
        "bodies": straight,
        "bodies less their lean": body,
        "and feet": floor._level(people, body) if stands else LEVEL,
    }
    return {name: angle_deg(up, truth.to_world[2]) for name, up in ups.items()}


def summary(errors: list[float]) -> str:
    return f"{np.mean(errors):.1f}, {np.median(errors):.1f}, {np.quantile(errors, 0.9):.1f}"


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
