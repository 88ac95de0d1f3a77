"""NPZ: all people's poses as NumPy arrays, complete enough to be loaded again.

    data = np.load("dance.npz")
    data["joints_world_mm"][data["person_ids"] == 3]        # (1, T, 17, 3)

Nothing in the file is pickled.
"""

import json
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from hourlift.errors import UserError
from hourlift.formats.guarded import read_arrays
from hourlift.formats.json import SCHEMA, SCHEMA_VERSION, PoseFile, header_fields, parse_header
from hourlift.formats.tracks import checked_frames, tracks
from hourlift.formats.world import joints_world_mm
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose, PoseFrame
from hourlift.pose_log import PoseLog, blocks

_SHAPES: dict[str, tuple[int, ...]] = {
    "joints_2d_px": (17, 2),
    "confidence": (17,),
    "joints_3d_mm": (17, 3),
    "root_cam_mm": (3,),
    "box_xyxy_px": (4,),
}
_DAMAGE = (
    *(KeyError, TypeError, ValueError, IndexError, EOFError, AttributeError, SyntaxError, RecursionError),
    *(zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, OverflowError, MemoryError),
)


def write(path: Path, document: PoseFile) -> None:
    """Write all people in every frame; without people the arrays are empty.

    Raises:
        ValueError: frames are not in temporal order, or hold a person twice.
        OSError: the file cannot be written.
    """
    frames = checked_frames(document)
    people = tracks(frames)
    camera = document.header.camera
    facts: dict[str, NDArray[Any]] = {
        "header": np.array(json.dumps(header_fields(document.header), allow_nan=False)),
        "joint_names": np.array(H36M17.joint_names),
        "parents": np.array(H36M17.parents),
        "camera_matrix": np.array([[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]]),
        "distortion": np.array(camera.distortion, np.float64),
        "frame_index": frames.frame_index,
        "times_s": frames.times_s,
        "person_ids": np.array(frames.person_ids, np.int64),
    }
    shape = (len(people), len(frames))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in facts.items():
            _write_array(archive, name, values.dtype, values.shape, [values])
        _write_array(archive, "present", bool, shape, _present(frames))
        for name, of_pose in _SHAPES.items():
            parts = (getattr(part, name) for person in people for part in person)
            _write_array(archive, name, np.float32, (*shape, *of_pose), parts)
        parts = (joints_world_mm(part, document.header) for person in people for part in person)
        _write_array(archive, "joints_world_mm", np.float32, (*shape, H36M17.num_joints, 3), parts)


def _present(frames: PoseLog) -> Iterator[NDArray[np.bool_]]:
    """For each person in turn, whether they are in each frame."""
    for person_id in frames.person_ids:
        for part in blocks(len(frames)):
            places, ids = frames.who(part)
            yield np.isin(np.arange(part.start, part.stop), places[ids == person_id])


def _write_array(
    archive: zipfile.ZipFile, name: str, dtype: DTypeLike, shape: tuple[int, ...], parts: Iterable[NDArray[Any]]
) -> None:
    """Write an array as `numpy.savez_compressed` does, with only a part of it in memory."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
        kind = np.lib.format.dtype_to_descr(np.dtype(dtype))
        np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
        for part in parts:
            stream.write(np.asarray(part, dtype).tobytes())


def load(path: str | Path) -> PoseFile:
    """Read a file that `write` wrote.

    Returns:
        Its header and frames; the people of a frame are in order of their ids.

    Raises:
        ValueError: the file is damaged, or not of this schema and version; the message names it.
        OSError: it cannot be read.
    """
    try:
        arrays = read_arrays(path)
        facts = json.loads(str(arrays["header"]))
        if facts["schema"] != SCHEMA:
            raise UserError(f"schema {facts['schema']!r}")
    except OSError:
        raise
    except _DAMAGE as error:
        raise UserError(f"{path}: this is not an NPZ file of hourlift's poses ({error})") from None
    if facts.get("schema_version") != SCHEMA_VERSION:
        raise UserError(f"{path}: schema version {facts.get('schema_version')!r} cannot be read, only {SCHEMA_VERSION}")
    try:
        return _parse(facts, arrays)
    except _DAMAGE as error:
        raise UserError(f"{path}: a value is missing or malformed ({error!r})") from None


def _parse(facts: dict[str, Any], arrays: dict[str, NDArray]) -> PoseFile:
    """The header and frames of arrays with the right schema."""
    if arrays["joint_names"].tolist() != list(H36M17.joint_names):
        raise UserError(f"the joints are not those of {H36M17.name}")
    header = parse_header(facts)
    counts = (len(arrays["person_ids"]), len(arrays["frame_index"]))
    for name, shape in {"present": (), **_SHAPES}.items():
        if arrays[name].shape != (*counts, *shape):
            raise UserError(f"{name} is {arrays[name].shape}, not {(*counts, *shape)}")
    if arrays["times_s"].shape != counts[1:]:
        raise UserError(f"times_s is {arrays['times_s'].shape}, not {counts[1:]}")
    frames = []
    for t in range(counts[1]):
        people = [
            Pose(
                person_id=int(arrays["person_ids"][p]),
                camera=header.camera,
                **{name: arrays[name][p, t] for name in _SHAPES},
            )
            for p in np.flatnonzero(arrays["present"][:, t])
        ]
        frames.append(PoseFrame(index=int(arrays["frame_index"][t]), time_s=float(arrays["times_s"][t]), people=people))
    return PoseFile(header=header, frames=frames)
