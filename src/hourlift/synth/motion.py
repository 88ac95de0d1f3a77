"""Random poses within human joint limits: rotations of the body's bones.

Angles are in degrees. Axes of the body at rest: +x the person's left, -y front, +z up.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.body import Body
from hourlift.synth.draw import Draw
from hourlift.synth.rotation import align, axis_angle

KINDS = ("stand", "walk", "sit", "floor", "crouch", "kneel", "wild")
RAD = math.pi / 180
X, Y, Z = torch.eye(3)
DOWN = -Z


@dataclass(frozen=True, kw_only=True)
class PoseMix:
    """Which poses are drawn: a weight per kind, and how often the whole body lies or tumbles."""

    stand: float = 0.26
    walk: float = 0.2
    sit: float = 0.12
    floor: float = 0.07
    crouch: float = 0.12
    kneel: float = 0.05
    wild: float = 0.18
    lie: float = 0.06
    tumble: float = 0.1

    @property
    def weights(self) -> list[float]:
        """Weights in the order of KINDS."""
        return [getattr(self, kind) for kind in KINDS]


UPRIGHT = PoseMix(stand=0.5, walk=0.3, sit=0.08, floor=0.02, crouch=0.06, kneel=0.02, wild=0.02, lie=0.0, tumble=0.0)


def turn(axis: Tensor, degrees: Tensor) -> Tensor:
    """Rotation (B, 3, 3) about a fixed axis."""
    return axis_angle(axis, degrees * RAD)


def pick(kind: Tensor, *options: tuple[str, Tensor], default: Tensor) -> Tensor:
    """Per sample the option of its pose kind."""
    for name, value in options:
        default = torch.where(kind == KINDS.index(name), value, default)
    return default


def sample_rotations(body: Body, draw: Draw, mix: PoseMix) -> tuple[Tensor, Tensor]:
    """Draws poses.

    Returns:
        Rotations (B, K, 3, 3) of the body's bones in world axes, heading uniform about the vertical, on the body's
        device; kind (B,), an index into KINDS.
    """
    count = draw.count
    rotations = torch.eye(3).expand(count, body.num_bones, 3, 3).clone()
    kind = draw.choose(mix.weights)
    forward = pick(
        kind,
        ("walk", draw.normal(8, 8)),
        ("sit", draw.normal(8, 14)),
        ("floor", draw.normal(12, 20)),
        ("crouch", draw.normal(35, 18)),
        ("kneel", draw.normal(12, 15)),
        ("wild", draw.normal(20, 32)),
        default=draw.normal(4, 7),
    )
    forward = torch.where(draw.chance(0.08), draw.uniform(40, 100), forward).clamp(-30, 100)
    at_hips = forward.clamp(min=0) * draw.uniform(0.25, 0.75)
    at_hips = pick(kind, ("sit", 0 * at_hips), ("floor", 0 * at_hips), default=at_hips)
    _bend_trunk(body, rotations, draw, kind, forward - at_hips)
    phase = draw.uniform(0, 2 * math.pi)
    stride = torch.where(draw.chance(0.35), draw.uniform(1.2, 2.2), draw.uniform(0.5, 1.1))  # running, walking
    for side, sign in ((".L", 1.0), (".R", -1.0)):
        _bend_leg(body, rotations, draw, kind, side, sign, at_hips, phase + (0 if sign > 0 else math.pi), stride)
    for side, sign in ((".L", 1.0), (".R", -1.0)):
        _raise_arm(body, rotations, draw, side, sign)
    rotations[:, body.bone["root"]] = _root_rotation(draw, mix, kind, at_hips)
    return rotations.to(body.device), kind


def _bend_trunk(body: Body, rotations: Tensor, draw: Draw, kind: Tensor, forward: Tensor) -> None:
    wild = kind == KINDS.index("wild")
    widen = torch.where(wild, 1.7, 1.0)
    lateral, twist = (draw.normal(0, 8) * widen).clamp(-35, 35), (draw.normal(0, 11) * widen).clamp(-45, 45)
    bones = ("spine04", "spine03", "spine02", "spine01")
    for bone in bones:
        rotations[:, body.bone[bone]] = turn(X, forward / 4) @ turn(Y, lateral / 4) @ turn(Z, twist / 4)
    nod = draw.normal(3, 14).clamp(-40, 45) - forward * draw.uniform(0, 0.5)
    tilt, look = draw.normal(0, 8).clamp(-25, 25), draw.normal(0, 22).clamp(-70, 70)
    for bone in ("neck01", "neck02", "head"):
        rotations[:, body.bone[bone]] = turn(X, nod / 3) @ turn(Y, tilt / 3) @ turn(Z, look / 3)


def _bend_leg(
    body: Body, rotations: Tensor, draw: Draw, kind: Tensor, side: str, sign: float, at_hips: Tensor, phase: Tensor,
    stride: Tensor,
) -> None:  # fmt: skip
    swing = 28 * stride * torch.sin(phase) + 6 * stride
    crouch_flex = draw.uniform(30, 120)
    kneel_upright = draw.chance(0.5)
    flex = pick(
        kind,
        ("walk", swing),
        ("sit", draw.normal(85, 11)),
        ("floor", draw.uniform(60, 115)),
        ("crouch", crouch_flex),
        ("kneel", torch.where(kneel_upright, draw.normal(5, 12), draw.uniform(50, 100))),
        ("wild", draw.uniform(-30, 125)),
        default=draw.normal(3, 8),
    )
    knee = pick(
        kind,
        ("walk", 8 + 48 * stride * torch.relu(torch.cos(phase + 0.6)) ** 1.5),
        ("sit", draw.normal(85, 22)),
        ("floor", torch.where(draw.chance(0.4), draw.uniform(0, 30), draw.uniform(30, 150))),
        ("crouch", crouch_flex + draw.uniform(5, 45)),
        ("kneel", torch.where(kneel_upright, draw.uniform(80, 110), draw.uniform(90, 150))),
        ("wild", torch.where(draw.chance(0.4), draw.uniform(0, 15), draw.uniform(0, 140))),
        default=torch.where(draw.chance(0.15), draw.uniform(10, 50), draw.uniform(2, 12)),
    ).clamp(0, 152)
    spread = pick(
        kind,
        ("sit", draw.normal(10, 10)),
        ("floor", draw.uniform(-5, 50)),
        ("crouch", draw.uniform(-5, 45)),
        ("wild", draw.uniform(-10, 65)),
        default=draw.normal(6, 7),
    ).clamp(-15, 70)
    twist = draw.normal(6, 12).clamp(-25, 45) + 0.4 * spread.clamp(min=0)
    flex = (flex + at_hips).clamp(-40, 135)
    thigh = turn(X, -flex) @ turn(Y, -sign * spread)
    rest = body.bone_mean[body.bone["lowerleg01" + side]] - body.bone_mean[body.bone["upperleg01" + side]]
    straight = align(rest.cpu(), DOWN)
    rotations[:, body.bone["upperleg01" + side]] = thigh @ turn(Z, sign * twist) @ straight
    rotations[:, body.bone["lowerleg01" + side]] = turn(X, knee)
    level = (flex - at_hips - knee).clamp(-45, 30)  # keeps the sole on the floor
    ankle = pick(kind, ("stand", level), ("sit", level), ("crouch", level), default=draw.uniform(-40, 15))
    rotations[:, body.bone["foot" + side]] = turn(X, ankle + draw.normal(0, 6)) @ turn(Z, sign * draw.normal(8, 9))


def _raise_arm(
    body: Body, rotations: Tensor, draw: Draw, side: str, sign: float
) -> None:
    mode = draw.choose([0.34, 0.26, 0.16, 0.24])  # hanging, anywhere below the shoulder, forwards, raised
    elevation = torch.stack(
        [draw.normal(13, 9).clamp(1, 40), draw.uniform(15, 85), draw.uniform(55, 115), draw.uniform(80, 178)]
    ).gather(0, mode[None])[0]
    azimuth = torch.stack(
        [draw.uniform(10, 140), draw.normal(35, 45), draw.uniform(-40, 100), draw.uniform(-10, 110)]
    ).gather(0, mode[None])[0]  # 0 front, 90 sideways, beyond 90 behind
    azimuth = torch.where(elevation < 50, azimuth.clamp(-30, 160), azimuth.clamp(-45, 115))
    elbow = torch.stack(
        [
            draw.uniform(3, 40),
            draw.uniform(10, 145),
            torch.where(draw.chance(0.4), draw.uniform(2, 25), draw.uniform(2, 140)),
            torch.where(draw.chance(0.4), draw.uniform(2, 25), draw.uniform(2, 145)),
        ]
    ).gather(0, mode[None])[0]
    up, around = elevation * RAD, azimuth * RAD
    direction = torch.stack([sign * up.sin() * around.sin(), -up.sin() * around.cos(), -up.cos()], -1)

    heads = body.bone_mean.cpu()
    shoulder, bend, wrist = (heads[body.bone[b + side]] for b in ("upperarm01", "lowerarm01", "wrist"))
    upper, fore = bend - shoulder, wrist - bend
    hinge = torch.nn.functional.normalize(torch.linalg.cross(upper, fore), dim=0)
    rest_flexion = torch.rad2deg(torch.arccos((upper @ fore) / (upper.norm() * fore.norm())))
    swing = align(upper, direction)
    # Twist the upper arm about its axis so that the elbow bends towards the front, up or down, and inwards.
    wanted = torch.stack([-sign * draw.uniform(-0.3, 1.2), -draw.uniform(0.1, 1.2), draw.uniform(-0.6, 1.0)], -1)
    bent = (turn(hinge, 90 - rest_flexion.expand(draw.count)) @ (fore / fore.norm())[:, None])[..., 0]
    bent = (swing @ bent[..., None])[..., 0]

    def across(v: Tensor) -> Tensor:
        return torch.nn.functional.normalize(v - (v * direction).sum(-1, keepdim=True) * direction, dim=-1)

    now, then = across(bent), across(wanted)
    angle = torch.atan2((torch.linalg.cross(now, then) * direction).sum(-1), (now * then).sum(-1))
    shrug = -sign * ((elevation - 50).clamp(min=0) * 0.24 + draw.normal(0, 6))
    collar = turn(Y, shrug) @ turn(Z, -sign * draw.normal(0, 6))
    rotations[:, body.bone["clavicle" + side]] = collar
    rotations[:, body.bone["upperarm01" + side]] = collar.mT @ axis_angle(direction, angle) @ swing
    rotations[:, body.bone["lowerarm01" + side]] = turn(hinge, elbow - rest_flexion)
    forearm_twist = axis_angle(fore, draw.uniform(-70, 70) * RAD)
    rotations[:, body.bone["wrist" + side]] = forearm_twist @ turn(X, draw.normal(0, 18)) @ turn(Y, draw.normal(0, 14))
    curl = draw.uniform(0, 75)
    knuckles = torch.linalg.cross(fore, torch.tensor([0.0, 1.0, 0.0])) * sign
    for joint in ("finger3-1", "finger3-2"):
        rotations[:, body.bone[joint + side]] = turn(knuckles, curl * sign)


def _root_rotation(draw: Draw, mix: PoseMix, kind: Tensor, at_hips: Tensor) -> Tensor:
    upright = turn(X, draw.normal(0, 4) + at_hips) @ turn(Y, draw.normal(0, 4))
    lying = turn(Z, draw.uniform(0, 360)) @ turn(X, torch.where(draw.chance(0.5), -90.0, 90.0) + draw.normal(0, 8))
    lying = lying @ turn(Z, torch.where(draw.chance(0.3), draw.normal(90, 20), draw.normal(0, 15)))
    half = torch.nn.functional.normalize(torch.randn(draw.count, 4, generator=draw.generator), dim=-1)
    tumbling = axis_angle(half[:, 1:], 2 * torch.atan2(half[:, 1:].norm(dim=-1), half[:, 0]))  # uniform on SO(3)
    # Tumbling mostly about the sideways axis and the view axis (somersaults, handstands, cartwheels).
    flip = turn(X, draw.uniform(-180, 180)) @ turn(Y, draw.normal(0, 25))
    cartwheel = turn(Y, draw.uniform(-180, 180)) @ turn(X, draw.normal(0, 25))
    way = draw.choose([0.4, 0.4, 0.2])[:, None, None]
    tumbling = torch.where(way == 0, flip, torch.where(way == 1, cartwheel, tumbling))
    still = (kind == KINDS.index("sit"))[:, None, None]
    root = torch.where(draw.chance(mix.lie)[:, None, None] & ~still, lying, upright)
    root = torch.where(draw.chance(mix.tumble)[:, None, None] & ~still, tumbling, root)
    return turn(Z, draw.uniform(0, 360)) @ root
