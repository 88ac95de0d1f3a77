"""Who the generator's people are: heights, bone lengths beside Human3.6M's, and limbs through the body before redraws.

python experiments/2026-11-generator/people.py
"""

import torch

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.collision import collides
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.pose import mix as pose_mix
from hourlift.synth.pose.mix import KINDS, PoseMix, sample_rotations

HUMAN36M_MM = {
    "l_hip": 133, "l_knee": 443, "l_ankle": 454, "spine": 233, "thorax": 257, "nose": 121, "head": 115,
    "l_shoulder": 151, "l_elbow": 279, "l_wrist": 252,
}  # fmt: skip
"""Lengths of the bones that end in these joints, of the published skeleton."""
PEOPLE = 2000


def statures(body: Body) -> None:
    print("| height, mm | people | least | 5 % | median | 95 % | most |\n|---|---:|---:|---:|---:|---:|---:|")
    adult, male = body.adult, body.male
    for name, chosen in (("men", adult & male), ("women", adult & ~male), ("adults", adult), ("children", ~adult)):
        values = body.height_mm[chosen].quantile(torch.tensor([0, 0.05, 0.5, 0.95, 1]))
        print(f"| {name} | {int(chosen.sum())} | " + " | ".join(f"{v:.0f}" for v in values) + " |")


def bones(body: Body) -> None:
    adults = body.people[body.adult]
    joints = body.joints(adults, torch.eye(3).expand(len(adults), body.num_bones, 3, 3))
    ends = [(parent, child) for parent, child in H36M17.edges if H36M17.joint_names[child] in HUMAN36M_MM]
    ours = torch.stack([1000 * (joints[:, a] - joints[:, b]).norm(dim=-1).mean() for a, b in ends])
    theirs = torch.tensor([float(HUMAN36M_MM[H36M17.joint_names[child]]) for _, child in ends])
    print(f"\n| bone to | here, mm ({len(adults)} adults) | Human3.6M | ratio |\n|---|---:|---:|---:|")
    for (_, child), mm, reference in zip(ends, ours, theirs, strict=True):
        ratio = (mm / ours.sum()) / (reference / theirs.sum())
        print(f"| {H36M17.joint_names[child]} | {mm:.1f} | {reference:.0f} | {ratio:.3f} |")


def collisions(body: Body) -> None:
    print(f"\n| kind ({PEOPLE} people each) | limbs through the body, first draw | after redraws |\n|---|---:|---:|")
    nothing = dict.fromkeys(vars(PoseMix()), 0.0)
    mixes = {kind: PoseMix(**(nothing | {kind: 1.0})) for kind in KINDS if kind != "captured"}
    redraws = pose_mix._CANDIDATES
    for name, mix in {**mixes, "default mix": PoseMix()}.items():
        shares = []
        for candidates in ((), redraws):
            pose_mix._CANDIDATES = candidates
            shares.append(collides(body, sample_rotations(body, Draw(5, PEOPLE), mix)[0]).float().mean())
        print(f"| {name} | {100 * shares[0]:.1f} % | {100 * shares[1]:.2f} % |")


if __name__ == "__main__":
    torch.set_num_threads(1)
    everybody = Body()
    statures(everybody)
    bones(everybody)
    collisions(everybody)
