"""Files are the same whatever block of frames is worked on at once, and memory does not grow with their length."""

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hourlift.formats.json import PoseFile
from hourlift.formats.table import FORMATS, FormatName, write_poses
from hourlift.geometry.skeleton import H36M17
from hourlift.pose_log import PoseLog


def odd_document(truth: Any) -> PoseFile:
    """Two people who come and go, lose joints, turn upside down and their places; times are uneven."""
    rng = np.random.default_rng(0)
    count = 60
    people = [truth.joints_of(truth.random_directions(count, seed=seed)) for seed in (0, 1)]
    people[0][:20, H36M17.index("l_knee")] = np.nan
    people[0][30:33, H36M17.index("r_hip")] = people[0][30:33, H36M17.index("l_hip")]  # hips without a direction
    people[1][:25, H36M17.index("r_shoulder")] = people[1][:25, H36M17.index("l_shoulder")]
    people[1][rng.random((count, 17)) < 0.1] = np.nan
    roots_mm = np.array([0, 0, 4000.0]) + rng.normal(0, 100, (count, 3))
    roots_mm[[0, 1, 15, 16, 40]] = np.nan
    present = rng.random((2, count)) < 0.8
    present[1, 30:45] = False
    times_s = np.cumsum(rng.uniform(0.01, 0.07, count))
    return truth.document_of(*people, roots_mm=roots_mm, present=present, times_s=times_s)


@pytest.mark.parametrize("name", FORMATS)
def test_blocks_leave_no_trace(truth: Any, name: FormatName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = odd_document(truth)
    written = []
    for block in (512, 7, 1):
        monkeypatch.setattr("hourlift.pose_log.BLOCK", block)
        files = write_poses(tmp_path / f"a{FORMATS[name].suffix}", document)
        written.append([(file.name, file.read_bytes()) for file in files])
    assert written[1:] == written[:1] * 2


@pytest.mark.parametrize("name", FORMATS)
def test_memory_hardly_grows_with_length(
    truth: Any, name: FormatName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hourlift.pose_log.BLOCK", 32)
    monkeypatch.setattr("hourlift.pose_log.IN_MEMORY_BYTES", 1000)
    file = tmp_path / f"a{FORMATS[name].suffix}"
    short = truth.document_of(truth.joints_of(truth.random_directions(100, seed=0)))
    long = PoseLog(replace(frame, time_s=frame.time_s + 4 * i) for i in range(4) for frame in short.frames)
    peaks = []
    write_poses(file, short)  # imports
    for frames in (PoseLog(short.frames), long):
        runs = []
        for _ in range(2):  # threads that earlier tests left behind allocate, too: the lower peak counts
            tracemalloc.start()
            write_poses(file, replace(short, frames=frames))
            runs.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        peaks.append(min(runs))
    assert (peaks[1] - peaks[0]) / 300 < 400  # bytes a frame; a pose has 436, and took 2 to 6 kB
