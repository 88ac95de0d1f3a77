"""How poses are distributed: the generator's, the prior's, motion capture's, and in 2D those of real images.

    python experiments/2026-11-generator/pose_statistics.py mocap photographs

Motion capture is retargeted onto the mean body and weighted by action, as the library draws it, before it is mixed
and perturbed. Angles are of the 17 joints. Real images are for this comparison only; nothing is fitted to them.
"""

import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hourlift.data import load_coco
from hourlift.data.mocap.motion import load_motion
from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.generate import Generator, SynthConfig
from hourlift.synth.pose.library import PoseLibrary
from hourlift.synth.pose.mix import PoseMix, sample_rotations
from hourlift.synth.pose.prior import sample_prior

COUNT, PICTURES, AT_ONCE = 6000, 1024, 128
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def main(mocap: Path, real: Path) -> None:
    """Prints both tables."""
    body = Body()
    draw = Draw(7, COUNT)
    library = PoseLibrary(body, load_motion(mocap))
    by_hand = PoseMix(prior=0.0, captured=0.0)
    poses = {
        "generator": sample_rotations(body, draw.stream(0), PoseMix())[0],
        "limits only": sample_rotations(body, draw.stream(1), by_hand)[0],
        "prior": sample_prior(body, draw.stream(2)),
        "library": library.sample(draw.stream(3)),
        "mocap": library.frames(draw.stream(4)),
    }
    shapes = torch.zeros(COUNT, body.components.shape[0])
    _print("3D", {name: _statistics_3d(body.joints(shapes, rotations)) for name, rotations in poses.items()})
    generator = Generator(SynthConfig(size=64))
    drawn = torch.cat([generator.render((7, i), AT_ONCE).joints_2d_px for i in range(PICTURES // AT_ONCE)])
    annotated = torch.stack([torch.from_numpy(sample.joints_2d_px) for sample in load_coco(real)])
    _print("2D", {"generator": _statistics_2d(drawn), "real_dev": _statistics_2d(annotated)})


def _joint(joints: Tensor, *names: str) -> Tensor:
    """Mean of joints, (N, D)."""
    return joints[:, list(H36M17.indices(*names))].mean(1)


def _angle(first: Tensor, second: Tensor) -> Tensor:
    """Angles (N,) in degrees between directions (N, D)."""
    cosine = (normalize(first, dim=-1) * normalize(second, dim=-1)).sum(-1)
    return torch.rad2deg(torch.arccos(cosine.clamp(-1, 1)))


def _bend(joints: Tensor, *chain: str) -> Tensor:
    """Flexion (2 N,) in degrees of both sides' middle joint of a chain: 0 is straight."""
    parts = []
    for side in ("l_", "r_"):
        start, middle, end = (_joint(joints, side + name) for name in chain)
        parts.append(_angle(middle - start, end - middle))
    return torch.cat(parts)


def _statistics_3d(joints: Tensor) -> dict[str, str]:
    trunk = _joint(joints, "thorax") - _joint(joints, "pelvis")
    pitch = _angle(trunk, torch.tensor([0.0, 0.0, 1.0]).expand_as(trunk))
    knee = _bend(joints, "hip", "knee", "ankle")
    hip = torch.cat([_angle(_joint(joints, s + "knee") - _joint(joints, s + "hip"), -trunk) for s in ("l_", "r_")])
    (left_knee, right_knee), (left_hip, right_hip) = knee.chunk(2), hip.chunk(2)
    height = _joint(joints, "pelvis")[:, 2] - joints[..., 2].amin(1)
    up = torch.stack([_joint(joints, s + "wrist")[:, 2] > _joint(joints, "head")[:, 2] for s in ("l_", "r_")])
    elevation = torch.cat(
        [_angle(_joint(joints, s + "elbow") - _joint(joints, s + "shoulder"), -trunk) for s in ("l_", "r_")]
    )
    both_knees, both_hips = torch.minimum(left_knee, right_knee), torch.minimum(left_hip, right_hip)
    return {
        "trunk from the vertical, deg": _quantiles(pitch),
        "knee flexion, deg": _quantiles(knee),
        "hip flexion, deg": _quantiles(hip),
        "elbow flexion, deg": _quantiles(_bend(joints, "shoulder", "elbow", "wrist")),
        "upper arm from hanging, deg": _quantiles(elevation),
        "sitting- or squatting-like": _share((both_knees > 60) & (both_hips > 50) & (pitch < 60)),
        "lying (trunk over 60 deg, pelvis under 0.45 m)": _share((pitch > 60) & (height < 0.45)),
        "trunk bent 45-90 deg": _share((pitch > 45) & (pitch < 90)),
        "upside down (trunk over 90 deg)": _share(pitch > 90),
        "a wrist above the head": _share(up.any(0)),
        "both wrists above the head": _share(up.all(0)),
        "a knee bent over 90 deg": _share(torch.maximum(left_knee, right_knee) > 90),
    }


def _statistics_2d(joints: Tensor) -> dict[str, str]:
    """Of pixels (N, 17, 2), y down; NaN where not annotated."""
    shoulders, hips = _joint(joints, "l_shoulder", "r_shoulder"), _joint(joints, "l_hip", "r_hip")
    trunk = shoulders - hips
    pitch = _angle(trunk, torch.tensor([0.0, -1.0]).expand_as(trunk))
    head = _joint(joints, "head")[:, 1]
    wrists = torch.stack([_joint(joints, "l_wrist")[:, 1], _joint(joints, "r_wrist")[:, 1]])
    known = ~(wrists.isnan().any(0) | head.isnan())
    up = (wrists < head)[:, known]
    below = ~(head.isnan() | hips.isnan().any(-1))
    extent = joints.nan_to_num(-torch.inf).amax(1) - joints.nan_to_num(torch.inf).amin(1)
    size = extent.norm(dim=-1)
    knees = torch.stack(_bend(joints, "hip", "knee", "ankle").chunk(2))
    crossed = _joint(joints, "l_shoulder")[:, 0] < _joint(joints, "r_shoulder")[:, 0]
    return {
        "people": f"{len(joints)}",
        "trunk from the vertical, deg": _quantiles(pitch),
        "knee flexion in the image, deg": _quantiles(_bend(joints, "hip", "knee", "ankle")),
        "elbow flexion in the image, deg": _quantiles(_bend(joints, "shoulder", "elbow", "wrist")),
        "trunk's length over the box' diagonal, %": _quantiles(100 * trunk.norm(dim=-1) / size),
        "box height over width, %": _quantiles(100 * extent[:, 1] / extent[:, 0]),
        "a wrist above the head": _share(up.any(0)),
        "both wrists above the head": _share(up.all(0)),
        "head below the hips": _share((head > hips[:, 1])[below]),
        "a knee over 90 deg in the image": _share((knees > 90).any(0)[~knees.isnan().any(0)]),
        "left shoulder left of the right one": _share(crossed[~trunk.isnan().any(-1)]),
    }


def _quantiles(values: Tensor) -> str:
    values = values[values.isfinite()]
    return " / ".join(f"{value:.0f}" for value in values.quantile(torch.tensor(QUANTILES)))


def _share(hit: Tensor) -> str:
    return f"{100 * hit.float().mean():.1f} %"


def _print(title: str, columns: dict[str, dict[str, str]]) -> None:
    print(f"\n| {title}; percentiles 5 / 25 / 50 / 75 / 95 | {' | '.join(columns)} |")
    print("|---|" + "---:|" * len(columns))
    for row in next(iter(columns.values())):
        print(f"| {row} | {' | '.join(column[row] for column in columns.values())} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
