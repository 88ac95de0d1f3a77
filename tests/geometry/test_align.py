import numpy as np
import pytest

from hourlift.geometry import align_scale, align_similarity, root_relative

RNG = np.random.default_rng(11)


def random_rotations(count: int) -> np.ndarray:
    q, _ = np.linalg.qr(RNG.normal(size=(count, 3, 3)))
    return q * np.sign(np.linalg.det(q))[:, None, None]


def poses(count: int = 6) -> np.ndarray:
    return RNG.normal(size=(count, 17, 3)) * 400


def test_root_relative_puts_the_root_at_zero_and_keeps_differences():
    joints = poses()
    relative = root_relative(joints, root=8)
    np.testing.assert_array_equal(relative[:, 8], 0)
    np.testing.assert_allclose(relative[:, 3] - relative[:, 5], joints[:, 3] - joints[:, 5])
    joints[0, 8, 1] = np.nan
    assert np.isnan(root_relative(joints, root=8)[0, :, 1]).all()


def test_scale_is_recovered_per_pose():
    true, factors = poses(), np.array([0.2, 0.5, 1, 2, 3, 10.0])
    np.testing.assert_allclose(align_scale(true * factors[:, None, None], true), true)


def test_scale_is_the_least_squares_one():
    pred, true = poses(1)[0], poses(1)[0]
    best = ((align_scale(pred, true) - true) ** 2).sum()
    factor = align_scale(pred, true)[0, 0] / pred[0, 0]
    assert all(best < ((pred * (factor + step) - true) ** 2).sum() for step in (-0.01, 0.01))


def test_similarity_is_recovered_per_pose():
    true = poses()
    moved = 1.7 * true @ random_rotations(6) + RNG.normal(size=(6, 1, 3)) * 1000
    np.testing.assert_allclose(align_similarity(moved, true), true, atol=1e-8)


def test_similarity_never_reflects():
    true = poses(1)[0]
    mirrored = true * [-1, 1, 1]
    aligned = align_similarity(mirrored, true)
    # A rigid motion keeps the sign of a triple product; a reflection would flip it and fit exactly.
    volume = [np.linalg.det(a[1:4] - a[0]) for a in (mirrored, aligned)]
    assert np.sign(volume[0]) == np.sign(volume[1])
    assert np.linalg.norm(aligned - true, axis=-1).mean() > 50


@pytest.mark.parametrize("mirror", [1, -1], ids=["noise", "mirrored"])
def test_similarity_fits_better_than_any_small_change_of_it(mirror: int):
    pred = poses(1)[0]
    true = pred * [mirror, 1, 1] + RNG.normal(size=pred.shape) * 60
    aligned = align_similarity(pred, true)
    best = ((aligned - true) ** 2).sum()
    centre = aligned.mean(0)
    c, s = np.cos(0.01), np.sin(0.01)
    for axes in ((0, 1), (1, 2), (0, 2)):
        for sine in (s, -s):
            turn = np.eye(3)
            turn[np.ix_(axes, axes)] = [[c, -sine], [sine, c]]
            assert best < (((aligned - centre) @ turn + centre - true) ** 2).sum()
    assert all(best < ((scale * (aligned - centre) + centre - true) ** 2).sum() for scale in (0.99, 1.01))
    assert best < ((aligned + [1, 0, 0] - true) ** 2).sum()


@pytest.mark.parametrize("align", [align_scale, align_similarity])
def test_unknown_joints_do_not_take_part(align):
    true = poses(2)
    pred = 2 * true
    pred[0, 3] = np.nan
    true[1, 4] = np.nan
    aligned = align(pred, true)
    assert np.isnan(aligned[0, 3]).all() and np.isfinite(np.delete(aligned[0], 3, 0)).all()
    np.testing.assert_allclose(np.delete(aligned[0], 3, 0), np.delete(true[0], 3, 0))
    np.testing.assert_allclose(np.delete(aligned[1], 4, 0), np.delete(true[1], 4, 0))


@pytest.mark.parametrize("align", [align_scale, align_similarity])
def test_a_collapsed_prediction_stays_finite_and_nothing_known_gives_nan(align):
    true = poses(1)[0]
    assert np.isfinite(align(np.zeros((17, 3)), true)).all()
    assert np.isnan(align(true, np.full((17, 3), np.nan))).all()
    with pytest.raises(ValueError, match="differ in shape"):
        align(true, true[:16])


def test_planar_joints_align_too():
    true = RNG.normal(size=(17, 2))
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    np.testing.assert_allclose(align_similarity(3 * true @ turn + 5, true), true, atol=1e-12)
