"""Moving average of a network's weights, which performs better than the latest weights."""

import copy

import torch
from torch import Tensor, nn


class Ema:
    """Exponential moving average of a network.

    Batch norm's running statistics are averaged like the weights, so that they match the averaged weights; counters are
    copied. The decay is smaller at first, (1 + step) / (10 + step), so that the random initial weights are forgotten.

    Attributes:
        model: The averaged network, in evaluation mode.
        decay: Share of the average kept in each step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards a network.

        Args:
            model: The network being trained.
            step: Number of updates before this one.
        """
        averages: list[Tensor] = []
        values: list[Tensor] = []
        theirs = model.state_dict()
        for name, average in self.model.state_dict().items():
            if average.is_floating_point():
                averages.append(average)
                values.append(theirs[name])
            else:
                average.copy_(theirs[name])
        torch._foreach_lerp_(averages, values, 1.0 - decay_at(step, self.decay))


def decay_at(step: int, decay: float) -> float:
    """Return the decay of the update after `step` others."""
    return min(decay, (1 + step) / (10 + step))
