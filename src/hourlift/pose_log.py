"""Frames kept in little memory: half a kilobyte for each person and frame, where a `PoseFrame` takes several."""

from array import array
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import POSE_SHAPES, Pose, PoseFrame

_SHAPES = {**POSE_SHAPES, "spread_mm": (H36M17.num_joints,)}
_ENDS = np.cumsum([int(np.prod(shape)) for shape in _SHAPES.values()]).tolist()
_FIRST_ROWS = 64


class PoseLog(Sequence[PoseFrame]):
    """A list of frames that grows at its end; each frame is made anew when it is asked for.

    Args:
        frames: to begin with.
    """

    def __init__(self, frames: Iterable[PoseFrame] = ()) -> None:
        self._rows: NDArray[np.float32] = np.empty((_FIRST_ROWS, _ENDS[-1]), np.float32)
        self._first = array("q", [0])  # the first row of each frame, and of the next to come
        self._index, self._time_s = array("q"), array("d")
        self._person_id, self._has_spread, self._camera = array("q"), array("b"), array("q")
        self._cameras: list[Camera] = []
        for frame in frames:
            self.append(frame)

    def append(self, frame: PoseFrame) -> None:
        """Keep a further frame."""
        for pose in frame.people:
            self._keep(pose)
        self._index.append(frame.index)
        self._time_s.append(frame.time_s)
        self._first.append(len(self._person_id))

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def __getitem__(self, place: int) -> PoseFrame: ...
    @overload
    def __getitem__(self, place: slice) -> "PoseLog": ...
    def __getitem__(self, place: int | slice) -> "PoseFrame | PoseLog":
        """The frame at a place, or a log of those in a slice."""
        if isinstance(place, slice):
            return PoseLog(self[i] for i in range(*place.indices(len(self))))
        i = range(len(self))[place]
        people = [self._pose(row) for row in range(self._first[i], self._first[i + 1])]
        return PoseFrame(index=self._index[i], time_s=self._time_s[i], people=people)

    def _keep(self, pose: Pose) -> None:
        row = len(self._person_id)
        if row == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        values = [getattr(pose, name) for name in POSE_SHAPES]
        values.append(np.zeros(_SHAPES["spread_mm"]) if pose.spread_mm is None else pose.spread_mm)
        np.concatenate([value.ravel() for value in values], out=self._rows[row])
        self._person_id.append(pose.person_id)
        self._has_spread.append(pose.spread_mm is not None)
        if pose.camera not in self._cameras[-1:]:  # a video has one
            self._cameras.append(pose.camera)
        self._camera.append(len(self._cameras) - 1)

    def _pose(self, row: int) -> Pose:
        parts = np.split(self._rows[row].copy(), _ENDS[:-1])
        values = {name: part.reshape(shape) for (name, shape), part in zip(_SHAPES.items(), parts, strict=True)}
        if not self._has_spread[row]:
            del values["spread_mm"]
        return Pose(**values, camera=self._cameras[self._camera[row]], person_id=self._person_id[row])
