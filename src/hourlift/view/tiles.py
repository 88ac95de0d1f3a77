"""Contact sheets: many small images in one."""

import math
from collections.abc import Sequence

import numpy as np

from hourlift.arrays import Image


def tiled(tiles: Sequence[Image], columns: int | None = None) -> Image:
    """Put images side by side, in rows.

    Args:
        tiles: One or more images (H, W, 3) of one size.
        columns: How many in a row; None chooses about as many as there are rows, so that the fewest places stay empty.

    Returns:
        (rows x H, columns x W, 3); places after the last tile are black.
    """
    count = len(tiles)
    if columns is None:
        root = math.ceil(math.sqrt(count))
        columns = min(range(root, 2 * root), key=lambda columns: -count % columns)
    rows = math.ceil(count / columns)
    height, width = tiles[0].shape[:2]
    grid = np.zeros((rows * columns, height, width, 3), np.uint8)
    grid[:count] = tiles
    return grid.reshape(rows, columns, height, width, 3).swapaxes(1, 2).reshape(rows * height, columns * width, 3)
