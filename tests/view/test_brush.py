import numpy as np
import pytest

from hourlift.view.brush import caption


def test_a_caption_stands_on_its_line_with_an_outline() -> None:
    canvas = np.full((80, 200, 3), 128, np.uint8)
    caption(canvas, "H12", (20, 60), 22)
    changed = (canvas != 128).any(axis=-1)
    y, x = np.nonzero((canvas > 200).all(axis=-1))
    assert x.min() >= 19 and abs(y.max() - 60) <= 2 and 19 <= np.ptp(y) <= 26, "capitals of about 22 pixels"
    dark = (canvas < 60).all(axis=-1)
    assert dark.sum() > 50
    assert changed[:30].sum() == 0 and changed[68:].sum() == 0
    centred = np.full((80, 200, 3), 128, np.uint8)
    caption(centred, "H12", (100, 60), 22, anchor="centre")
    assert np.nonzero((centred != 128).any(axis=-1))[1].mean() == pytest.approx(100, abs=3)


@pytest.mark.parametrize("at", [(-500, 40), (9000, 9000), (10, -80), (190, 3), (-5, 79)])
def test_a_caption_at_the_edge_or_outside(at: tuple[float, float]) -> None:
    canvas = np.full((80, 200, 3), 128, np.uint8)
    caption(canvas, "edge", at, 22)
    inside = at[0] < 200 and at[0] > -100 and at[1] > 0 and at[1] < 90
    assert (canvas != 128).any() == inside
