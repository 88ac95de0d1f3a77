"""Targets and losses of the finder: hand-made people."""

import numpy as np
import torch

from hourlift.finder.decode import decode
from hourlift.finder.loss import box_loss, cell_centres, score_loss, targets

NAN = float("nan")
TALL = [30.0, 10.0, 50.0, 90.0]  # middle (40, 50): cell (6, 5)
SMALL = [44.0, 44.0, 60.0, 68.0]  # middle (52, 56): cell (7, 6)
H, W = 12, 16


def perfect(boxes: list[list[float]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps whose answer is exact: a high peak at each middle, distances to its box in every cell that answers."""
    wanted = targets(torch.tensor([boxes]), H, W)
    centre = cell_centres(H, W, torch.device("cpu"))
    sides = torch.cat([centre - wanted.boxes[:, :2], wanted.boxes[:, 2:] - centre], 1)
    return torch.where(wanted.peaks == 1, 9.0, -9.0)[:, None], sides


def test_a_peak_is_in_the_cell_of_the_middle_and_falls_off_with_the_size() -> None:
    peaks = targets(torch.tensor([[TALL]]), H, W).peaks[0]
    assert peaks[6, 5] == 1 and (peaks == 1).sum() == 1
    assert peaks[7, 5] > 0.3 > peaks[6, 6]  # the person is four times as tall as wide


def test_what_the_targets_say_is_what_decoding_finds() -> None:
    logits, sides = perfect([TALL, SMALL])
    found = decode(logits[0, 0].sigmoid().numpy(), sides[0].numpy(), 0.4)
    np.testing.assert_allclose(sorted(found.boxes.tolist()), sorted([TALL, SMALL]), atol=1e-4)


def test_rows_of_nan_and_middles_outside_are_no_people() -> None:
    wanted = targets(torch.tensor([[[NAN] * 4, [200.0, 200.0, 240.0, 240.0]]]), H, W)
    assert wanted.peaks.max() == 0 and wanted.shares.sum() == 0


def test_each_person_has_the_same_share_and_the_smaller_keeps_its_cells() -> None:
    wanted = targets(torch.tensor([[TALL, SMALL]]), H, W)
    torch.testing.assert_close(wanted.shares.sum(), torch.tensor(2.0))
    assert wanted.boxes[0, :, 7, 6].tolist() == SMALL
    assert wanted.boxes[0, :, 6, 5].tolist() == TALL


def test_exact_boxes_cost_nothing_and_boxes_beside_the_person_most() -> None:
    wanted = targets(torch.tensor([[TALL]]), H, W)
    _, sides = perfect([TALL])
    assert box_loss(sides, wanted) < 1e-5
    half = sides.clone()
    half[:, 2] = -sides[:, 0] + 10  # only the left half of the box: IoU 1 / 2
    torch.testing.assert_close(box_loss(half, wanted), torch.tensor(0.5), atol=1e-4, rtol=0)


def test_cells_that_do_not_count_may_be_high() -> None:
    peaks = targets(torch.tensor([[TALL]]), H, W).peaks
    logits = torch.where(peaks == 1, 9.0, -9.0)[:, None]
    quiet = score_loss(logits, peaks, torch.ones_like(peaks))
    assert quiet < 1e-3
    logits[0, 0, 0, 15] = 9.0
    counted = torch.ones_like(peaks)
    assert score_loss(logits, peaks, counted) > 5
    counted[0, 0, 15] = 0
    torch.testing.assert_close(score_loss(logits, peaks, counted), quiet)


def test_a_persons_own_cell_always_counts() -> None:
    peaks = targets(torch.tensor([[TALL]]), H, W).peaks
    low = torch.full((1, 1, H, W), -9.0)
    assert score_loss(low, peaks, torch.zeros_like(peaks)) > 5
