"""The studio is a Human3.6M in small: its vocabulary, one world before four cameras, people who stay themselves."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hourlift.data.human36m.protocol import ACTIONS, SUBJECTS
from hourlift.data.sample import Sample
from hourlift.geometry.skeleton import H36M17
from hourlift.synth import presets
from hourlift.synth.camera.views import studio_cameras
from hourlift.synth.core.draw import Draw
from hourlift.synth.studio import ACTS, CAMERAS, NUM_FILMS, NUM_TAKES, _studio, num_images, render_studio

CONFIG = replace(presets.studio(), size=48)
FRAMES = 6  # more than a second's five, so that a second pose is passed
PER_TAKE = FRAMES * len(CAMERAS)
SITTING = PER_TAKE * 2 * ACTIONS.index("Sitting")


def render(count: int, first: int = 0, seed: int = 5) -> list[Sample]:
    return list(render_studio(CONFIG, seed, FRAMES, count, first=first))


@pytest.fixture(scope="module")
def take() -> list[Sample]:
    return render(PER_TAKE)


def world_mm(video: list[Sample], camera: int) -> np.ndarray:
    """Joints (T, 17, 3) of a video in the room, z up."""
    eyes, rotations = (each[camera].double().numpy() for each in studio_cameras())
    return np.stack([sample.joints_3d_cam_mm for sample in video]) @ rotations + 1000 * eyes


def videos(samples: list[Sample]) -> list[list[Sample]]:
    return [samples[start : start + FRAMES] for start in range(0, len(samples), FRAMES)]


def test_it_has_human36ms_size_and_vocabulary(take: list[Sample]) -> None:
    assert tuple(ACTS) == ACTIONS and NUM_TAKES == 7 * 15 * 2 and NUM_FILMS == 840 and num_images(24) == 20160
    sources = [sample.frame_id for sample in take]
    assert all(source is not None for source in sources)
    assert [source.camera for source in sources if source] == [name for name in CAMERAS for _ in range(FRAMES)]
    assert {(source.subject, source.action, source.take) for source in sources if source} == {("S1", "Directions", 1)}
    assert [source.frame for source in sources[:FRAMES] if source] == [1, 11, 21, 31, 41, 51]
    last = render(1, num_images(FRAMES) - 1)[0].frame_id
    assert last is not None and (last.subject, last.action, last.take) == (SUBJECTS[-1], ACTIONS[-1], 2)
    assert (last.camera, last.frame) == (CAMERAS[-1], 51)


def test_four_cameras_see_one_world(take: list[Sample]) -> None:
    views = [world_mm(video, camera) for camera, video in enumerate(videos(take))]
    for view in views[1:]:
        np.testing.assert_allclose(view, views[0], atol=0.5)
    assert np.abs(views[0][:, 0, :2]).max() < 3000  # in the room
    ankles = views[0][:, H36M17.indices("r_ankle", "l_ankle"), 2]
    assert 0 < ankles.min() < 200  # who stands, stands on the floor


def test_pictures_hold_the_person_and_joints_project(take: list[Sample]) -> None:
    for sample in take:
        assert sample.camera is not None and sample.joints_3d_cam_mm is not None
        assert np.isfinite(sample.joints_2d_px).all() and (sample.box_xyxy_px >= -0.5).all()
        np.testing.assert_allclose(sample.camera.project(sample.joints_3d_cam_mm), sample.joints_2d_px, atol=0.05)


def test_somebody_keeps_body_and_clothes_but_not_the_pose(take: list[Sample]) -> None:
    other_action, other_person = render(FRAMES, PER_TAKE * 2), render(FRAMES, PER_TAKE * 30)

    def limbs(samples: list[Sample]) -> np.ndarray:
        joints = np.stack([sample.joints_3d_cam_mm for sample in samples])
        thigh, shin, arm = (
            np.linalg.norm(joints[:, a] - joints[:, b], axis=-1)
            for a, b in (H36M17.indices("r_hip", "r_knee"), H36M17.indices("r_knee", "r_ankle"),
                         H36M17.indices("l_shoulder", "l_elbow"))
        )  # fmt: skip
        return np.stack([thigh, shin, arm])

    mine = limbs(take)
    np.testing.assert_allclose(mine, mine[:, :1].repeat(mine.shape[1], 1), atol=0.5)
    np.testing.assert_allclose(limbs(other_action)[:, 0], mine[:, 0], atol=0.5)
    assert take[0].height_mm == other_action[0].height_mm
    assert np.abs(limbs(other_person)[:, 0] - mine[:, 0]).max() > 2
    moved = np.diff(world_mm(videos(take)[0], 0), axis=0)
    assert 5 < np.linalg.norm(moved, axis=-1).mean() < 300


def test_who_sits_keeps_the_seat() -> None:
    for number in (0, PER_TAKE):  # both takes
        video = render(FRAMES, SITTING + number)
        assert video[0].frame_id is not None and video[0].frame_id.action == "Sitting"
        pelvis = world_mm(video, 0)[:, 0]
        assert np.ptp(pelvis[:, :2], axis=0).max() < 1 and pelvis[:, 2].min() > 250
        assert np.ptp(pelvis[:, 2]) < 150


def test_a_part_is_a_part_of_the_whole(take: list[Sample]) -> None:
    part = render(3, FRAMES + 2)
    for sample, same in zip(part, take[FRAMES + 2 :], strict=False):
        assert sample.id == same.id
        np.testing.assert_array_equal(sample.load_image(), same.load_image())
    other = render(1, FRAMES + 2, seed=6)[0]
    assert (other.load_image() != part[0].load_image()).any()
    with pytest.raises(ValueError, match=r"a studio of 6 frames has 5040 images, not 5041"):
        render(2, 5039)


def test_the_room_never_changes_but_what_people_sit_on_does() -> None:
    studio = _studio(replace(CONFIG, bank_seed=5), 5)
    scenes = []
    for who, action in ((0, "Sitting"), (3, "Sitting")):
        draw = Draw((1, who), 2, alike=True)
        people, kind = studio._act(draw, who, ACTS[action], 1, 2)
        scenes.append(studio._placed(draw, people, kind)[1])
    for name in ("texture", "repeats", "tint", "low", "high", "floor_m", "axes"):
        assert torch.equal(getattr(scenes[0], name), getattr(scenes[1], name)), name
    assert scenes[0].floor_m.item() == 0 and scenes[0].props.shown.any()
    assert not torch.equal(scenes[0].props.centre, scenes[1].props.centre)
