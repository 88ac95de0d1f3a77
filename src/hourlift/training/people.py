"""People of a data set, for training: who learns and who judges, and an order to go through them in."""

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
"""Of a data set that is not split, every tenth person judges."""

_LEARNING = ("train",)
_JUDGING = ("val", "test")  # how the splits of other data sets than Human3.6M begin


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """A data set, and who of it trains and who judges.

    Human3.6M's splits are taken as a recipe names them. Of another data set it is the split that begins with "train",
    and the first that begins with "val" or "test"; of one without such splits, nine of ten people train and the tenth
    judges.

    Attributes:
        data: The data set.
        learn: Split to train on.
        judge: Split to validate on.
        stride: Every how many-th frame of each video, or person.

    Raises:
        ValueError: the data set has subjects, but lacks one of the splits. The message names those it has.
    """

    data: DataSet
    train_split: str
    val_split: str
    stride: int = 1

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise UserError(f"a stride is at least 1, got {self.stride}")
        if self.data.counts.subjects:
            self.data.check_split(self.train_split)
            self.data.check_split(self.val_split)

    def train_people(self, *, images: bool = True) -> Iterator[Sample]:
        """Who is trained on."""
        names = self.split_names
        if names is not None:
            return self.data.samples(names[0], stride=self.stride, images=images)
        people = self.data.samples(stride=self.stride, images=images)
        return (sample for i, sample in enumerate(people) if i % HELD_OUT_EVERY != HELD_OUT_EVERY - 1)

    def val_people(self, *, images: bool = True) -> Iterator[Sample]:
        """Who is validated on."""
        names = self.split_names
        if names is not None:
            return self.data.samples(names[1], stride=self.stride, images=images)
        people = self.data.samples(stride=self.stride, images=images)
        return islice(people, HELD_OUT_EVERY - 1, None, HELD_OUT_EVERY)

    @property
    def split_names(self) -> tuple[str, str] | None:
        """The two splits; None where the data set is divided by counting."""
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
    """Which people are in a batch: all of them come once, in random order, before anybody comes again.

    Args:
        count: People to train on.
        batch_size: Per process.
        seed: Of the run.
        step: Of the run, from 0.
        rank: Of this process.
        world_size: Number of processes; together they take consecutive places of the order.

    Returns:
        (batch_size,) rows in [0, count).
    """
    places = np.arange(batch_size) + (step * world_size + rank) * batch_size
    return np.array([_order(count, seed, int(place) // count)[int(place) % count] for place in places])


@lru_cache(maxsize=2)
def _order(count: int, seed: int, turn: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, turn)).permutation(count)
