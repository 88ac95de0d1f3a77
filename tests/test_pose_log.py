"""A log gives back the frames that it was given, and takes little memory for them."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from hourlift.geometry.camera import Camera
from hourlift.pose import POSE_SHAPES, Pose, PoseFrame, PoseSequence
from hourlift.pose_log import PoseLog, blocks, by_blocks

RNG = np.random.default_rng(0)
CAMERAS = [Camera.from_fov((640, 480), fov) for fov in (50.0, 60.0)]


def pose(person_id: int, camera: Camera = CAMERAS[0], spread: bool = True) -> Pose:
    arrays = {name: RNG.normal(size=shape).astype(np.float32) for name, shape in POSE_SHAPES.items()}
    arrays["root_cam_mm"][:] = np.nan if person_id == 2 else 1.0
    return Pose(**arrays, camera=camera, person_id=person_id, spread_mm=RNG.random(17) if spread else None)


FRAMES = [
    PoseFrame(index=3, time_s=0.1, people=[pose(1), pose(2, CAMERAS[1])]),
    PoseFrame(index=5, time_s=0.25),
    PoseFrame(index=6, time_s=0.3, people=[pose(2, spread=False)]),
]


def same(one: PoseFrame, other: PoseFrame) -> bool:
    if (one.index, one.time_s, len(one.people)) != (other.index, other.time_s, len(other.people)):
        return False
    for a, b in zip(one.people, other.people, strict=True):
        arrays = all(np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True) for name in POSE_SHAPES)
        spread = (a.spread_mm is None) == (b.spread_mm is None) and np.array_equal(a.spread_mm, b.spread_mm)
        if not (arrays and spread and a.person_id == b.person_id and a.camera == b.camera):
            return False
    return True


def test_frames_come_back_as_they_were() -> None:
    frames = FRAMES * 40  # more people than the first rows hold
    log = PoseLog(frames)
    assert len(log) == len(frames)
    assert all(map(same, log, frames))
    assert same(log[-1], frames[-1])
    assert [frame.index for frame in log[1:6:2]] == [frame.index for frame in frames[1:6:2]]
    with pytest.raises(IndexError):
        log[len(frames)]


def test_what_is_taken_out_is_a_copy() -> None:
    log = PoseLog(FRAMES)
    log[0].people[0].joints_2d_px[:] = 0
    assert same(log[0], FRAMES[0])


def test_a_person_is_collected_from_a_log_as_from_a_list() -> None:
    one, other = (PoseSequence.from_frames(frames, 2) for frames in (FRAMES, PoseLog(FRAMES)))
    for name in POSE_SHAPES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.frame_index.tolist() == [3, 5, 6]
    assert np.isnan(one.joints_2d_px[1]).all() and (one.confidence[1] == 0).all()


def test_a_person_in_consecutive_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hourlift.pose_log.BLOCK", 4)
    frames = [replace(frame, index=i) for i, frame in enumerate(FRAMES * 5)]
    log = PoseLog(frames)
    assert log.person_ids == [1, 2]
    assert (log.frame_index.tolist(), log.times_s.tolist()) == ([*range(15)], [frame.time_s for frame in frames])
    for person_id in log.person_ids:
        for part in (slice(None), slice(2, 13), slice(4, 5)):
            one, other = PoseSequence.from_frames(frames, person_id), log.sequence(person_id, part)
            assert one.frame_index[part].tolist() == other.frame_index.tolist()
            assert one.times_s[part].tolist() == other.times_s.tolist()
            for name in POSE_SHAPES:
                np.testing.assert_array_equal(getattr(one, name)[part], getattr(other, name))
    monkeypatch.setattr("hourlift.pose_log.BLOCK", 1)
    assert log.sequence(2).camera == CAMERAS[1]  # the first of two
    places, ids = log.who(slice(2, 5))
    assert (places.tolist(), ids.tolist()) == ([2, 3, 3], [2, 1, 2])
    with pytest.raises(ValueError, match="person 3 is in none of the 1 frames"):
        PoseLog(FRAMES[1:2]).sequence(3)


def test_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hourlift.pose_log.BLOCK", 4)
    assert blocks(9) == [slice(0, 4), slice(4, 8), slice(8, 9)]
    assert blocks(8) == [slice(0, 4), slice(4, 8)]
    assert blocks(0) == []
    for count in (0, 4, 9):
        a, b = RNG.normal(size=(2, count, 3))
        np.testing.assert_array_equal(by_blocks(np.add, a, b), a + b)


def test_what_fills_a_file_comes_back_and_further_frames_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hourlift.pose_log.IN_MEMORY_BYTES", 1000)
    log = PoseLog(FRAMES)
    for _ in range(20):
        assert same(log[0], FRAMES[0])
        for frame in FRAMES:
            log.append(frame)
    assert all(map(same, log, FRAMES * 21))


def test_a_frame_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hourlift.pose_log.IN_MEMORY_BYTES", 1000)
    log, frame = PoseLog(), FRAMES[0]
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for i in range(2048):
        log.append(replace(frame, index=i))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (most - before) / 2048 < 60  # of two people with 126 float32 each; the rest is in the file
