"""Base class of a batch's records: tensors whose first dimension is the number of people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Base of dataclasses of tensors (B, ...) and other batches. A field of another type is the whole batch's."""

    def map(self, change: Callable[[Tensor], Tensor]) -> Self:
        """The batch with every tensor changed."""
        changed = {name: value.map(change) for name, value in vars(self).items() if isinstance(value, Batch)}
        return replace(self, **changed, **{name: change(tensor) for name, tensor in self._tensors().items()})

    def to(self, device: torch.device | str) -> Self:
        """The batch on a device."""
        return self.map(lambda tensor: tensor.to(device))

    def expand(self, count: int) -> Self:
        """A batch of one, repeated."""
        return self.map(lambda tensor: tensor.expand(count, *tensor.shape[1:]))

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Concatenate several batches; fields of the whole batch are taken from the first."""
        joined: dict[str, Any] = {}
        for name, value in vars(parts[0]).items():
            if isinstance(value, Tensor):
                joined[name] = torch.cat([getattr(part, name) for part in parts])
            elif isinstance(value, Batch):
                joined[name] = type(value).concatenate([getattr(part, name) for part in parts])
        return replace(parts[0], **joined)

    def _tensors(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
