import pytest
import torch

from hourlift.synth.clip import Clip, render_clip
from hourlift.synth.generate import Generator


@pytest.fixture(scope="module")
def clip(generator: Generator) -> Clip:
    return render_clip(generator, 3, 24, keyframe_every=8)


def test_a_clip_is_made_again_from_its_seed(generator: Generator, clip: Clip) -> None:
    again = render_clip(generator, 3, 24, keyframe_every=8)
    assert torch.equal(again.images, clip.images)
    assert clip.images.shape == (24, 96, 96, 3) and clip.images.dtype == torch.uint8


def test_the_person_moves_smoothly_before_a_fixed_camera(clip: Clip) -> None:
    joints = clip.joints_3d_cam_mm
    pixels = clip.focal_px * joints[..., :2] / joints[..., 2:] + torch.tensor(clip.centre_px)
    torch.testing.assert_close(pixels, clip.joints_2d_px, atol=1e-2, rtol=0)
    step = (joints[1:] - joints[:-1]).norm(dim=-1)
    assert step.max() < 500
    assert step.mean() > 2
    lengths = (joints[:, 2] - joints[:, 3]).norm(dim=-1)
    assert lengths.max() - lengths.min() < 1
    assert (clip.images[0] != clip.images[-1]).any()
