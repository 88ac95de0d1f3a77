"""What most writers start from: every person of a document through all its frames, and frames at an even rate."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.formats.json import PoseFile
from hourlift.formats.world import joints_world_mm
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import PoseFrame, PoseSequence

STILL_FPS = 30.0
"""Frames a second that a format which must have some is told for a single picture."""

_ARRAYS = ("joints_2d_px", "confidence", "joints_3d_mm", "root_cam_mm", "box_xyxy_px")
_log = logging.getLogger("hourlift")


class NobodyError(ValueError):
    """There is nobody in the document, and the format cannot say so."""


def person_ids(document: PoseFile) -> list[int]:
    """Who is in at least one frame, in order."""
    return sorted({pose.person_id for frame in document.frames for pose in frame.people})


def only(document: PoseFile, person_id: int) -> PoseFile:
    """The document with one of its people.

    Raises:
        ValueError: the person is in none of the frames; the message names who is.
    """
    known = person_ids(document)
    if person_id not in known:
        others = f"the people there are {', '.join(map(str, known))}" if known else "nobody is"
        raise ValueError(f"person {person_id} is in none of the {len(document.frames)} frames; {others}")
    frames = [
        PoseFrame(index=f.index, time_s=f.time_s, people=[p for p in f.people if p.person_id == person_id])
        for f in document.frames
    ]
    return replace(document, frames=frames)


def tracks(document: PoseFile) -> list[PoseSequence]:
    """Every person through all frames of a document, in order of their ids.

    Returns:
        One sequence of len(document.frames) frames a person; what is not finite is NaN.

    Raises:
        ValueError: a person is in a frame twice, or the frames are not in order of time.
    """
    frame_times_s(document)
    for frame in document.frames:
        ids = [pose.person_id for pose in frame.people]
        if len(set(ids)) < len(ids):
            raise ValueError(f"frame {frame.index} holds a person_id twice: {sorted(ids)}")
    sequences = (PoseSequence.from_frames(document.frames, person_id) for person_id in person_ids(document))
    return [_finite(sequence) for sequence in sequences]


def shown_ids(document: PoseFile) -> list[int]:
    """Who has at least one joint in 3D at some time, in order.

    Raises:
        ValueError: as `tracks`.
    """
    return [person.person_id for person in tracks(document) if _is_shown(person)]


def somebody(document: PoseFile) -> list[PoseSequence]:
    """As `tracks`, of `shown_ids` alone, for formats that have no way to say that there is nobody.

    A person whose distance is known in no frame stands with the pelvis where the camera is, and a warning says so.

    Raises:
        NobodyError: there are none.
        ValueError: as `tracks`.
    """
    shown = [person for person in tracks(document) if _is_shown(person)]
    if not shown:
        frames = len(document.frames)
        raise NobodyError(f"nobody is in {'the frame' if frames == 1 else f'the {frames} frames'}")
    return [_placed(person) for person in shown]


def frame_times_s(document: PoseFile) -> NDArray[np.float64]:
    """(T,) when each frame is shown.

    Raises:
        ValueError: the frames are not in order of time.
    """
    times_s = np.array([frame.time_s for frame in document.frames], np.float64)
    wrong = ~np.isfinite(times_s)
    wrong[1:] |= ~(np.diff(times_s) > 0)
    if wrong.any():
        frame = document.frames[int(wrong.argmax())]
        raise ValueError(f"frame {frame.index} has the time {frame.time_s}, which does not follow on the one before")
    return times_s


def even_frames(document: PoseFile) -> tuple[NDArray[np.intp], float]:
    """Which frame to show at each tick of an even rate, for formats that have no times of their own.

    Frames of an uneven video are repeated and left out as its conversion to a constant rate would; those of an even one
    come one by one.

    Returns:
        (N,) positions in `document.frames`, and frames a second: the video's, where its times agree with it.

    Raises:
        ValueError: as `frame_times_s`.
    """
    times_s = frame_times_s(document)
    if len(times_s) < 2:
        return np.arange(len(times_s)), document.header.fps or STILL_FPS
    own_fps = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    fps = document.header.fps
    if fps is None or not own_fps / 2 < fps < own_fps * 2:
        fps = float(own_fps)
    ticks = times_s[0] + np.arange(round((times_s[-1] - times_s[0]) * fps) + 1) / fps
    after = np.searchsorted(times_s, ticks).clip(1, len(times_s) - 1)
    return after - (ticks - times_s[after - 1] < times_s[after] - ticks), fps


def markers(document: PoseFile) -> tuple[list[str], NDArray[np.float64]]:
    """Everybody's joints side by side, as motion analysis has them.

    Returns:
        M names, the joint's own, or p3_l_wrist for person 3 where there are several people; (T, M, 3) places in the
        room, millimetres, z up, NaN where unknown.

    Raises:
        NobodyError, ValueError: as `somebody`.
    """
    sequences = somebody(document)
    prefixes = [f"p{sequence.person_id}_" if len(sequences) > 1 else "" for sequence in sequences]
    names = [prefix + name for prefix in prefixes for name in H36M17.joint_names]
    return names, np.concatenate([joints_world_mm(sequence, document.header) for sequence in sequences], axis=1)


def _is_shown(sequence: PoseSequence) -> bool:
    return bool(np.isfinite(sequence.joints_3d_mm).all(axis=-1).any())


def _placed(sequence: PoseSequence) -> PoseSequence:
    """The sequence, with zeros for a place that is known in no frame."""
    if np.isfinite(sequence.root_cam_mm).all(axis=-1).any():
        return sequence
    _log.warning("person %d: the distance is unknown, so the pelvis is put at the origin", sequence.person_id)
    return replace(sequence, root_cam_mm=np.zeros_like(sequence.root_cam_mm))


def _finite(sequence: PoseSequence) -> PoseSequence:
    """The sequence with NaN for infinity."""
    arrays: dict[str, Any] = {}
    for name in _ARRAYS:
        values = getattr(sequence, name)
        arrays[name] = np.where(np.isinf(values), np.nan, values)
    return replace(sequence, **arrays)
