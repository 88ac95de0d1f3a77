"""Stance of a person, as needed for a scene: contact with the ground, sitting, heading."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.parametric import Body, PosedBodies
from hourlift.synth.core.batch import Batch
from hourlift.synth.pose.mix import KINDS

SOLE_M = 0.008
"""Distance of a shoe's sole below the foot: wardrobe.wear raises feet by it."""

_SKIN = 0  # wardrobe.SKIN: unused helper shells may extend below the soles
_SEAT_LEG = 0.55  # VertexTraits.leg up to which a thigh lies on the seat
_OWN_MIND = ("prior", "captured")  # kinds that may include sitting people
_HIPS, _KNEES, _ANKLES = (H36M17.indices(f"l_{part}", f"r_{part}") for part in ("hip", "knee", "ankle"))
_PELVIS, _THORAX, _SPINE = H36M17.indices("pelvis", "thorax", "spine")


@dataclass(frozen=True, kw_only=True)
class Stance(Batch):
    """B people's stances, world frame, metres, on the CPU.

    Attributes:
        joints: (B, 17, 3).
        lowest: (B,) height of the lowest point.
        seated: (B,) bool, people who need a seat.
        seat_top: (B,) height of the lowest point of buttocks and upper thighs.
        soles: (B, 2) heights of the lowest points of left and right foot.
        front: (B, 2) horizontal unit vector, direction of the hips.
        heading: (B,) angle in radians that turns +y to the front.
        reach: (B,) largest horizontal distance of a joint from the pelvis, and a hand's breadth.
    """

    joints: Tensor
    lowest: Tensor
    seated: Tensor
    seat_top: Tensor
    soles: Tensor
    front: Tensor
    heading: Tensor
    reach: Tensor


@lru_cache(maxsize=4)
def _parts(body: Body) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Vertices of the skin, of what one sits on, and of the feet."""
    traits, skin = body.traits, body.layer == _SKIN
    bones = [body.bone[name] for name in ("root", "spine05", "upperleg01.L", "upperleg01.R")]
    bottom = skin & (body.weights[:, bones].sum(1) > 0.5) & (traits.leg < _SEAT_LEG)
    foot, left = skin & (traits.foot > 0.5), body.mean[:, 0] > 0
    return tuple(part.nonzero()[:, 0] for part in (skin, bottom, foot & left, foot & ~left))  # type: ignore[return-value]


def measure_stance(body: Body, people: PosedBodies, kind: Tensor) -> Stance:
    """Measure posed people; `kind` (B,) indexes KINDS."""
    height = people.vertices[..., 2]
    low = torch.stack([height[:, part].amin(1) for part in _parts(body)], 1).cpu()
    joints = people.joints.cpu()
    hips, knees, ankles = joints[:, _HIPS], joints[:, _KNEES], joints[:, _ANKLES]
    left = hips[:, 0] - hips[:, 1]
    front = torch.nn.functional.normalize(torch.stack([left[:, 1], -left[:, 0]], -1) + 1e-6, dim=-1)

    names = [i for i, name in enumerate(KINDS) if name in _OWN_MIND]
    free = torch.isin(kind, torch.tensor(names, dtype=kind.dtype))
    trunk, thigh = joints[:, _THORAX] - joints[:, _PELVIS], knees - hips
    upright = trunk[:, 2] > 0.6 * trunk.norm(dim=-1)
    level = (thigh[..., 2].abs() < 0.5 * thigh.norm(dim=-1)).all(1)
    above = joints[:, _PELVIS, 2] > ankles[..., 2].amax(1) + 0.22
    # Feet farther below the trunk than in any squat.
    middle = joints[:, [_PELVIS, _SPINE, _THORAX], :2].mean(1)
    falling = (ankles[..., :2].mean(1) - middle).norm(dim=-1) > 0.2
    seated = (kind == KINDS.index("sit")) | (free & upright & level & above & falling)

    away = (joints[..., :2] - joints[:, :1, :2]).norm(dim=-1)
    return Stance(
        joints=joints,
        lowest=low[:, 0] - SOLE_M,
        seated=seated,
        seat_top=low[:, 1] - SOLE_M,
        soles=low[:, 2:] - SOLE_M,
        front=front,
        heading=torch.atan2(-front[:, 0], front[:, 1]),
        reach=away.amax(1) + 0.15,
    )
