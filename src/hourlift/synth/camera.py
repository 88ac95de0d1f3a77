"""Virtual cameras around synthetic people: everyday views, cropped around the person."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.geometry.crop import BOX_GROWTH
from hourlift.geometry.skeleton import H36M17
from hourlift.synth.batch import Batch
from hourlift.synth.draw import Draw
from hourlift.synth.rotation import RAD, about

NEAREST_M = 0.25
"""The near plane: what is closer to the camera is not drawn."""

_L_HIP, _R_HIP, _L_SHOULDER, _R_SHOULDER = H36M17.indices("l_hip", "r_hip", "l_shoulder", "r_shoulder")


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """How people are looked at. Angles in degrees, distances in metres; a spread is a standard deviation.

    Attributes:
        front_share: Share of people who face the camera within `front_angle`; the others are seen from anywhere.
        front_angle: Largest angle between a facing person's front and the camera.
        distance: From the person to the camera, log-uniform in this range, but never so near that it is inside.
        elevation_spread: Of the camera above the person's middle; some cameras look from far above or below.
        roll_spread: Of the turn about the optical axis.
        off_axis_spread: Of the angles by which the camera looks past the person.
        margin: Side of the picture over that of the person's box, log-uniform in this range.
        shift: Spread of the person's place, as a share of the picture's side.
        truncated_share: Share of closer pictures that cut the person.
    """

    front_share: float = 0.0
    front_angle: float = 60.0
    distance: tuple[float, float] = (1.6, 11.0)
    elevation_spread: float = 13.0
    roll_spread: float = 4.0
    off_axis_spread: float = 9.0
    margin: tuple[float, float] = (1.1, 1.75)
    shift: float = 0.08
    truncated_share: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Views(Batch):
    """B pinhole cameras: X_cam = rotation (X_world - eye), x right, y down, z forward.

    Attributes:
        rotation: (B, 3, 3), world axes to camera axes.
        eye: (B, 3), the camera's place in the world, metres.
        focal: (B,), focal length in pixels.
        centre: (B, 2), principal point in pixels (centres at integers).
        size: Side of the square pictures in pixels.
    """

    rotation: Tensor
    eye: Tensor
    focal: Tensor
    centre: Tensor
    size: int

    def to_camera(self, points: Tensor) -> Tensor:
        """World points (B, N, 3) in camera axes, metres."""
        return torch.matmul(points - self.eye[:, None], self.rotation.mT)

    def project(self, points_cam: Tensor) -> Tensor:
        """Pixels (B, N, 2) of camera points (B, N, 3) in metres; what is nearer than the near plane lies on it."""
        depth = points_cam[..., 2:].clamp(min=NEAREST_M)
        return self.focal[:, None, None] * points_cam[..., :2] / depth + self.centre[:, None]

    def screen(self, points: Tensor) -> Tensor:
        """Rasteriser coordinates (B, N, 3) of world points: pixels, and nearness NEAREST_M / z (negative behind)."""
        camera = self.to_camera(points)
        depth = camera[..., 2:]
        return torch.cat([self.project(camera), torch.where(depth > NEAREST_M, NEAREST_M / depth, -1.0)], -1)


def sample_views(draw: Draw, joints: Tensor, size: int, config: ViewConfig) -> Views:
    """Places a camera around each person and crops its view.

    Args:
        draw: As many draws as people.
        joints: (B, J, 3) world, metres; the first 17 in Human3.6M order tell the front, all of them are framed.
        size: Side of the pictures in pixels.
        config: What views are drawn.

    Returns:
        The cameras, on the CPU.
    """
    joints = joints.cpu()
    eye, rotation = _place(draw, joints, config)
    seen = torch.matmul(joints - eye[:, None], rotation.mT)
    seen = seen[..., :2] / seen[..., 2:].clamp(min=NEAREST_M)
    low, high = seen.amin(1), seen.amax(1)
    box = (high - low).amax(1) * (1 + 2 * BOX_GROWTH)
    side = box * draw.log_uniform(*config.margin)
    side = torch.where(draw.chance(config.truncated_share), box * draw.uniform(0.55, 0.95), side)
    middle = (low + high) / 2 + config.shift * side[:, None] * torch.stack([draw.normal(), draw.normal()], -1)
    focal = size / side
    return Views(rotation=rotation, eye=eye, focal=focal, centre=(size - 1) / 2 - focal[:, None] * middle, size=size)


def _place(draw: Draw, joints: Tensor, config: ViewConfig) -> tuple[Tensor, Tensor]:
    """Place (B, 3) and world-to-camera rotation (B, 3, 3) of a camera that looks at or just past each person."""
    low, high = joints.amin(1), joints.amax(1)
    left = joints[:, _L_HIP] - joints[:, _R_HIP] + joints[:, _L_SHOULDER] - joints[:, _R_SHOULDER]
    front = torch.atan2(-left[:, 0], left[:, 1])  # the left, turned by a right angle
    facing = draw.chance(config.front_share)
    aside = torch.where(facing, draw.uniform(-config.front_angle, config.front_angle), draw.uniform(-180, 180))
    azimuth = front + aside * RAD
    extreme = draw.chance(0.12)
    elevation = torch.where(extreme, draw.uniform(-30, 65), draw.normal(6, config.elevation_spread)) * RAD
    # Half the diagonal of the person's box and some, so that the camera stands outside of it.
    distance = draw.log_uniform(*config.distance).clamp(min=0.6 + (high - low).norm(dim=-1) * 0.55)
    away = torch.stack([elevation.cos() * azimuth.cos(), elevation.cos() * azimuth.sin(), elevation.sin()], -1)
    forward = -away
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, torch.tensor([[0.0, 0.0, 1.0]])), dim=-1)
    rotation = torch.stack([right, torch.linalg.cross(forward, right), forward], 1)
    # Within 25 degrees of the axis: a phone's picture ends there.
    yaw = draw.normal(0, config.off_axis_spread).clamp(-25, 25)
    pitch = draw.normal(0, config.off_axis_spread).clamp(-20, 20)
    roll = draw.normal(0, config.roll_spread)
    rotation = about(2, roll) @ ((about(0, pitch) @ about(1, yaw)) @ rotation)
    return (low + high) / 2 + distance[:, None] * away, rotation
