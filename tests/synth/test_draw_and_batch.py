from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from hourlift.synth.core.batch import Batch
from hourlift.synth.core.draw import Draw


def test_a_stream_is_made_again_from_its_seed() -> None:
    assert torch.equal(Draw((1, 2, 3), 5).vector(4), Draw((1, 2, 3), 5).vector(4))
    streams = [Draw(seed, 5).uniform() for seed in (0, 1, (0, 0), (0, 1), (1, 0), (1, 2, 3), (3, 2, 1))]
    assert len({tuple(values.tolist()) for values in streams}) == len(streams)


def test_draws_have_the_distribution_that_they_say() -> None:
    draw = Draw(0, 20_000)
    assert draw.uniform(-2, 4).mean().item() == pytest.approx(1, abs=0.05)
    assert draw.log_uniform(0.1, 10).log().mean().item() == pytest.approx(0, abs=0.05)
    assert draw.normal(3, 0.5).std().item() == pytest.approx(0.5, abs=0.02)
    assert draw.chance(0.3).float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.bincount(draw.choose([1.0, 0.0, 3.0])).div(20_000).tolist() == pytest.approx([0.25, 0, 0.75], abs=0.02)
    assert sorted(set(draw.integer(3).tolist())) == [0, 1, 2]
    assert draw.turn().min() >= 0
    assert draw.turn().max().item() == pytest.approx(2 * torch.pi, abs=0.01)


@dataclass(frozen=True, kw_only=True)
class Pair(Batch):
    left: Tensor
    right: Tensor
    size: int


def test_batches_are_changed_repeated_and_joined() -> None:
    pair = Pair(left=torch.ones(1, 2), right=torch.zeros(1), size=7)
    assert pair.map(lambda tensor: tensor + 1).right.tolist() == [1]
    many = pair.expand(3)
    assert (many.left.shape, many.right.shape, many.size) == ((3, 2), (3,), 7)
    joined = Pair.concatenate([pair, many])
    assert (joined.left.shape, joined.right.shape, joined.size) == ((4, 2), (4,), 7)
    assert pair.to("meta").left.device.type == "meta"


def test_alike_draws_give_every_frame_the_first_value() -> None:
    one, video = Draw(7, 1), Draw(7, 5, alike=True)
    for name, arguments in (("uniform", ()), ("normal", ()), ("chance", (0.5,)), ("choose", ([0.2, 0.3, 0.5],)),
                            ("integer", (9,)), ("vector", (3,)), ("turn", ())):  # fmt: skip
        expected = getattr(one, name)(*arguments)
        assert torch.equal(getattr(video, name)(*arguments), expected.expand(5, *expected.shape[1:]))
    assert torch.equal(video.stream(2).uniform(), one.stream(2).uniform().expand(5))


def test_streams_differ_and_do_not_move_each_other() -> None:
    draw = Draw(7, 4)
    first = draw.stream(1).uniform()
    assert not torch.equal(first, draw.stream(2).uniform())
    draw.uniform()
    assert torch.equal(first, draw.stream(1).uniform())
