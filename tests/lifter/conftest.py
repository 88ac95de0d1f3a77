"""Random people to normalise."""

from collections.abc import Callable

import numpy as np
import pytest

from hourlift.lifter.normalize import ROOT


@pytest.fixture
def people() -> Callable[[int], np.ndarray]:
    """People (count, 17, 3) in camera axes, mm: joints about half a metre around a root 4 m away, off-centre."""

    def make(count: int) -> np.ndarray:
        rng = np.random.default_rng(0)
        root = np.array([700.0, -400.0, 4000.0]) + rng.normal(scale=150.0, size=(count, 1, 3))
        offsets = rng.normal(scale=400.0, size=(count, 17, 3))
        offsets[:, ROOT] = 0.0
        return root + offsets

    return make
