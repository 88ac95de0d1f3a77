"""The compact body is built once, on the first use in a run of the tests; the rest share one generator."""

import pytest

from hourlift.synth.body.parametric import Body
from hourlift.synth.generate import Generator, SynthBatch, SynthConfig


@pytest.fixture(scope="session")
def generator() -> Generator:
    return Generator(SynthConfig(size=96))


@pytest.fixture(scope="session")
def body(generator: Generator) -> Body:
    return generator.body


@pytest.fixture(scope="session")
def batch(generator: Generator) -> SynthBatch:
    return generator.render((3, 4), 32)
