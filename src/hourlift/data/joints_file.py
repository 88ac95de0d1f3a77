"""Files of 2D joints that the hourglass found in a data set, keyed by sample id. A lifter can train on them.

ids           (N,) text, in the data set's order
joints_2d_px  (N, 17, 2) float32, pixels of the image; NaN where no joint was found
confidence    (N, 17) float32 in [0, 1]
joint_names   (17,) text: the joint names of Human3.6M-17
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.formats.guarded import check_arrays, read_arrays
from hourlift.geometry.skeleton import H36M17

_SHAPES = {"joints_2d_px": (H36M17.num_joints, 2), "confidence": (H36M17.num_joints,)}


@dataclass(frozen=True, kw_only=True, eq=False)
class FoundJoints:
    """2D joints of N people, as stored in the file."""

    ids: Sequence[str]
    joints_2d_px: NDArray[np.float32]
    confidence: NDArray[np.float32]

    def by_id(self) -> dict[str, NDArray[np.float32]]:
        """Return the joints (17, 2) of each person."""
        return dict(zip(self.ids, self.joints_2d_px, strict=True))


def write_joints(joints: FoundJoints, path: str | Path) -> None:
    """Write a file atomically.

    Raises:
        OSError: the file cannot be written.
    """
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            ids=np.array(joints.ids, dtype=np.str_),
            joints_2d_px=joints.joints_2d_px.astype(np.float32),
            confidence=joints.confidence.astype(np.float32),
            joint_names=np.array(H36M17.joint_names),
        )


def read_joints(path: str | Path) -> FoundJoints:
    """Read a file written by `write_joints`.

    Raises:
        ValueError: the file has another format or other joints, its arrays do not match, or an id occurs twice. The
            message names the file.
        OSError: the file cannot be read.
    """
    arrays = read_arrays(path)
    check_arrays(path, arrays, {"joint_names": ("U", (H36M17.num_joints,)), "ids": ("U", (None,))})
    if tuple(arrays["joint_names"].tolist()) != H36M17.joint_names:
        raise UserError(f"{path}: its joints are not those of {H36M17.name}")
    count = len(arrays["ids"])
    check_arrays(path, arrays, {name: ("f", (count, *shape)) for name, shape in _SHAPES.items()})
    ids = arrays["ids"].tolist()
    if len(set(ids)) != count:
        raise UserError(f"{path}: {count - len(set(ids))} ids occur twice")
    return FoundJoints(ids=ids, joints_2d_px=arrays["joints_2d_px"], confidence=arrays["confidence"])
