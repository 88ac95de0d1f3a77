"""CSV, tidy: one row for every frame, person and joint.

    frame,time_s,person,joint,x_px,y_px,confidence,x_rel_mm,y_rel_mm,z_rel_mm,x_world_mm,y_world_mm,z_world_mm

``px`` are pixels of the image. ``rel`` is relative to the pelvis, in camera axes: x right, y down, z forward.
``world`` is the position in the world frame, z up. Unknown values are empty; a frame without people has no rows.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hourlift.formats.json import PoseFile
from hourlift.formats.tracks import Track, checked_frames
from hourlift.formats.world import joints_world_mm
from hourlift.geometry.skeleton import H36M17
from hourlift.pose_log import blocks

COLUMNS = ("frame", "time_s", "person", "joint", "x_px", "y_px", "confidence") + tuple(
    f"{axis}_{frame}_mm" for frame in ("rel", "world") for axis in "xyz"
)
_DECIMALS = (2, 2, 3, 1, 1, 1, 1, 1, 1)


def write(path: Path, document: PoseFile) -> None:
    """Write all people in every frame; without people, the file has only a row of names.

    Raises:
        ValueError: frames are not in temporal order, or hold a person twice.
        OSError: the file cannot be written.
    """
    with path.open("w", encoding="ascii", newline="\n") as stream:
        stream.write(",".join(COLUMNS) + "\n")
        stream.writelines(_rows(document))


def _rows(document: PoseFile) -> Iterator[str]:
    """The lines by frame, person, joint."""
    frames = checked_frames(document)
    for part in blocks(len(frames)):
        places, ids = frames.who(part)
        people = {person_id: Track(person_id=person_id, frames=frames)[part] for person_id in set(ids.tolist())}
        numbers = {
            person_id: np.concatenate(
                [p.joints_2d_px, p.confidence[..., None], p.joints_3d_mm, joints_world_mm(p, document.header)], axis=-1
            )
            for person_id, p in people.items()
        }
        for t, person_id in sorted(zip((places - part.start).tolist(), ids.tolist(), strict=True)):
            start = f"{people[person_id].frame_index[t]},{people[person_id].times_s[t]:.6f},{person_id}"
            for name, row in zip(H36M17.joint_names, numbers[person_id][t].tolist(), strict=True):
                cells = [_cell(value, digits) for value, digits in zip(row, _DECIMALS, strict=True)]
                yield f"{start},{name},{','.join(cells)}\n"


def _cell(value: float, digits: int) -> str:
    return "" if value != value else f"{round(value, digits) + 0.0:.{digits}f}"
