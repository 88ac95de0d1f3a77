"""The hourglass in training: initialisation, metadata, and keeping its activations small in long runs."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import nn

from hourlift.geometry.skeleton import skeleton_of
from hourlift.hourglass.condition import conditioned
from hourlift.hourglass.loss import LossKind
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


class _Recipe(Protocol):
    """What the recipes of all stages of the hourglass have."""

    @property
    def name(self) -> str: ...
    @property
    def network(self) -> HourglassConfig: ...
    @property
    def input_size(self) -> int: ...
    @property
    def loss(self) -> LossKind: ...
    @property
    def sigma(self) -> float: ...


class HourglassStageBase:
    """The part of a stage that does not depend on the people it trains on: a subclass sets `recipe`."""

    recipe: _Recipe

    @property
    def meta(self) -> Mapping[str, Any]:
        """Return metadata for the export: the recipe's name, joints, side of the images, loss, sigma of the targets."""
        recipe = self.recipe
        return {
            "recipe": recipe.name,
            "skeleton": skeleton_of(recipe.network.num_joints).name,
            "input_size": recipe.input_size,
            "loss": recipe.loss,
            "sigma": recipe.sigma,
        }

    def build_model(self) -> nn.Module:
        """Return the network, freshly initialised."""
        return new_hourglass(self.recipe.network)

    def after_step(self, model: nn.Module, step: int) -> bool:
        """Keep the network's activations small."""
        return centre(model, step)
