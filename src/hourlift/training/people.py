"""Training and validation people of a data set, and the order of the training."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from hourlift.data.dataset import DataSet
from hourlift.data.sample import Sample
from hourlift.errors import UserError

HELD_OUT_EVERY = 10
"""Without splits, every tenth person is used for validation."""

_LEARNING = ("train",)
_JUDGING = ("val", "test")  # prefixes of split names in data sets other than Human3.6M


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """A data set, divided into training and validation people.

    For Human3.6M, the splits are those named by the recipe. For other data sets, they are the split that starts with
    "train" and the first that starts with "val" or "test". If there are no such splits, nine of ten people are used for
    training and the tenth for validation.

    Attributes:
        data: The data set.
        train_split: Split to train on.
        val_split: Split to validate on.
        stride: Use every stride-th frame of each video, or every stride-th person.

    Raises:
        ValueError: the data set has subjects, but lacks one of the splits. The message names the existing splits.
    """

    data: DataSet
    train_split: str
    val_split: str
    stride: int = 1

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise UserError(f"stride must be at least 1, got {self.stride}")
        if self.data.counts.subjects:
            self.data.check_split(self.train_split)
            self.data.check_split(self.val_split)

    def train_people(self, *, images: bool = True) -> Iterator[Sample]:
        """Yield the training people."""
        names = self.split_names
        if names is not None:
            return self.data.samples(names[0], stride=self.stride, images=images)
        people = self.data.samples(stride=self.stride, images=images)
        return (sample for i, sample in enumerate(people) if i % HELD_OUT_EVERY != HELD_OUT_EVERY - 1)

    def val_people(self, *, images: bool = True) -> Iterator[Sample]:
        """Yield the validation people."""
        names = self.split_names
        if names is not None:
            return self.data.samples(names[1], stride=self.stride, images=images)
        people = self.data.samples(stride=self.stride, images=images)
        return islice(people, HELD_OUT_EVERY - 1, None, HELD_OUT_EVERY)

    @property
    def split_names(self) -> tuple[str, str] | None:
        """The two splits; None if the data set is divided by counting."""
        if self.data.counts.subjects:
            return self.train_split, self.val_split
        learning, judging = (
            next((name for name in self.data.splits if name.startswith(prefixes)), None)
            for prefixes in (_LEARNING, _JUDGING)
        )
        return (learning, judging) if learning is not None and judging is not None else None

    def __str__(self) -> str:
        names = self.split_names or ("nine of ten people", "every tenth person")
        return f"{self.data.name}: training on {names[0]}, validating on {names[1]}"


def rows_of_step(count: int, batch_size: int, seed: int, step: int, rank: int, world_size: int) -> NDArray[np.int64]:
    """Return which people are in a batch: all are used once, in random order, before any is used again.

    Args:
        count: Number of training people.
        batch_size: Batch size per process.
        seed: Seed of the run.
        step: Step of the run, starting at 0.
        rank: Rank of this process.
        world_size: Number of processes; together they use consecutive positions of the order.

    Returns:
        (batch_size,) rows in [0, count).
    """
    places = np.arange(batch_size) + (step * world_size + rank) * batch_size
    return np.array([_order(count, seed, int(place) // count)[int(place) % count] for place in places])


@lru_cache(maxsize=2)
def _order(count: int, seed: int, turn: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, turn)).permutation(count)
