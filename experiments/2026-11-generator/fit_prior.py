"""Fits the pose prior that ships with hourlift, and tells how well it covers people that it was not fitted to.

    python experiments/2026-11-generator/fit_prior.py mocap src/hourlift/synth/pose_prior.npz

The mixture is fitted twice: once without the held-out people, for the table, and once to all people, to be shipped.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hourlift.data.mocap.motion import load_motion
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import from_vector
from hourlift.synth.pose.library import clip_weights
from hourlift.synth.pose.mix import PoseMix, sample_rotations
from hourlift.synth.pose.prior import PosePrior, pose_vectors
from hourlift.synth.pose.retarget import hold_hinges, landmarks, mirrored, retarget_clip

BONES = [
    "root", "spine04", "spine03", "spine02", "spine01", "neck01", "neck02", "head",
    *(stem + side for stem in ("upperleg01", "lowerleg01", "foot", "clavicle", "upperarm01", "lowerarm01", "wrist")
      for side in (".L", ".R")),
]  # fmt: skip
COMPONENTS, GAUSSIANS, ROUNDS = 30, 88, 50
EVERY = 3  # frames: 10 a second are enough
LEAST_FRAMES = 120  # of a Gaussian, mirror images included
LEAST_SPREAD = 0.02  # radians, of every component: people who stand still do so in more ways than were captured
SHRINK = 20.0  # frames' worth of the common covariance in each Gaussian's
HELD_OUT = ("02", "05", "06")  # subjects; with the unidentified people's clips whose number is odd
NEAREST_OF = 12_000


def main(folder: Path, out: Path) -> None:
    """Fits, reports, saves."""
    body = Body()
    clips = load_motion(folder)
    rotations = [retarget_clip(body, clip)[::EVERY] for clip in clips]
    weight = torch.from_numpy(clip_weights(clips)).float()
    held = torch.tensor([_held_out(clip.name, i) for i, clip in enumerate(clips)])
    lengths = torch.tensor([len(part) for part in rotations])
    frame_weight = (weight / lengths).repeat_interleave(lengths)
    frame_held = held.repeat_interleave(lengths)
    poses = torch.cat(rotations)
    print(f"{len(poses)} poses of {len(clips)} clips, {int(frame_held.sum())} held out")
    prior = fit(body, poses[~frame_held], frame_weight[~frame_held])
    table(body, prior, poses[~frame_held], poses[frame_held])
    shipped = fit(body, poses, frame_weight)
    shipped.save(out)
    averages(body, shipped, poses, torch.arange(len(clips)).repeat_interleave(lengths))
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


def _held_out(name: str, index: int) -> bool:
    subject = name.split("_")[0]
    return subject in HELD_OUT or (not subject.isdigit() and index % 2 == 1)


def fit(body: Body, poses: Tensor, weight: Tensor) -> PosePrior:
    """Mixture of Gaussians over principal components, of poses (N, K, 3, 3) and their mirror images."""
    vectors = pose_vectors(body, torch.cat([poses, mirrored(body, poses)]), BONES).flatten(1).double()
    weight = torch.cat([weight, weight]).double()
    weight = weight / weight.sum()
    centre = weight @ vectors
    away = vectors - centre
    spread, axes = torch.linalg.eigh(away.mT @ (away * weight[:, None]))
    basis = axes[:, -COMPONENTS:].mT
    print(f"{COMPONENTS} components hold {spread[-COMPONENTS:].sum() / spread.sum():.1%} of the variance")
    weights, means, covariances = _mixture(away @ basis.mT, weight)
    fraction = 1e-3
    return PosePrior(
        bones=BONES,
        weights=weights.float(),
        means=means.float(),
        factors=torch.linalg.cholesky(covariances).float(),
        centre=centre.float(),
        basis=basis.float(),
        low=torch.from_numpy(np.quantile(vectors.numpy(), fraction, axis=0)).float(),
        high=torch.from_numpy(np.quantile(vectors.numpy(), 1 - fraction, axis=0)).float(),
    )


def _mixture(points: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Expectation maximisation from k-means: weights (M,), means (M, D) and covariances (M, D, D)."""
    generator = torch.Generator().manual_seed(0)
    count = len(points)
    common = points.mT @ (points * weight[:, None])
    means = points[torch.multinomial(weight, GAUSSIANS, generator=generator)]
    for _ in range(15):
        nearest = torch.cdist(points, means).argmin(1)
        share = torch.nn.functional.one_hot(nearest, GAUSSIANS).double() * weight[:, None]
        filled = share.sum(0) > 0
        means[filled] = (share.mT @ points)[filled] / share.sum(0)[filled, None]
    prior_scale = SHRINK / count
    # A Gaussian in a thin cluster borrows the shape of the whole, scaled down to the size of a cluster.
    typical = common * GAUSSIANS ** (-2 / 6)
    for done in range(ROUNDS):
        if done == ROUNDS // 2:  # the frames of a Gaussian that is made of few go to its neighbours
            share = share[:, (share > 0.5 * weight[:, None]).sum(0) >= LEAST_FRAMES]
            share = share / share.sum(1, keepdim=True).clamp(min=1e-12) * weight[:, None]
        total = share.sum(0)
        means = (share.mT @ points) / total.clamp(min=1e-12)[:, None]
        covariances = torch.stack(
            [
                ((points - mean).mT @ ((points - mean) * part[:, None]) + prior_scale * typical) / (mass + prior_scale)
                for mean, part, mass in zip(means, share.mT, total, strict=True)
            ]
        )
        covariances += LEAST_SPREAD**2 * torch.eye(points.shape[1])
        factors = torch.linalg.cholesky(covariances)
        logs = torch.stack([_log_density(points, mean, factor) for mean, factor in zip(means, factors, strict=True)], 1)
        logs += total.clamp(min=1e-12).log()
        evidence = logs.logsumexp(1, keepdim=True)
        share = (logs - evidence).exp() * weight[:, None]
    print(f"mean log density {float(weight @ evidence[:, 0]):.2f}")
    return total / total.sum(), means, covariances


