"""Heatmaps: joints go in and come out again, to a fraction of a pixel."""

import time

import numpy as np
import pytest

from hourlift.hourglass.heatmap import decode, encode, find_peaks

METHODS = ("argmax", "quarter", "dark")


@pytest.fixture
def points() -> np.ndarray:
    """(4, 17, 2) anywhere inside a map 64 wide and 48 high."""
    return np.random.default_rng(0).uniform((2, 2), (61, 45), size=(4, 17, 2))


@pytest.mark.parametrize("sigma", [0.8, 1.0, 2.0])
@pytest.mark.parametrize(("method", "tolerance"), [("argmax", 0.5), ("quarter", 0.25), ("dark", 1e-4)])
def test_round_trip(points: np.ndarray, method: str, tolerance: float, sigma: float) -> None:
    found, confidence = decode(encode(points, (64, 48), sigma), method)
    assert np.abs(found - points).max() <= tolerance + 1e-9
    assert (confidence > np.exp(-0.25 / sigma**2) - 1e-6).all()
    assert (confidence <= 1).all()


def test_worked_example() -> None:
    heatmap = encode([[3.25, 1.0]], (6, 4))[0]
    assert heatmap.shape == (4, 6)
    assert heatmap[1, 3] == pytest.approx(np.exp(-0.5 * 0.25**2))
    assert heatmap[2, 4] == pytest.approx(np.exp(-0.5 * (0.75**2 + 1)))


def test_a_centre_on_a_cell_has_peak_one() -> None:
    heatmap = encode([[5, 7]], (16, 16))[0]
    assert heatmap.max() == 1 == heatmap[7, 5]
    assert heatmap.dtype == np.float32


@pytest.mark.parametrize("unknown", [(np.nan, np.nan), (np.nan, 3.0), (3.0, np.nan)])
def test_unknown_joints_have_empty_heatmaps(unknown: tuple[float, float]) -> None:
    assert not encode([unknown, (3, 3)], (8, 8))[0].any()


def test_a_joint_outside_leaves_its_tail() -> None:
    heatmap = encode([[-1.0, 4.0]], (8, 8))[0]
    assert heatmap.max() == heatmap[4, 0] == pytest.approx(np.exp(-0.5))
    assert not encode([[-50.0, 4.0]], (8, 8)).any()


def test_leading_dimensions_are_kept() -> None:
    assert encode(np.zeros((5, 3, 17, 2)), (8, 6)).shape == (5, 3, 17, 6, 8)


@pytest.mark.parametrize("method", METHODS)
def test_border_peaks_stay_on_their_cell(method: str) -> None:
    corners = np.array([[[0, 0], [15, 0], [0, 11], [15, 11], [7, 0], [0, 5]]], float)
    found, _ = decode(encode(corners, (16, 12)), method)
    np.testing.assert_array_equal(found, corners)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size_wh", [(1, 1), (2, 5), (64, 64)])
def test_flat_and_tiny_heatmaps(method: str, size_wh: tuple[int, int]) -> None:
    found, confidence = decode(np.full((1, 3, size_wh[1], size_wh[0]), 0.25, np.float32), method)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(confidence, 0.25)


def test_quarter_goes_towards_the_larger_neighbour() -> None:
    heatmap = np.zeros((1, 1, 5, 5), np.float32)
    heatmap[0, 0, 2, 1:4] = (0.3, 1.0, 0.2)
    heatmap[0, 0, 3, 2] = 0.1
    np.testing.assert_allclose(decode(heatmap, "quarter")[0][0, 0], (1.75, 2.25))


def test_dark_falls_back_to_a_quarter_where_the_logarithm_is_not_concave() -> None:
    heatmap = np.zeros((1, 1, 5, 5), np.float32)
    heatmap[0, 0, 1:4, 1:4] = [[0.99, 0.9, 0.1], [0.9, 1.0, 0.95], [0.1, 0.8, 0.99]]  # a ridge along the diagonal
    np.testing.assert_allclose(decode(heatmap, "dark")[0][0, 0], (2.25, 1.75))


def test_dark_never_leaves_its_cell() -> None:
    noise = np.random.default_rng(1).uniform(size=(8, 17, 16, 16)).astype(np.float32)
    step = decode(noise, "dark")[0] - decode(noise, "argmax")[0]
    assert np.abs(step).max() <= 0.5


