"""Random poses within human joint limits: rotations of the body's bones.

Angles are in degrees. Axes of the body at rest: +x the person's left, -y front, +z up. `variants` defines trunk and
legs for each kind of pose, `arms` the arms.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, align, axis_angle
from hourlift.synth.pose.arms import PRESETS, SIDES, X, Y, Z, pose_arms
from hourlift.synth.pose.variants import VARIANTS, Leg, Variant

SAMPLED = tuple(VARIANTS)
"""Kinds that can be sampled: those of `motion.KINDS` that are not captured, and "lie"."""
FLEXION_LIMITS, SPREAD_LIMITS, KNEE_LIMITS = (-55.0, 138.0), (-25.0, 85.0), (0.0, 152.0)
TURN_LIMITS, BEND_LIMITS = (-40.0, 75.0), (-65.0, 85.0)
ANKLE_LIMITS = (-35.0, 50.0)  # toes up, toes down
WAYS = ("upright", "lying", "face_up", "face_down", "sideways", "inverted", "cartwheel", "somersault", "anyhow")
FEET = ("flat", "loose", "pointed")
_SYMMETRIC_SHARE = 0.4  # share of people with nearly symmetric legs

TurnBone = Callable[[str, Tensor], None]
_ALL: list[Variant] = [variant for variants in VARIANTS.values() for variant in variants]


def _spans(leg: Leg) -> list[tuple[float, float]]:
    return [leg.flex, leg.spread, leg.turn, leg.shin or leg.knee]


# Per variant: ranges (., 2 legs, 4, 2), and of the trunk (., 3, 2); whose knee is given by the shin (., 2).
_LEGS = torch.tensor([[_spans(v.leg), _spans(v.other or v.leg)] for v in _ALL], dtype=torch.float32)
_TRUNK = torch.tensor([[v.bend, v.pitch, v.gaze] for v in _ALL], dtype=torch.float32)
_SHIN = torch.tensor([[leg.shin is not None for leg in (v.leg, v.other or v.leg)] for v in _ALL])
_SPREADS = torch.tensor([[v.side, v.twist] for v in _ALL], dtype=torch.float32)
_PAIRED = torch.tensor([v.other is None for v in _ALL])
_CODES = torch.tensor([[FEET.index(v.feet), list(PRESETS).index(v.arms), WAYS.index(v.way)] for v in _ALL])
_WEIGHTS = torch.tensor([[v.weight * (v in VARIANTS[kind]) for v in _ALL] for kind in SAMPLED])


def sample_poses(body: Body, draw: Draw, kind: Tensor, tumbling: Tensor) -> Tensor:
    """Draw poses of given kinds.

    Args:
        body: Its bones.
        draw: Random draws of the poses.
        kind: (B,) index into SAMPLED.
        tumbling: (B,) bool, people who are rotated as a whole: somersaults, cartwheels, any rotation.

    Returns:
        Rotations (B, K, 3, 3) on the CPU, not yet turned about the vertical.
    """
    variant = torch.multinomial(_WEIGHTS[kind], 1, generator=draw.generator)[:, 0]
    rotations = torch.eye(3).expand(draw.count, body.num_bones, 3, 3).clone()

    def turn_bone(bone: str, rotation: Tensor) -> None:
        rotations[:, body.bone[bone]] = rotation

    low, high = _TRUNK[variant].unbind(-1)
    bend, pitch, gaze = torch.lerp(low, high, draw.vector(3)).unbind(1)
    side, twist = (_SPREADS[variant] * torch.stack([draw.normal(), draw.normal()], 1)).unbind(1)
    _bend_trunk(draw, turn_bone, bend, pitch, gaze, side.clamp(-38, 38), twist.clamp(-45, 45))
    feet, preset, way = _CODES[variant].unbind(1)
    runs = kind == SAMPLED.index("run")
    legs, gait = _draw_legs(draw, kind, variant)
    heads = body.bone_mean.cpu()
    for (suffix, sign), leg in zip(SIDES, legs.unbind(1), strict=True):
        hip, knee, ankle = (heads[body.bone[stem + suffix]] for stem in ("upperleg01", "lowerleg01", "foot"))
        _bend_leg(draw, turn_bone, suffix, sign, (knee - hip, ankle - knee), leg, pitch, feet)
    turn_bone("root", _way(draw, way, tumbling) @ turn(X, pitch) @ turn(Y, draw.normal(0, 4)))
    pose_arms(body, draw, rotations, preset, gait, runs)
    return rotations


def turn(axis: Tensor, degrees: Tensor) -> Tensor:
    """Rotation (B, 3, 3) by degrees (B,) about a fixed axis (3,)."""
    return axis_angle(axis, degrees * RAD)


def _draw_legs(draw: Draw, kind: Tensor, variant: Tensor) -> tuple[Tensor, Tensor]:
    """Flexion, spread, turn and knee of the left and the right leg (B, 2, 4); swing of the arms (B, 2)."""
    chance = torch.rand(draw.count, 2, 4, generator=draw.generator)
    alike = (draw.chance(_SYMMETRIC_SHARE) & _PAIRED[variant])[:, None]
    chance[:, 1] = torch.where(alike, (chance[:, 0] + 0.12 * (chance[:, 1] - 0.5)).clamp(0, 1), chance[:, 1])
    low, high = _LEGS[variant].unbind(-1)
    legs = torch.lerp(low, high, chance)
    legs[..., 3] += torch.where(_SHIN[variant], legs[..., 0], 0.0)
    legs = torch.where(draw.chance(0.5)[:, None, None], legs, legs.flip(1))
    return _stride(draw, kind, legs)


def _stride(draw: Draw, kind: Tensor, legs: Tensor) -> tuple[Tensor, Tensor]:
    """Set legs of walking and running people to one phase of the stride; return the swing of their arms (B, 2)."""
    runs = kind == SAMPLED.index("run")
    moves = (runs | (kind == SAMPLED.index("walk")))[:, None]
    stride = torch.where(runs, draw.uniform(1.1, 2.1), draw.uniform(0.45, 1.1))[:, None]
    phase = draw.turn()[:, None] + torch.tensor([0.0, math.pi])
    swing = 28 * stride * phase.sin()
    # The knee bends most just before the leg swings forward.
    knee = 8 + 48 * stride * torch.relu((phase + 0.6).cos()) ** 1.5
    legs[..., 0] = torch.where(moves, swing + 6 * stride, legs[..., 0])
    legs[..., 3] = torch.where(moves, knee, legs[..., 3])
    return legs, -swing * draw.uniform(0.3, 1.1)[:, None] + draw.normal(4, 5)[:, None]


def _bend_trunk(
    draw: Draw, turn_bone: TurnBone, bend: Tensor, pitch: Tensor, gaze: Tensor, side: Tensor, twist: Tensor
) -> None:
    bend = (bend + draw.normal(0, 3)).clamp(*BEND_LIMITS)
    for bone in ("spine04", "spine03", "spine02", "spine01"):
        turn_bone(bone, turn(X, bend / 4) @ turn(Y, side / 4) @ turn(Z, twist / 4))
    nod = (draw.normal(3, 13) - gaze * (bend + pitch)).clamp(-60, 48)
    tilt, look = draw.normal(0, 8).clamp(-25, 25), draw.normal(0, 23).clamp(-72, 72)
    for bone in ("neck01", "neck02", "head"):
        turn_bone(bone, turn(X, nod / 3) @ turn(Y, tilt / 3) @ turn(Z, look / 3))


def _bend_leg(
    draw: Draw,
    turn_bone: TurnBone,
    suffix: str,
    sign: float,
    rest: tuple[Tensor, Tensor],
    leg: Tensor,
    pitch: Tensor,
    feet: Tensor,
) -> None:
    """One leg, whose thigh and shin are the vectors `rest` at rest: angles count from a straight one."""
    thigh_behind, shin_behind = (torch.rad2deg(torch.atan2(part[1], -part[2])) for part in rest)
    straight = align(rest[0], -Z)
    flex, spread, outwards, knee = leg.unbind(1)
    knee = (knee + draw.normal(0, 2).abs()).clamp(*KNEE_LIMITS)
    outwards = (outwards + 0.25 * spread.clamp(min=0)).clamp(*TURN_LIMITS)  # spread knees point outwards
    thigh = turn(X, -(flex + pitch).clamp(*FLEXION_LIMITS)) @ turn(Y, -sign * spread.clamp(*SPREAD_LIMITS))
    turn_bone("upperleg01" + suffix, thigh @ turn(Z, sign * outwards) @ straight)
    turn_bone("lowerleg01" + suffix, turn(X, knee - (shin_behind - thigh_behind)))
    ways = torch.stack([flex - knee + shin_behind + draw.normal(0, 4), draw.uniform(-22, 40), draw.uniform(12, 50)])
    ankle = ways.gather(0, feet[None])[0].clamp(*ANKLE_LIMITS)
    turn_bone("foot" + suffix, turn(X, ankle) @ turn(Z, sign * draw.normal(4, 8)))


def _way(draw: Draw, way: Tensor, tumbling: Tensor) -> Tensor:
    """How the whole person is turned, (B, 3, 3), but for the heading."""
    lying = draw.choose([0.4, 0.3, 0.3]) + WAYS.index("face_up")
    way = torch.where(way == WAYS.index("lying"), lying, way)
    tumble = draw.choose([0.4, 0.4, 0.2]) + WAYS.index("cartwheel")
    way = torch.where(tumbling & (way == WAYS.index("upright")), tumble, way)
    tilt, lean = turn(X, draw.normal(0, 8)), turn(Y, draw.normal(0, 12))
    down = torch.full_like(tumble, 90.0, dtype=torch.float32)
    quaternion = torch.nn.functional.normalize(torch.randn(draw.count, 4, generator=draw.generator), dim=-1)
    half_angle = torch.atan2(quaternion[:, 1:].norm(dim=-1), quaternion[:, 0])
    turned = {
        "upright": torch.eye(3).expand(draw.count, 3, 3),
        "face_up": turn(X, -down) @ tilt @ turn(Z, draw.normal(0, 12)),
        "face_down": turn(X, down) @ tilt @ turn(Z, draw.normal(0, 8)),
        "sideways": turn(X, down) @ tilt @ turn(Z, draw.normal(90, 20)),
        "inverted": turn(X, 2 * down) @ tilt @ lean,
        "cartwheel": turn(Y, draw.uniform(60, 300)) @ tilt,
        "somersault": turn(X, draw.uniform(-180, 180)) @ lean,
        "anyhow": axis_angle(quaternion[:, 1:], 2 * half_angle),  # uniform on SO(3)
    }
    turned["lying"] = turned["upright"]
    return torch.stack([turned[name] for name in WAYS])[way, torch.arange(draw.count)]
