"""Virtual cameras around synthetic people: everyday views, cropped around the person."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.geometry.crop import BOX_GROWTH
from hourlift.geometry.skeleton import H36M17
from hourlift.synth.core.batch import Batch
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, about

NEAREST_M = 0.25
"""Near plane: anything closer to the camera is not drawn."""

_L_HIP, _R_HIP, _L_SHOULDER, _R_SHOULDER = H36M17.indices("l_hip", "r_hip", "l_shoulder", "r_shoulder")
_SOLE_M = 0.07  # height of the lowest joint above the floor
_NEAREST_JOINT_M = 0.45
_EYE_HEIGHT = (1.45, 0.28)  # of cameras held in the hand: mean and spread, metres
_EXTREME = (-30.0, 65.0)  # elevation of cameras that look from far below or above, degrees
_STEEPEST_DEG = 70.0
_UPPER_PART, _OVER_HEAD = (0.32, 0.85), (0.05, 0.2)  # of the person's box, and of the image
_FRAME_ASPECT = 0.75  # height of the whole image over its width
# Roughly the places of Human3.6M's four cameras, metres from the middle of the room at the floor.
_STUDIO_CAMERAS = torch.tensor([[1.84, 4.96, 1.56], [1.76, -5.08, 1.61], [-1.85, 5.22, 1.49], [-1.79, -3.72, 1.57]])
_STUDIO_AIM_M = 0.9  # height that they look at
_STUDIO_ROOM = (1.0, 1.4)  # people move so far from the middle, metres


@dataclass(frozen=True, kw_only=True)
class ViewConfig:
    """Distribution of cameras. Angles in degrees, lengths in metres; a spread is a standard deviation.

    Attributes:
        front_share: Share of people facing the camera within `front_angle`; others are seen from any direction.
        front_angle: Largest angle between a facing person's front and the camera.
        distance: Distance from the person, log-uniform in this range, but always outside the person.
        field_of_view: Horizontal field of view of the full image that the view is cut from, mostly in the middle of
            this range. The person is anywhere in that image, up to near its edges.
        height: Range of the camera's height over the floor; three in four are near a standing person's eyes.
        extreme_share: Share of cameras that look from far above or below, at any height.
        level_share: Share of cameras that are not tilted towards the person.
        roll_spread: Spread of the rotation about the optical axis.
        margin: Side of the image over that of the person's box, log-uniform in this range.
        shift: Spread of the person's position, as a share of the image's side.
        truncated_share: Share of closer images that cut the person.
        upper_share: Share of these that show the upper body: cut at the shins, the knees, the waist or the chest.
        studio: Whether to use four fixed cameras in a room that people move in, like Human3.6M's, with random headings.
            The settings of the camera's position above are then ignored.
    """

    front_share: float = 0.0
    front_angle: float = 60.0
    distance: tuple[float, float] = (1.2, 12.0)
    field_of_view: tuple[float, float] = (30.0, 110.0)
    height: tuple[float, float] = (0.1, 2.8)
    extreme_share: float = 0.12
    level_share: float = 0.3
    roll_spread: float = 4.0
    margin: tuple[float, float] = (1.1, 1.75)
    shift: float = 0.08
    truncated_share: float = 0.1
    upper_share: float = 0.0
    studio: bool = False


@dataclass(frozen=True, kw_only=True)
class Views(Batch):
    """B pinhole cameras: X_cam = rotation (X_world - eye), x right, y down, z forward.

    Attributes:
        rotation: (B, 3, 3), world axes to camera axes.
        eye: (B, 3), the camera's place in the world, metres.
        focal: (B,), focal length in pixels.
        centre: (B, 2), principal point in pixels (centres at integers).
        size: Side of the square images in pixels.
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
        """Pixels (B, N, 2) of camera points (B, N, 3) in metres; nearer points are moved to the near plane."""
        depth = points_cam[..., 2:].clamp(min=NEAREST_M)
        return self.focal[:, None, None] * points_cam[..., :2] / depth + self.centre[:, None]

    def screen(self, points: Tensor) -> Tensor:
        """Rasteriser coordinates (B, N, 3) of world points: pixels, and nearness NEAREST_M / z (negative behind).

        They are a view of (B, 3, N): see planar.py.
        """
        screen = torch.baddbmm(-(self.rotation @ self.eye[..., None]), self.rotation, points.mT)
        ahead = (screen[:, 2] > NEAREST_M).float()
        nearness = NEAREST_M / screen[:, 2].clamp(min=NEAREST_M)
        screen[:, :2] *= (nearness * (self.focal / NEAREST_M)[:, None])[:, None]
        screen[:, :2] += self.centre[..., None]
        torch.add(nearness.mul_(ahead), ahead.sub_(1), out=screen[:, 2])
        return screen.mT


def sample_views(draw: Draw, joints: Tensor, size: int, config: ViewConfig) -> Views:
    """Place a camera around each person and crop its view.

    Args:
        draw: One draw per person.
        joints: (B, J, 3) world, metres; the first 17 in Human3.6M order determine the front, all of them are framed.
        size: Side of the images in pixels.
        config: Distribution of views.

    Returns:
        The cameras, on the CPU.
    """
    joints = joints.cpu()
    eye, rotation = _studio(draw, joints) if config.studio else _everyday(draw, joints, config)
    return crop_views(draw, joints, eye, rotation, size, config)


