"""Arm poses: given by angles, or by a target on the body that two-bone inverse kinematics reaches.

Angles are in degrees. Targets are given for the left arm in the axes of the body at rest (+x the person's left, -y
front, +z up), metres on the mean body; they are mirrored for the right arm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, align, axis_angle

Span = tuple[float, float]
X, Y, Z = torch.eye(3)
SIDES = ((".L", 1.0), (".R", -1.0))  # suffix of the bones' names, and the side's sign of x
ELBOW_LIMITS = (2.0, 145.0)
_WRIST_LIMIT = 65.0
_SAME_SHARE = 0.45  # share of people with the same pose in both arms
_JITTER_M = 0.015  # of a hand's target


@dataclass(frozen=True, kw_only=True)
class Swing:
    """An arm held by its angles.

    Attributes:
        elevation: 0 straight down, 90 level, 180 straight up.
        azimuth: 0 front, 90 sideways, beyond 90 behind.
        elbow: 0 straight.
    """

    elevation: Span
    azimuth: Span
    elbow: Span


@dataclass(frozen=True, kw_only=True)
class Touch:
    """A hand at a target on the body.

    Attributes:
        bone: Bone that the target moves with; "*" stands for the arm's own side.
        wrist: Position of the wrist.
        fingers: Position that the fingers point to.
        elbow: Direction of the elbow, in the axes of the chest.
        both: Whether both hands are used.
    """

    bone: str
    wrist: tuple[float, float, float]
    fingers: tuple[float, float, float]
    elbow: tuple[float, float, float]
    both: bool = False


SWINGS = {
    "gait": Swing(elevation=(0, 1), azimuth=(0, 1), elbow=(0, 1)),  # set by the stride
    "hang": Swing(elevation=(9, 26), azimuth=(45, 130), elbow=(3, 40)),
    "low": Swing(elevation=(15, 85), azimuth=(-20, 130), elbow=(5, 140)),
    "front": Swing(elevation=(55, 115), azimuth=(-30, 85), elbow=(2, 130)),
    "side": Swing(elevation=(60, 112), azimuth=(60, 112), elbow=(2, 60)),
    "high": Swing(elevation=(85, 176), azimuth=(-10, 108), elbow=(2, 140)),
    "up": Swing(elevation=(148, 178), azimuth=(0, 110), elbow=(2, 25)),
    "wide": Swing(elevation=(105, 150), azimuth=(60, 105), elbow=(2, 20)),
    "rear": Swing(elevation=(18, 60), azimuth=(135, 172), elbow=(2, 60)),
    "press": Swing(elevation=(78, 102), azimuth=(-5, 25), elbow=(2, 22)),
}
TOUCHES = {
    "hip": Touch(bone="root", wrist=(0.20, 0.0, 0.14), fingers=(0.10, -0.15, 0.10), elbow=(1, 0.5, -0.2)),
    "pocket": Touch(bone="root", wrist=(0.215, -0.03, 0.04), fingers=(0.19, -0.09, -0.1), elbow=(0.5, 1, 0)),
    "belly": Touch(bone="spine04", wrist=(0.08, -0.2, 0.14), fingers=(-0.05, -0.21, 0.1), elbow=(1, 0.6, -1),
            both=True),
    "chest": Touch(bone="spine01", wrist=(0.05, -0.25, 0.36), fingers=(0.01, -0.3, 0.5), elbow=(1, 0, -1), both=True),
    "folded": Touch(bone="spine01", wrist=(-0.09, -0.2, 0.33), fingers=(-0.2, -0.16, 0.34), elbow=(1, -0.2, -1),
            both=True),
    "back": Touch(bone="root", wrist=(0.07, 0.13, 0.12), fingers=(-0.08, 0.14, 0.1), elbow=(1, 0.6, 0)),
    "shoulder": Touch(bone="spine01", wrist=(-0.1, -0.17, 0.5), fingers=(-0.18, -0.06, 0.55), elbow=(0.4, -0.6, -1)),
    "ear": Touch(bone="head", wrist=(0.125, -0.1, 0.63), fingers=(0.09, -0.04, 0.76), elbow=(0.6, -0.4, -1)),
    "face": Touch(bone="head", wrist=(0.04, -0.38, 0.6), fingers=(0.02, -0.4, 0.75), elbow=(0.5, 0, -1)),
    "chin": Touch(bone="head", wrist=(0.03, -0.22, 0.55), fingers=(0.03, -0.17, 0.66), elbow=(0.4, -0.2, -1)),
    "crown": Touch(bone="head", wrist=(0.11, -0.03, 0.91), fingers=(0, -0.03, 0.9), elbow=(1, 0.1, 0.1)),
    "nape": Touch(bone="head", wrist=(0.13, 0.1, 0.73), fingers=(0, 0.1, 0.74), elbow=(1, -0.2, 0.3)),
    "thigh": Touch(bone="upperleg01*", wrist=(0.15, -0.14, -0.12), fingers=(0.14, -0.13, -0.3), elbow=(0.8, 0.6, -0.3)),
    "knee": Touch(bone="upperleg01*", wrist=(0.15, -0.135, -0.24), fingers=(0.14, -0.1, -0.4), elbow=(0.9, 0.4, -0.2)),
    "hug": Touch(bone="lowerleg01*", wrist=(0.1, -0.14, -0.48), fingers=(-0.05, -0.15, -0.49), elbow=(1, 0, 0),
            both=True),
    "toes": Touch(bone="foot*", wrist=(0.2, -0.12, -0.66), fingers=(0.19, -0.22, -0.76), elbow=(1, 0, 0.3)),
    "behind": Touch(bone="root", wrist=(0.27, 0.3, -0.03), fingers=(0.32, 0.42, -0.06), elbow=(0.3, 1, 0)),
}  # fmt: skip
MODES = (*SWINGS, *TOUCHES)

# Arm poses with weights, by the pose of the body.
PRESETS: dict[str, Mapping[str, float]] = {
    "free": {
        "hang": 20, "low": 15, "front": 10, "side": 5, "high": 10, "up": 3, "wide": 2, "rear": 3, "hip": 7, "pocket": 4,
        "folded": 4, "belly": 4, "chest": 2, "back": 3, "shoulder": 1, "ear": 3, "face": 3, "chin": 2, "crown": 2,
        "nape": 3,
    },
    "walk": {"gait": 70, "hang": 8, "low": 6, "front": 3, "high": 3, "pocket": 3, "ear": 3, "face": 3, "belly": 1},
    "seated": {
        "thigh": 22, "knee": 12, "belly": 9, "folded": 5, "low": 16, "front": 10, "side": 2, "high": 6, "hang": 4,
        "behind": 3, "chin": 4, "face": 4, "ear": 3, "crown": 2, "nape": 4,
    },
    "floor": {
        "hug": 12, "behind": 20, "knee": 18, "thigh": 10, "low": 14, "toes": 8, "front": 8, "high": 4, "chin": 3,
                "face": 3,
    },
    "crouch": {"knee": 18, "thigh": 10, "front": 28, "low": 15, "toes": 8, "high": 8, "belly": 4, "chest": 3, "rear": 4,
               "hip": 2, "crown": 2},
    "bend": {"toes": 25, "knee": 18, "thigh": 10, "front": 27, "low": 8, "rear": 3, "side": 4, "back": 3, "hip": 2},
    "reach": {"high": 30, "front": 25, "side": 10, "up": 17, "low": 10, "wide": 5, "hang": 3},
    "climb": {"high": 50, "up": 18, "front": 24, "low": 5, "side": 3},
    "press": {"press": 85, "front": 10, "high": 5},
    "tuck": {"hug": 55, "knee": 20, "toes": 15, "front": 10},
    "inverted": {"up": 88, "high": 8, "front": 4},
    "air": {"wide": 20, "up": 20, "high": 20, "side": 14, "front": 12, "low": 9, "rear": 5},
    "lying": {"low": 20, "hang": 20, "belly": 12, "nape": 12, "high": 12, "side": 8, "up": 5, "chest": 5, "front": 6},
    "wild": {"hang": 6, "low": 18, "front": 22, "side": 12, "high": 22, "up": 8, "wide": 6, "rear": 6, "hip": 2,
             "knee": 4, "toes": 4, "nape": 2, "crown": 2},
    # For the studio; at the end, because the order is part of the meaning of seeds.
    "point": {"front": 40, "side": 20, "high": 15, "hang": 25},
    "talk": {"chest": 15, "belly": 10, "low": 30, "front": 20, "hang": 15, "hip": 5, "folded": 5},
    "eat": {"chin": 35, "low": 25, "thigh": 25, "belly": 15},
    "greet": {"high": 40, "up": 15, "side": 10, "front": 10, "hang": 25},
    "phone": {"ear": 50, "hang": 20, "pocket": 10, "hip": 10, "low": 10},
    "photograph": {"face": 70, "hang": 10, "front": 20},
    "smoke": {"face": 25, "chin": 25, "hang": 25, "pocket": 10, "low": 15},
    "wait": {"pocket": 20, "folded": 25, "hip": 15, "back": 15, "hang": 25},
    "lead": {"low": 50, "front": 15, "hang": 35},
}  # fmt: skip
_WEIGHTS = torch.tensor([[float(preset.get(mode, 0)) for mode in MODES] for preset in PRESETS.values()])
_GAIT_SLOPE = torch.tensor([0.14, 0.32])  # how far striding arms hang from the body
_BOTH = torch.tensor([mode in TOUCHES and TOUCHES[mode].both for mode in MODES])
_ANGLES = torch.tensor([[s.elevation, s.azimuth, s.elbow] for s in SWINGS.values()], dtype=torch.float32)


def pose_arms(body: Body, draw: Draw, rotations: Tensor, preset: Tensor, gait: Tensor, run: Tensor) -> None:
    """Set the rotations of collar bones, arms, hands and fingers; those of all other bones must be set already.

    Args:
        body: Its bones.
        draw: Random draws of arm poses.
        rotations: (B, K, 3, 3) on the CPU, changed in place.
        preset: (B,) index into PRESETS.
        gait: (B, 2) forward swing of the left and the right arm, for walking and running people.
        run: (B,) bool, people who bend the elbows as runners do.
    """
    heads = body.bone_mean.cpu()
    turn, offset = body.forward_kinematics(rotations, heads.expand(draw.count, -1, -1))
    modes = _choose_modes(draw, preset)
    shared, same = draw.vector(5), draw.chance(_SAME_SHARE)[:, None]
    first = draw.chance(0.5)  # whether the left arm is over the right one when they cross
    for index, (side, sign) in enumerate(SIDES):
        mode = modes[:, index]
        own = draw.vector(5)
        chance = torch.where(same, (shared + 0.08 * (own - 0.5)).clamp(0, 1), own)
        arm = _Arm(body, heads, side, sign)
        swung = _swing(draw, arm, mode, chance, gait[:, index], run)
        over = (first if sign > 0 else ~first).float()
        touched = _touch(draw, arm, mode, turn, offset, over)
        touches = mode >= len(SWINGS)
        _set_arm(
            draw, arm, rotations, touches, _Aim(*(_where(touches, t, s) for s, t in zip(swung, touched, strict=True)))
        )


def _choose_modes(draw: Draw, preset: Tensor) -> Tensor:
    """Modes of the left and the right arm, (B, 2) index into MODES."""
    modes = torch.multinomial(_WEIGHTS[preset], 2, True, generator=draw.generator)
    left, right = modes.unbind(1)
    lead = torch.where(_BOTH[right], right, left)
    same = _BOTH[left] | _BOTH[right] | draw.chance(_SAME_SHARE)
    return torch.where(same[:, None], torch.where(_BOTH[left], left, lead)[:, None], modes)


class _Aim(NamedTuple):
    """Target pose of an arm, in the axes of the chest."""

    collar: Tensor  # (B, 3, 3)
    direction: Tensor  # (B, 3) of the upper arm
    flexion: Tensor  # (B,) degrees
    bends: Tensor  # (B, 3) where the forearm bends to
    points: Tensor  # (B, 3) where the hand points to


def _where(chosen: Tensor, value: Tensor, other: Tensor) -> Tensor:
    return torch.where(chosen.view(-1, *[1] * (value.ndim - 1)), value, other)


class _Arm:
    """Bones of one arm of the mean body."""

    def __init__(self, body: Body, heads: Tensor, side: str, sign: float) -> None:
        self.bone, self.heads, self.side, self.sign = body.bone, heads, side, sign
        self.chest = body.bone["spine01"]
        self.collar, self.shoulder, elbow, wrist, knuckle = (
            heads[body.bone[stem + side]] for stem in ("clavicle", "upperarm01", "lowerarm01", "wrist", "finger3-1")
        )
        self.upper, self.fore, self.hand = elbow - self.shoulder, wrist - elbow, knuckle - wrist
        self.hinge = normalize(torch.linalg.cross(self.upper, self.fore), dim=0)
        cosine = (self.upper @ self.fore) / (self.upper.norm() * self.fore.norm())
        self.rest_flexion = torch.rad2deg(torch.arccos(cosine))

    def set(self, rotations: Tensor, stem: str, rotation: Tensor) -> None:
        rotations[:, self.bone[stem + self.side]] = rotation

    def mirrored(self, points: Tensor) -> Tensor:
        return points * torch.tensor([self.sign, 1.0, 1.0])


def _collar(draw: Draw, arm: _Arm, elevation: Tensor) -> Tensor:
    """Rotation (B, 3, 3) of the collar bone, which follows a raised arm."""
    shrug = -arm.sign * ((elevation - 50).clamp(min=0) * 0.24 + draw.normal(0, 5))
    return _turn(Y, shrug) @ _turn(Z, -arm.sign * draw.normal(0, 6))


def _swing(draw: Draw, arm: _Arm, mode: Tensor, chance: Tensor, gait: Tensor, run: Tensor) -> _Aim:
    """Arm poses given by angles; the hand has no target."""
    low, high = _ANGLES[mode.clamp(max=len(SWINGS) - 1)].unbind(-1)
    elevation, azimuth, elbow = torch.lerp(low, high, chance[:, :3]).unbind(1)
    straight = (draw.uniform() < 0.35) & (high[:, 2] > 100)
    elbow = torch.where(straight, 2 + 14 * chance[:, 2], elbow)
    azimuth = torch.where(elevation < 50, azimuth, azimuth.clamp(-40, 115))
    swings = mode == MODES.index("gait")
    bent = torch.where(run, 70 + 45 * chance[:, 2], 5 + 0.35 * gait.clamp(min=0) + 25 * chance[:, 2])
    elbow = torch.where(swings, bent, elbow)
    up, around = elevation * RAD, azimuth * RAD
    direction = torch.stack([arm.sign * up.sin() * around.sin(), -up.sin() * around.cos(), -up.cos()], -1)
    away = arm.sign * torch.lerp(_GAIT_SLOPE[0], _GAIT_SLOPE[1], chance[:, 1])
    striding = normalize(torch.stack([away, -(gait * RAD).sin(), -(gait * RAD).cos()], -1), dim=-1)
    direction = torch.where(swings[:, None], striding, direction)
    # The elbow bends towards the front, up or down, and inwards.
    inwards = torch.where(swings, 0.35 * chance[:, 3], 1.5 * chance[:, 3] - 0.3)
    bends = torch.stack([-arm.sign * inwards, -draw.uniform(0.1, 1.2), 1.6 * chance[:, 4] - 0.6], -1)
    return _Aim(_collar(draw, arm, elevation), direction, elbow, bends, torch.zeros_like(bends))


def _touch(draw: Draw, arm: _Arm, mode: Tensor, turn: Tensor, offset: Tensor, over: Tensor) -> _Aim:
    """Arm poses by inverse kinematics; turn and offset are those of `forward_kinematics`."""
    index = (mode - len(SWINGS)).clamp(min=0)
    bones = torch.tensor([arm.bone[t.bone.replace("*", arm.side)] for t in TOUCHES.values()])[index]
    rest = torch.tensor([[t.wrist, t.fingers, t.elbow] for t in TOUCHES.values()], dtype=torch.float32)[index]
    wrist, fingers, pole = arm.mirrored(rest).unbind(1)
    folded = (mode == MODES.index("folded")).float() * over
    wrist = wrist + _JITTER_M * (2 * draw.vector(3) - 1) + folded[:, None] * torch.tensor([0.0, -0.075, 0.02])
    everyone = torch.arange(draw.count)
    moved = torch.stack([wrist, fingers], 1) @ turn[everyone, bones].mT + offset[everyone, bones][:, None]
    target, pointed = ((moved - offset[:, arm.chest, None]) @ turn[:, arm.chest]).unbind(1)

    away = normalize(target - arm.shoulder, dim=-1)
    collar = _collar(draw, arm, torch.rad2deg(torch.arccos((-away[:, 2]).clamp(-1, 1))))
    shoulder = arm.collar + collar @ (arm.shoulder - arm.collar)
    direction, flexion, fore = two_bone(target - shoulder, arm.upper.norm(), arm.fore.norm(), pole)
    return _Aim(collar, direction, flexion, fore, pointed - target)


def two_bone(target: Tensor, upper: Tensor, fore: Tensor, pole: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Two bones of lengths `upper` and `fore` from the origin to a target, or as near as the elbow's limits allow.

    Args:
        target: (B, 3).
        upper: Length.
        fore: Length.
        pole: (B, 3), direction of the elbow.

    Returns:
        Directions of the first bone (B, 3), flexion in degrees (B,), 0 straight, and direction of the second (B, 3).
    """
    nearest, farthest = (
        torch.sqrt(upper**2 + fore**2 + 2 * upper * fore * torch.cos(torch.tensor(limit * RAD)))
        for limit in ELBOW_LIMITS[::-1]
    )
    away = normalize(target, dim=-1)
    distance = torch.minimum(torch.maximum(target.norm(dim=-1), nearest), farthest)
    sideways = normalize(pole - (pole * away).sum(-1, keepdim=True) * away, dim=-1)
    cosine = ((upper**2 + distance**2 - fore**2) / (2 * upper * distance)).clamp(-1, 1)
    first = cosine[:, None] * away + (1 - cosine**2).sqrt()[:, None] * sideways
    second = normalize(distance[:, None] * away - upper * first, dim=-1)
    return first, torch.rad2deg(torch.arccos((first * second).sum(-1).clamp(-1, 1))), second


