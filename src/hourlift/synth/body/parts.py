"""Body parts as dense pixel labels that distinguish left from right and front from back.

Triangles of trunk and head are front or back depending on their side of the body at rest.
"""

from functools import lru_cache

import torch
from torch import Tensor

from hourlift.synth.body.parametric import Body

_SIDED = ("upper_arm", "forearm", "thigh", "shin", "foot")
PARTS = (
    "background", "trunk_front", "trunk_back", "head_front", "head_back",
    *(f"l_{part}" for part in _SIDED), *(f"r_{part}" for part in _SIDED),
)  # fmt: skip
"""Names of the labels; hands belong to forearms. Label 0 is the background, everything except the person."""

_LIMBS = {
    "upperarm01": "upper_arm", "lowerarm01": "forearm", "wrist": "forearm", "finger3-1": "forearm",
    "finger3-2": "forearm", "upperleg01": "thigh", "lowerleg01": "shin", "foot": "foot",
}  # fmt: skip


def mirrored_parts() -> Tensor:
    """(P,) index of each part's counterpart in a mirrored image."""
    other = {"l": "r", "r": "l"}
    swapped = (other[part[0]] + part[1:] if part[1] == "_" else part for part in PARTS)
    return torch.tensor([PARTS.index(part) for part in swapped])


@lru_cache(maxsize=2)
def triangle_parts(body: Body) -> Tensor:
    """(T,) uint8 part of each of the body's triangles, from the bone with the largest weight at its corners."""
    corners = body.faces.long()
    bone = body.weights[corners].sum(1).argmax(1)
    return part_of_bones(body, bone, body.rest_normals[corners].sum(1)[:, 1] > 0)  # at rest people face -y


def part_of_bones(body: Body, bone: Tensor, behind: Tensor) -> Tensor:
    """(T,) uint8 part of triangles that move with bones (T,) and, at rest, face forwards or `behind` (T,)."""
    part = torch.zeros_like(bone)
    for index, label in enumerate(body.labels):
        name, _, side = label.partition(".")
        of_bone = bone == index
        if name in _LIMBS:
            part[of_bone] = PARTS.index(f"{side.lower()}_{_LIMBS[name]}")
        else:
            front = PARTS.index("head_front" if name in ("head", "neck02") else "trunk_front")
            part[of_bone] = front + behind[of_bone].long()
    return part.to(torch.uint8)