def crop_views(draw: Draw, joints: Tensor, eye: Tensor, rotation: Tensor, size: int, config: ViewConfig) -> Views:
    """Crop the views of given cameras around the people: off-centre projections, which keep the perspective correct.

    Args:
        draw: Random draws of the crops.
        joints: (B, J, 3) world, metres, on the CPU.
        eye: (B, 3) the cameras' places.
        rotation: (B, 3, 3) world to camera.
        size: Side of the images in pixels.
        config: Margin, shift and share of cut people.
    """
    seen = torch.matmul(joints - eye[:, None], rotation.mT)
    seen = seen[..., :2] / seen[..., 2:].clamp(min=NEAREST_M)
    low, high = seen.amin(1), seen.amax(1)
    box = (high - low).amax(1) * (1 + 2 * BOX_GROWTH)
    side = box * draw.log_uniform(*config.margin)
    cut = draw.chance(config.truncated_share)
    side = torch.where(cut, box * draw.uniform(0.55, 0.95), side)
    middle = (low + high) / 2 + config.shift * side[:, None] * torch.stack([draw.normal(), draw.normal()], -1)
    if config.upper_share:
        upper = cut & draw.chance(config.upper_share)
        side = torch.where(upper, box * draw.uniform(*_UPPER_PART), side)
        above = low[:, 1] + side * (0.5 - draw.uniform(*_OVER_HEAD))
        middle[:, 1] = torch.where(upper, above, middle[:, 1])
    focal = size / side
    return Views(rotation=rotation, eye=eye, focal=focal, centre=(size - 1) / 2 - focal[:, None] * middle, size=size)


def studio_cameras() -> tuple[Tensor, Tensor]:
    """The studio's cameras in the order of Human3.6M's: places (4, 3) in the room, metres, and rotations (4, 3, 3)."""
    aim = torch.tensor([0.0, 0.0, _STUDIO_AIM_M])
    return _STUDIO_CAMERAS, _looking_along(torch.nn.functional.normalize(aim - _STUDIO_CAMERAS, dim=-1))


def _everyday(draw: Draw, joints: Tensor, config: ViewConfig) -> tuple[Tensor, Tensor]:
    """Place (B, 3) and world-to-camera rotation (B, 3, 3) of a camera with each person somewhere in its image."""
    middle = (joints.amin(1) + joints.amax(1)) / 2
    floor = joints[..., 2].amin(1) - _SOLE_M
    left = joints[:, _L_HIP] - joints[:, _R_HIP] + joints[:, _L_SHOULDER] - joints[:, _R_SHOULDER]
    front = torch.atan2(-left[:, 0], left[:, 1])  # the left, turned by a right angle
    facing = draw.chance(config.front_share)
    aside = torch.where(facing, draw.uniform(-config.front_angle, config.front_angle), draw.uniform(-180, 180))
    azimuth = front + aside * RAD
    distance = draw.log_uniform(*config.distance)
    held = draw.normal(*_EYE_HEIGHT).clamp(*config.height)
    height = torch.where(draw.chance(0.75), held, draw.uniform(*config.height))
    steepest = _STEEPEST_DEG * RAD
    elevation = torch.asin(((floor + height - middle[:, 2]) / distance).clamp(-1, 1)).clamp(-steepest, steepest)
    extreme = draw.chance(config.extreme_share)
    elevation = torch.where(extreme, draw.uniform(*_EXTREME) * RAD, elevation)
    away = torch.stack([elevation.cos() * azimuth.cos(), elevation.cos() * azimuth.sin(), elevation.sin()], -1)
    offset = joints - middle[:, None]
    along = (offset * away[:, None]).sum(-1)
    distance = torch.maximum(distance, along.amax(1) + _NEAREST_JOINT_M)
    across = (offset - along[..., None] * away[:, None]).norm(dim=-1)
    extent = (across / (distance[:, None] - along)).amax(1)  # tangent of the angle that the person covers

    low, high = config.field_of_view
    half_width = torch.tan((low + (high - low) * (draw.uniform() + draw.uniform()) / 2) * (RAD / 2))
    half_height = _FRAME_ASPECT * half_width
    yaw = torch.atan((half_width - extent).clamp(min=0) * draw.normal(0, 0.4).clamp(-1, 1))
    pitch = torch.atan((half_height - extent).clamp(min=0) * draw.normal(0, 0.4).clamp(-1, 1))
    level = draw.chance(config.level_share) & (elevation.tan().abs() < half_height)
    pitch = torch.where(level, -elevation / RAD, pitch / RAD)
    turned = about(1, yaw / RAD) @ about(0, pitch) @ _looking_along(-away)
    return middle + distance[:, None] * away, about(2, draw.normal(0, config.roll_spread)) @ turned


def _studio(draw: Draw, joints: Tensor) -> tuple[Tensor, Tensor]:
    """As `_everyday`, for a room with four fixed cameras; the floor is below the person."""
    width, depth = _STUDIO_ROOM
    place = torch.stack([draw.uniform(-width, width), draw.uniform(-depth, depth)], -1)
    middle = (joints.amin(1) + joints.amax(1)) / 2
    room = torch.cat([middle[:, :2] - place, joints[..., 2].amin(1)[:, None] - _SOLE_M], 1)
    eyes, rotations = studio_cameras()
    camera = draw.integer(len(eyes))
    return room + eyes[camera], rotations[camera]


def _looking_along(forward: Tensor) -> Tensor:
    """Rotations (B, 3, 3), world to camera, of upright cameras that look along unit vectors (B, 3)."""
    right = torch.nn.functional.normalize(torch.linalg.cross(forward, torch.tensor([[0.0, 0.0, 1.0]])), dim=-1)
    return torch.stack([right, torch.linalg.cross(forward, right), forward], 1)
