"""Recorded motion: joint positions over time, from any supported file format.

Supported are BVH, AMC with its ASF, and an npz of packed joint positions (keys positions (T, J, 3) in metres with z up,
joints, fps, and per sequence sequence_id, sequence_names, action, subject).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.data.mocap.asf_amc import load_amc
from hourlift.data.mocap.bvh import load_bvh
from hourlift.data.mocap.clip import CANONICAL, MotionClip
from hourlift.errors import UserError
from hourlift.formats.guarded import check_arrays, read_arrays

__all__ = ["MotionClip", "load_amc", "load_bvh", "load_motion", "load_npz"]


def load_motion(source: Path) -> list[MotionClip]:
    """Read a file of recorded motion, or all such files of a folder.

    Raises:
        ValueError: there is no such file, or one cannot be read; the message names the file.
    """
    if source.is_dir():
        files = sorted(file for file in source.iterdir() if file.suffix.lower() in _READERS)
        if not files:
            raise UserError(f"{source} holds no motion: expected are {', '.join(_READERS)} files")
        return [clip for file in files for clip in load_motion(file)]
    if not source.is_file():
        raise UserError(f"{source} does not exist")
    if source.suffix.lower() not in _READERS:
        raise UserError(f"{source} is no file of motion: expected are {', '.join(_READERS)}")
    return _READERS[source.suffix.lower()](source)


def load_npz(file: Path) -> list[MotionClip]:
    """Read the clips of an npz of joint positions.

    Raises:
        ValueError: the file has another format; the message names it and what is missing.
    """
    data = read_arrays(file)
    check_arrays(file, data, {"joints": ("U", (None,)), "fps": ("fiu", ())})
    joints, fps = tuple(data["joints"].tolist()), float(data["fps"])
    check_arrays(file, data, {"positions": ("f", (None, len(joints), 3))})
    positions = data["positions"]
    if not 0 < fps < np.inf:
        raise UserError(f"{file}: fps is {fps}")
    if np.isinf(positions).any():
        raise UserError(f"{file}: positions hold infinite numbers")
    if not len(positions):
        raise UserError(f"{file} has no frames")
    unknown = sorted(set(joints) - set(CANONICAL))
    if unknown:
        raise UserError(f"{file}: unknown joint names {', '.join(unknown)}; known are {', '.join(CANONICAL)}")
    if np.isnan(positions).all((1, 2)).any():
        raise UserError(f"{file}: frame {int(np.isnan(positions).all((1, 2)).argmax())} holds NaN only")
    data.setdefault("sequence_id", np.zeros(len(positions), int))
    check_arrays(file, data, {"sequence_id": ("iu", (len(positions),))})
    sequence = data["sequence_id"]
    described: dict[str, NDArray[Any]] = {
        key: data[key] for key in ("sequence_names", "action", "subject") if key in data
    }
    check_arrays(file, described, dict.fromkeys(described, ("UiufS", (None,))))
    count = min(map(len, described.values()), default=len(positions))
    if sequence.min() < 0 or sequence.max() >= count:
        raise UserError(f"{file}: sequence_id goes from {sequence.min()} to {sequence.max()} of {count} sequences")

    def of(key: str, i: int, default: str) -> str:
        return str(described[key][i]) if key in described else default

    return [
        MotionClip(
            name=of("sequence_names", i, file.stem),
            joints=joints,
            positions=positions[sequence == i].astype(np.float32),
            fps=fps,
            action=of("action", i, "unknown"),
            subject=of("subject", i, "unknown"),
        )
        for i in np.unique(sequence).tolist()
    ]


_READERS: dict[str, Callable[[Path], list[MotionClip]]] = {
    ".bvh": lambda file: [load_bvh(file)],
    ".amc": lambda file: [load_amc(file)],
    ".npz": load_npz,
}
