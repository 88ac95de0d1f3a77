"""The hourglass in training: initialisation, and keeping its activations small in long runs."""

from torch import nn

from hourlift.hourglass.condition import conditioned
from hourlift.hourglass.network import HourglassConfig, StackedHourglass

CENTRE_EVERY = 1000
"""Interval in steps for removing the means that accumulate in residual sums."""


def new_hourglass(config: HourglassConfig) -> StackedHourglass:
    """Return a freshly initialised network whose unused biases are not trained."""
    network = StackedHourglass(config)
    network.hold_idle_biases()
    return network


def centre(model: nn.Module, step: int) -> bool:
    """Every `CENTRE_EVERY` steps, subtract the means of residual sums, which cost precision in bfloat16.

    Returns:
        Whether this was done. The network's outputs in evaluation mode change only by rounding.
    """
    if step % CENTRE_EVERY:
        return False
    assert isinstance(model, StackedHourglass)
    model.load_state_dict(conditioned(model).state_dict())
    return True
