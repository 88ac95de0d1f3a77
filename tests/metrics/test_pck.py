import numpy as np
import pytest

from hourlift.geometry import H36M17, LSP14
from hourlift.metrics import (
    head_length,
    heatmap_pck,
    pair_confusion,
    pck,
    pck_per_joint,
    pckh,
    pckh_per_joint,
    torso_length,
)

# Two frames, three joints; the reference lengths are 100 and 50, so PCK@0.2 allows 20 and 10 pixels.
TRUE = np.array([[[0, 0], [100, 0], [200, 0]], [[0, 0], [50, 0], [np.nan, np.nan]]], float)
PRED = TRUE + np.array([[[20, 0], [0, 20.5], [3, 4]], [[0, 10], [6, 9], [0, 0]]])
REFERENCE = np.array([100.0, 50.0])


def test_pck_by_hand():
    assert pck(PRED, TRUE, REFERENCE) == pytest.approx(3 / 5)
    np.testing.assert_allclose(pck_per_joint(PRED, TRUE, REFERENCE), [1.0, 0.0, 1.0])
    assert pck(PRED, TRUE, REFERENCE, threshold=0.25) == pytest.approx(5 / 5)
    assert pck(PRED, TRUE, REFERENCE, threshold=0.04) == 0.0


def test_a_missing_prediction_is_wrong_but_an_unlabelled_joint_does_not_count():
    pred = PRED.copy()
    pred[0, 0] = np.nan
    assert pck(pred, TRUE, REFERENCE) == pytest.approx(2 / 5)
    np.testing.assert_allclose(pck_per_joint(pred, TRUE, REFERENCE), [0.5, 0.0, 1.0])


def test_frames_without_a_reference_length_do_not_count():
    assert pck(PRED, TRUE, [np.nan, 50.0]) == pytest.approx(1 / 2)
    assert pck(PRED, TRUE, [0.0, 50.0]) == pytest.approx(1 / 2)
    assert pck(TRUE, TRUE, [0.0, 50.0]) == 1.0
    assert np.isnan(pck(PRED, TRUE, [np.nan, np.nan]))


def test_a_joint_never_labelled_is_nan():
    true = TRUE.copy()
    true[:, 1] = np.nan
    per_joint = pck_per_joint(PRED, true, REFERENCE)
    assert np.isnan(per_joint[1]) and np.isfinite(per_joint[[0, 2]]).all()


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not match"):
        pck(PRED, TRUE, 100.0)  # one length would silently serve for both frames
    with pytest.raises(ValueError, match="do not match"):
        pck(PRED[:, :2], TRUE, REFERENCE)


def test_torso_is_left_shoulder_to_right_hip():
    for skeleton in (H36M17, LSP14):
        joints = np.zeros((2, skeleton.num_joints, 2))
        joints[:, skeleton.index("l_shoulder")] = [30, 0]
        joints[:, skeleton.index("r_hip")] = [0, 40]
        joints[1, skeleton.index("r_hip"), 0] = np.nan
        np.testing.assert_allclose(torso_length(joints, skeleton), [50, np.nan])


def test_pckh_uses_six_tenths_of_the_head_boxs_diagonal():
    boxes = np.array([[10, 10, 40, 50], [0, 0, 30, 40]])
    np.testing.assert_allclose(head_length(boxes), [30, 30])
    true = np.zeros((2, 2, 2))
    pred = np.array([[[15, 0], [15.1, 0]], [[0, 14.9], [0, 16]]])
    assert pckh(pred, true, boxes) == pytest.approx(2 / 4)
    np.testing.assert_allclose(pckh_per_joint(pred, true, boxes), [1.0, 0.0])


def confusion(left: tuple[float, float], right: tuple[float, float], apart: float = 40.0) -> tuple[int, int, int]:
    """Counts for one frame: the true left joint at 0, the right one at (apart, 0), torso 100."""
    result = pair_confusion([[left, right]], [[(0, 0), (apart, 0)]], [100.0], [(0, 1)])
    return int(result.count[0]), int(result.swapped[0]), int(result.collapsed[0])


@pytest.mark.parametrize(
    ("left", "right", "want"),
    [
        ((2, 0), (38, 0), (1, 0, 0)),  # right
        ((41, 3), (-2, 1), (1, 1, 0)),  # swapped
        ((39, 0), (42, 0), (1, 0, 1)),  # both on the right limb
        ((1, 5), (-1, 2), (1, 0, 1)),  # both on the left limb
        ((2, 0), (-300, 0), (1, 0, 0)),  # one is lost, not collapsed: nowhere near the other
        ((np.nan, 0), (0, 0), (1, 0, 0)),  # a missing prediction is neither
        ((22, 0), (18, 0), (1, 1, 0)),  # each just nearer to the other's truth
    ],
)
def test_pair_confusion_by_hand(left, right, want):
    assert confusion(left, right) == want


def test_pairs_close_together_do_not_count():
    assert confusion((30, 0), (0, 0), apart=30.0) == (0, 0, 0)
    assert confusion((31, 0), (0, 0), apart=31.0) == (1, 1, 0)


def test_pair_confusion_shares_over_frames_and_pairs():
    true = np.zeros((4, 17, 2))
    for a, b in H36M17.flip_pairs:
        true[:, a, 0], true[:, b, 0] = 0, 50
    pred = true.copy()
    pred[1] = true[1][H36M17.flip_permutation]
    knees = H36M17.indices("l_knee", "r_knee")
    pred[2, knees] = true[2, knees[0]]
    true[3, knees[0]] = np.nan
    result = pair_confusion(pred, true, np.full(4, 100.0), H36M17.flip_pairs)
    assert result.count.sum() == 4 * 6 - 1
    assert result.swapped_share == pytest.approx(6 / 23)
    assert result.collapsed_share == pytest.approx(1 / 23)
    assert np.isnan(pair_confusion(pred, true, np.full(4, np.nan), H36M17.flip_pairs).swapped_share)


def test_on_heatmap_scale_the_reference_is_a_tenth_of_the_side() -> None:
    true = np.full((2, 17, 2), 30.0)
    pred = true + [3.1, 0.0]  # of 64 pixels: 0.5 x 6.4 = 3.2
    assert heatmap_pck(pred, true, 64) == 1
    pred[0, :, 0] += 0.2
    assert heatmap_pck(pred, true, 64) == 0.5
    assert heatmap_pck(4 * pred, 4 * true, 256) == 0.5
    true[0] = np.nan
    assert heatmap_pck(pred, true, 64) == 1
