"""The hourglass in training: how it begins, and what keeps its numbers small in a long run."""

from torch import nn

from hourlift.hourglass.condition import conditioned
from hourlift.hourglass.network import HourglassConfig, StackedHourglass

CENTRE_EVERY = 1000
"""Steps after which residual sums lose the means that they have grown."""


def new_hourglass(config: HourglassConfig) -> StackedHourglass:
    """A network, freshly initialised, whose idle biases are not trained."""
    network = StackedHourglass(config)
    network.hold_idle_biases()
    return network


def centre(model: nn.Module, step: int) -> bool:
    """Every `CENTRE_EVERY` steps, take off the means of residual sums: bfloat16 keeps more of them than of features.

    Returns:
        Whether it did so; the network's answers in evaluation mode stay the same but for rounding.
    """
    if step % CENTRE_EVERY:
        return False
    assert isinstance(model, StackedHourglass)
    model.load_state_dict(conditioned(model).state_dict())
    return True
