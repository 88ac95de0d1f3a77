import numpy as np
import pytest

from hourlift.metrics import (
    acceleration_error,
    joint_errors,
    mpjpe,
    mpjpe_per_joint,
    mpjve,
    n_mpjpe,
    n_mpjpe_per_joint,
    pa_mpjpe,
    pa_mpjpe_per_joint,
)

RNG = np.random.default_rng(5)
TRUE = RNG.normal(size=(8, 17, 3)) * 400


def test_mpjpe_by_hand():
    true = np.zeros((2, 2, 3))
    pred = np.array([[[3, 4, 0], [0, 0, 2]], [[0, 0, 1], [2, 3, 6]]])
    np.testing.assert_allclose(joint_errors(pred, true), [[5, 2], [1, 7]])
    assert mpjpe(pred, true) == pytest.approx(15 / 4)
    np.testing.assert_allclose(mpjpe_per_joint(pred, true), [3, 4.5])


def test_unknown_truth_does_not_count_but_a_missing_prediction_shows():
    pred, true = TRUE + [10, 0, 0], TRUE.copy()
    true[0, 3] = np.nan
    assert mpjpe(pred, true) == pytest.approx(10)
    pred[1, 4, 2] = np.nan
    assert np.isnan(mpjpe(pred, true)) and np.isnan(pa_mpjpe(pred, true))
    assert np.flatnonzero(np.isnan(mpjpe_per_joint(pred, true))).tolist() == [4]
    assert np.isnan(mpjpe(pred, np.full_like(true, np.nan)))


def test_float32_does_not_cost_accuracy():
    far = np.float32(TRUE + [0, 0, 1e5])
    near = far.copy()
    near[..., 0] += 1
    assert mpjpe(near, far) == pytest.approx(np.linalg.norm(near.astype(float) - far, axis=-1).mean(), abs=1e-12)


def test_what_each_metric_forgives():
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    scaled, turned = 1.3 * TRUE, 1.3 * TRUE @ turn + 200
    assert n_mpjpe(scaled, TRUE) == pytest.approx(0, abs=1e-9) and mpjpe(scaled, TRUE) > 100
    assert pa_mpjpe(turned, TRUE) == pytest.approx(0, abs=1e-9) and n_mpjpe(turned, TRUE) > 100
    assert pa_mpjpe(TRUE * [-1, 1, 1], TRUE) > 100, "a mirror image is not forgiven"
    noisy = scaled + RNG.normal(size=TRUE.shape) * 30
    assert pa_mpjpe(noisy, TRUE) < n_mpjpe(noisy, TRUE) < mpjpe(noisy, TRUE)


def test_per_joint_errors_average_to_the_metric():
    pred = TRUE + RNG.normal(size=TRUE.shape) * 50
    for whole, parts in ((mpjpe, mpjpe_per_joint), (n_mpjpe, n_mpjpe_per_joint), (pa_mpjpe, pa_mpjpe_per_joint)):
        assert parts(pred, TRUE).shape == (17,)
        assert parts(pred, TRUE).mean() == pytest.approx(whole(pred, TRUE))


def test_mpjve_by_hand():
    true = np.zeros((3, 1, 3))
    pred = np.array([[[0, 0, 0]], [[3, 4, 0]], [[3, 4, 1]]], float)
    assert mpjve(pred, true) == pytest.approx((5 + 1) / 2)


def test_mpjve_forgives_a_constant_offset_and_takes_one_clip_only():
    assert mpjve(TRUE + [100, 0, -30], TRUE) == pytest.approx(0, abs=1e-9)
    assert np.isnan(mpjve(TRUE[:1], TRUE[:1]))
    with pytest.raises(ValueError, match="one clip"):
        mpjve(TRUE[None], TRUE[None])


def test_acceleration_error_by_hand():
    true = np.zeros((4, 1, 3))
    pred = np.array([[[0, 0, 0]], [[1, 0, 0]], [[5, 4, 0]], [[9, 8, 0]]], float)
    assert acceleration_error(pred, true) == pytest.approx((5 + 0) / 2)
    steady = np.arange(len(TRUE))[:, None, None] * [1.0, 20, -3]
    assert acceleration_error(TRUE + steady, TRUE) == pytest.approx(0, abs=1e-9)
    assert np.isnan(acceleration_error(TRUE[:2], TRUE[:2]))
    with pytest.raises(ValueError, match="one clip"):
        acceleration_error(TRUE[None], TRUE[None])


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        mpjpe(TRUE, TRUE[:1])
