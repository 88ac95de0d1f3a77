"""How well directions of limbs survive retargeting: angles between captured and retargeted bones, by bone.

python experiments/2026-11-generator/retargeting.py mocap
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cosine_similarity

from hourlift.data.mocap.motion import load_motion
from hourlift.synth.body.parametric import Body
from hourlift.synth.pose.retarget import retarget_clip

BONES = {
    "thigh": ("hip", "knee", "upperleg01", "lowerleg01"),
    "shin": ("knee", "ankle", "lowerleg01", "foot"),
    "upper arm": ("shoulder", "elbow", "upperarm01", "lowerarm01"),
    "forearm": ("elbow", "wrist", "lowerarm01", "wrist"),
}
SIDES = (("l_", ".L"), ("r_", ".R"))


def main(source: Path) -> None:
    body, errors = Body(), {name: [] for name in BONES}
    for clip in load_motion(source):
        rotations = retarget_clip(body, clip)
        turn, offset = body.forward_kinematics(rotations, body.bone_mean.expand(len(rotations), -1, -1))
        heads = torch.einsum("bkij,kj->bki", turn, body.bone_mean) + offset
        for name, (start, end, first, second) in BONES.items():
            for side, suffix in SIDES:
                a, b = clip.at(side + start), clip.at(side + end)
                if a is None or b is None:
                    continue
                captured = torch.from_numpy(b - a).float()
                ours = heads[:, body.bone[second + suffix]] - heads[:, body.bone[first + suffix]]
                cosine = cosine_similarity(captured, ours, dim=-1).clamp(-1, 1)
                errors[name].append(torch.rad2deg(torch.acos(cosine)).numpy())
    print("| bone | frames and sides | median, deg | 95 %, deg |\n|---|---:|---:|---:|")
    for name, parts in errors.items():
        values = np.concatenate(parts)
        values = values[np.isfinite(values)]
        print(f"| {name} | {len(values)} | {np.median(values):.2f} | {np.percentile(values, 95):.2f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
