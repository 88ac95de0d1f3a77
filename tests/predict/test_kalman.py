import numpy as np
import pytest

from hourlift.predict.temporal.kalman import smooth_series

EXACT = {"cutoff_hz": 4.0, "spread": np.inf}  # nothing is an outlier


def one(values: np.ndarray) -> np.ndarray:
    """A series as one point of one coordinate."""
    return np.asarray(values, float)[:, None, None]


def sure(count: int) -> np.ndarray:
    return np.ones((count, 1))


def test_a_point_at_rest_stays_and_one_in_uniform_motion_keeps_its_course() -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.09, 60))
    course = 3000 + 250 * times
    values = course.copy()
    values[20:31] = np.nan  # and is found again on its course
    for series, truth in ((np.full(60, 7.0), np.full(60, 7.0)), (values, course)):
        smooth = smooth_series(times, one(series), sure(60), cutoff_hz=4.0, spread=1.0)
        np.testing.assert_allclose(smooth[:, 0, 0], truth, rtol=1e-6)


@pytest.mark.parametrize("frequency", [1.0, 2.0, 4.0, 8.0])
def test_frequency_response_is_that_of_a_butterworth_filter_run_both_ways(frequency: float) -> None:
    times = np.arange(2000) / 200
    wave = np.sin(2 * np.pi * frequency * times)
    smooth = smooth_series(times, one(wave), sure(2000), **EXACT)[500:1500, 0, 0]
    expected = wave[500:1500] / (1 + (frequency / 4.0) ** 4)
    np.testing.assert_allclose(smooth, expected, atol=0.01)  # and without delay


def test_confidence_lowers_the_cutoff_by_its_root_and_the_frame_rate_does_not() -> None:
    for fps, confidence in ((100, 0.25), (400, 0.25), (100, 1.0)):
        times = np.arange(10 * fps) / fps
        frequency = 4.0 * np.sqrt(confidence)
        wave = np.sin(2 * np.pi * frequency * times)
        smooth = smooth_series(times, one(wave), confidence * sure(10 * fps), **EXACT)[:, 0, 0]
        middle = slice(3 * fps, 7 * fps)
        assert smooth[middle].max() == pytest.approx(0.5, abs=0.02), (fps, confidence)


def test_it_is_the_mean_of_the_gaussian_process_that_it_claims_to_be() -> None:
    """Regression with the covariance of a twice integrated white noise: no recursion, one matrix."""
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.02, 0.05, 40))
    values, confidence = np.cumsum(rng.normal(0, 5, 40)), rng.uniform(0.2, 1, 40)
    values[[3, 17, 18, 19]] = np.nan
    known = np.isfinite(values)
    elapsed = times - times[0]
    early, late = np.minimum.outer(elapsed, elapsed), np.maximum.outer(elapsed, elapsed)
    prior = early**2 * (3 * late - early) / 6 + 1e4 * (1 + np.outer(elapsed, elapsed))
    noise = 1 / (np.median(np.diff(times)) * (2 * np.pi * 4.0) ** 4 * confidence**2)
    mean = values[known].mean()
    gain = prior[:, known] @ np.linalg.inv(prior[np.ix_(known, known)] + np.diag(noise[known]))
    expected = gain @ (values[known] - mean) + mean
    smooth = smooth_series(times, one(values), confidence[:, None], **EXACT)
    np.testing.assert_allclose(smooth[:, 0, 0], expected, atol=1e-3)


def test_an_outlier_hardly_counts() -> None:
    times = np.arange(60) / 30
    values = np.sin(times)
    values[30] += 100
    bent = smooth_series(times, one(values), sure(60), cutoff_hz=4.0, spread=np.inf)[:, 0, 0] - np.sin(times)
    robust = smooth_series(times, one(values), sure(60), cutoff_hz=4.0, spread=0.5)[:, 0, 0] - np.sin(times)
    assert np.abs(bent).max() > 10
    assert np.abs(robust).max() < 0.5


def test_points_do_not_disturb_each_other_and_coordinates_share_their_weights() -> None:
    rng = np.random.default_rng(2)
    times, values, confidence = np.arange(30) / 30, rng.normal(0, 10, (30, 4, 3)), rng.uniform(0, 1, (30, 4))
    together = smooth_series(times, values, confidence, cutoff_hz=4.0, spread=5.0)
    alone = smooth_series(times, values[:, 2:3], confidence[:, 2:3], cutoff_hz=4.0, spread=5.0)
    np.testing.assert_allclose(together[:, 2:3], alone)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turned = smooth_series(times, values @ turn, confidence, cutoff_hz=4.0, spread=5.0)
    np.testing.assert_allclose(turned, together @ turn, atol=1e-9)


def test_few_or_no_measurements() -> None:
    assert smooth_series(np.zeros(0), np.zeros((0, 2, 3)), np.zeros((0, 2)), **EXACT).shape == (0, 2, 3)
    np.testing.assert_allclose(smooth_series(np.zeros(1), one([5.0]), sure(1), **EXACT)[0], 5.0)
    assert np.isnan(smooth_series(np.arange(3.0), one([np.nan] * 3), sure(3), **EXACT)).all()
    values = np.full((4, 2, 1), np.nan)
    values[:, 0] = 3
    smooth = smooth_series(np.arange(4.0), values, np.ones((4, 2)), **EXACT)
    np.testing.assert_allclose(smooth[:, 0], 3)
    assert np.isnan(smooth[:, 1]).all()
    halted = smooth_series(np.zeros(5), one([1, 2, 3, 4, 5]), sure(5), **EXACT)  # times that do not go on
    np.testing.assert_allclose(halted[:, 0, 0], 3, atol=1e-3)


@pytest.mark.parametrize("block", [1, 7, 30])
def test_blocks_change_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    times, values = np.cumsum(rng.uniform(0.01, 0.09, 60)), rng.normal(1000, 10, (60, 3, 2))
    values[rng.random((60, 3)) < 0.1] = np.nan
    confidence, spread = rng.uniform(0, 1, (60, 3)), rng.uniform(1, 9, (60, 3))
    whole = smooth_series(times, values, confidence, cutoff_hz=4.0, spread=spread)
    monkeypatch.setattr("hourlift.pose_log.BLOCK", block)
    np.testing.assert_allclose(
        smooth_series(times, values, confidence, cutoff_hz=4.0, spread=spread), whole, rtol=1e-12
    )
    assert smooth_series(times, values, confidence, cutoff_hz=4.0, spread=spread, out=values) is values  # in place
    np.testing.assert_allclose(values, whole, rtol=1e-12)
