from pathlib import Path

import numpy as np
import pytest
import torch

from hourlift.data.mocap.clip import MotionClip
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, axis_angle, rotation_vector
from hourlift.synth.pose.library import PoseLibrary, clip_weights
from hourlift.synth.pose.retarget import landmarks

FPS = 30.0


def clip_of(body: Body, name: str, knee_deg: torch.Tensor, action: str = "unknown") -> MotionClip:
    """A person who bends the left knee, and walks forward by 1 cm a frame."""
    rotations = torch.eye(3).repeat(len(knee_deg), body.num_bones, 1, 1)
    rotations[:, body.bone["lowerleg01.L"]] = axis_angle(torch.tensor([1.0, 0.0, 0.0]), knee_deg * RAD)
    places = landmarks(body, rotations)
    ahead = torch.arange(len(knee_deg))[:, None] * torch.tensor([0.0, -0.01, 0.0])
    positions = torch.stack([at + ahead for at in places.values()], 1).numpy()
    return MotionClip(name=name, joints=tuple(places), positions=positions, fps=FPS, action=action)


@pytest.fixture(scope="module")
def library(body: Body) -> PoseLibrary:
    return PoseLibrary(body, [clip_of(body, "bending", torch.linspace(0, 90, 31))])


def knee(body: Body, rotations: torch.Tensor, side: str) -> torch.Tensor:
    return rotation_vector(rotations[:, body.bone["lowerleg01" + side]]).norm(dim=-1) / RAD


def test_poses_come_from_the_clips_and_are_mirrored_half_the_time(body: Body, library: PoseLibrary) -> None:
    rotations = library.sample(Draw(1, 2000))
    left, right = knee(body, rotations, ".L"), knee(body, rotations, ".R")
    assert left.max() < 95 and right.max() < 95
    assert (torch.minimum(left, right) < 8).all()  # never both
    assert 0.42 < (left > right).float().mean() < 0.58
    assert torch.equal(rotations, library.sample(Draw(1, 2000)))


def test_upper_bodies_are_mixed_with_other_legs(body: Body) -> None:
    turned = clip_of(body, "turned", torch.full((40,), 80.0))
    library = PoseLibrary(body, [clip_of(body, "straight", torch.zeros(40)), turned])
    chest = body.bone["spine02"]
    library.rotations[40:, chest] = axis_angle(torch.tensor([0.0, 0.0, 1.0]), torch.tensor(0.6))
    rotations = library.sample(Draw(2, 3000))
    bent = torch.maximum(knee(body, rotations, ".L"), knee(body, rotations, ".R")) > 40
    twisted = rotation_vector(rotations[:, chest]).norm(dim=-1) > 0.4
    assert 0.2 < bent.float().mean() < 0.8
    assert 0.08 < (bent != twisted).float().mean() < 0.18  # a quarter mixed, half of them with another clip


def test_an_action_with_many_frames_does_not_crowd_out_the_others() -> None:
    def clip(frames: int, action: str) -> MotionClip:
        return MotionClip(
            name="", joints=("pelvis",), positions=np.zeros((frames, 1, 3), np.float32), fps=30, action=action
        )

    weights = clip_weights([clip(400, "climbing"), clip(500, "climbing"), clip(100, "running")])
    np.testing.assert_allclose(weights, [400 / 30, 500 / 30, 10] / np.float64(40))


def test_a_stretch_is_resampled_in_time(body: Body, library: PoseLibrary) -> None:
    for seed in range(6):
        rotations, path = library.stretch(Draw(seed, 1), 41, 60.0)
        bend = torch.maximum(knee(body, rotations, ".L"), knee(body, rotations, ".R"))
        step = bend.diff()  # 3 degrees a frame at 30 fps
        assert step.min() > 0.8 and step.max() < 2.2 and bend[-1] - bend[0] == pytest.approx(60, abs=4)
        torch.testing.assert_close(path[0, :2], torch.zeros(2), atol=1e-6, rtol=0)
        torch.testing.assert_close(path[-1] - path[0], torch.tensor([0.0, -0.2, 0.0]), atol=1e-5, rtol=0)


def test_the_path_fits_the_bodys_legs(body: Body) -> None:
    clip = clip_of(body, "small", torch.zeros(30))
    small = MotionClip(name="small", joints=clip.joints, positions=0.5 * clip.positions, fps=FPS)
    (_, path), (_, same) = (PoseLibrary(body, [c]).stretch(Draw(1, 1), 20, 30.0) for c in (small, clip))
    torch.testing.assert_close(path, same, atol=1e-5, rtol=0)


def test_a_stretch_that_is_too_long_goes_back(body: Body, library: PoseLibrary) -> None:
    rotations, path = library.stretch(Draw(3, 1), 91, 30.0)
    bend = torch.maximum(knee(body, rotations, ".L"), knee(body, rotations, ".R"))
    torch.testing.assert_close(bend[30:61], bend[:31].flip(0), atol=0.05, rtol=0)
    assert path.isfinite().all() and rotations.isfinite().all()


def test_a_single_pose_stands_still(body: Body) -> None:
    library = PoseLibrary(body, [clip_of(body, "still", torch.tensor([30.0]))])
    rotations, path = library.stretch(Draw(0, 1), 5, 30.0)
    assert (rotations == rotations[:1]).all() and (path == path[:1]).all()


def test_a_library_of_nothing_is_refused(body: Body, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no motion"):
        PoseLibrary.load(body, tmp_path)
