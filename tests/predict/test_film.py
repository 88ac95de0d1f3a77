"""Tracks smoothed, completed and placed in the room, on people who are made here and known exactly."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from hourlift import Camera, PoseSequence
from hourlift.geometry import H36M17
from hourlift.geometry.bones import bone_vectors
from hourlift.geometry.world import World, up_of_pitched_camera
from hourlift.metrics import acceleration_error, mpjpe
from hourlift.pose import PoseFrame
from hourlift.pose_log import PoseLog
from hourlift.predict.temporal.smooth import leaving_course, smooth_track, within_reach, wrong_bones
from hourlift.predict.world.finish import finish
from hourlift.predict.world.floor import STANDING_LEAN_DEG, find_world, with_height

FPS = 30
CAMERA = Camera.from_fov((640, 480), source="given")
ARRAYS = ("joints_2d_px", "confidence", "joints_3d_mm", "root_cam_mm", "box_xyxy_px")
# x to the person's left, y behind them, z up, millimetres over the ankles of a person 1.7 m tall.
STANDING = {
    "pelvis": (0, 0, 830),
    "r_hip": (-127, 0, 830),
    "r_knee": (-127, 0, 415),
    "r_ankle": (-127, 0, 0),
    "l_hip": (127, 0, 830),
    "l_knee": (127, 0, 415),
    "l_ankle": (127, 0, 0),
    "spine": (0, 0, 1060),
    "thorax": (0, 0, 1300),
    "nose": (0, 0, 1415),
    "head": (0, 0, 1525),
    "l_shoulder": (145, 0, 1280),
    "l_elbow": (145, 0, 1010),
    "l_wrist": (145, 0, 770),
    "r_shoulder": (-145, 0, 1280),
    "r_elbow": (-145, 0, 1010),
    "r_wrist": (-145, 0, 770),
}
ANKLE_MM = 71.0


def walker(num_frames: int = 90, pitch_deg: float = 0.0, sit: bool = False) -> PoseSequence:
    """A person who waves and walks about before a camera 1.6 m over the floor, leaning forward as people do.

    They take a step now and then, on a circle of 0.4 m about a place 5 m away, and rest between the steps.
    """
    times = np.arange(num_frames) / FPS
    joints = np.tile(np.array([STANDING[name] for name in H36M17.joint_names], np.float64), (num_frames, 1, 1))
    lean = np.radians(STANDING_LEAN_DEG)
    joints[..., 1] -= np.tan(lean) * joints[..., 2] * (joints[..., 2] > 0)
    elbow, wrist = H36M17.indices("l_elbow", "l_wrist")
    swing = 0.8 * np.sin(2 * np.pi * times)
    joints[:, wrist] = joints[:, elbow] + 240 * np.stack([np.sin(swing), 0 * times, np.cos(swing)], axis=-1)
    if sit:
        joints[:, H36M17.indices("l_knee", "r_knee", "l_ankle", "r_ankle"), 1] -= 415
        joints[:, H36M17.indices("l_hip", "r_hip", "pelvis"), 2] -= 415
    phase = times % 1.0
    turned = (
        2 * np.pi / 3 * (np.floor(times) + np.clip(2 * phase - 1, 0, 1) ** 2 * (3 - 2 * np.clip(2 * phase - 1, 0, 1)))
    )
    place = np.stack([400 * np.cos(turned), 5000 + 400 * np.sin(turned), 0 * times + ANKLE_MM], axis=-1)
    world = World.from_up(up_of_pitched_camera(pitch_deg), 1600, "given")
    return seen(world.to_camera(joints + place[:, None]), times)


def seen(joints_cam: np.ndarray, times: np.ndarray) -> PoseSequence:
    joints_px = CAMERA.project(joints_cam)
    return PoseSequence(
        person_id=0,
        frame_index=np.arange(len(times)),
        times_s=times,
        joints_2d_px=joints_px,
        confidence=np.full(joints_px.shape[:2], 0.9),
        joints_3d_mm=joints_cam - joints_cam[:, :1],
        root_cam_mm=joints_cam[:, 0],
        box_xyxy_px=np.concatenate([joints_px.min(axis=1), joints_px.max(axis=1)], axis=-1),
        camera=CAMERA,
    )


def noisy(track: PoseSequence, mm: float = 30.0, px: float = 3.0) -> PoseSequence:
    rng = np.random.default_rng(0)
    return replace(
        track,
        joints_2d_px=track.joints_2d_px + rng.normal(0, px, track.joints_2d_px.shape),
        joints_3d_mm=track.joints_3d_mm + rng.normal(0, mm, track.joints_3d_mm.shape) * (np.arange(17) > 0)[:, None],
        root_cam_mm=track.root_cam_mm * (1 + rng.normal(0, 0.04, (len(track), 1))),
    )


def without(track: PoseSequence, gone: slice) -> PoseSequence:
    arrays = {name: getattr(track, name).copy() for name in ARRAYS}
    for name, array in arrays.items():
        array[gone] = 0 if name == "confidence" else np.nan
    return replace(track, **arrays)


def test_noise_goes_and_motion_stays() -> None:
    true, raw = walker(), noisy(walker())
    smooth = smooth_track(raw)
    before = acceleration_error(raw.joints_3d_mm, true.joints_3d_mm)
    assert acceleration_error(smooth.joints_3d_mm, true.joints_3d_mm) < before / 8
    assert mpjpe(smooth.joints_3d_mm, true.joints_3d_mm) < 0.6 * mpjpe(raw.joints_3d_mm, true.joints_3d_mm)
    assert np.abs(smooth.joints_2d_px - true.joints_2d_px).mean() < 0.6 * 3 * np.sqrt(2 / np.pi)
    off = np.linalg.norm(smooth.root_cam_mm - true.root_cam_mm, axis=-1)
    assert off.mean() < 0.02 * 5000
    kept = smooth.confidence == raw.confidence
    assert kept.mean() > 0.995  # the noise may make a bone or two impossible
    assert (smooth.confidence[~kept] == 0).all()


def test_bones_have_one_length_and_both_sides_the_same() -> None:
    smooth = smooth_track(noisy(walker()))
    lengths = np.linalg.norm(bone_vectors(smooth.joints_3d_mm), axis=-1)
    np.testing.assert_allclose(lengths, np.tile(lengths[0], (len(smooth), 1)), atol=0.01)
    np.testing.assert_allclose(lengths[0], lengths[0, H36M17.flip_permutation], atol=0.01)
    np.testing.assert_array_equal(smooth.joints_3d_mm[:, 0], 0)


def test_short_gaps_are_filled_with_confidence_zero_and_long_ones_are_not() -> None:
    true = walker(120)
    smooth = smooth_track(without(without(true, slice(30, 45)), slice(60, 76)))  # 0.5 s, and a frame more
    assert smooth.present.tolist() == [not 60 <= i < 76 for i in range(120)]
    assert np.linalg.norm(smooth.joints_3d_mm - true.joints_3d_mm, axis=-1)[30:45].max() < 260  # half a wave was missed
    assert np.linalg.norm(smooth.root_cam_mm - true.root_cam_mm, axis=-1)[30:45].max() < 150
    assert (smooth.confidence[30:45] == 0).all()
    for name in ARRAYS:
        assert np.isfinite(getattr(smooth, name)[30:45]).all(), name
        gone = getattr(smooth, name)[60:76]
        assert (gone == 0).all() if name == "confidence" else np.isnan(gone).all(), name


def test_nothing_is_invented_before_the_first_and_after_the_last_frame() -> None:
    smooth = smooth_track(without(without(walker(60), slice(0, 5)), slice(50, 60)))
    assert smooth.present.tolist() == [5 <= i < 50 for i in range(60)]


def test_what_is_odd_for_long_or_at_the_end_is_taken_as_it_is() -> None:
    track = walker(60)
    joints = track.joints_3d_mm.copy()
    wrist, elbow = H36M17.indices("r_wrist", "r_elbow")
    joints[30:, wrist] += 4 * (joints[30:, wrist] - joints[30:, elbow])
    joints[:5, wrist] += 4 * (joints[:5, wrist] - joints[:5, elbow])
    smooth = smooth_track(replace(track, joints_3d_mm=joints))
    assert smooth.present.all()
    assert (smooth.confidence > 0).all()


def test_a_spike_is_replaced() -> None:
    true = walker()
    wrist = H36M17.index("r_wrist")
    spoiled_px, spoiled_mm = true.joints_2d_px.copy(), true.joints_3d_mm.copy()
    spoiled_px[40:42, wrist] += 200
    spoiled_mm[60, wrist] *= 4
    smooth = smooth_track(replace(true, joints_2d_px=spoiled_px, joints_3d_mm=spoiled_mm))
    assert np.abs(smooth.joints_2d_px[40:42, wrist] - true.joints_2d_px[40:42, wrist]).max() < 5
    assert np.linalg.norm(smooth.joints_3d_mm[60, wrist] - true.joints_3d_mm[60, wrist]) < 20
    zero = np.argwhere(smooth.confidence == 0).tolist()
    assert zero == [[40, wrist], [41, wrist], [60, wrist]]


@pytest.mark.parametrize("num_frames", [0, 1, 2, 3])
def test_hardly_any_frames(num_frames: int) -> None:
    track = walker(num_frames)
    smooth = smooth_track(track)
    assert len(smooth) == num_frames
    np.testing.assert_allclose(smooth.joints_3d_mm, track.joints_3d_mm, atol=20)
    np.testing.assert_allclose(smooth.root_cam_mm, track.root_cam_mm, atol=60)


def test_somebody_who_is_never_there_and_what_is_not_finite() -> None:
    nobody = smooth_track(without(walker(20), slice(None)))
    assert not nobody.present.any()
    assert find_world([nobody]) is None
    assert find_world([]) is None
    track = walker(40)
    joints_px, joints_mm, root_mm = track.joints_2d_px.copy(), track.joints_3d_mm.copy(), track.root_cam_mm.copy()
    joints_px[5, 3], joints_mm[9, 4], root_mm[12] = np.inf, -np.inf, np.inf
    confidence = track.confidence.copy()
    confidence[20], confidence[21] = np.nan, 0
    smooth = smooth_track(
        replace(track, joints_2d_px=joints_px, joints_3d_mm=joints_mm, root_cam_mm=root_mm, confidence=confidence)
    )
    for name in set(ARRAYS) - {"confidence"}:
        assert np.isfinite(getattr(smooth, name)).all(), name
    assert np.abs(smooth.joints_3d_mm - track.joints_3d_mm).max() < 120
    assert smooth.confidence[5, 3] == smooth.confidence[9, 4] == 0


def test_2d_alone_and_3d_alone() -> None:
    track = noisy(walker(40))
    flat = smooth_track(replace(track, joints_3d_mm=np.full((40, 17, 3), np.nan), root_cam_mm=np.full((40, 3), np.nan)))
    assert np.isfinite(flat.joints_2d_px).all()
    assert np.isnan(flat.joints_3d_mm).all()
    solid = smooth_track(replace(track, joints_2d_px=np.full((40, 17, 2), np.nan)))
    assert np.isfinite(solid.joints_cam_mm).all()
    off_mm = [np.linalg.norm(t.root_cam_mm - walker(40).root_cam_mm, axis=-1).mean() for t in (track, solid)]
    assert off_mm[1] < off_mm[0] / 2  # there is nothing to solve the root from: the one that was found is smoothed


def test_times_may_be_uneven_or_stand_still() -> None:
    track = noisy(walker(60))
    jumpy = replace(track, times_s=np.sort(np.random.default_rng(3).uniform(0, 2, 60)))
    assert smooth_track(jumpy).present.all()
    assert smooth_track(replace(track, times_s=np.zeros(60))).present.all()


def test_leaving_course_and_wrong_bones() -> None:
    times = np.arange(20) / 20
    points = np.stack([1000 * times, 0 * times], axis=-1)[:, None]  # 1 m/s
    assert not leaving_course(times, points, 8000.0).any()
    points[10, 0, 1] = 500
    assert np.argwhere(leaving_course(times, points, 8000.0)).tolist() == [[10, 0]]
    assert not leaving_course(times, points, 12000.0).any()
    points[10, 0, 1], points[11:] = 0, points[11:] + 700  # a cut: it does not come back
    assert not leaving_course(times, points, 8000.0).any()
    joints = walker(9).joints_3d_mm.astype(np.float64)
    knee = H36M17.index("l_knee")
    joints[4, knee, 1] *= 2
    assert [4, knee] in np.argwhere(wrong_bones(joints, np.ones((9, 17)), 0.5, 50.0)).tolist()
    assert not wrong_bones(np.delete(joints, 4, axis=0), np.ones((8, 17)), 0.5, 50.0).any()


def test_within_reach() -> None:
    known = np.array([False, True, False, False, True, False, False, False, True, False])
    reached = within_reach(np.arange(10) / 10, known, 0.2)
    assert reached.tolist() == [False, True, True, True, True, False, False, False, True, False]


@pytest.mark.parametrize("height_mm", [1200.0, 1950.0])
def test_stature_scales_pose_and_place_and_leaves_the_picture(height_mm: float) -> None:
    track = walker(30)
    tall = with_height(track, height_mm)
    factor = tall.joints_3d_mm[0, 3] / track.joints_3d_mm[0, 3]
    assert factor[1] == pytest.approx(height_mm / 1700, rel=0.02)
    np.testing.assert_allclose(CAMERA.project(tall.joints_cam_mm), track.joints_2d_px, atol=0.01)
    with pytest.raises(ValueError, match="a height is above 0"):
        with_height(track, 0)
    nobody = without(track, slice(None))
    assert with_height(nobody, 1700) is nobody


@pytest.mark.parametrize("pitch_deg", [-10.0, 0.0, 15.0, 40.0])
def test_people_who_stand_tell_which_way_is_up_and_where_the_floor_is(pitch_deg: float) -> None:
    track = walker(120, pitch_deg)
    world = find_world([track])
    assert world is not None
    assert world.source == "feet"
    assert world.pitch_deg == pytest.approx(pitch_deg, abs=0.5)
    np.testing.assert_allclose(world.to_world([0, 0, 0]), [0, 0, 1600], atol=10)
    track = replace(track, world=world)
    feet = track.joints_world_mm[:, H36M17.indices("l_ankle", "r_ankle"), 2]
    np.testing.assert_allclose(feet, ANKLE_MM, atol=30)


def test_feet_correct_somebody_who_leans() -> None:
    """A lean of 4 degrees beyond the usual: the bodies alone are off by that much, planted feet pull up back."""
    track = walker(240, 10.0)
    lean = np.radians(4.0)
    world = World.from_up(up_of_pitched_camera(10.0), 1600, "given")
    joints = world.to_world(track.joints_cam_mm)
    ankles = joints[:, H36M17.indices("l_ankle", "r_ankle")].mean(axis=1, keepdims=True)
    joints[..., 1] -= np.tan(lean) * (joints - ankles)[..., 2]
    found = find_world([seen(world.to_camera(joints), track.times_s)])
    assert found is not None
    off_deg = np.degrees(np.arccos(found.up_cam @ world.up_cam))
    assert 0.1 < off_deg < 2.5


def test_without_standing_the_camera_is_level_or_as_given() -> None:
    track = walker(60, 20.0, sit=True)
    world = find_world([track])
    assert world is not None
    assert (world.source, world.pitch_deg) == ("default", pytest.approx(0))
    world = find_world([track], pitch_deg=20)
    assert world is not None
    assert (world.source, world.pitch_deg) == ("given", pytest.approx(20))
    np.testing.assert_allclose(world.to_world([0, 0, 0]), [0, 0, 1600], atol=40)
    with pytest.raises(ValueError, match="pitch must be between"):
        find_world([track], pitch_deg=95)
    single = find_world([walker(1)])
    assert single is not None
    assert single.source == "default"


def test_a_jump_stays_a_jump() -> None:
    track = walker(120)
    root = track.root_cam_mm.copy()
    root[50:62, 1] -= 400
    world = find_world([replace(track, root_cam_mm=root)])
    assert world is not None
    heights = replace(track, root_cam_mm=root, world=world).joints_world_mm[:, H36M17.index("l_ankle"), 2]
    assert heights[55] == pytest.approx(ANKLE_MM + 400, abs=30)


def frames_of(tracks: list[PoseSequence]) -> list[PoseFrame]:
    from hourlift.pose import Pose

    frames = []
    for i, time_s in enumerate(tracks[0].times_s):
        people = [
            Pose(**{name: getattr(t, name)[i] for name in ARRAYS}, camera=CAMERA, person_id=t.person_id)
            for t in tracks
            if t.present[i]
        ]
        frames.append(PoseFrame(index=i, time_s=float(time_s), people=people))
    return frames


def test_a_film_of_two_people_one_of_whom_is_lost_for_a_moment() -> None:
    first, second = walker(60), replace(without(walker(60), slice(30, 40)), person_id=3)
    second = replace(second, root_cam_mm=second.root_cam_mm + np.float32([1500, 0, 0]))
    frames, world = finish(frames_of([second, first]))
    assert [[pose.person_id for pose in frame.people] for frame in frames] == [[0, 3]] * 60
    assert [frame.index for frame in frames] == list(range(60))
    assert world is not None
    assert world.source == "feet"
    raw, _ = finish(frames_of([first, second]), smooth=False)
    assert [len(frame.people) for frame in raw] == [1 if 30 <= i < 40 else 2 for i in range(60)]
    np.testing.assert_array_equal(raw[7].people[1].joints_2d_px, second.joints_2d_px[7])


def test_a_film_without_people_or_frames() -> None:
    empty = [PoseFrame(index=i, time_s=i / FPS) for i in range(3)]
    frames, world = finish(empty, height_mm=1700, pitch_deg=3)
    assert [frame.people for frame in frames] == [[], [], []]
    assert world is None
    nothing, world = finish([])
    assert len(nothing) == 0 and world is None


@pytest.mark.parametrize("block", [1, 7, 64])
def test_blocks_of_frames_change_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The track as a whole, with spikes, gaps and places that are not known."""
    rng = np.random.default_rng(5)
    track = without(without(noisy(walker(150)), slice(30, 45)), slice(80, 110))
    joints_px, joints_mm, root_mm = track.joints_2d_px.copy(), track.joints_3d_mm.copy(), track.root_cam_mm.copy()
    joints_px[rng.random((150, 17)) < 0.02] += 200
    joints_mm[rng.random((150, 17)) < 0.02] *= 3
    root_mm[rng.random(150) < 0.05] = np.nan
    track = replace(track, joints_2d_px=joints_px, joints_3d_mm=joints_mm, root_cam_mm=root_mm)
    results = []
    for size in (512, block):
        monkeypatch.setattr("hourlift.pose_log.BLOCK", size)
        smooth = with_height(smooth_track(track), 1800.0)
        world = find_world([track, smooth])
        assert world is not None
        results.append([*(getattr(smooth, name) for name in ARRAYS), world.rotation, world.origin_cam_mm])
    for whole, in_blocks in zip(*results, strict=True):
        np.testing.assert_allclose(in_blocks, whole, rtol=1e-6, atol=1e-6)


def test_memory_hardly_grows_with_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hourlift.pose_log.BLOCK", 64)
    monkeypatch.setattr("hourlift.pose_log.IN_MEMORY_BYTES", 1000)
    peaks = []
    for num_frames in (100, 500):
        log = PoseLog(frames_of([noisy(walker(num_frames))]))
        tracemalloc.start()
        finish(log, height_mm=1700.0)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 400 < 900  # bytes a frame: the track has 452; they were 6000
