from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.camera.sensor import OFF
from hourlift.synth.clip import Clip, render_clip
from hourlift.synth.generate import Generator

FRAMES = 20


def render(generator: Generator, seed: int = 3, *, moving_camera: bool = False) -> Clip:
    return render_clip(generator, seed, FRAMES, fps=10, moving_camera=moving_camera)


@pytest.fixture(scope="module")
def clip(generator: Generator) -> Clip:
    return render(generator)


@pytest.fixture(scope="module")
def followed(generator: Generator) -> Clip:
    return render(generator, moving_camera=True)


def world(clip: Clip) -> Tensor:
    """Joints (T, 17, 3) in mm."""
    return clip.joints_3d_cam_mm @ clip.camera_rotation + clip.camera_eye_mm[:, None]


def test_a_clip_is_made_again_from_its_seed(generator: Generator, clip: Clip) -> None:
    assert torch.equal(render(generator).images, clip.images)
    assert not torch.equal(render(generator, 4).images, clip.images)
    assert clip.images.shape == (FRAMES, 96, 96, 3) and clip.images.dtype == torch.uint8


def test_joints_project_through_the_camera(clip: Clip, followed: Clip) -> None:
    for each in (clip, followed):
        joints = each.joints_3d_cam_mm
        pixels = each.focal_px[:, None, None] * joints[..., :2] / joints[..., 2:] + each.centre_px[:, None]
        torch.testing.assert_close(pixels, each.joints_2d_px, atol=1e-2, rtol=0)


def test_the_person_moves_smoothly_and_keeps_their_bones(clip: Clip) -> None:
    joints = world(clip)
    step = (joints[1:] - joints[:-1]).norm(dim=-1)
    assert step.mean() > 2 and step.max() < 700
    knee, ankle = H36M17.indices("r_knee", "r_ankle")
    shin = (joints[:, knee] - joints[:, ankle]).norm(dim=-1)
    assert shin.max() - shin.min() < 1
    assert -20 < joints[..., 2].min() < 150, "a person stands on the floor at z = 0"


def test_cameras_stand_or_move(clip: Clip, followed: Clip) -> None:
    assert (clip.camera_eye_mm == clip.camera_eye_mm[0]).all() and (
        clip.camera_rotation == clip.camera_rotation[0]
    ).all()
    step = (followed.camera_eye_mm[1:] - followed.camera_eye_mm[:-1]).norm(dim=-1)
    assert 1 < step.max() < 400
    assert torch.linalg.det(followed.camera_rotation).min() > 0.999
    inside = (followed.joints_2d_px > -0.5) & (followed.joints_2d_px < 95.5)
    assert inside.float().mean() > 0.97


def test_the_place_stays_as_it_is(generator: Generator) -> None:
    """Before a fixed camera, what no person covers in two frames is the same in both but for their shadow."""
    still = Generator(replace(generator.config, sensor=OFF, shadows=False))
    images = render(still).images
    same = (images[0] == images[-1]).all(-1)
    assert 0.4 < same.float().mean() < 0.999


def test_frames_have_noise_of_their_own(generator: Generator) -> None:
    noisy = Generator(
        replace(generator.config, sensor=replace(OFF, strength=1.0, noise_share=1.0, noise=0.05), shadows=False)
    )
    images = render_clip(noisy, 3, 2, fps=1000).images.float()
    assert (images[0] - images[1]).std() > 1
