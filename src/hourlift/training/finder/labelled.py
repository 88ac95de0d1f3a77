"""An image to train the finder on: people's boxes, and where it is known that there are no others."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array, Image
from hourlift.finder.decode import STRIDE

MIN_SIDE_PX = 7.0
"""People with a shorter side in the input are neither found nor wrong."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """One input of the network.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        boxes: (N, 4) xyxy pixels of the people.
        counted: (S / 8, S / 8) 1 where a cell without a person's middle must stay low, 0 where that is unknown.
    """

    image: Image
    boxes: Array
    counted: NDArray[np.float32]


def cells(box: Array) -> tuple[slice, slice]:
    """Rows and columns of the cells that a box (4,) touches."""
    first = np.maximum(np.floor((box[:2] + 0.5) / STRIDE), 0).astype(int)
    last = np.maximum(np.ceil((box[2:] + 0.5) / STRIDE), 0).astype(int)
    return slice(first[1], last[1]), slice(first[0], last[0])
