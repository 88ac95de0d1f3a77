"""Reading and writing files of poses from Python."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hourlift.errors import UserError
from hourlift.formats import table
from hourlift.formats.json import Header, PoseFile
from hourlift.pose import POSE_SHAPES, Pose, PoseFrame, PoseSequence


def read_poses(path: str | Path) -> PoseFile:
    """Reads a JSON or NPZ file of poses that hourlift wrote.

    >>> from hourlift import read_poses
    >>> knee_mm = read_poses("dance.json").sequence(0).joints_3d_mm[:, 2]  # doctest: +SKIP

    Args:
        path: The file; its suffix selects the format.

    Returns:
        The header of the source, and its frames; `sequence` returns one person's track.

    Raises:
        UserError: The format cannot be read, or the file is broken.
        OSError: The file cannot be opened.
    """
    return table.load_poses(path)


def write_poses(path: str | Path, poses: PoseFile | PoseSequence | Sequence[PoseSequence]) -> list[Path]:
    """Writes poses in the format of the file's suffix: json, csv, npz, bvh, trc, c3d, glb or coco.json.

    >>> from hourlift import lift, write_poses
    >>> write_poses("dance.bvh", lift("dance.mp4").poses)  # doctest: +SKIP

    Args:
        path: The file; its folder exists. In a format for one person, each person gets a file.
        poses: A loaded file, the poses of a result, or one or more people of one video.

    Returns:
        The written files.

    Raises:
        UserError: The format is unknown, its package is missing, or the people are not of one video.
        OSError: A file cannot be written.
    """
    if isinstance(poses, PoseSequence):
        poses = [poses]
    return table.write_poses(path, poses if isinstance(poses, PoseFile) else _document(poses))


def _document(sequences: Sequence[PoseSequence]) -> PoseFile:
    """The frames that people of one video share."""
    if not sequences:
        raise UserError("there is no person to write")
    first = sequences[0]
    if len({sequence.person_id for sequence in sequences}) < len(sequences):
        raise UserError("two of the people have the same person_id")
    if any(not np.array_equal(sequence.frame_index, first.frame_index) for sequence in sequences):
        raise UserError("the people are not of one video: their frames differ")
    frames = [
        PoseFrame(
            index=int(first.frame_index[i]),
            time_s=float(first.times_s[i]),
            people=[_pose(sequence, i) for sequence in sequences if sequence.present[i]],
        )
        for i in range(len(first))
    ]
    header = Header(
        source="poses",
        kind="video",
        image_wh=first.camera.image_wh,
        camera=first.camera,
        fps=first.fps if np.isfinite(first.fps) else None,
        world=first.world,
    )
    return PoseFile(header=header, frames=frames)


def _pose(sequence: PoseSequence, i: int) -> Pose:
    arrays = {name: getattr(sequence, name)[i] for name in POSE_SHAPES}
    return Pose(**arrays, camera=sequence.camera, person_id=sequence.person_id)