def _set_arm(draw: Draw, arm: _Arm, rotations: Tensor, touches: Tensor, aim: _Aim) -> None:
    """Convert aims to rotations of the bones; touches (B,) marks hands with a target."""
    flexion = aim.flexion.clamp(*ELBOW_LIMITS)
    swing = align(arm.upper, aim.direction)
    bent = swing @ (_turn(arm.hinge, 90 - arm.rest_flexion[None])[0] @ normalize(arm.fore, dim=0))
    twist = axis_angle(aim.direction, angle_about(aim.direction, bent, aim.bends))
    upper = twist @ swing
    elbow = _turn(arm.hinge, flexion - arm.rest_flexion)
    arm.set(rotations, "clavicle", aim.collar)
    arm.set(rotations, "upperarm01", aim.collar.mT @ upper)
    arm.set(rotations, "lowerarm01", elbow)
    # The forearm twists at random; a touching hand points to its target, within the limits of the wrist.
    loose = (
        axis_angle(arm.fore, draw.uniform(-70, 70) * RAD) @ _turn(X, draw.normal(0, 18)) @ _turn(Y, draw.normal(0, 14))
    )
    wanted = (aim.points[:, None] @ (upper @ elbow))[:, 0]
    wanted = torch.where(touches[:, None], wanted, arm.hand)
    axis, angle = _axis_between(arm.hand, wanted)
    firm = axis_angle(axis, angle.clamp(max=_WRIST_LIMIT * RAD))
    arm.set(rotations, "wrist", _where(touches, firm, loose))
    knuckles = torch.linalg.cross(arm.fore, Y) * arm.sign
    curl = torch.where(touches, draw.uniform(0, 45), draw.uniform(0, 80)) * arm.sign
    for bone in ("finger3-1", "finger3-2"):
        arm.set(rotations, bone, _turn(knuckles, curl))


def _axis_between(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Axis (B, 3) and angle (B,), radians, of the smallest turn from the direction source (3,) to target (B, 3)."""
    axis = torch.linalg.cross(source.expand_as(target), target)
    return axis + 1e-9, torch.atan2(axis.norm(dim=-1), target @ source)


def angle_about(axis: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Angle (B,) in radians about unit axes (B, 3) from one direction (B, 3) to another, seen along the axis."""

    def across(v: Tensor) -> Tensor:
        return normalize(v - (v * axis).sum(-1, keepdim=True) * axis, dim=-1)

    now, then = across(start), across(end)
    return torch.atan2((torch.linalg.cross(now, then) * axis).sum(-1), (now * then).sum(-1))


def _turn(axis: Tensor, degrees: Tensor) -> Tensor:
    """Rotation (B, 3, 3) by degrees (B,) about a fixed axis (3,)."""
    return axis_angle(axis, degrees * RAD)
