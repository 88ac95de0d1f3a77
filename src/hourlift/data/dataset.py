"""A data set on disk, whatever its layout: what is in it, what is missing, and its people as samples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hourlift.data.sample import Sample
from hourlift.errors import UserError

Read = Callable[[str, int, bool], Iterator[Sample]]
"""(split, stride, images) -> people, as `DataSet.samples` says."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How much there is; the names are in the data set's own order.

    Attributes:
        people: Annotated people; of videos, one a frame and camera.
        videos: Takes times cameras; 0 for photographs.
        subjects, actions, cameras: Names, where the data set tells them.
    """

    people: int
    videos: int = 0
    subjects: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """What `recognise` answers.

    Attributes:
        name: Whose data in which layout, for people.
        folder: Where it is.
        counts: How much there is.
        missing: What should be there and is not, a sentence each; empty for a whole data set.
        splits: Names that `samples` takes.
        has_3d: Whether samples have joints in millimetres; if not, they train the hourglass only.
        read: What `samples` calls.
        pick: What `some` calls; None goes through all of it with a stride.
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
            stride: Every how many-th frame of each video; of photographs, every how many-th person.
            images: False leaves images unread where reading them takes time (videos): the lifter needs none. Such a
                sample's `image` is a file that need not exist.

        Raises:
            ValueError: There is no such split, or something that is needed is missing or damaged.
        """
        self.check_split(split)
        if stride < 1:
            raise UserError(f"a stride is at least 1, got {stride}")
        return self.read(split, stride, images)

    def check_split(self, split: str) -> None:
        """Raise a ValueError if there is no such split."""
        if split not in self.splits:
            raise UserError(f"{self.folder} ({self.name}) has no split {split!r}; it has {', '.join(self.splits)}")

    def some(self, count: int) -> Iterator[Sample]:
        """At most so many people with images, from all over the data set; quick.

        Raises:
            ValueError: As `samples`.
        """
        if self.pick is not None:
            return self.pick(count)
        return islice(self.samples(stride=max(1, -(-self.counts.people // count))), count)
