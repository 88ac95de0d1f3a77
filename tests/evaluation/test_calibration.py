"""Calibrations fitted on joints whose chances are known."""

import numpy as np
import pytest

from hourlift.evaluation.calibration import CheckedJoints, _collapsed, adapt, check, fit
from hourlift.geometry.skeleton import H36M17
from hourlift.predict.models.confidence import Calibration


def checked(weights: np.ndarray, people: int = 20_000) -> CheckedJoints:
    """Joints that are right with the probability that the regression with these weights says."""
    rng = np.random.default_rng(0)
    evidence = rng.normal(size=(people, 17, 3))
    chance = 1 / (1 + np.exp(-(weights[:, 0] + (evidence * weights[:, 1:]).sum(-1))))
    unknown = rng.uniform(size=chance.shape) < 0.1
    return CheckedJoints(
        evidence=evidence,
        scores=chance,
        right=np.where(unknown, rng.uniform(size=chance.shape) < 0.5, rng.uniform(size=chance.shape) < chance),
        known=~unknown,
        collapsed=np.zeros_like(unknown),
    )


def test_the_regression_finds_the_chances_that_made_the_data() -> None:
    weights = np.random.default_rng(1).normal(size=(17, 4))
    assert fit(checked(weights)).weights == pytest.approx(weights, abs=0.12)


def test_joints_that_are_always_right_do_not_break_it() -> None:
    data = checked(np.zeros((17, 4)), people=50)
    data.right[:, 3] = True
    calibration = fit(data)
    assert np.isfinite(calibration.weights).all()
    assert calibration(data.evidence)[:, 3].min() > 0.8


def test_it_is_adapted_to_people_whose_joints_are_right_less_often() -> None:
    weights = np.random.default_rng(1).normal(size=(17, 4))
    rendered = Calibration(weights=weights)
    real = 0.6 * weights
    real[:, 0] -= 0.8
    photos = checked(real, people=1000)
    adapted = adapt(rendered, photos)
    assert adapted.weights == pytest.approx(real, abs=0.1)
    assert check(photos, adapted(photos.evidence)).reliability.error < 0.02
    assert check(photos, rendered(photos.evidence)).reliability.error > 0.1


def test_collapsed_pairs_are_told() -> None:
    true = np.random.default_rng(0).uniform(0, 100, (2, 17, 2))
    left, right = H36M17.indices("l_knee", "r_knee")
    true[:, left], true[:, right] = (10, 90), (90, 90)
    found = true.copy()
    found[0, left] = true[0, right]
    flags = _collapsed(found, true, np.array([30.0, 30.0]))
    assert flags[0].nonzero()[0].tolist() == sorted((left, right)) and not flags[1].any()


def test_the_check_tells_true_chances_from_others() -> None:
    data = checked(np.random.default_rng(1).normal(size=(17, 4)))
    data.collapsed[:, 4] = True
    true, doubled = check(data, data.scores), check(data, 1 - (1 - data.scores) ** 2)
    assert true.reliability.error < 0.01 and true.reliability.about == pytest.approx(0.8, abs=0.01)
    assert doubled.reliability.error > 0.1 and doubled.reliability.about < 0.6
    assert true.collapsed == pytest.approx(data.right[:, 4][data.known[:, 4]].mean(), abs=0.01)
    assert "80." in str(true) or "79." in str(true)
