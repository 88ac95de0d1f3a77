"""A recorded motion as joint positions, and helpers shared by the readers of motion files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.errors import UserError

CANONICAL = (
    "pelvis", "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle", "l_toe", "r_toe", "l_toe_tip", "r_toe_tip",
    "spine", "thorax", "neck", "head", "head_mid", "head_top", "l_clavicle", "r_clavicle", "l_shoulder", "r_shoulder",
    "l_elbow", "r_elbow", "l_wrist", "r_wrist", "l_hand", "r_hand", "l_hand_end", "r_hand_end",
)  # fmt: skip
"""Names of the joints of a clip. Left and right are the person's; `toe` is the ball of the foot, `hand` the knuckles,
`neck` the base of the neck, `head` the base of the skull."""

LIMBS = tuple(side + joint for side in ("l_", "r_") for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"))
"""Joints that every clip must have."""

_UNITS = (1.0, 0.01, 0.001, 0.0254, 0.0254 / 0.45, 0.3048, 0.1)  # metre, cm, mm, inch, CMU's, foot, dm
_HEIGHTS_M = (1.3, 2.1)
_MEASURED = 0.75  # of the height: thigh, shin, and from the hips to the shoulders
_CLEARLY_UP = 0.9  # cosine with an axis


@dataclass(frozen=True, kw_only=True, eq=False)
class MotionClip:
    """Joint positions of one person over time.

    Attributes:
        name: Name of the recording.
        joints: (J) names out of CANONICAL.
        positions: (T, J, 3) float32, metres, z up; NaN where a joint is absent.
        fps: Frames per second.
        action: What the person does, or "unknown".
        subject: Name of the person, or "unknown".
    """

    name: str
    joints: tuple[str, ...]
    positions: NDArray[np.float32]
    fps: float
    action: str = "unknown"
    subject: str = "unknown"

    def __post_init__(self) -> None:
        unknown = sorted(set(self.joints) - set(CANONICAL))
        if unknown:
            raise UserError(f"{self.name}: unknown joints {', '.join(unknown)}")
        if self.positions.shape[1:] != (len(self.joints), 3):
            raise UserError(f"{self.name}: positions {self.positions.shape} of {len(self.joints)} joints")
        if not len(self.positions):
            raise UserError(f"{self.name}: no frames")

    def __len__(self) -> int:
        return len(self.positions)

    def at(self, joint: str) -> NDArray[np.float32] | None:
        """Return the positions (T, 3) of a joint, or None if the clip lacks it in every frame."""
        if joint not in self.joints:
            return None
        place = self.positions[:, self.joints.index(joint)]
        return None if np.isnan(place).any(-1).all() else place


class TextLines:
    """The lines of a text file, one after the other, split into words; blank lines are skipped."""

    def __init__(self, file: Path, comment: str | None = None) -> None:
        self.file = file
        text = file.read_text(encoding="utf-8", errors="replace")
        lines = [line.split(comment)[0].split() if comment else line.split() for line in text.splitlines()]
        self._lines = [(i, words) for i, words in enumerate(lines, 1) if words]
        self._next, self.line = 0, 1

    def error(self, what: str, line: int | None = None) -> UserError:
        """Return an error about a line, by default the one read last."""
        return UserError(f"{self.file}:{line or self.line}: {what}")

    @property
    def ended(self) -> bool:
        """Return whether all lines are read."""
        return self._next == len(self._lines)

    def peek(self) -> list[str]:
        """Return the next line's words without consuming it; empty at the end."""
        return [] if self.ended else self._lines[self._next][1]

    def next(self, expected: str) -> list[str]:
        """Read a line's words. If the file ends here, the error names what was expected."""
        if self.ended:
            raise self.error(f"the file ends where {expected} should be")
        self.line, words = self._lines[self._next]
        self._next += 1
        return words

    def numbers(self, words: list[str], count: int, what: str) -> Array:
        """Convert words to exactly `count` finite numbers."""
        if len(words) != count:
            raise self.error(f"{what} has {len(words)} numbers instead of {count}")
        try:
            values = np.array(words, dtype=np.float64)
        except ValueError:
            raise self.error(f"{what}: {' '.join(words)[:60]!r} are not numbers") from None
        if not np.isfinite(values).all():
            raise self.error(f"{what}: {words[int(np.isfinite(values).argmin())]} is not a finite number")
        return values


def rotation_about(axis: int, degrees: Array) -> Array:
    """Return rotations (T, 3, 3) by angles (T,) about x (0), y (1) or z (2)."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    angle = np.radians(degrees)
    rotation = np.tile(np.eye(3), (len(angle), 1, 1))
    rotation[:, first, first] = rotation[:, second, second] = np.cos(angle)
    rotation[:, second, first] = np.sin(angle)
    rotation[:, first, second] = -np.sin(angle)
    return rotation


def make_clip(
    name: str, fps: float, rest: Mapping[str, Array], places: Mapping[str, Array], unit: float | None = None
) -> MotionClip:
    """Make a clip in metres, z up, from positions in a file's own unit and axes.

    The vertical axis is the one along which the shoulders are above the ankles: in the rest pose, or on average over
    the frames if the rest pose is not aligned with an axis. The unit is chosen from metre, cm, mm, inch, foot, dm and
    CMU's 0.0254 / 0.45 m such that the bone lengths give a height of 1.3 to 2.1 m. If none fits, the person is scaled
    to 1.7 m.

    Args:
        name: Name of the recording.
        fps: Frames per second.
        rest: (3,) by canonical joint, in the rest pose.
        places: (T, 3) by canonical joint.
        unit: Metres per unit, if the file states it; used only if the resulting height is plausible.
    """

    def span(start: str, end: str) -> float:
        return sum(float(np.linalg.norm(rest[side + end] - rest[side + start])) for side in ("l_", "r_")) / 2

    height = (span("hip", "knee") + span("knee", "ankle") + span("hip", "shoulder")) / _MEASURED
    if height == 0:
        raise UserError(f"{name}: all bones have the length 0")
    units = _UNITS if unit is None else (unit, *_UNITS)
    plausible = [unit for unit in units if _HEIGHTS_M[0] <= height * unit <= _HEIGHTS_M[1]]
    scale = plausible[0] if plausible else 1.7 / height

    def rise(at: Mapping[str, Array]) -> Array:
        above = at["l_shoulder"] + at["r_shoulder"] - at["l_ankle"] - at["r_ankle"]
        above = above.reshape(-1, 3).mean(0)
        return np.asarray(above / max(float(np.linalg.norm(above)), 1e-9))

    up = rise(rest)
    if np.abs(up).max() < _CLEARLY_UP:
        up = rise(places)
    axis = int(np.abs(up).argmax())
    axes = np.zeros((3, 3))
    axes[2, axis] = np.sign(up[axis])
    axes[0, (axis + 1) % 3] = 1.0
    axes[1] = np.cross(axes[2], axes[0])
    positions = scale * np.stack(list(places.values()), 1) @ axes.T
    return MotionClip(name=name, joints=tuple(places), positions=positions.astype(np.float32), fps=fps)
