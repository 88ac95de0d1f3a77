"""Joint angles over time, and as a CSV file; `hourlift.geometry.angles` computes them."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.formats.atomic import replacing
from hourlift.geometry.angles import ANGLE_KEYS, joint_angles
from hourlift.geometry.world import CAMERA_UP
from hourlift.pose import PoseSequence


@dataclass(frozen=True, kw_only=True, eq=False)
class AngleTrack:
    """One person's joint angles in T frames.

    Attributes:
        person_id: the person's id.
        frame_index: (T,) indices of the frames in their source.
        times_s: (T,) time of each frame.
        degrees: (T,) float64 by the names of `geometry.angles.ANGLE_KEYS`; NaN is a gap.
    """

    person_id: int
    frame_index: NDArray[np.int64]
    times_s: NDArray[np.float64]
    degrees: dict[str, NDArray[np.float64]]


def angle_track(sequence: PoseSequence, up: ArrayLike = CAMERA_UP, min_confidence: float = 0.0) -> AngleTrack:
    """The joint angles of one person.

    Args:
        sequence: the person.
        up: (3,) the direction up in the camera's axes, for the trunk.
        min_confidence: in [0, 1]; joints of lower confidence count as unknown.

    Returns:
        Their angles, with gaps where the person or a joint is unknown.
    """
    sure = np.nan_to_num(sequence.confidence) >= min_confidence
    joints_mm = np.where(sure[..., None], sequence.joints_3d_mm, np.nan)
    return AngleTrack(
        person_id=sequence.person_id,
        frame_index=sequence.frame_index,
        times_s=sequence.times_s,
        degrees=joint_angles(joints_mm, up),
    )


def write_angles(path: str | Path, tracks: Iterable[AngleTrack]) -> None:
    """Write a CSV file: a row per person and frame, a column per angle, an empty cell where it is unknown.

    The columns are frame, time_s, person and `geometry.angles.ANGLE_KEYS`, in degrees with one decimal.

    Args:
        path: the file, written atomically; its folder exists.
        tracks: the people.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["frame", "time_s", "person", *ANGLE_KEYS])
        for track in tracks:
            table = np.stack([track.degrees[key] for key in ANGLE_KEYS], axis=-1)
            for frame, time_s, row in zip(track.frame_index, track.times_s, table, strict=True):
                cells = [f"{value:.1f}" if np.isfinite(value) else "" for value in row]
                writer.writerow([frame, f"{time_s:.6g}", track.person_id, *cells])
