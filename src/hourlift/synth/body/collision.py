"""Self-intersection test: capsules around the bones of the mean body.

A capsule is a line with a radius. Radii are slightly smaller than the body, and a pair may overlap by `_GIVE_M`:
contact is allowed, also hands on hips and crossed legs, but not penetration.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from hourlift.synth.body.parametric import Body

_GIVE_M = 0.012
Place = tuple[str, tuple[float, float, float]]


@dataclass(frozen=True, kw_only=True)
class Capsule:
    """A part of the body.

    Attributes:
        start: Bone and its rest point, metres on the mean body.
        end: Bone and its rest point.
        radius: Metres.
    """

    start: Place
    end: Place
    radius: float


def _capsules(body: Body) -> dict[str, Capsule]:
    """The capsules by name; those of limbs end in .L or .R."""
    heads = body.bone_mean.cpu()

    def head(bone: str, towards: str | None = None, share: float = 0.0) -> Place:
        here = heads[body.bone[bone]]
        there = here if towards is None else heads[body.bone[towards]]
        return bone, tuple(torch.lerp(here, there, share).tolist())

    capsules = {
        "head": Capsule(start=("head", (0, -0.06, 0.72)), end=("head", (0, -0.05, 0.785)), radius=0.085),
        "neck": Capsule(start=("neck01", (0, -0.02, 0.6)), end=("head", (0, -0.04, 0.68)), radius=0.045),
        "belly": Capsule(start=("spine05", (0, -0.03, 0.1)), end=("spine03", (0, -0.035, 0.25)), radius=0.09),
    }
    for side, sign in ((".L", 1), (".R", -1)):
        capsules |= {
            "pelvis" + side: Capsule(
                start=("root", (sign * 0.075, -0.02, 0.06)), end=("spine04", (sign * 0.055, -0.03, 0.18)), radius=0.088
            ),
            "chest" + side: Capsule(
                start=("spine03", (sign * 0.05, -0.035, 0.24)),
                end=("spine01", (sign * 0.065, -0.035, 0.46)),
                radius=0.088,
            ),
            "upperarm" + side: Capsule(
                start=head("upperarm01" + side, "lowerarm01" + side, 0.62), end=head("lowerarm01" + side), radius=0.036
            ),
            "forearm" + side: Capsule(start=head("lowerarm01" + side), end=head("wrist" + side), radius=0.028),
            "hand" + side: Capsule(start=head("wrist" + side), end=head("finger3-1" + side), radius=0.022),
            "fingers" + side: Capsule(start=head("finger3-1" + side), end=head("finger3-2" + side), radius=0.018),
            "thigh" + side: Capsule(
                start=head("upperleg01" + side, "lowerleg01" + side, 0.4), end=head("lowerleg01" + side), radius=0.06
            ),
            "shin" + side: Capsule(start=head("lowerleg01" + side), end=head("foot" + side), radius=0.042),
            "foot" + side: Capsule(
                start=head("foot" + side), end=("foot" + side, (sign * 0.2, -0.15, -0.80)), radius=0.032
            ),
        }
    return capsules


_TRUNK = ("belly", "pelvis.L", "pelvis.R", "chest.L", "chest.R")


def _pairs() -> list[tuple[str, str]]:
    """Pairs of capsules that must not intersect."""
    pairs = []
    for side, other in ((".L", ".R"), (".R", ".L")):
        legs = [part + leg for part in ("thigh", "shin", "foot") for leg in (side, other)]
        for part in ("forearm", "hand", "fingers"):
            pairs += [(part + side, obstacle) for obstacle in (*_TRUNK, "head", "neck", *legs, "upperarm" + other)]
        pairs += [("upperarm" + side, obstacle) for obstacle in ("belly", "chest" + other, "head", *legs)]
        pairs += [("shin" + side, obstacle) for obstacle in (*_TRUNK, "head", "thigh" + other, "foot" + other)]
        pairs += [("foot" + side, obstacle) for obstacle in (*_TRUNK, "head", "thigh" + other)]
        pairs += [("thigh" + side, obstacle) for obstacle in ("chest.L", "chest.R", "head")]
    same = ["forearm", "thigh", "shin", "foot", "upperarm"]  # hands may be clasped
    pairs += [(part + ".L", part + ".R") for part in same]
    pairs += [("forearm.L", "hand.R"), ("forearm.R", "hand.L"), ("forearm.L", "fingers.R"), ("forearm.R", "fingers.L")]
    return pairs


@dataclass(frozen=True, kw_only=True)
class _Model:
    bones: Tensor  # (C, 2) of the capsules' ends
    points: Tensor  # (C, 2, 3)
    pairs: Tensor  # (P, 2) indices of capsules
    reach: Tensor  # (P,) distance of lines below which a pair collides
    names: list[tuple[str, str]]
    heads: Tensor


@lru_cache(maxsize=4)
def _model(body: Body) -> _Model:
    capsules, names = _capsules(body), _pairs()
    order = list(capsules)
    ends = [(capsule.start, capsule.end) for capsule in capsules.values()]
    pairs = torch.tensor([[order.index(a), order.index(b)] for a, b in names])
    radius = torch.tensor([capsule.radius for capsule in capsules.values()])
    return _Model(
        bones=torch.tensor([[body.bone[bone] for bone, _ in pair] for pair in ends]),
        points=torch.tensor([[point for _, point in pair] for pair in ends], dtype=torch.float32),
        pairs=pairs,
        reach=radius[pairs].sum(1) - _GIVE_M,
        names=names,
        heads=body.bone_mean.cpu(),
    )


def penetration_m(body: Body, rotations: Tensor) -> Tensor:
    """Penetration of limbs: (B, P) metres beyond the allowed contact, negative if apart.

    Args:
        body: The test uses its mean shape.
        rotations: (B, K, 3, 3) on the CPU.
    """
    model = _model(body)
    turn, offset = body.forward_kinematics(rotations, model.heads.expand(len(rotations), -1, -1))
    ends = torch.einsum("bceij,cej->bcei", turn[:, model.bones], model.points) + offset[:, model.bones]
    first, second = ends[:, model.pairs[:, 0]], ends[:, model.pairs[:, 1]]
    return model.reach - segment_distance(first[:, :, 0], first[:, :, 1], second[:, :, 0], second[:, :, 1])


def collides(body: Body, rotations: Tensor) -> Tensor:
    """Whether a person has a limb through the body: (B,) bool, for rotations (B, K, 3, 3) on the CPU."""
    return (penetration_m(body, rotations) > 0).any(1)


def segment_distance(start: Tensor, end: Tensor, other_start: Tensor, other_end: Tensor) -> Tensor:
    """Smallest distance (...) of two line segments, ends (..., 3) (Ericson, Real-Time Collision Detection, 5.1.9)."""
    along, across, between = end - start, other_end - other_start, start - other_start
    a, e, b = (along * along).sum(-1), (across * across).sum(-1), (along * across).sum(-1)
    c, f = (along * between).sum(-1), (across * between).sum(-1)
    tiny = 1e-12
    denominator = a * e - b * b
    s = torch.where(denominator > 1e-6 * a * e, (b * f - c * e) / denominator.clamp(min=tiny), 0.0).clamp(0, 1)
    t = ((b * s + f) / e.clamp(min=tiny)).clamp(0, 1)
    s = ((b * t - c) / a.clamp(min=tiny)).clamp(0, 1)
    return (between + s[..., None] * along - t[..., None] * across).norm(dim=-1)
