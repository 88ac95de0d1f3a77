"""Random poses within human joint limits: rotations of the body's bones.

Angles are in degrees. Axes of the body at rest: +x the person's left, -y front, +z up. The means, spreads and limits
are set by hand to what adults do in everyday life and sport, wide rather than likely.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.body import Body
from hourlift.synth.draw import Draw
from hourlift.synth.rotation import RAD, align, axis_angle

KINDS = ("stand", "walk", "sit", "floor", "crouch", "kneel", "wild")
X, Y, Z = torch.eye(3)
SIDES = ((".L", 1.0), (".R", -1.0))  # suffix of the bones' names, and the side's sign of x


@dataclass(frozen=True, kw_only=True)
class PoseMix:
    """Which poses are drawn.

    Attributes:
        stand: Weight of people who stand; so for the other kinds: walk (or run), sit on something, sit on the floor,
            crouch, kneel, and wild (legs and trunk anywhere within their limits).
        walk: Weight.
        sit: Weight.
        floor: Weight.
        crouch: Weight.
        kneel: Weight.
        wild: Weight.
        lie: Share of people of all kinds but `sit` who are laid down.
        tumble: Share of people of all kinds but `sit` who are turned as a whole: somersaults, cartwheels, anyhow.
    """

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
"""The easy poses."""


class _Poses:
    """Poses in the making: what they have in common, and the rotations found so far."""

    def __init__(self, body: Body, draw: Draw, mix: PoseMix) -> None:
        self.draw = draw
        self.kind = draw.choose(mix.weights)
        self.rotations = torch.eye(3).expand(draw.count, body.num_bones, 3, 3).clone()
        self._bone, self._heads = body.bone, body.bone_mean.cpu()

    def head(self, bone: str) -> Tensor:
        """Rest head (3,) of a bone of the mean body."""
        return self._heads[self._bone[bone]]

    def set(self, bone: str, rotation: Tensor) -> None:
        """Takes the rotation (B, 3, 3) of a bone."""
        self.rotations[:, self._bone[bone]] = rotation

    def of(self, kind: str) -> Tensor:
        """Who is of a kind, (B,) bool."""
        return self.kind == KINDS.index(kind)

    def pick(self, *, default: Tensor, **options: Tensor) -> Tensor:
        """For each person the option of their kind."""
        for kind, value in options.items():
            default = torch.where(self.of(kind), value, default)
        return default


def sample_rotations(body: Body, draw: Draw, mix: PoseMix) -> tuple[Tensor, Tensor]:
    """Draws poses.

    Returns:
        Rotations (B, K, 3, 3) of the body's bones in world axes, heading uniform about the vertical; kind (B,), an
        index into KINDS. Both on the body's device.
    """
    poses = _Poses(body, draw, mix)
    forward = poses.pick(
        walk=draw.normal(8, 8),
        sit=draw.normal(8, 14),
        floor=draw.normal(12, 20),
        crouch=draw.normal(35, 18),
        kneel=draw.normal(12, 15),
        wild=draw.normal(20, 32),
        default=draw.normal(4, 7),
    )
    bowing = draw.chance(0.08)
    forward = torch.where(bowing, draw.uniform(40, 100), forward).clamp(-30, 100)
    # Those who bend forward do so partly at the hips, unless they sit on them.
    at_hips = forward.clamp(min=0) * draw.uniform(0.25, 0.75)
    at_hips = poses.pick(sit=0 * at_hips, floor=0 * at_hips, default=at_hips)
    _bend_trunk(poses, forward - at_hips)
    phase = draw.uniform(0, 2 * math.pi)
    running = draw.chance(0.35)
    stride = torch.where(running, draw.uniform(1.2, 2.2), draw.uniform(0.5, 1.1))
    for side, sign in SIDES:
        _bend_leg(poses, side, sign, at_hips, phase + (0 if sign > 0 else math.pi), stride)
    for side, sign in SIDES:
        _raise_arm(poses, side, sign)
    poses.set("root", _root_rotation(poses, mix, at_hips))
    return poses.rotations.to(body.device), poses.kind.to(body.device)


def _turn(axis: Tensor, degrees: Tensor) -> Tensor:
    """Rotation (B, 3, 3) by degrees (B,) about a fixed axis (3,)."""
    return axis_angle(axis, degrees * RAD)


def _bend_trunk(poses: _Poses, forward: Tensor) -> None:
    draw = poses.draw
    widen = torch.where(poses.of("wild"), 1.7, 1.0)
    lateral, twist = (draw.normal(0, 8) * widen).clamp(-35, 35), (draw.normal(0, 11) * widen).clamp(-45, 45)
    spine = ("spine04", "spine03", "spine02", "spine01")
    for bone in spine:
        poses.set(bone, _turn(X, forward / 4) @ _turn(Y, lateral / 4) @ _turn(Z, twist / 4))
    # Who bends forward raises the head by up to half of it, to see where they go.
    nod = draw.normal(3, 14).clamp(-40, 45) - forward * draw.uniform(0, 0.5)
    tilt, look = draw.normal(0, 8).clamp(-25, 25), draw.normal(0, 22).clamp(-70, 70)
    neck = ("neck01", "neck02", "head")
    for bone in neck:
        poses.set(bone, _turn(X, nod / 3) @ _turn(Y, tilt / 3) @ _turn(Z, look / 3))


def _bend_leg(poses: _Poses, side: str, sign: float, at_hips: Tensor, phase: Tensor, stride: Tensor) -> None:
    """Hip flexion, knee and ankle of one leg; phase (radians) and stride of those who walk."""
    draw = poses.draw
    swing = 28 * stride * torch.sin(phase) + 6 * stride
    crouch_flex = draw.uniform(30, 120)
    kneel_upright = draw.chance(0.5)
    flex = poses.pick(
        walk=swing,
        sit=draw.normal(85, 11),
        floor=draw.uniform(60, 115),
        crouch=crouch_flex,
        kneel=torch.where(kneel_upright, draw.normal(5, 12), draw.uniform(50, 100)),
        wild=draw.uniform(-30, 125),
        default=draw.normal(3, 8),
    )
    knee = poses.pick(
        # The knee bends most just before the leg swings forward.
        walk=8 + 48 * stride * torch.relu(torch.cos(phase + 0.6)) ** 1.5,
        sit=draw.normal(85, 22),
        floor=torch.where(draw.chance(0.4), draw.uniform(0, 30), draw.uniform(30, 150)),
        crouch=crouch_flex + draw.uniform(5, 45),
        kneel=torch.where(kneel_upright, draw.uniform(80, 110), draw.uniform(90, 150)),
        wild=torch.where(draw.chance(0.4), draw.uniform(0, 15), draw.uniform(0, 140)),
        default=torch.where(draw.chance(0.15), draw.uniform(10, 50), draw.uniform(2, 12)),
    ).clamp(0, 152)
    spread = poses.pick(
        sit=draw.normal(10, 10),
        floor=draw.uniform(-5, 50),
        crouch=draw.uniform(-5, 45),
        wild=draw.uniform(-10, 65),
        default=draw.normal(6, 7),
    ).clamp(-15, 70)
    twist = draw.normal(6, 12).clamp(-25, 45) + 0.4 * spread.clamp(min=0)  # spread knees point outwards
    flex = (flex + at_hips).clamp(-40, 135)
    thigh = _turn(X, -flex) @ _turn(Y, -sign * spread)
    straight = align(poses.head("lowerleg01" + side) - poses.head("upperleg01" + side), -Z)  # at rest legs are apart
    poses.set("upperleg01" + side, thigh @ _turn(Z, sign * twist) @ straight)
    poses.set("lowerleg01" + side, _turn(X, knee))
    level = (flex - at_hips - knee).clamp(-45, 30)  # keeps the sole on the floor
    ankle = poses.pick(stand=level, sit=level, crouch=level, default=draw.uniform(-40, 15))
    poses.set("foot" + side, _turn(X, ankle + draw.normal(0, 6)) @ _turn(Z, sign * draw.normal(8, 9)))


def _raise_arm(poses: _Poses, side: str, sign: float) -> None:
    """Shoulder, elbow, wrist and fingers of one arm."""
    draw = poses.draw
    mode = draw.choose([0.34, 0.26, 0.16, 0.24])  # hanging, anywhere below the shoulder, forwards, raised

    def pick(*of_modes: Tensor) -> Tensor:
        return torch.stack(of_modes).gather(0, mode[None])[0]

    elevation = pick(  # 0 straight down, 90 level, 180 straight up
        draw.normal(13, 9).clamp(1, 40), draw.uniform(15, 85), draw.uniform(55, 115), draw.uniform(80, 178)
    )
    azimuth = pick(  # 0 front, 90 sideways, beyond 90 behind
        draw.uniform(10, 140), draw.normal(35, 45), draw.uniform(-40, 100), draw.uniform(-10, 110)
    )
    azimuth = torch.where(elevation < 50, azimuth.clamp(-30, 160), azimuth.clamp(-45, 115))
    elbow = pick(  # 0 straight
        draw.uniform(3, 40),
        draw.uniform(10, 145),
        torch.where(draw.chance(0.4), draw.uniform(2, 25), draw.uniform(2, 140)),
        torch.where(draw.chance(0.4), draw.uniform(2, 25), draw.uniform(2, 145)),
    )
    up, around = elevation * RAD, azimuth * RAD
    direction = torch.stack([sign * up.sin() * around.sin(), -up.sin() * around.cos(), -up.cos()], -1)

    shoulder, bend, wrist = (poses.head(bone + side) for bone in ("upperarm01", "lowerarm01", "wrist"))
    upper, fore = bend - shoulder, wrist - bend
    hinge = torch.nn.functional.normalize(torch.linalg.cross(upper, fore), dim=0)
    rest_flexion = torch.rad2deg(torch.arccos((upper @ fore) / (upper.norm() * fore.norm())))
    swing = align(upper, direction)
    # Twist the upper arm about its axis so that the elbow bends towards the front, up or down, and inwards.
    wanted = torch.stack([-sign * draw.uniform(-0.3, 1.2), -draw.uniform(0.1, 1.2), draw.uniform(-0.6, 1.0)], -1)
    bent = (_turn(hinge, 90 - rest_flexion.expand(draw.count)) @ (fore / fore.norm())[:, None])[..., 0]
    bent = (swing @ bent[..., None])[..., 0]
    twist = axis_angle(direction, _angle_about(direction, bent, wanted))
    shrug = -sign * ((elevation - 50).clamp(min=0) * 0.24 + draw.normal(0, 6))  # a high arm takes the collar bone along
    collar = _turn(Y, shrug) @ _turn(Z, -sign * draw.normal(0, 6))
    poses.set("clavicle" + side, collar)
    poses.set("upperarm01" + side, collar.mT @ twist @ swing)
    poses.set("lowerarm01" + side, _turn(hinge, elbow - rest_flexion))
    forearm_twist = axis_angle(fore, draw.uniform(-70, 70) * RAD)
    poses.set("wrist" + side, forearm_twist @ _turn(X, draw.normal(0, 18)) @ _turn(Y, draw.normal(0, 14)))
    curl = draw.uniform(0, 75)
    knuckles = torch.linalg.cross(fore, Y) * sign
    for bone in ("finger3-1", "finger3-2"):
        poses.set(bone + side, _turn(knuckles, curl * sign))


def _angle_about(axis: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Angle (B,) in radians about unit axes (B, 3) from one direction (B, 3) to another, seen along the axis."""

    def across(v: Tensor) -> Tensor:
        return torch.nn.functional.normalize(v - (v * axis).sum(-1, keepdim=True) * axis, dim=-1)

    now, then = across(start), across(end)
    return torch.atan2((torch.linalg.cross(now, then) * axis).sum(-1), (now * then).sum(-1))


