"""Mix of poses: from joint limits, a learned prior, or the user's motion capture."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.body.collision import collides
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import about
from hourlift.synth.pose.arms import SIDES
from hourlift.synth.pose.library import PoseLibrary
from hourlift.synth.pose.prior import sample_prior
from hourlift.synth.pose.sampler import SAMPLED, sample_poses

KINDS = (
    "stand", "walk", "run", "sit", "floor", "crouch", "kneel", "bend", "reach", "climb", "acrobat", "wild", "prior",
    "captured",
)  # fmt: skip
"""Kinds of poses, and their contact with the ground.

`sit` is on a seat: the lowest part of pelvis and thighs is on it, the feet are on the floor below or in the air.
`climb` holds on to something; `run` and `acrobat` may be in the air. In all other kinds, and for lying or tumbling
people of any kind except `sit`, the lowest point touches the floor. `prior` and `captured` may be any of these, mostly
standing.
"""

_CANDIDATES = (3, 8)  # number of alternative poses per round for people with a limb through the body
_SPREADS_DEG = (5.0, 10.0, 16.0)  # rotation of arms away from the body, per attempt


@dataclass(frozen=True, kw_only=True)
class PoseMix:
    """Weights of the kinds of poses.

    Attributes:
        stand: Weight of standing people; the other weights likewise.
        walk: Weight.
        run: Weight.
        sit: Weight; on a chair or similar.
        floor: Weight; sitting on the floor.
        crouch: Weight; also squats and lunges.
        kneel: Weight; also on all fours.
        bend: Weight.
        reach: Weight.
        climb: Weight.
        acrobat: Weight; handstands, cartwheels, splits, jumps, somersaults.
        wild: Weight; legs and trunk anywhere within joint limits.
        prior: Weight of poses from the learned prior.
        captured: Weight of poses from the user's motion capture; added to `prior` if there is none.
        lie: Share of lying people among all kinds except `sit`, `prior` and `captured`.
        tumble: Share of people of all kinds except `sit` who are rotated as a whole: somersaults, cartwheels, any
            rotation.
    """

    stand: float = 0.16
    walk: float = 0.1
    run: float = 0.06
    sit: float = 0.1
    floor: float = 0.06
    crouch: float = 0.06
    kneel: float = 0.04
    bend: float = 0.05
    reach: float = 0.05
    climb: float = 0.05
    acrobat: float = 0.07
    wild: float = 0.08
    prior: float = 0.12
    captured: float = 0.0
    lie: float = 0.06
    tumble: float = 0.08

    @property
    def weights(self) -> list[float]:
        """Weights in the order of KINDS."""
        return [getattr(self, kind) for kind in KINDS]

    def mixed(self, other: "PoseMix", share: float) -> "PoseMix":
        """A mix between this one, at a share of 0, and another, at 1."""
        return PoseMix(
            **{name: value * (1 - share) + getattr(other, name) * share for name, value in vars(self).items()}
        )


UPRIGHT = PoseMix(
    stand=0.45, walk=0.25, run=0.04, sit=0.08, floor=0.02, crouch=0.04, kneel=0.02, bend=0.02, reach=0.05, climb=0.01,
    acrobat=0.0, wild=0.02, prior=0.0, lie=0.0, tumble=0.0,
)  # fmt: skip
"""Easy poses."""

_PRIOR, _CAPTURED, _SIT = (KINDS.index(kind) for kind in ("prior", "captured", "sit"))
_LIE = SAMPLED.index("lie")
_SAMPLED_INDEX = torch.tensor([SAMPLED.index(kind) if kind in SAMPLED else 0 for kind in KINDS])


def sample_rotations(body: Body, draw: Draw, mix: PoseMix, library: PoseLibrary | None = None) -> tuple[Tensor, Tensor]:
    """Draw poses without limbs through the body, if a few attempts find one.

    Args:
        body: Its bones; a body of mean shape is tested.
        draw: Random draws of the poses.
        mix: The mix.
        library: The user's motion capture.

    Returns:
        Rotations (B, K, 3, 3) of the body's bones in world axes, heading uniform about the vertical; kind (B,), an
        index into KINDS. Both on the body's device.
    """
    kind = draw.choose(mix.weights)
    if library is None:
        kind = torch.where(kind == _CAPTURED, _PRIOR, kind)
    lying = draw.chance(mix.lie) & (kind != _SIT)
    tumbling = draw.chance(mix.tumble) & (kind != _SIT)
    heading = about(2, draw.uniform(0, 360))
    rotations = _sample(body, draw.stream(0), kind, lying, tumbling, library)
    wrong = collides(body, rotations).nonzero()[:, 0]
    for candidates in _CANDIDATES:
        if not len(wrong):
            break
        people = wrong.repeat_interleave(candidates)
        again = Draw((draw.seed, candidates), len(people))
        tried = _sample(body, again, kind[people], lying[people], tumbling[people], library)
        good = ~collides(body, tried).view(-1, candidates)
        found, first = good.max(1)
        chosen = tried.unflatten(0, (-1, candidates))[torch.arange(len(wrong)), first]
        rotations[wrong[found]] = chosen[found]
        wrong = wrong[~found]
    root = body.bone["root"]
    rotations[:, root] = heading @ rotations[:, root]
    return rotations.to(body.device), kind.to(body.device)


def _sample(
    body: Body, draw: Draw, kind: Tensor, lying: Tensor, tumbling: Tensor, library: PoseLibrary | None
) -> Tensor:
    """One attempt: rotations (B, K, 3, 3) on the CPU."""
    rotations = torch.empty(draw.count, body.num_bones, 3, 3)
    given = (kind == _PRIOR) | (kind == _CAPTURED)
    drawn = (~given).nonzero()[:, 0]
    if len(drawn):
        names = torch.where(lying, _LIE, _SAMPLED_INDEX[kind])[drawn]
        rotations[drawn] = sample_poses(body, Draw((draw.seed, 0), len(drawn)), names, tumbling[drawn])
    for index in (_PRIOR, _CAPTURED):
        people = (kind == index).nonzero()[:, 0]
        if len(people):
            part = Draw((draw.seed, index), len(people))
            rotations[people] = sample_prior(body, part) if library is None or index == _PRIOR else library.sample(part)
    _spread_arms(body, rotations, given.nonzero()[:, 0])
    return rotations


def _spread_arms(body: Body, rotations: Tensor, people: Tensor) -> None:
    """Move arms out of the hips of some people, in place: captured people may have been slimmer.

    Args:
        body: Its bones.
        rotations: (B, K, 3, 3) on the CPU.
        people: Indices of people whose arms may be moved.
    """
    wrong = people[collides(body, rotations[people])]
    for degrees in _SPREADS_DEG:
        if not len(wrong):
            return
        trial = rotations[wrong]
        for side, sign in SIDES:
            bone = body.bone["upperarm01" + side]
            trial[:, bone] = about(1, torch.full((len(wrong),), -sign * degrees)) @ trial[:, bone]
        good = ~collides(body, trial)
        rotations[wrong[good]] = trial[good]
        wrong = wrong[~good]
