"""Poses as Parquet: one row for every frame and person; docs/guides/archives.md describes the columns."""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from hourlift.formats.json import PoseFile, header_fields
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17

_JOINTS = H36M17.num_joints
_FLOATS: dict[str, tuple[int, ...]] = {
    "joints_2d_px": (_JOINTS, 2),
    "confidence": (_JOINTS,),
    "joints_3d_mm": (_JOINTS, 3),
    "spread_mm": (_JOINTS,),
    "root_cam_mm": (3,),
    "box_xyxy_px": (4,),
    "feet_2d_px": (len(FOOT_POINTS), 2),
    "feet_confidence": (len(FOOT_POINTS),),
}


def _list_type(shape: Sequence[int]) -> pa.DataType:
    """Nested lists of fixed sizes, with float32 values."""
    kind = pa.float32()
    for size in reversed(shape):
        kind = pa.list_(kind, size)
    return kind


POSE_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("frame", pa.int64(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("person", pa.int32(), nullable=False),
        *(pa.field(name, _list_type(shape), nullable=False) for name, shape in _FLOATS.items()),
    ]
)


def pose_table(document: PoseFile, source: str) -> pa.Table:
    """The poses of a source as a table.

    Args:
        document: the poses; its header goes into the schema's metadata under ``hourlift``, as JSON.
        source: the source's name in the rows.

    Returns:
        A table of `POSE_SCHEMA` in order of frames, then of people within them. Unknown values are NaN.
    """
    rows = [(frame, pose) for frame in document.frames for pose in frame.people]
    columns = [
        pa.array([source] * len(rows), pa.string()),
        pa.array([frame.index for frame, _ in rows], pa.int64()),
        pa.array([frame.time_s for frame, _ in rows], pa.float64()),
        pa.array([pose.person_id for _, pose in rows], pa.int32()),
    ]
    for name, shape in _FLOATS.items():
        values = np.array([_known(getattr(pose, name), shape) for _, pose in rows], np.float32).reshape(-1)
        columns.append(_nested(values, shape))
    header = json.dumps(header_fields(document.header), allow_nan=False)
    return pa.Table.from_arrays(columns, schema=POSE_SCHEMA.with_metadata({"hourlift": header}))


def _known(values: np.ndarray | None, shape: Sequence[int]) -> np.ndarray:
    """The values, or NaN if there are none."""
    return np.full(shape, np.nan, np.float32) if values is None else values


def _nested(values: np.ndarray, shape: Sequence[int]) -> pa.Array:
    """Flat values as rows of a shape."""
    array = pa.array(values)
    for size in reversed(shape):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return array
