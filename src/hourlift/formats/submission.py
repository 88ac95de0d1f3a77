"""Predictions for a test set with secret ground truth: CSV, one row per image, millimetres relative to the pelvis.

    pelvis_x,pelvis_y,pelvis_z,r_hip_x,...,r_wrist_z       51 columns: 17 joints in H36M17's order, x y z
    0.00,0.00,0.00,-131.08,54.01,0.12,...                  one row per image, in the data set's order

Axes are the camera's. The pelvis is always zero; its columns are kept so that the joints need no renumbering.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.geometry.align import root_relative
from hourlift.geometry.skeleton import H36M17

COLUMNS = tuple(f"{joint}_{axis}" for joint in H36M17.joint_names for axis in "xyz")
SUFFIXES = (".csv", ".csv.gz")
MAX_BYTES = 1 << 30
"""Largest size of a submission, unpacked: two million images."""
_SHAPE = (H36M17.num_joints, 3)


def check_name(path: Path) -> None:
    """Raise a ValueError if a file's name ends neither in .csv nor in .csv.gz."""
    if not path.name.lower().endswith(SUFFIXES):
        raise UserError(f"{path}: the name of a submission ends in {' or '.join(SUFFIXES)}")


def write_submission(poses_mm: Iterable[NDArray[np.floating]], path: str | Path, *, header: bool = True) -> int:
    """Write a submission atomically.

    Args:
        poses_mm: (17, 3) for each image, in the order of the images, in camera axes; the pelvis may be anywhere.
        path: ends in .csv or .csv.gz; its folder exists.
        header: whether to write a row of names first.

    Returns:
        Number of rows, without the row of names.

    Raises:
        ValueError: a pose has another shape or a non-finite value, there is none, or the suffix is wrong.
        OSError: the file cannot be written.
    """
    path = Path(path)
    check_name(path)
    count = 0
    with replacing(path) as temporary, _open_to_write(temporary) as stream:
        if header:
            stream.write(",".join(COLUMNS) + "\n")
        for count, pose in enumerate(poses_mm, start=1):
            if np.shape(pose) != _SHAPE or not np.isfinite(pose).all():
                problem = "holds an unknown joint" if np.shape(pose) == _SHAPE else f"is {np.shape(pose)}"
                raise UserError(f"the pose of row {count} {problem}; a submission needs {_SHAPE} finite numbers a row")
            numbers = root_relative(pose, root=H36M17.root).ravel() + 0.0
            stream.write(",".join(f"{number:.2f}" for number in numbers) + "\n")
        if count == 0:
            raise UserError(f"{path}: there are no images to write")
    return count


def read_submission(path: str | Path, rows: int | None = None) -> NDArray[np.float64]:
    """Read a submission, with or without a row of names.

    Args:
        path: the file.
        rows: number of images in the test set; None does not check it.

    Returns:
        (N, 17, 3) millimetres.

    Raises:
        ValueError: the number of rows or columns is wrong, the names differ, or a cell is not a finite number. The
            message names the file and the line.
        OSError: the file cannot be read.
    """
    path = Path(path)
    check_name(path)
    try:
        with (gzip.open if path.suffix.lower() == ".gz" else open)(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
        lines = [(number, row) for number, row in enumerate(csv.reader(io.StringIO(text)), start=1) if row]
    except (gzip.BadGzipFile, EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise UserError(f"{path} is truncated or not a CSV file: {error}") from error
    if len(data) > MAX_BYTES:
        raise UserError(f"{path} holds more than {MAX_BYTES} bytes, more than any test set needs")
    if lines and not _is_number(lines[0][1][0]):
        names = [name.strip() for name in lines.pop(0)[1]]
        if len(names) == len(COLUMNS) and names != list(COLUMNS):
            i = next(i for i, name in enumerate(names) if name != COLUMNS[i])
            raise UserError(f"{path}: column {i + 1} is called {names[i]!r}, not {COLUMNS[i]!r}")
    for number, row in lines:
        if len(row) != len(COLUMNS):
            raise UserError(f"{path}: line {number} has {len(row)} columns, not {len(COLUMNS)} (17 joints x 3)")
        wrong = next((cell for cell in row if not _is_number(cell)), None)
        if wrong is not None:
            raise UserError(f"{path}: line {number} holds {wrong!r}, which is not a finite number")
    if rows is not None and len(lines) != rows:
        raise UserError(f"{path} has {len(lines)} rows, but the test set has {rows} images")
    if not lines:
        raise UserError(f"{path} has no rows")
    return np.array([row for _, row in lines], np.float64).reshape(-1, *_SHAPE)


def _open_to_write(path: Path) -> TextIO:
    """A text stream; compressed bytes hold neither time nor file name, so that they are reproducible."""
    if path.suffix.lower() != ".gz":
        return path.open("w", encoding="utf-8", newline="")
    return io.TextIOWrapper(_Gzip(path), encoding="utf-8", newline="")


class _Gzip(gzip.GzipFile):
    """A gzip file that closes what it writes to."""

    def __init__(self, path: Path) -> None:
        self._below = path.open("wb")
        super().__init__(filename="", mode="wb", fileobj=self._below, mtime=0)

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._below.close()


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False
