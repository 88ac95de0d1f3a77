"""The average of a network's weights over the last steps, which is better than the weights themselves."""

import copy

import torch
from torch import Tensor, nn


class Ema:
    """Exponential moving average of a network.

    Batch norm's running statistics are averaged like the weights, so that they are those of the averaged weights;
    counters are copied. Early on the decay is smaller, (1 + step) / (10 + step), or the average would hold on to the
    random start.

    Attributes:
        model: The averaged network, in evaluation mode.
        decay: Share of the average that stays in each step.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards a network.

        Args:
            model: The network that is being trained.
            step: How many updates came before this one.
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
    """The decay of an update that `step` others came before."""
    return min(decay, (1 + step) / (10 + step))
