"""Tracks of a document, and frames at an even rate."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hourlift.formats.json import PoseFile
from hourlift.formats.tracks import checked_frames, even_frames, only, tracks
from hourlift.formats.world import joints_world_mm
from hourlift.pose import PoseFrame


def at_times(truth: Any, times_s: list[float], fps: float | None = 25.0) -> PoseFile:
    joints = truth.joints_of(truth.random_directions(len(times_s), seed=0))
    return truth.document_of(joints, times_s=np.array(times_s), fps=fps)


def test_even_frames_come_one_by_one_also_if_times_are_rounded(truth: Any) -> None:
    times_s = [round(i / 29.97, 2) for i in range(300)]
    shown, fps = even_frames(at_times(truth, times_s, fps=29.97))
    assert fps == 29.97
    assert shown.tolist() == list(range(300))


@pytest.mark.parametrize(
    ("times_s", "fps", "expected", "rate"),
    [
        ([0, 0.04, 0.12, 0.16], 25.0, [0, 1, 2, 2, 3], 25.0),  # one was dropped while filming; the later one is nearer
        ([2, 2.04, 2.05, 2.08], 25.0, [0, 1, 3], 25.0),  # one too many
        ([0, 0.1, 0.2], 25.0, [0, 1, 2], 10.0),  # the frame rate is not the file's at all
        ([0, 0.1, 0.2], None, [0, 1, 2], 10.0),
        ([3], None, [0], 30.0),
        ([3], 24.0, [0], 24.0),
    ],
)
def test_uneven_frames(truth: Any, times_s: list[float], fps: float | None, expected: list[int], rate: float) -> None:
    shown, found = even_frames(at_times(truth, times_s, fps))
    assert shown.tolist() == expected
    assert found == pytest.approx(rate)


def test_a_pause_of_a_year_does_not_fill_the_memory(truth: Any) -> None:
    shown, _ = even_frames(at_times(truth, [0, 0.04, 0.08, 3e7]))
    assert len(shown) <= 8


@pytest.mark.parametrize("times_s", [[0, 0.04, 0.04], [0, 0.08, 0.04], [0, np.nan, 0.08], [0, 0.04, np.inf]])
def test_frames_out_of_order_are_named(truth: Any, format_name: str, tmp_path: Any, times_s: list[float]) -> None:
    from hourlift.formats.table import write_poses

    with pytest.raises(ValueError, match=r"frame [12] has the time .*, not later than the frame before"):
        write_poses(tmp_path / f"a.{format_name}", at_times(truth, times_s))
    assert list(tmp_path.iterdir()) == []


def test_a_person_twice_in_a_frame(truth: Any, format_name: str, tmp_path: Any) -> None:
    from hourlift.formats.table import write_poses

    document = at_times(truth, [0, 0.04])
    document.frames[1].people.append(document.frames[1].people[0])
    with pytest.raises(ValueError, match=rf"a.{format_name}: frame 1 holds a person_id twice: \[0, 0\]"):
        write_poses(tmp_path / f"a.{format_name}", document)
    assert list(tmp_path.iterdir()) == []


def test_only_one_person(truth: Any) -> None:
    people = [truth.joints_of(truth.random_directions(2, seed=seed)) for seed in (0, 1)]
    document = only(truth.document_of(*people, present=np.array([[1, 1], [0, 1]])), 1)
    assert [[pose.person_id for pose in frame.people] for frame in document.frames] == [[], [1]]
    with pytest.raises(ValueError, match="person 7 is in none of the 2 frames; the people are 0, 1"):
        only(truth.document_of(*people), 7)
    with pytest.raises(ValueError, match="person 0 is in none of the 0 frames; there are no people"):
        only(truth.document_of(), 0)


def test_infinity_is_unknown(truth: Any) -> None:
    document = at_times(truth, [0, 0.04])
    document.frames[0].people[0].root_cam_mm[:] = np.inf
    track = tracks(checked_frames(document))[0][:]
    assert np.isnan(track.root_cam_mm[0]).all()
    known = np.isfinite(joints_world_mm(track, document.header)).all(axis=(1, 2))
    assert known.tolist() == [False, True]


def test_a_known_room_is_used(truth: Any) -> None:
    document = at_times(truth, [0, 0.04])
    track = tracks(checked_frames(document))[0][:]
    header = SimpleNamespace(world=SimpleNamespace(to_world=lambda points: 2 * points))
    np.testing.assert_array_equal(joints_world_mm(track, header), 2 * track.joints_cam_mm)  # type: ignore[arg-type]


def test_a_frame_without_people_belongs_to_the_track(truth: Any) -> None:
    document = at_times(truth, [0, 0.04])
    document.frames.append(PoseFrame(index=2, time_s=0.08))
    track = tracks(checked_frames(document))[0][:]
    assert track.present.tolist() == [True, True, False]