def _root_rotation(poses: _Poses, mix: PoseMix, at_hips: Tensor) -> Tensor:
    """How the whole body is turned (B, 3, 3): upright, lying or tumbling, then about the vertical."""
    draw = poses.draw
    upright = _turn(X, draw.normal(0, 4) + at_hips) @ _turn(Y, draw.normal(0, 4))
    heading = _turn(Z, draw.uniform(0, 360))
    face_up = draw.chance(0.5)
    lying = heading @ _turn(X, torch.where(face_up, -90.0, 90.0) + draw.normal(0, 8))
    on_the_side = draw.chance(0.3)
    lying = lying @ _turn(Z, torch.where(on_the_side, draw.normal(90, 20), draw.normal(0, 15)))
    quaternion = torch.nn.functional.normalize(torch.randn(draw.count, 4, generator=draw.generator), dim=-1)
    half_angle = torch.atan2(quaternion[:, 1:].norm(dim=-1), quaternion[:, 0])
    anyhow = axis_angle(quaternion[:, 1:], 2 * half_angle)  # uniform on SO(3)
    somersault = _turn(X, draw.uniform(-180, 180)) @ _turn(Y, draw.normal(0, 25))
    cartwheel = _turn(Y, draw.uniform(-180, 180)) @ _turn(X, draw.normal(0, 25))
    way = draw.choose([0.4, 0.4, 0.2])[:, None, None]
    tumbling = torch.where(way == 0, somersault, torch.where(way == 1, cartwheel, anyhow))
    seated = poses.of("sit")[:, None, None]
    root = torch.where(draw.chance(mix.lie)[:, None, None] & ~seated, lying, upright)
    root = torch.where(draw.chance(mix.tumble)[:, None, None] & ~seated, tumbling, root)
    return _turn(Z, draw.uniform(0, 360)) @ root
