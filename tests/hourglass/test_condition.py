"""Residual sums without a mean, and the same answers."""

import pytest
import torch

from hourlift.hourglass.condition import conditioned
from hourlift.hourglass.network import HourglassConfig, Residual, StackedHourglass


@pytest.fixture(params=[1, 2], ids=["one stack", "two stacks"])
def network(request: pytest.FixtureRequest) -> StackedHourglass:
    """Of features that have wandered off, with the statistics that they have."""
    torch.manual_seed(0)
    config = HourglassConfig(num_stacks=request.param, width=32, num_joints=17, depth=2, widening=1.25)
    network = StackedHourglass(config).double()
    with torch.no_grad():
        for residual in (module for module in network.modules() if isinstance(module, Residual)):
            residual.layers[8].bias += 5 * torch.randn_like(residual.layers[8].bias)
        network.stem[1].weight[3], network.stem[1].bias[3] = 1e-3, 7.0  # a channel that hardly changes
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the plain average
    for _ in range(4):
        network(images())
    return network.eval()


def images() -> torch.Tensor:
    return torch.rand(8, 3, 64, 64, dtype=torch.float64)


def means(network: StackedHourglass) -> torch.Tensor:
    """Of the residuals' sums and of what is added: their means, in standard deviations."""
    found: list[torch.Tensor] = []
    hooks = [
        module.register_forward_hook(
            lambda _module, _read, sums: found.append((sums.mean((0, 2, 3)).abs() / sums.std((0, 2, 3))).mean())
        )
        for residual in (module for module in network.modules() if isinstance(module, Residual))
        for module in (residual, residual.layers, residual.skip)
        if not isinstance(module, torch.nn.Identity)
    ]
    with torch.no_grad():
        network(images())
    for hook in hooks:
        hook.remove()
    return torch.stack(found)


def test_the_answers_stay(network: StackedHourglass) -> None:
    before, shown = means(network), images()
    other = conditioned(network)
    with torch.no_grad():
        for mine, theirs in zip(network(shown), other(shown), strict=True):
            torch.testing.assert_close(theirs, mine, rtol=1e-9, atol=1e-9)
    assert before.mean() > 3


def test_the_means_go(network: StackedHourglass) -> None:
    before, after = means(network), means(conditioned(network))
    assert before.mean() > 3 and after.mean() < 0.5