@pytest.mark.parametrize("method", METHODS)
def test_decoding_a_mirrored_heatmap_mirrors_the_joint(points: np.ndarray, method: str) -> None:
    heatmaps = encode(points, (64, 48)) + np.random.default_rng(2).uniform(0, 0.05, (4, 17, 48, 64)).astype(np.float32)
    found, confidence = decode(heatmaps, method)
    mirrored, same = decode(heatmaps[..., ::-1], method)
    np.testing.assert_allclose(mirrored[..., 0], 63 - found[..., 0])
    np.testing.assert_allclose(mirrored[..., 1], found[..., 1])
    np.testing.assert_array_equal(same, confidence)


def test_dark_withstands_noise(points: np.ndarray) -> None:
    heatmaps = encode(points, (64, 48), sigma=1.5)
    heatmaps += np.random.default_rng(3).normal(0, 0.01, heatmaps.shape).astype(np.float32)
    errors = {method: np.abs(decode(heatmaps, method)[0] - points).mean() for method in METHODS}
    assert errors["dark"] < errors["quarter"] < errors["argmax"]


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="argmax, quarter and dark, got 'soft'"):
        decode(np.zeros((1, 1, 4, 4)), "soft")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(17, 64, 64\)"):
        decode(np.zeros((17, 64, 64)))


def test_decoding_a_person_takes_no_time() -> None:
    heatmaps = np.random.default_rng(0).uniform(size=(1, 17, 64, 64)).astype(np.float32)
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        decode(heatmaps, "dark")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1e-3


PAIR = ((0, 1),)


def two_limbs(*, left: tuple[float, float], right: tuple[float, float]) -> np.ndarray:
    """(1, 3, 32, 32) maps of a left, a right and another joint that see limbs at (8, 10) and (24, 20) as clearly."""
    limbs = encode([[8, 10], [24, 20]], (32, 32))
    return np.stack([a * limbs[0] + b * limbs[1] for a, b in (left, right, left)])[None]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ((0.8, 0.1), (0.1, 0.8), "left right"),  # they are apart
        ((0.8, 0.3), (0.6, 0.4), "left right"),  # the right one loses less by moving
        ((0.6, 0.4), (0.8, 0.3), "right left"),
        ((0.8, 0.1), (0.8, 0.1), "left left"),  # a second place that is much less likely
        ((0.8, 0.0), (0.6, 0.0), "left left"),
        ((0.0, 0.0), (0.0, 0.0), "nothing"),
    ],
)
def test_left_and_right_are_told_apart(left: tuple[float, float], right: tuple[float, float], expected: str) -> None:
    maps = two_limbs(left=left, right=right)
    cells = {"left": 10 * 32 + 8, "right": 20 * 32 + 24, "nothing": 0}
    found = find_peaks(maps, PAIR)[0]
    assert found[:2].tolist() == [cells[place] for place in (expected.split() * 2)[:2]]
    assert found[2] == maps[0, 2].argmax(), "a joint without a partner stays where it is"
    np.testing.assert_array_equal(find_peaks(maps), maps.reshape(1, 3, -1).argmax(-1))
    points, peaks = decode(maps, "dark", PAIR)
    np.testing.assert_allclose(points[0], np.stack([found % 32, found // 32], -1), atol=1e-3)
    np.testing.assert_array_equal(peaks[0], maps.reshape(3, -1)[np.arange(3), found])


def test_which_of_a_pair_is_named_first_makes_no_difference() -> None:
    maps = np.random.default_rng(0).uniform(0, 1, (20, 3, 16, 16)) ** 8
    maps[:, 1] = maps[:, 0] * np.random.default_rng(1).uniform(0.5, 1, (20, 16, 16))
    peaks = find_peaks(maps, PAIR)
    assert (peaks != find_peaks(maps)).any()
    np.testing.assert_array_equal(find_peaks(maps[:, [1, 0, 2]], PAIR), peaks[:, [1, 0, 2]])


def test_the_slope_of_one_limb_is_no_second_place() -> None:
    wide = encode([[12.0, 16.0]], (32, 32), sigma=6.0)
    maps = np.stack([wide[0], 0.9 * wide[0]])[None]
    np.testing.assert_array_equal(find_peaks(maps, PAIR), [[16 * 32 + 12] * 2])
