"""Statistics that are those of the weights, however far these have moved."""

import copy

import torch
from torch import nn

from hourlift.training.engine.batch_norm import estimate_statistics


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2)).eval()


def test_the_statistics_are_the_means_over_the_batches() -> None:
    torch.manual_seed(0)
    model = network()
    model[0].bias.data += 30.0  # the weights moved on, the running mean did not
    batches = [torch.randn(16, 3) + index for index in range(5)]
    before = copy.deepcopy(model.state_dict())
    estimate_statistics(model, batches, lambda net, batch: net(batch))
    with torch.no_grad():
        features = [model[0](batch) for batch in batches]
    mean, variance = (
        torch.stack([f.mean(0) for f in features]).mean(0),
        torch.stack([f.var(0) for f in features]).mean(0),
    )
    torch.testing.assert_close(model[1].running_mean, mean)
    torch.testing.assert_close(model[1].running_var, variance)
    assert not model.training and model[1].momentum == 0.1
    others = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert others == {"1.running_mean", "1.running_var"}
    assert model(batches[2]).std() > 0


def test_without_batches_or_batch_norm_nothing_changes() -> None:
    model, plain = network(), nn.Linear(3, 2)
    before = copy.deepcopy(model.state_dict())
    estimate_statistics(model, [], lambda net, batch: net(batch))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    estimate_statistics(plain, [torch.rand(2, 3)], lambda net, batch: net(batch))
