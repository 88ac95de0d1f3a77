"""A data set on disk, whatever its layout: what is in it, what is missing, and its people as samples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hourlift.data.sample import Sample
from hourlift.errors import UserError

Read = Callable[[str, int, bool], Iterator[Sample]]
"""(split, stride, images) -> people, as documented in `DataSet.samples`."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Size of a data set. Names are in the data set's own order.

    Attributes:
        people: Annotated people. In videos, one per frame and camera.
        videos: Takes times cameras; 0 for photographs.
        subjects, actions, cameras: Names, if the data set has them.
    """

    people: int
    videos: int = 0
    subjects: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """A data set as returned by `recognise`.

    Attributes:
        name: Readable name of the data set and its layout.
        folder: Folder of the data set.
        counts: Size of the data set.
        missing: What is missing, one sentence each; empty if the data set is complete.
        splits: Names accepted by `samples`.
        has_3d: Whether samples have joints in millimetres. If not, they can train only the hourglass.
        read: Function behind `samples`.
        pick: Function behind `some`; None steps through the whole data set with a stride.
    """

    name: str
    folder: Path
    counts: Counts
    missing: tuple[str, ...] = ()
    splits: tuple[str, ...] = ("all",)
    has_3d: bool
    read: Read
    pick: Callable[[int], Iterator[Sample]] | None = None

    def samples(self, split: str = "all", *, stride: int = 1, images: bool = True) -> Iterator[Sample]:
        """Read people in the data set's order.

        Args:
            split: One of `splits`.
            stride: Use every stride-th frame of each video; in photographs, every stride-th person.
            images: If False, do not read images where reading is slow (videos): the lifter needs none. The `image` of
                such a sample is a path that need not exist.

        Raises:
            ValueError: There is no such split, or a required file is missing or damaged.
        """
        self.check_split(split)
        if stride < 1:
            raise UserError(f"stride must be at least 1, got {stride}")
        return self.read(split, stride, images)

    def check_split(self, split: str) -> None:
        """Raise a ValueError if there is no such split."""
        if split not in self.splits:
            raise UserError(f"{self.folder} ({self.name}) has no split {split!r}; it has {', '.join(self.splits)}")

    def some(self, count: int) -> Iterator[Sample]:
        """Return at most `count` people with images, spread over the data set. Fast.

        Raises:
            ValueError: As for `samples`.
        """
        if self.pick is not None:
            return self.pick(count)
        return islice(self.samples(stride=max(1, -(-self.counts.people // count))), count)
