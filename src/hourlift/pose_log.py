"""Frames of a video of any length, kept in a file and read in blocks, so that memory hardly grows."""

import contextlib
import tempfile
import weakref
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import IO, overload

import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import POSE_SHAPES, Pose, PoseFrame, PoseSequence, unknown_value

BLOCK = 512
"""Frames processed at once where a whole track would need too much memory."""

IN_MEMORY_BYTES = 1 << 20
"""Logs up to this size are kept in memory."""

_ROW = np.dtype(
    [
        ("person_id", np.int64),
        ("camera", np.int32),
        ("has_spread", np.bool_),
        *((name, np.float32, shape) for name, shape in POSE_SHAPES.items()),
        ("spread_mm", np.float32, (H36M17.num_joints,)),
    ],
    align=True,
)


def blocks(num_frames: int) -> list[slice]:
    """All frames of a track, `BLOCK` at a time."""
    return [slice(start, min(start + BLOCK, num_frames)) for start in range(0, num_frames, BLOCK)]


def by_blocks(function: Callable[..., NDArray], *arrays: NDArray) -> NDArray:
    """Apply a function of independent frames to arrays (T, ...) block by block, to save memory."""
    parts = blocks(len(arrays[0])) or [slice(0, 0)]
    return np.concatenate([function(*(values[part] for values in arrays)) for part in parts])


def temporary_file() -> IO[bytes]:
    """A temporary file, in memory while it is small, and deleted when it is closed."""
    return tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)


class PoseLog(Sequence[PoseFrame]):
    """A list of frames to append to; a frame is recreated on each access.

    Logs of more than a megabyte are in a temporary file, with half a kilobyte per person and frame; 25 bytes per frame
    stay in memory. A log may be used by one thread at a time.

    Args:
        frames: initial frames.

    Raises:
        OSError: the temporary file cannot be written, on this or on a later call.
    """

    def __init__(self, frames: Iterable[PoseFrame] = ()) -> None:
        self._file = temporary_file()
        weakref.finalize(self, _close, self._file)
        self._first = array("q", [0])  # the first row of each frame, and of the next one
        self._index, self._time_s, self._damaged = array("q"), array("d"), array("b")
        self._ids: set[int] = set()
        self._cameras: list[Camera] = []
        for frame in frames:
            self.append(frame)

    def append(self, frame: PoseFrame) -> None:
        """Append a frame."""
        if frame.people:
            try:
                self._file.seek(0, 2)
                self._file.write(np.array([self._row(pose) for pose in frame.people], _ROW).tobytes())
                self._file.flush()  # a full disk raises here, not when the file is closed
            except OSError as error:
                folder = tempfile.gettempdir()
                raise OSError(
                    error.errno,
                    f"{error.strerror}; poses are stored there temporarily; set TMPDIR to another folder",
                    folder,
                ) from None
        self._index.append(frame.index)
        self._time_s.append(frame.time_s)
        self._damaged.append(frame.damaged)
        self._first.append(self._first[-1] + len(frame.people))

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def __getitem__(self, place: int) -> PoseFrame: ...
    @overload
    def __getitem__(self, place: slice) -> "PoseLog": ...
    def __getitem__(self, place: int | slice) -> "PoseFrame | PoseLog":
        """The frame at an index, or a log of those in a slice."""
        if isinstance(place, slice):
            return PoseLog(self[i] for i in range(*place.indices(len(self))))
        i = range(len(self))[place]
        people = [self._pose(row) for row in self._rows(i, i + 1)]
        return PoseFrame(index=self._index[i], time_s=self._time_s[i], people=people, damaged=bool(self._damaged[i]))

    @property
    def frame_index(self) -> NDArray[np.int64]:
        """(T,) indices of the frames in their source."""
        return np.array(self._index, np.int64)

    @property
    def times_s(self) -> NDArray[np.float64]:
        """(T,) time of each frame."""
        return np.array(self._time_s, np.float64)

    @property
    def person_ids(self) -> list[int]:
        """The ids of people in at least one frame, in order."""
        return sorted(self._ids)

    def who(self, part: slice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All people in consecutive frames: (N,) index of their frame in the log, in order, and (N,) ids."""
        start, stop, _ = part.indices(len(self))
        return self._places(start, stop), self._rows(start, stop)["person_id"]

    def sequence(self, person_id: int, part: slice = slice(None)) -> PoseSequence:
        """One person in consecutive frames, as `PoseSequence.from_frames` collects them.

        Raises:
            ValueError: the log holds no people.
        """
        if not self._cameras:
            raise UserError(f"person {person_id} is in none of the {len(self)} frames; there are no people")
        start, stop, _ = part.indices(len(self))
        arrays = {
            name: np.full((stop - start, *shape), unknown_value(name), np.float32)
            for name, shape in POSE_SHAPES.items()
        }
        camera: Camera | None = None
        for block in blocks(stop - start):
            begin, end = start + block.start, start + block.stop
            rows, places = self._rows(begin, end), self._places(begin, end) - start
            mine = rows["person_id"] == person_id
            if camera is None and mine.any():
                camera = self._cameras[rows["camera"][mine][0]]
            for name, values in arrays.items():
                values[places[mine]] = rows[name][mine]
        return PoseSequence(
            person_id=person_id,
            frame_index=np.array(self._index[start:stop], np.int64),
            times_s=np.array(self._time_s[start:stop], np.float64),
            camera=camera or self._cameras[0],
            world=None,
            **arrays,
        )

    def _places(self, start: int, stop: int) -> NDArray[np.int64]:
        """The index in the log of each person's frame, for frames start to stop - 1."""
        first = np.array(self._first[start : stop + 1], np.int64)
        return np.repeat(np.arange(start, stop), first[1:] - first[:-1])

    def _rows(self, start: int, stop: int) -> NDArray[np.void]:
        """Copies of all people in frames start to stop - 1."""
        first, end = self._first[start], self._first[stop]
        self._file.seek(first * _ROW.itemsize)
        return np.frombuffer(bytearray(self._file.read((end - first) * _ROW.itemsize)), _ROW)

    def _row(self, pose: Pose) -> tuple[object, ...]:
        self._ids.add(pose.person_id)
        if pose.camera not in self._cameras[-1:]:  # a video has one
            self._cameras.append(pose.camera)
        spread_mm = np.zeros(H36M17.num_joints) if pose.spread_mm is None else pose.spread_mm
        arrays = (getattr(pose, name) for name in POSE_SHAPES)
        return pose.person_id, len(self._cameras) - 1, pose.spread_mm is not None, *arrays, spread_mm

    def _pose(self, row: np.void) -> Pose:
        values = {name: row[name] for name in POSE_SHAPES}
        spread_mm = row["spread_mm"] if row["has_spread"] else None
        camera = self._cameras[row["camera"]]
        return Pose(**values, spread_mm=spread_mm, camera=camera, person_id=int(row["person_id"]))


def _close(file: IO[bytes]) -> None:
    """Close a temporary file; its write errors were raised before."""
    with contextlib.suppress(OSError):
        file.close()
