"""A log gives back the frames that it was given, and takes little memory for them."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from hourlift.geometry.camera import Camera
from hourlift.pose import POSE_SHAPES, Pose, PoseFrame, PoseSequence
from hourlift.pose_log import PoseLog

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


def test_a_frame_takes_little_memory() -> None:
    log, frame = PoseLog(), FRAMES[0]
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for i in range(2048):
        log.append(replace(frame, index=i))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / 2048 < 1200  # two people, 126 float32 each, and room for growth
