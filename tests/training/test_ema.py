"""The average of weights against its closed form."""

import pytest
import torch
from torch import nn

from hourlift.training.engine.ema import Ema, decay_at


def test_closed_form() -> None:
    model = nn.Linear(1, 1, bias=False)
    values = [1.0, 2.0, -3.0, 5.0]
    nn.init.constant_(model.weight, values[0])
    ema = Ema(model, decay=0.9)
    for value in values[1:]:
        nn.init.constant_(model.weight, value)
        ema.update(model, step=10_000)  # past the early steps: the decay is the given one
    expected = 0.9**3 * 1.0 + 0.1 * (0.9**2 * 2.0 + 0.9 * -3.0 + 5.0)
    assert ema.model.weight.item() == pytest.approx(expected, rel=1e-6)  # type: ignore[union-attr, operator]


def test_early_steps_forget_the_start() -> None:
    assert [decay_at(step, 0.999) for step in (0, 10)] == pytest.approx([0.1, 11 / 20])
    assert decay_at(10**6, 0.999) == 0.999
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 100.0)
    ema = Ema(model, decay=0.999)
    nn.init.constant_(model.weight, 1.0)
    for step in range(20):
        ema.update(model, step)
    assert ema.model.weight.item() == pytest.approx(1.0, abs=1e-3)  # type: ignore[union-attr, operator]


def test_batch_norm_is_averaged_and_counters_are_copied() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema = Ema(model, decay=0.5)
    model(3 + torch.randn(4, 1, 4, 4))
    before = ema.model.state_dict()["1.running_mean"].clone()
    ema.update(model, step=1000)
    averaged = ema.model.state_dict()
    torch.testing.assert_close(averaged["1.running_mean"], (before + model[1].running_mean) / 2)
    torch.testing.assert_close(averaged["1.running_var"], (1 + model[1].running_var) / 2)
    assert averaged["1.num_batches_tracked"] == 1
    assert averaged["1.num_batches_tracked"].dtype == torch.int64


def test_the_average_is_apart_from_the_network() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).train()
    ema = Ema(model, decay=0.5)
    assert not ema.model.training
    assert model.training
    assert not any(parameter.requires_grad for parameter in ema.model.parameters())
    with torch.no_grad():
        model[0].weight += 1
    assert not torch.equal(ema.model.state_dict()["0.weight"], model[0].weight)
