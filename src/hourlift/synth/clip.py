"""Clips: one person moving before one fixed camera, with the truth of every frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import torch
from torch import Tensor

from hourlift.synth.body import Body
from hourlift.synth.camera import ViewConfig, sample_views
from hourlift.synth.draw import Draw
from hourlift.synth.generate import Generator
from hourlift.synth.motion import PoseMix, sample_rotations
from hourlift.synth.rotation import axis_angle
from hourlift.synth.shade import render_people, sample_lights
from hourlift.synth.wardrobe import sample_outfits

CALM = PoseMix(
    stand=0.45, walk=0.3, run=0.0, sit=0.0, floor=0.0, crouch=0.1, kneel=0.0, bend=0.05, reach=0.1, climb=0.0,
    acrobat=0.0, wild=0.0, prior=0.0, lie=0.0, tumble=0.0,
)  # fmt: skip
_FRAMES_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class Clip:
    """T frames of one person.

    Attributes:
        images: (T, S, S, 3) uint8 RGB.
        joints_2d_px: (T, 17, 2) pixels.
        joints_3d_cam_mm: (T, 17, 3), axes of the camera.
        focal_px: Focal length of the fixed camera.
        centre_px: Its principal point.
    """

    images: Tensor
    joints_2d_px: Tensor
    joints_3d_cam_mm: Tensor
    focal_px: float
    centre_px: tuple[float, float]


def render_clip(
    generator: Generator, seed: int, num_frames: int, *, keyframe_every: int = 20, poses: PoseMix = CALM,
    views: ViewConfig | None = None, progress: Callable[[int], None] | None = None,
) -> Clip:  # fmt: skip
    """Renders a person who moves smoothly from one random pose to the next; the same seed gives the same clip.

    Args:
        generator: Renders square pictures of its configured size on the CPU.
        seed: Of everything.
        num_frames: Length.
        keyframe_every: Frames from one drawn pose to the next.
        poses: Kinds of the drawn poses.
        views: Cameras; by default one that keeps the whole person in the picture.
        progress: Told how many frames are done.
    """
    body = generator.body
    rotations = _moving(body, Draw((seed, 0), -(-num_frames // keyframe_every) + 1), poses, keyframe_every)[:num_frames]
    one = Draw((seed, 1), 1)
    shapes = body.sample_shapes(1, one.generator)[0].expand(num_frames, -1)
    joints = body.joints(shapes, rotations)
    joints = joints - joints[..., 2].amin(1)[:, None, None] * joints.new_tensor([0.0, 0.0, 1.0])  # stands at z = 0
    views = views or ViewConfig(
        margin=(1.1, 1.15),
        shift=0.0,
        truncated_share=0.0,
        distance=(3.5, 5.0),
        front_share=1.0,
        height=(0.9, 1.5),
        extreme_share=0.0,
    )
    camera = sample_views(one, joints.flatten(0, 1)[None], generator.config.size, views)
    outfit, light = sample_outfits(one, len(generator.bank)), sample_lights(one)
    picture = generator.bank[one.integer(len(generator.bank))[0]].cpu().numpy()
    size = generator.config.size
    background = torch.from_numpy(cv2.resize(picture, (size, size), interpolation=cv2.INTER_LINEAR)).float() / 255

    frames, seen = [], []
    for rotation, shape in zip(rotations.split(_FRAMES_AT_ONCE), shapes.split(_FRAMES_AT_ONCE), strict=True):
        count = len(rotation)
        people = body.pose(shape, rotation)
        raised = people.vertices.new_zeros(count, 1, 3)
        raised[:, 0, 2] = -people.vertices[..., 2].amin(1)
        people = replace(people, vertices=people.vertices + raised, joints=people.joints + raised)
        layer = render_people(
            body, people, outfit.expand(count), camera.expand(count), light.expand(count), generator.bank,
            generator.config.shadows,
        )  # fmt: skip
        lit = background * (1 - light.shadow[:, None, None, None] * layer.shadow[..., None].float())
        frames.append((torch.where(layer.mask[..., None], layer.colour, lit) * 255).round().byte())
        seen.append(camera.to_camera(people.joints))
        if progress is not None:
            progress(sum(map(len, frames)))
    joints_cam = torch.cat(seen)
    return Clip(
        images=torch.cat(frames),
        joints_2d_px=camera.project(joints_cam),
        joints_3d_cam_mm=1000 * joints_cam,
        focal_px=camera.focal.item(),
        centre_px=(camera.centre[0, 0].item(), camera.centre[0, 1].item()),
    )


def _moving(body: Body, draw: Draw, poses: PoseMix, step: int) -> Tensor:
    """Rotations (T, K, 3, 3) that pass through drawn poses, resting for an instant in each; one heading throughout."""
    keys, _ = sample_rotations(body, draw, poses)
    root = body.bone["root"]
    heading = torch.atan2(keys[:, root, 1, 0], keys[:, root, 0, 0])
    up = keys.new_tensor([0.0, 0.0, 1.0])
    sway = axis_angle(up, 0.5 * draw.normal())
    keys[:, root] = sway @ axis_angle(up, -heading) @ keys[:, root]
    frames = []
    for start, end in zip(keys[:-1], keys[1:], strict=True):
        for t in _eased(step):
            frames.append(_between(start, end, t))
    return torch.stack(frames)


def _eased(steps: int) -> Iterator[float]:
    for i in range(steps):
        t = i / steps
        yield t * t * (3 - 2 * t)


def _between(start: Tensor, end: Tensor, t: float) -> Tensor:
    """Rotations (K, 3, 3) a share t of the way along the shortest turn."""
    turn = start.mT @ end
    axis = torch.stack(
        [turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0], turn[:, 1, 0] - turn[:, 0, 1]], -1
    )
    angle = torch.atan2(axis.norm(dim=-1), turn.diagonal(dim1=-2, dim2=-1).sum(-1) - 1)
    return start @ axis_angle(axis + 1e-12, t * angle)
