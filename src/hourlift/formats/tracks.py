"""The basis of most writers: every person of a document in all its frames, and frames at a constant rate.

Tracks are never held whole: people are read block by block, so that memory does not grow with a video's length.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError
from hourlift.formats.json import PoseFile
from hourlift.formats.world import joints_world_mm
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import POSE_SHAPES, PoseSequence
from hourlift.pose_log import PoseLog, blocks

STILL_FPS = 30.0
"""Frame rate of a single image in formats that need one."""

_log = logging.getLogger("hourlift")


class NoPersonError(UserError):
    """There are no people in the document, and the format needs at least one."""


@dataclass(frozen=True, kw_only=True)
class Track:
    """One person in all frames of a document, read on demand; non-finite values are NaN.

    Attributes:
        person_id: the person's id.
        frames: the document's frames.
        at_origin: the pelvis's position is known in no frame, and the camera's position is used instead.
    """

    person_id: int
    frames: PoseLog
    at_origin: bool = False

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, part: slice) -> PoseSequence:
        """Consecutive frames."""
        sequence = self.frames.sequence(self.person_id, part)
        for name in POSE_SHAPES:
            values = getattr(sequence, name)
            values[np.isinf(values)] = np.nan
        if self.at_origin:
            sequence.root_cam_mm[:] = 0
        return sequence

    def __iter__(self) -> Iterator[PoseSequence]:
        """All frames, block by block."""
        return (self[part] for part in blocks(len(self)))


def only(document: PoseFile, person_id: int) -> PoseFile:
    """The document with one of its people.

    Raises:
        ValueError: the person is in none of the frames; the message names those who are.
    """
    frames = PoseLog(replace(f, people=[p for p in f.people if p.person_id == person_id]) for f in document.frames)
    if person_id not in frames.person_ids:
        known = sorted({pose.person_id for frame in document.frames for pose in frame.people})
        others = f"the people are {', '.join(map(str, known))}" if known else "there are no people"
        raise UserError(f"person {person_id} is in none of the {len(document.frames)} frames; {others}")
    return replace(document, frames=frames)


def checked_frames(document: PoseFile) -> PoseLog:
    """Check a document's frames and return them.

    Raises:
        ValueError: a person is in a frame twice, or the frames are not in temporal order.
    """
    frames = document.frames if isinstance(document.frames, PoseLog) else PoseLog(document.frames)
    _check_times(frames)
    for part in blocks(len(frames)):
        places, ids = frames.who(part)
        known, counts = np.unique(np.stack([places, ids]), axis=1, return_counts=True)
        if (counts > 1).any():
            frame = frames[int(known[0, counts > 1][0])]
            raise UserError(f"frame {frame.index} holds a person_id twice: {sorted(p.person_id for p in frame.people)}")
    return frames


def tracks(frames: PoseLog) -> list[Track]:
    """Every person, in order of their ids."""
    return [Track(person_id=person_id, frames=frames) for person_id in frames.person_ids]


def shown_ids(document: PoseFile) -> list[int]:
    """The ids of people with at least one 3D joint in some frame, in order.

    Raises:
        ValueError: as `checked_frames`.
    """
    return [track.person_id for track in tracks(checked_frames(document)) if _is_shown(track)]


def shown_tracks(document: PoseFile) -> list[Track]:
    """As `tracks`, for `shown_ids` only, for formats that need at least one person.

    If a person's distance is known in no frame, their pelvis is put at the camera's position, with a warning.

    Raises:
        NoPersonError: there are none.
        ValueError: as `checked_frames`.
    """
    shown = [track for track in tracks(checked_frames(document)) if _is_shown(track)]
    if not shown:
        frames = len(document.frames)
        raise NoPersonError(f"no person is in {'the frame' if frames == 1 else f'the {frames} frames'}")
    return [_placed(track) for track in shown]


def frame_times_s(document: PoseFile) -> NDArray[np.float64]:
    """(T,) time of each frame, seconds.

    Raises:
        ValueError: the frames are not in temporal order.
    """
    return _check_times(document.frames if isinstance(document.frames, PoseLog) else PoseLog(document.frames))


def even_frames(document: PoseFile) -> tuple[NDArray[np.intp], float]:
    """Resample frames to a constant rate, for formats without time stamps.

    At a variable rate, frames are repeated and dropped as in the conversion of a video to a constant rate. At a
    constant rate, each frame appears once.

    Returns:
        (N,) positions in `document.frames`, and the frame rate: the video's, if its times agree with it.

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


def shown_in(shown: NDArray[np.intp], part: slice) -> NDArray[np.intp]:
    """The positions of `even_frames` in a block of frames, counted from the block's first frame."""
    first, end = np.searchsorted(shown, [part.start, part.stop])
    return shown[first:end] - part.start


class Markers(NamedTuple):
    """All people's joints as one set of markers, for motion analysis.

    Attributes:
        names: names of the M markers: the joint's, or p3_l_wrist for person 3 if there are several people.
        fps: the constant frame rate.
        num_frames: number of frames.
        places_mm: the frames block by block, (N, M, 3) in the world frame, millimetres, z up, NaN where unknown.
    """

    names: list[str]
    fps: float
    num_frames: int
    places_mm: Iterator[NDArray[np.float64]]


def markers(document: PoseFile) -> Markers:
    """All people's joints as markers.

    Raises:
        NoPersonError, ValueError: as `shown_tracks`.
    """
    people = shown_tracks(document)
    shown, fps = even_frames(document)
    prefixes = [f"p{track.person_id}_" if len(people) > 1 else "" for track in people]
    names = [prefix + name for prefix in prefixes for name in H36M17.joint_names]

    def places_mm() -> Iterator[NDArray[np.float64]]:
        for part in blocks(len(document.frames)):
            places = [joints_world_mm(track[part], document.header) for track in people]
            yield np.concatenate(places, axis=1)[shown_in(shown, part)]

    return Markers(names, fps, len(shown), places_mm())


def _check_times(frames: PoseLog) -> NDArray[np.float64]:
    """(T,) time of each frame; see `frame_times_s`."""
    times_s = frames.times_s
    wrong = ~np.isfinite(times_s)
    wrong[1:] |= ~(np.diff(times_s) > 0)
    if wrong.any():
        frame = frames[int(wrong.argmax())]
        raise UserError(f"frame {frame.index} has the time {frame.time_s}, not later than the frame before")
    return times_s


def _is_shown(track: Track) -> bool:
    return any(np.isfinite(part.joints_3d_mm).all(axis=-1).any() for part in track)


def _placed(track: Track) -> Track:
    """The track, with zeros for a position that is known in no frame."""
    if any(np.isfinite(part.root_cam_mm).all(axis=-1).any() for part in track):
        return track
    _log.warning("person %d: the distance is unknown; the pelvis is put at the origin", track.person_id)
    return replace(track, at_origin=True)
