"""Files of 2D joints that a hourglass found in a data set, by the samples' ids; a lifter trains on them.

ids           (N,) text, in the data set's order
joints_2d_px  (N, 17, 2) float32, pixels of the image; NaN where there is none
confidence    (N, 17) float32 in [0, 1]
joint_names   (17,) text: those of Human3.6M-17
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
    """2D joints of N people, as in the file."""

    ids: Sequence[str]
    joints_2d_px: NDArray[np.float32]
    confidence: NDArray[np.float32]

    def by_id(self) -> dict[str, NDArray[np.float32]]:
        """Joints (17, 2) of each person."""
        return dict(zip(self.ids, self.joints_2d_px, strict=True))


def write_joints(joints: FoundJoints, path: str | Path) -> None:
    """Write a file whole or not at all.

    Raises:
        OSError: it cannot be written.
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
    """Read a file back.

    Raises:
        ValueError: it is no such file, or of other joints, or its arrays do not belong together, or an id comes
            twice. The message names the file.
        OSError: it cannot be read.
    """
    arrays = read_arrays(path)
    check_arrays(path, arrays, {"joint_names": ("U", (H36M17.num_joints,)), "ids": ("U", (None,))})
    if tuple(arrays["joint_names"].tolist()) != H36M17.joint_names:
        raise UserError(f"{path}: its joints are not those of {H36M17.name}")
    count = len(arrays["ids"])
    check_arrays(path, arrays, {name: ("f", (count, *shape)) for name, shape in _SHAPES.items()})
    ids = arrays["ids"].tolist()
    if len(set(ids)) != count:
        raise UserError(f"{path}: {count - len(set(ids))} ids come twice")
    return FoundJoints(ids=ids, joints_2d_px=arrays["joints_2d_px"], confidence=arrays["confidence"])
