"""Two stages by turns: whose batch a step gets, wherever a run goes on."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from hourlift.training.hourglass.mixed import MixedStage

CPU = torch.device("cpu")


class Numbered:
    """A stage whose batches tell their name and number."""

    def __init__(self, name: str, steps: int, input_size: int = 64) -> None:
        self.name, self.steps = name, steps
        self.recipe = SimpleNamespace(network="n", input_size=input_size, loss="l", sigma=1.0)

    def batches(self, start_step: int, *_: Any) -> Iterator[str]:
        return (f"{self.name}{step}" for step in range(start_step, self.steps))

    def validate(self, *_: Any) -> dict[str, float]:
        return {"pck": len(self.name)}


def mixed(steps: int = 4, **other: int) -> MixedStage:
    return MixedStage(Numbered("r", steps), Numbered("pic", steps, **other))  # type: ignore[arg-type]


def test_steps_alternate_and_a_resumed_run_goes_on_where_it_was() -> None:
    whole = list(mixed().batches(0, CPU, 0, 1))
    assert whole == ["r0", "pic0", "r1", "pic1", "r2", "pic2", "r3", "pic3"]
    for start in range(8):
        assert list(mixed().batches(start, CPU, 0, 1)) == whole[start:]


def test_both_are_measured() -> None:
    assert mixed().validate(torch.nn.Identity(), CPU) == {"pck": 1, "photos_pck": 3}


def test_stages_of_different_networks_do_not_mix() -> None:
    with pytest.raises(AssertionError, match="input_size differs: 64 and 128"):
        mixed(input_size=128)
