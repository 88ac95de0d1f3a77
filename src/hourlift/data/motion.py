"""Recorded motion: joint positions over time, whatever file they come from.

Read are BVH, AMC with its ASF, and the npz of packed joint positions (keys positions (T, J, 3) in metres with z up,
joints, fps, and per sequence sequence_id, sequence_names, action, subject).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from hourlift.data.asf_amc import load_amc
from hourlift.data.bvh import load_bvh
from hourlift.data.motion_clip import CANONICAL, MotionClip

__all__ = ["MotionClip", "load_amc", "load_bvh", "load_motion", "load_npz"]


def load_motion(source: Path) -> list[MotionClip]:
    """Reads a file of recorded motion, or all such files of a folder.

    Raises:
        ValueError: there is none, or one cannot be read; the message names the file.
    """
    if source.is_dir():
        files = sorted(file for file in source.iterdir() if file.suffix.lower() in _READERS)
        if not files:
            raise ValueError(f"{source} holds no motion: expected are {', '.join(_READERS)} files")
        return [clip for file in files for clip in load_motion(file)]
    if not source.is_file():
        raise ValueError(f"{source} does not exist")
    if source.suffix.lower() not in _READERS:
        raise ValueError(f"{source} is no file of motion: expected are {', '.join(_READERS)}")
    return _READERS[source.suffix.lower()](source)


def load_npz(file: Path) -> list[MotionClip]:
    """Reads the clips of an npz of joint positions.

    Raises:
        ValueError: it is no such file; the message names it and what it lacks.
    """
    try:
        with np.load(file, allow_pickle=False) as content:
            data = {key: content[key] for key in content.files}
    except (BadZipFile, ValueError, EOFError, OSError) as error:
        raise ValueError(f"{file} is no npz file: {error}") from error
    missing = [key for key in ("positions", "joints", "fps") if key not in data]
    if missing:
        raise ValueError(f"{file} is no motion file: it lacks {', '.join(missing)}")
    positions, joints = data["positions"], tuple(map(str, data["joints"]))
    if positions.shape[1:] != (len(joints), 3):
        raise ValueError(f"{file}: positions {positions.shape} do not fit {len(joints)} joints")
    if not len(positions):
        raise ValueError(f"{file} has no frames")
    unknown = sorted(set(joints) - set(CANONICAL))
    if unknown:
        raise ValueError(f"{file}: unknown joint names {', '.join(unknown)}; known are {', '.join(CANONICAL)}")
    if np.isnan(positions).all((1, 2)).any():
        raise ValueError(f"{file}: frame {int(np.isnan(positions).all((1, 2)).argmax())} holds NaN only")
    sequence = data.get("sequence_id", np.zeros(len(positions), int))
    names = _per_sequence(data.get("sequence_names"), sequence, file.stem)
    actions = _per_sequence(data.get("action"), sequence, "unknown")
    subjects = _per_sequence(data.get("subject"), sequence, "unknown")
    return [
        MotionClip(
            name=names[i],
            joints=joints,
            positions=positions[sequence == i].astype(np.float32),
            fps=float(data["fps"]),
            action=actions[i],
            subject=subjects[i],
        )
        for i in np.unique(sequence).tolist()
    ]


def _per_sequence(names: NDArray | None, sequence: NDArray, default: str) -> Sequence[str]:
    return [default] * (int(sequence.max()) + 1) if names is None else [str(name) for name in names]


_READERS: dict[str, Callable[[Path], list[MotionClip]]] = {
    ".bvh": lambda file: [load_bvh(file)],
    ".amc": lambda file: [load_amc(file)],
    ".npz": load_npz,
}
