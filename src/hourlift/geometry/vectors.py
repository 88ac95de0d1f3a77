"""Vectors along the last axis of an array."""

import numpy as np

from hourlift.arrays import Array

_SHORTEST = 1e-9


def unit(vectors: Array, *, zero: float = np.nan) -> Array:
    """Vectors (..., D) of length 1; `zero` in place of those that have no direction. NaN stays NaN."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(np.where(length <= _SHORTEST, zero, vectors / np.where(length <= _SHORTEST, 1.0, length)))


def unit_or_zero(vectors: Array) -> Array:
    """As `unit`, with zero in place of vectors that have no direction."""
    return unit(vectors, zero=0.0)
