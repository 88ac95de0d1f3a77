"""Matches and average precision of boxes, by hand."""

import numpy as np
import pytest

from hourlift.geometry.boxes import suppress
from hourlift.metrics.boxes import average_precision, match

ONE, TWO = [0.0, 0, 10, 20], [30.0, 0, 40, 20]


def test_a_person_is_found_once() -> None:
    near = [1.0, 0, 11, 20]  # IoU 9 / 11
    assert match(np.array([ONE, near, TWO]), np.array([TWO, ONE])).tolist() == [1, -1, 0]


def test_half_of_the_union_must_be_shared() -> None:
    true = np.array([ONE])
    assert match(np.array([[0.0, 0, 10, 10]]), true).tolist() == [0]
    assert match(np.array([[0.0, 0, 10, 9.9]]), true).tolist() == [-1]


def test_without_boxes_or_people() -> None:
    assert match(np.zeros((0, 4)), np.array([ONE])).tolist() == []
    assert match(np.array([ONE]), np.zeros((0, 4))).tolist() == [-1]


def test_average_precision() -> None:
    """Right at 0.9, wrong at 0.8, right at 0.7; three people: precision 1 up to a recall of 1/3, then 2/3 up to 2/3."""
    scores = [np.array([0.9, 0.7]), np.array([0.8])]
    matches = [np.array([0, 1]), np.array([-1])]
    assert average_precision(scores, matches, 3) == pytest.approx((1 + 2 / 3) / 3)
    assert np.isnan(average_precision([], [], 0))
    assert average_precision([], [], 2) == 0


def test_suppression_keeps_the_best_of_boxes_that_overlap() -> None:
    boxes = np.array([ONE, [1.0, 0, 11, 20], TWO])
    assert suppress(boxes, np.array([0.5, 0.9, 0.6]), 0.6).tolist() == [1, 2]
    assert suppress(boxes, np.array([0.5, 0.9, 0.6]), 0.9).tolist() == [1, 2, 0]