def _log_density(points: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    white = torch.linalg.solve_triangular(factor, (points - mean).mT, upper=False)
    return -0.5 * white.square().sum(0) - factor.diagonal().log().sum()


def table(body: Body, prior: PosePrior, known: Tensor, unseen: Tensor) -> None:
    """How near the nearest of as many poses of each kind is to the poses of held-out people."""
    draw = Draw(1, NEAREST_OF)
    drawn = torch.eye(3).repeat(NEAREST_OF, body.num_bones, 1, 1)
    drawn[:, [body.bone[bone] for bone in prior.bones]] = from_vector(prior.draw(draw))
    drawn = hold_hinges(body, drawn)
    by_hand = sample_rotations(body, Draw(2, NEAREST_OF), PoseMix(prior=0.0))[0]
    known = torch.cat([known, mirrored(body, known)])
    known = known[torch.randperm(len(known), generator=draw.generator)[:NEAREST_OF]]
    unseen = unseen[torch.randperm(len(unseen), generator=draw.generator)[:3000]]
    kinds = {"frames of the other people": known, "prior": drawn, "joint-limit sampler": by_hand}
    print("\n| nearest of 12,000 | held-out pose to it: median, mm | 95 % | it to a held-out pose: median |")
    print("|---|---:|---:|---:|")
    target = _shape(body, unseen)
    for kind, poses in kinds.items():
        shape = _shape(body, poses)
        near = torch.cat([torch.cdist(part, shape).amin(1) for part in target.split(500)])
        back = torch.cat([torch.cdist(part, target).amin(1) for part in shape[:3000].split(500)])
        print(f"| {kind} | {near.median():.0f} | {near.quantile(0.95):.0f} | {back.median():.0f} |")


def averages(body: Body, prior: PosePrior, poses: Tensor, clip: Tensor) -> None:
    """Of how many frames and clips each Gaussian is made: that no centre is a frame of the data."""
    both = torch.cat([poses, mirrored(body, poses)])
    points = (pose_vectors(body, both, prior.bones).flatten(1) - prior.centre) @ prior.basis.mT
    logs = torch.stack(
        [_log_density(points, mean, factor) for mean, factor in zip(prior.means, prior.factors, strict=True)], 1
    )
    nearest = (logs + prior.weights.log()).argmax(1)
    frames = torch.bincount(nearest, minlength=len(prior.means))
    clips = torch.tensor([len(clip.repeat(2)[nearest == i].unique()) for i in range(len(prior.means))])
    centre_off = torch.cdist(prior.means, points).amin(1).rad2deg()
    print(f"frames of a Gaussian (with mirror images): least {frames.min()}, median {frames.median()}")
    print(f"clips of a Gaussian: least {clips.min()}, median {clips.median()}")
    print(f"from a centre to the nearest frame, root of summed squares, deg: least {centre_off.min():.1f}, "
          f"median {centre_off.median():.1f}")  # fmt: skip


def _shape(body: Body, poses: Tensor) -> Tensor:
    """Joints (N, J 3) in mm about the pelvis, without heading; a distance is the root mean square over joints."""
    vectors = pose_vectors(body, poses, ["root"])
    poses = poses.clone()
    poses[:, body.bone["root"]] = from_vector(vectors[:, 0])
    places = landmarks(body, poses)
    joints = torch.stack([place - places["pelvis"] for name, place in places.items() if name != "pelvis"], 1)
    return 1000 * joints.flatten(1) / joints.shape[1] ** 0.5


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
