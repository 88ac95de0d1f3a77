import numpy as np
import pytest

from hourlift.view.tiles import tiled


@pytest.mark.parametrize(("count", "columns", "shape"), [(1, None, (2, 3)), (5, 2, (6, 6)), (6, None, (4, 9))])
def test_tiles_lie_in_rows(count: int, columns: int | None, shape: tuple[int, int]) -> None:
    tiles = [np.full((2, 3, 3), i + 1, np.uint8) for i in range(count)]
    sheet = tiled(tiles, columns)
    assert sheet.shape == (*shape, 3)
    per_row = shape[1] // 3
    for i in range(count):
        y, x = divmod(i, per_row)
        np.testing.assert_array_equal(sheet[2 * y : 2 * y + 2, 3 * x : 3 * x + 3], tiles[i])
    assert (sheet == 0).sum() == sheet.size - count * 18
