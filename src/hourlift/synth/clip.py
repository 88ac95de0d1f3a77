"""Clips: one moving person in one place, recorded by a fixed or moving camera, with ground truth for every frame."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.parametric import Body, PosedBodies
from hourlift.synth.camera.views import ViewConfig, Views, sample_views
from hourlift.synth.core.batch import Batch
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import about, axis_angle, between
from hourlift.synth.generate import Generator
from hourlift.synth.pose.mix import PoseMix, sample_rotations
from hourlift.synth.pose.stance import measure_stance
from hourlift.synth.render.light import sample_lights
from hourlift.synth.scene.layout import Scene, sample_scenes

CALM = PoseMix(
    stand=0.45, walk=0.3, run=0.0, sit=0.0, floor=0.0, crouch=0.1, kneel=0.0, bend=0.05, reach=0.1, climb=0.0,
    acrobat=0.0, wild=0.0, prior=0.0, lie=0.0, tumble=0.0,
)  # fmt: skip
WHOLE = ViewConfig(
    margin=(1.1, 1.15), shift=0.0, truncated_share=0.0, distance=(3.5, 5.0), front_share=1.0, height=(0.9, 1.5),
    extreme_share=0.0,
)  # fmt: skip
"""Views that keep the whole person in the image."""
KEYFRAME_S = 1.0

_FRAMES_AT_ONCE = 16
_MOTION, _SHAPE, _VIEW, _OUTFIT, _LIGHT, _SCENE, _PICTURES = range(7)  # streams of random numbers
_FOLLOWED_S = 1.0  # the moving camera follows the person's position averaged over this time
_ORBIT_DEG, _ORBIT_S, _SHAKE_DEG = 25.0, 6.0, 0.35
_PELVIS, _LEG = H36M17.index("pelvis"), H36M17.indices("r_hip", "r_knee", "r_ankle")

BatchT = TypeVar("BatchT", bound=Batch)


@dataclass(frozen=True, kw_only=True)
class Clip(Batch):
    """T frames of one person.

    Attributes:
        images: (T, S, S, 3) uint8 RGB.
        mask: (T, S, S) bool, pixels of the person that are not occluded.
        joints_2d_px: (T, 17, 2) pixels.
        joints_3d_cam_mm: (T, 17, 3), axes of the frame's camera.
        visibility: (T, 17) int64, as in SynthBatch.
        focal_px: (T,) focal length, the same throughout.
        centre_px: (T, 2) principal point, the same throughout.
        camera_rotation: (T, 3, 3) from the world's axes, z up, to the frame's camera.
        camera_eye_mm: (T, 3) camera position in the world; the floor is near z = 0.
    """

    images: Tensor
    mask: Tensor
    joints_2d_px: Tensor
    joints_3d_cam_mm: Tensor
    visibility: Tensor
    focal_px: Tensor
    centre_px: Tensor
    camera_rotation: Tensor
    camera_eye_mm: Tensor


def render_clip(
    generator: Generator,
    seed: int,
    num_frames: int,
    *,
    fps: float = 30.0,
    poses: PoseMix = CALM,
    views: ViewConfig = WHOLE,
    moving_camera: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Clip:
    """Render a moving person; the same seed gives the same clip.

    The motion is a section of motion capture if the generator has some. Otherwise it interpolates smoothly between
    drawn poses, one per second.

    Args:
        generator: Renders square images of its configured size.
        seed: Seed of everything.
        num_frames: Length.
        fps: Frames per second.
        poses: Kinds of the drawn poses.
        views: Cameras.
        moving_camera: Whether the camera follows the person, swings around them, and shakes slightly.
        progress: Called with the number of finished frames.
    """
    body, config = generator.body, generator.config
    draw = Draw(seed, 1)
    rotations, path = _motion(generator, draw.stream(_MOTION), num_frames, fps, poses)
    shapes, height_mm = body.sample_shapes(1, draw.stream(_SHAPE).generator)
    people = _grounded(body, shapes.expand(num_frames, -1), rotations, path)
    kind = torch.zeros(num_frames, dtype=torch.long, device=body.device)
    followed = _smoothed(people.joints[:, _PELVIS], round(fps * _FOLLOWED_S)) if moving_camera else None
    cameras = _cameras(draw.stream(_VIEW), people.joints, followed, fps, config.size, views)
    cameras = cameras.to(body.device)
    scene = _scene(generator, draw.stream(_SCENE), people, cameras, kind, moving_camera)
    outfit = generator.outfits(draw.stream(_OUTFIT), shapes).to(body.device)
    light = sample_lights(draw.stream(_LIGHT)).to(body.device)
    parts = []
    for start in range(0, num_frames, _FRAMES_AT_ONCE):
        now = slice(start, start + _FRAMES_AT_ONCE)
        some = _frames(people, now)
        count = len(some.joints)
        parts.append(
            generator.photograph(
                Draw((seed, _PICTURES), count, alike=True), some, height_mm.expand(count), kind[now],
                outfit.expand(count), _frames(cameras, now), light.expand(count), scene.expand(count),
            )
        )  # fmt: skip
        if progress is not None:
            progress(start + count)
    frames = type(parts[0]).concatenate(parts)
    return Clip(
        images=frames.images.permute(0, 2, 3, 1).contiguous(),
        mask=frames.mask,
        joints_2d_px=frames.joints_2d_px,
        joints_3d_cam_mm=frames.joints_3d_cam_mm,
        visibility=frames.visibility,
        focal_px=frames.focal_px,
        centre_px=frames.centre_px,
        camera_rotation=cameras.rotation,
        camera_eye_mm=1000 * cameras.eye,
    )


def _motion(generator: Generator, draw: Draw, num_frames: int, fps: float, poses: PoseMix) -> tuple[Tensor, Tensor]:
    """Rotations (T, K, 3, 3) and the path (T, 3) of the pelvis in metres; NaN if the path follows from the feet."""
    if generator.library is not None:
        rotations, path = generator.library.stretch(draw, num_frames, fps)
        return rotations.to(generator.device), path.to(generator.device)
    step = max(1, round(KEYFRAME_S * fps))
    keys = Draw((draw.seed, 0), -(-num_frames // step) + 1)
    rotations = _moving(generator.body, keys, poses, step)[:num_frames]
    return rotations, rotations.new_full((num_frames, 3), torch.nan)


def _moving(body: Body, draw: Draw, poses: PoseMix, step: int) -> Tensor:
    """Rotations (T, K, 3, 3) through drawn poses, with zero velocity at each; constant heading."""
    keys, _ = sample_rotations(body, draw, poses)
    root = body.bone["root"]
    heading = torch.atan2(keys[:, root, 1, 0], keys[:, root, 0, 0])
    up = keys.new_tensor([0.0, 0.0, 1.0])
    sway = axis_angle(up, 0.5 * draw.normal().to(keys))
    keys[:, root] = sway @ axis_angle(up, -heading) @ keys[:, root]
    return glide(keys, step)


def glide(keys: Tensor, step: int) -> Tensor:
    """Rotations ((N - 1) step, ..., 3, 3) through N keys (N, ..., 3, 3), with zero velocity at each."""
    eased = ease(step, keys).repeat(len(keys) - 1).view(-1, *[1] * (keys.ndim - 3))
    return between(keys[:-1].repeat_interleave(step, 0), keys[1:].repeat_interleave(step, 0), eased)


def ease(step: int, like: Tensor) -> Tensor:
    """(step,) shares of the way from one key to the next, on the device of `like`."""
    time = torch.arange(step, device=like.device) / step
    return time**2 * (3 - 2 * time)


def _grounded(body: Body, shapes: Tensor, rotations: Tensor, path: Tensor) -> PosedBodies:
    """Place the posed person on the floor z = 0: along the path, or with the lowest point of each frame on it."""
    parts = [body.pose(*part) for part in zip(shapes.split(64), rotations.split(64), strict=True)]
    people = PosedBodies.concatenate(parts)
    kind = torch.zeros(len(rotations), dtype=torch.long)
    path = path * _leg(people.joints[:1]) / _leg(body.joints(torch.zeros_like(shapes[:1]), rotations[:1]))
    move = torch.where(path.isnan(), 0.0, path - people.joints[:, _PELVIS])
    lowest = measure_stance(body, people, kind).lowest.to(move) + move[:, 2]
    # Along a path, the floor is the usual height of the feet: single frames may be below it, and jumps are above.
    carried = path[:, 2].isnan()
    floor = torch.where(carried, lowest, lowest.quantile(0.1))
    move = move - torch.stack([torch.zeros_like(floor), torch.zeros_like(floor), floor], -1)
    return replace(people, vertices=people.vertices + move[:, None], joints=people.joints + move[:, None])


def _leg(joints: Tensor) -> Tensor:
    """Length (B, 1) of the right leg."""
    hip, knee, ankle = (joints[:, i] for i in _LEG)
    return (hip - knee).norm(dim=-1, keepdim=True) + (knee - ankle).norm(dim=-1, keepdim=True)


def _cameras(
    draw: Draw, joints: Tensor, followed: Tensor | None, fps: float, size: int, config: ViewConfig
) -> Views:  # fmt: skip
    """One camera per frame that keeps the person (T, 17, 3) in view; it follows a point (T, 3), or is fixed."""
    count, joints = len(joints), joints.cpu()
    if followed is None:
        return sample_views(draw, joints.flatten(0, 1)[None], size, config).expand(count)
    followed = followed.cpu()
    still = sample_views(draw, (joints - followed[:, None] + followed[0]).flatten(0, 1)[None], size, config)
    time = torch.arange(count) / fps
    swing = _ORBIT_DEG * torch.sin(2 * math.pi * (time / _ORBIT_S) + draw.turn())
    shake = [_SHAKE_DEG * _smoothed(torch.randn(count, 1, generator=draw.generator), 5)[:, 0] for _ in range(2)]
    orbit = about(2, -swing)
    rotation = about(0, shake[0]) @ about(1, shake[1]) @ still.rotation @ orbit
    eye = followed + (orbit.mT @ (still.eye[0] - followed[0])[:, None])[..., 0]
    return replace(still.expand(count), rotation=rotation, eye=eye)


def _scene(
    generator: Generator, draw: Draw, people: PosedBodies, cameras: Views, kind: Tensor, moving_camera: bool
) -> Scene:
    """One place that contains person and camera in all frames, without obstacles and occluders."""
    first = slice(0, 1)
    everywhere = torch.cat([people.joints.flatten(0, 1), cameras.eye])[None]
    config = replace(generator.config.scene, furnished_share=0.0, occluded_share=0.0, hover_share=0.0)
    if moving_camera:  # a flat image would not move with the camera
        config = replace(config, place_share=1.0)
    person = replace(_frames(people, first), joints=everywhere)
    return sample_scenes(
        draw, generator.body, person, kind[first], _frames(cameras, first), generator.atlas.count, config
    )  # fmt: skip


def _smoothed(values: Tensor, window: int) -> Tensor:
    """Moving average over (T, D) with repeated ends."""
    before, after = values[:1].expand(window // 2, -1), values[-1:].expand(window - 1 - window // 2, -1)
    return torch.cat([before, values, after]).unfold(0, window, 1).mean(-1)


def _frames(batch: BatchT, some: slice) -> BatchT:
    return batch.map(lambda value: value[some])
