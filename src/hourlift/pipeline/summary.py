"""The summary of a source and of its frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hourlift.errors import UserError
from hourlift.formats.json import PoseFile
from hourlift.geometry.world import World
from hourlift.pose import PoseFrame, PoseSequence


@dataclass(frozen=True, kw_only=True)
class LiftResult:
    """The result of a source.

    Attributes:
        num_frames: 1 for a photo.
        num_found: Frames with at least one person.
        num_people: Number of distinct people.
        best: The frame with the most confident person.
        files: Files written, in the order in which they were finished.
        world: The world, with the floor, if known.
        failures: Which outputs could not be written and why, as text.
        incomplete: Why frames are missing; None if none are.
        poses: All poses, if they are kept.
    """

    num_frames: int
    num_found: int
    num_people: int
    best: PoseFrame
    files: list[Path]
    world: World | None = None
    failures: Sequence[str] = ()
    incomplete: str | None = None
    poses: PoseFile | None = None

    def sequence(self, person_id: int = 0) -> PoseSequence:
        """One person through all frames.

        Raises:
            UserError: The poses were not kept, or the person is in no frame.
        """
        return PoseSequence.from_frames(self.frames, person_id, self.world)

    @property
    def frames(self) -> Sequence[PoseFrame]:
        """The poses, frame by frame.

        Raises:
            ValueError: They were not kept.
        """
        if self.poses is None:
            raise UserError("the poses of this source were not kept")
        return self.poses.frames


class Summary:
    """Collects the summary of a source's frames."""

    def __init__(self) -> None:
        self.num_frames = 0
        self.num_found = 0
        self.ids: set[int] = set()
        self.best: PoseFrame | None = None

    def add(self, frame: PoseFrame) -> None:
        """Count the next frame."""
        self.num_frames += 1
        self.num_found += bool(frame.people)
        self.ids.update(person.person_id for person in frame.people)
        if self.best is None or _score(frame) > _score(self.best):
            self.best = frame


def _score(frame: PoseFrame) -> float:
    """Confidence of the most confident person; -1 if there are no people."""
    return max((person.score for person in frame.people), default=-1.0)
