"""NPZ: everybody's poses as NumPy arrays, with all that it takes to load them again.

    data = np.load("dance.npz")
    data["joints_world_mm"][data["person_ids"] == 3]        # (1, T, 17, 3)

Nothing in the file is pickled.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.formats.json import SCHEMA, SCHEMA_VERSION, PoseFile, header_fields, parse_header
from hourlift.formats.tracks import frame_times_s, tracks
from hourlift.formats.world import joints_world_mm
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose, PoseFrame

_SHAPES: dict[str, tuple[int, ...]] = {
    "joints_2d_px": (17, 2),
    "confidence": (17,),
    "joints_3d_mm": (17, 3),
    "root_cam_mm": (3,),
    "box_xyxy_px": (4,),
}
_DAMAGE = (KeyError, TypeError, ValueError, IndexError, EOFError, zipfile.BadZipFile, NotImplementedError)


def write(path: Path, document: PoseFile) -> None:
    """Write everybody in every frame; without anybody the arrays are empty.

    Raises:
        ValueError: frames are not in order of time, or hold a person twice.
        OSError: the file cannot be written.
    """
    people = tracks(document)
    shape = (len(people), len(document.frames))
    here = [{pose.person_id for pose in frame.people} for frame in document.frames]
    camera = document.header.camera
    arrays: dict[str, Any] = {
        "header": np.array(json.dumps(header_fields(document.header), allow_nan=False)),
        "joint_names": np.array(H36M17.joint_names),
        "parents": np.array(H36M17.parents),
        "camera_matrix": np.array([[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]]),
        "distortion": np.array(camera.distortion, np.float64),
        "frame_index": np.array([frame.index for frame in document.frames], np.int64),
        "times_s": frame_times_s(document),
        "person_ids": np.array([person.person_id for person in people], np.int64),
        "present": np.array([[p.person_id in ids for ids in here] for p in people], bool).reshape(shape),
    }
    for name, of_pose in _SHAPES.items():
        values = [getattr(person, name) for person in people]
        arrays[name] = np.array(values, np.float32).reshape(*shape, *of_pose)
    world = np.array([joints_world_mm(person, document.header) for person in people], np.float32)
    arrays["joints_world_mm"] = world.reshape(*shape, H36M17.num_joints, 3)
    with path.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def load(path: str | Path) -> PoseFile:
    """Read a file that `write` wrote.

    Returns:
        Its header and frames; the people of a frame are in order of their ids.

    Raises:
        ValueError: the file is damaged, or not of this schema and version; the message names it.
        OSError: it cannot be read.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {name: data[name] for name in data.files}
        facts = json.loads(str(arrays["header"]))
        if facts["schema"] != SCHEMA:
            raise ValueError(f"schema {facts['schema']!r}")
    except _DAMAGE as error:
        raise ValueError(f"{path}: this is not an NPZ file of hourlift's poses ({error})") from None
    if facts.get("schema_version") != SCHEMA_VERSION:
        raise ValueError(
            f"{path}: schema version {facts.get('schema_version')!r} cannot be read, only {SCHEMA_VERSION}"
        )
    try:
        return _parse(facts, arrays)
    except _DAMAGE as error:
        raise ValueError(f"{path}: a value is missing or malformed ({error!r})") from None


def _parse(facts: dict[str, Any], arrays: dict[str, NDArray]) -> PoseFile:
    """The objects that arrays of the right schema describe."""
    if arrays["joint_names"].tolist() != list(H36M17.joint_names):
        raise ValueError(f"the joints are not those of {H36M17.name}")
    header = parse_header(facts)
    counts = (len(arrays["person_ids"]), len(arrays["frame_index"]))
    for name, shape in {"present": (), **_SHAPES}.items():
        if arrays[name].shape != (*counts, *shape):
            raise ValueError(f"{name} is {arrays[name].shape}, not {(*counts, *shape)}")
    if arrays["times_s"].shape != counts[1:]:
        raise ValueError(f"times_s is {arrays['times_s'].shape}, not {counts[1:]}")
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
