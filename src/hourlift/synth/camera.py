"""Virtual cameras around synthetic people: everyday views, cropped around the person."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.geometry.crop import BOX_GROWTH
from hourlift.synth.draw import Draw
from hourlift.synth.motion import RAD

NEAREST_M = 0.25  # the near plane
L_HIP, R_HIP, L_SHOULDER, R_SHOULDER = 4, 1, 11, 14


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """How people are looked at. Angles in degrees, distances in metres."""

    front_share: float = 0.0  # share of people who face the camera within `front_angle`; the others are seen from anywhere
    front_angle: float = 60.0
    distance: tuple[float, float] = (1.6, 11.0)
    elevation_spread: float = 13.0
    roll_spread: float = 4.0
    off_axis_spread: float = 9.0
    margin: tuple[float, float] = (1.1, 1.75)  # side of the picture over the person's box
    shift: float = 0.08  # of the side
    truncated_share: float = 0.1  # closer crops that cut the person


@dataclass(frozen=True, kw_only=True)
class Views:
    """B pinhole cameras: X_cam = rotation (X_world - eye), x right, y down, z forward; one focal length, in pixels of a
    square picture of side `size`."""

    rotation: Tensor
    eye: Tensor
    focal: Tensor
    centre: Tensor
    size: int

    def to_camera(self, points: Tensor) -> Tensor:
        """World points (B, N, 3) in camera axes, metres."""
        return torch.matmul(points - self.eye[:, None], self.rotation.mT)

    def project(self, points_cam: Tensor) -> Tensor:
        """Pixels (B, N, 2) of camera points (B, N, 3)."""
        depth = points_cam[..., 2:].clamp(min=NEAREST_M)
        return self.focal[:, None, None] * points_cam[..., :2] / depth + self.centre[:, None]

    def screen(self, points: Tensor) -> Tensor:
        """Rasteriser coordinates (B, N, 3) of world points: pixels, and nearness NEAREST_M / z (negative behind)."""
        camera = self.to_camera(points)
        depth = camera[..., 2:]
        return torch.cat([self.project(camera), torch.where(depth > NEAREST_M, NEAREST_M / depth, -1.0)], -1)


def sample_views(draw: Draw, joints: Tensor, size: int, config: ViewConfig) -> Views:
    """Places a camera around each person of joints (B, 17, 3) (world, metres; Human3.6M order) and crops the view."""
    joints = joints.cpu()
    low, high = joints.amin(1), joints.amax(1)
    target = (low + high) / 2
    left = joints[:, L_HIP] - joints[:, R_HIP] + joints[:, L_SHOULDER] - joints[:, R_SHOULDER]
    heading = torch.atan2(-left[:, 0], left[:, 1])  # of the front: the left, turned by a right angle
    offset = torch.where(
        draw.chance(config.front_share), draw.uniform(-config.front_angle, config.front_angle), draw.uniform(-180, 180)
    )
    azimuth = heading + offset * RAD
    elevation = torch.where(draw.chance(0.12), draw.uniform(-30, 65), draw.normal(6, config.elevation_spread)) * RAD
    distance = draw.log_uniform(*config.distance).clamp(min=0.6 + (high - low).norm(dim=-1) * 0.55)
    away = torch.stack(
        [elevation.cos() * azimuth.cos(), elevation.cos() * azimuth.sin(), elevation.sin()], -1
    )
    eye = target + distance[:, None] * away
    forward = -away
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, torch.tensor([[0.0, 0.0, 1.0]])), dim=-1)
    rotation = torch.stack([right, torch.linalg.cross(forward, right), forward], 1)
    spread = config.off_axis_spread
    rotation = _euler(draw.normal(0, spread).clamp(-25, 25), draw.normal(0, spread).clamp(-20, 20)) @ rotation
    roll = draw.normal(0, config.roll_spread) * RAD
    zero, one = torch.zeros_like(roll), torch.ones_like(roll)
    rows = [roll.cos(), -roll.sin(), zero, roll.sin(), roll.cos(), zero, zero, zero, one]
    rotation = torch.stack(rows, -1).view(-1, 3, 3) @ rotation

    seen = torch.matmul(joints - eye[:, None], rotation.mT)
    seen = seen[..., :2] / seen[..., 2:].clamp(min=NEAREST_M)
    low, high = seen.amin(1), seen.amax(1)
    extent = (high - low).amax(1) * (1 + 2 * BOX_GROWTH)
    side = extent * draw.log_uniform(*config.margin)
    side = torch.where(draw.chance(config.truncated_share), extent * draw.uniform(0.55, 0.95), side)
    middle = (low + high) / 2 + config.shift * side[:, None] * torch.stack([draw.normal(), draw.normal()], -1)
    focal = size / side
    centre = (size - 1) / 2 - focal[:, None] * middle
    return Views(rotation=rotation, eye=eye, focal=focal, centre=centre, size=size)


def _euler(yaw_deg: Tensor, pitch_deg: Tensor) -> Tensor:
    """Turns a camera: (B, 3, 3), pitch after yaw."""
    yaw, pitch = yaw_deg * RAD, pitch_deg * RAD
    zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)
    y = torch.stack([yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos()], -1).view(-1, 3, 3)
    x = torch.stack([one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(), pitch.cos()], -1)
    return x.view(-1, 3, 3) @ y


def views_to(views: Views, device: torch.device) -> Views:
    """The same cameras on another device."""
    return Views(
        rotation=views.rotation.to(device),
        eye=views.eye.to(device),
        focal=views.focal.to(device),
        centre=views.centre.to(device),
        size=views.size,
    )
