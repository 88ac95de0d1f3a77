"""Boxes from maps, and back to the image's pixels."""

import numpy as np
import pytest

from hourlift.finder.decode import Found, decode, fit, in_image


def maps(height: int, width: int, people: dict[tuple[int, int], tuple[float, tuple[float, ...]]]) -> tuple:
    scores, sides = np.full((height, width), 0.01, np.float32), np.ones((4, height, width), np.float32)
    for (row, column), (score, distances) in people.items():
        scores[row, column], sides[:, row, column] = score, distances
    return scores, sides


def test_a_peak_becomes_a_box_about_the_middle_of_its_cell() -> None:
    scores, sides = maps(6, 8, {(2, 3): (0.9, (10, 12, 20, 30))})
    found = decode(scores, sides, 0.4)
    # Cell (2, 3) spans pixels 24 to 31 and 16 to 23: its middle is (27.5, 19.5), as pixel centres are integers.
    np.testing.assert_allclose(found.boxes, [[17.5, 7.5, 47.5, 49.5]])
    np.testing.assert_allclose(found.scores, [0.9], atol=1e-6)


def test_only_peaks_above_the_least_score_count_and_the_highest_comes_first() -> None:
    box = (8, 8, 8, 8)
    scores, sides = maps(10, 10, {(1, 1): (0.5, box), (1, 2): (0.45, box), (8, 8): (0.8, box), (8, 1): (0.3, box)})
    found = decode(scores, sides, 0.4)
    np.testing.assert_allclose(found.scores, [0.8, 0.5], atol=1e-6)
    np.testing.assert_allclose(found.boxes[:, 0], [59.5, 3.5])


def test_two_boxes_of_one_person_become_one_and_two_people_side_by_side_stay() -> None:
    scores, sides = maps(10, 10, {(3, 3): (0.9, (16, 24, 16, 24)), (5, 3): (0.7, (16, 40, 16, 8))})
    assert len(decode(scores, sides, 0.4).boxes) == 1
    scores, sides = maps(10, 10, {(3, 3): (0.9, (16, 24, 16, 24)), (3, 5): (0.7, (16, 24, 16, 24))})
    assert len(decode(scores, sides, 0.4).boxes) == 2


def test_no_person_is_no_box() -> None:
    found = decode(*maps(4, 4, {}), 0.4)
    assert found.boxes.shape == (0, 4) and found.scores.shape == (0,)


@pytest.mark.parametrize(
    ("image_wh", "input_wh"),
    [
        ((1280, 720), (320, 192)),
        ((720, 1280), (192, 320)),
        ((500, 500), (320, 320)),
        ((20, 20), (320, 320)),
        ((10_000, 200), (320, 64)),
        ((1, 1), (320, 320)),
    ],
)
def test_inputs_are_as_small_as_the_image_allows(image_wh: tuple[int, int], input_wh: tuple[int, int]) -> None:
    fitted = fit(np.full((image_wh[1], image_wh[0], 3), 200, np.uint8), 320)
    assert fitted.input.shape[1::-1] == input_wh
    shown_wh = np.round(np.array(image_wh) * fitted.scale_xy).astype(int)
    assert (fitted.input[: shown_wh[1], : shown_wh[0]] == 200).all()
    assert (fitted.input[shown_wh[1] :] == 114).all() and (fitted.input[:, shown_wh[0] :] == 114).all()


def test_boxes_return_to_the_image() -> None:
    """The outline of a bright rectangle, found in the input, is where it was drawn in the image."""
    image = np.zeros((360, 640, 3), np.uint8)
    image[100:200, 300:400] = 255  # from (299.5, 99.5) to (399.5, 199.5)
    fitted = fit(image, 320)
    rows, columns = np.nonzero(fitted.input[:180, :, 0] > 127)
    box = np.array([[columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5]])
    found = in_image(Found(box, np.ones(1)), fitted.scale_xy, (640, 360))
    np.testing.assert_allclose(found.boxes, [[299.5, 99.5, 399.5, 199.5]])


def test_boxes_are_cut_at_the_border_and_those_outside_dropped() -> None:
    boxes = np.array([[-20.0, -20, 50, 50], [700, 10, 720, 40], [100, 100, 100.2, 120]])
    found = in_image(Found(boxes, np.array([0.9, 0.8, 0.7])), np.array([1.0, 1.0]), (640, 360))
    np.testing.assert_allclose(found.boxes, [[-0.5, -0.5, 50, 50]])
    np.testing.assert_allclose(found.scores, [0.9])
