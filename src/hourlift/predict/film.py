"""A film as a whole: what can be said of people only once all frames have been seen."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from hourlift.geometry.world import World
from hourlift.pose import POSE_SHAPES, Pose, PoseFrame, PoseSequence
from hourlift.pose_log import PoseLog
from hourlift.predict.room import find_world, with_stature
from hourlift.predict.smooth import smooth_in_place


def finish(
    frames: Sequence[PoseFrame],
    *,
    smooth: bool = True,
    stature_mm: float | None = None,
    pitch_deg: float | None = None,
) -> tuple[PoseLog, World | None]:
    """Smooth and complete everybody's track, and find their place in the room.

    Args:
        frames: of one camera that does not move, in order of time.
        smooth: whether tracks are smoothed and gaps filled at all.
        stature_mm: how tall people are; None leaves them the lifter's size, that of an average person.
        pitch_deg: how far down the camera looks; None finds out.

    Returns:
        The frames, with those people in them who are there or were lost for a moment only, in order of their ids; and
        the world, None when there is nobody whose place is known.

    Raises:
        ValueError: the stature or the pitch is impossible.
    """
    log = frames if isinstance(frames, PoseLog) else PoseLog(frames)
    tracks = []
    for person_id in log.person_ids:
        track = log.sequence(person_id)
        if smooth:
            smooth_in_place(track)
        if stature_mm is not None:
            track = with_stature(track, stature_mm)
        tracks.append(track)
        del track  # two would be a lot for long ones
    world = find_world(tracks, pitch_deg)
    finished = PoseLog(
        replace(frame, people=[pose for track in tracks if (pose := _pose(track, i)) is not None])
        for i, frame in enumerate(frames)
    )
    return finished, world


def _pose(track: PoseSequence, i: int) -> Pose | None:
    """The person in a frame, None where there is nothing of them."""
    if not (np.isfinite(track.joints_2d_px[i]).any() or np.isfinite(track.joints_3d_mm[i]).any()):
        return None
    arrays = {name: getattr(track, name)[i] for name in POSE_SHAPES}
    return Pose(**arrays, camera=track.camera, person_id=track.person_id)
