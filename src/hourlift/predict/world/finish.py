"""Post-processing of a whole video, once all frames have been seen."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hourlift.geometry.world import World
from hourlift.pose import POSE_SHAPES, Pose, PoseFrame, PoseSequence
from hourlift.pose_log import PoseLog
from hourlift.predict.temporal.smooth import smooth_in_place
from hourlift.predict.world.floor import find_world, with_height


def finish(
    frames: Sequence[PoseFrame],
    *,
    smooth: bool = True,
    height_mm: float | None = None,
    pitch_deg: float | None = None,
) -> tuple[PoseLog, World | None]:
    """Smooth every person's track, fill its gaps, and find the world frame.

    Args:
        frames: in temporal order, from one camera that does not move.
        smooth: whether tracks are smoothed and gaps filled.
        height_mm: the people's height; None keeps the lifter's scale, that of an average person.
        pitch_deg: the camera's downward pitch; None estimates it.

    Returns:
        The frames, in each of which are the people who were found or only briefly lost, in order of their ids; and the
        world, None if no person's position is known.

    Raises:
        ValueError: the height or the pitch is impossible.
    """
    log = frames if isinstance(frames, PoseLog) else PoseLog(frames)
    tracks = []
    for person_id in log.person_ids:
        track = log.sequence(person_id)
        if smooth:
            smooth_in_place(track)
        if height_mm is not None:
            track = with_height(track, height_mm)
        tracks.append(track)
        del track  # frees memory: the tracks of long videos are large
    world = find_world(tracks, pitch_deg)
    finished = PoseLog(
        replace(frame, people=[p for track in tracks if (p := _pose(track, i, None if smooth else frame)) is not None])
        for i, frame in enumerate(frames)
    )
    return finished, world


def _pose(track: PoseSequence, i: int, found: PoseFrame | None) -> Pose | None:
    """The person in a frame; None if nothing is known of them there.

    Args:
        track: the person's track.
        i: index of the frame in the track.
        found: the frame before smoothing, for values that smoothing would change; None after smoothing.
    """
    if not (np.isfinite(track.joints_2d_px[i]).any() or np.isfinite(track.joints_3d_mm[i]).any()):
        return None
    arrays = {name: getattr(track, name)[i] for name in POSE_SHAPES}
    before = next((pose for pose in found.people if pose.person_id == track.person_id), None) if found else None
    spread_mm = None if before is None or before.spread_mm is None else before.spread_mm * _growth(before, arrays)
    return Pose(**arrays, camera=track.camera, person_id=track.person_id, spread_mm=spread_mm)


def _growth(before: Pose, arrays: dict[str, NDArray[np.float32]]) -> float:
    """The factor by which a person was scaled."""
    size = float(np.linalg.norm(np.nan_to_num(before.joints_3d_mm)))
    return float(np.linalg.norm(np.nan_to_num(arrays["joints_3d_mm"]))) / size if size > 0 else 1.0
