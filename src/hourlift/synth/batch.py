"""What the records of a batch have in common: tensors whose first dimension counts people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Base of dataclasses of tensors (B, ...). A field of another type holds for the whole batch."""

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with every tensor changed."""
        return replace(self, **{name: change(tensor) for name, tensor in self._tensors().items()})

    def to(self, device: torch.device | str) -> Self:
        """The batch on a device."""
        return self.map(lambda tensor: tensor.to(device))

    def expand(self, count: int) -> Self:
        """A batch of one, repeated."""
        return self.map(lambda tensor: tensor.expand(count, *tensor.shape[1:]))

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Several batches as one; what holds for the whole batch is the first one's."""
        joined = {name: torch.cat([getattr(part, name) for part in parts]) for name in parts[0]._tensors()}
        return replace(parts[0], **joined)

    def _tensors(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
