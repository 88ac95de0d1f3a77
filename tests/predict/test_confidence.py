"""Confidence out of heatmaps whose evidence is known by construction."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from hourlift.export.onnx_file import change_metadata
from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass.heatmap import encode
from hourlift.predict import PosePredictor
from hourlift.predict.models.confidence import EVIDENCE, Calibration, gather_evidence
from hourlift.predict.models.keypoints import JointEstimator
from hourlift.predict.models.runtime import Model

HERE, PARTNER, PERSON = range(3)
AXIS_MASS = (1 + 2 * np.exp(-0.5) + 2 * np.exp(-2)) / np.sqrt(2 * np.pi)
"""Of a Gaussian with a spread of one cell: what the five cells around its centre hold along one axis, 0.991."""


def heatmaps(size: int = 32) -> np.ndarray:
    """(1, 17, size, size): joints apart from each other, each at a certain place."""
    x, y = np.meshgrid(np.linspace(4, size - 5, 5).round(), np.linspace(4, size - 5, 4).round())
    return encode(np.stack([x.ravel(), y.ravel()], -1)[None, :17], (size, size))


@pytest.mark.parametrize("size", [32, 64])
def test_certain_joints(size: int) -> None:
    evidence = gather_evidence(heatmaps(size))
    assert evidence.shape == (1, 17, len(EVIDENCE)) and EVIDENCE == ("here", "partner", "person")
    mass = AXIS_MASS**2 if size == 32 else 0.999  # four cells to each side hold all of it
    assert evidence[..., HERE] == pytest.approx(np.log(mass / (1 - mass)), abs=0.02)
    wrist, head = H36M17.index("l_wrist"), H36M17.index("head")
    assert evidence[0, wrist, PARTNER] == pytest.approx(np.log(0.001 / 0.999))
    assert evidence[0, head, PARTNER] == 0  # no other side
    assert evidence[0, :, PERSON] == pytest.approx(evidence[0, :, HERE].mean())


def test_a_collapsed_pair_is_seen_from_both_sides() -> None:
    maps = heatmaps()
    left, right = H36M17.indices("l_wrist", "r_wrist")
    maps[:, left] = 0.8 * maps[:, right]
    evidence = gather_evidence(maps)
    assert evidence[0, left, PARTNER] == pytest.approx(evidence[0, right, HERE])
    assert evidence[0, right, PARTNER] == pytest.approx(evidence[0, left, HERE])
    assert evidence[0, right, PARTNER] > 1


def test_what_spreads_out_of_a_peak_is_missing_there_and_borders_are_no_trouble() -> None:
    maps = heatmaps()
    maps[:, 0] = 0.5 * maps[:, 0] + 0.49 * maps[:, 1]
    maps[:, 2] = encode(np.array([[[31.0, 0.0]]]), (32, 32))[:, 0]
    maps[:, 3] = 0
    evidence = gather_evidence(maps)[0]
    assert 1 / (1 + np.exp(-evidence[0, HERE])) == pytest.approx(0.5 * AXIS_MASS**2, abs=0.01)
    corner = (1 + np.exp(-0.5) + np.exp(-2)) / np.sqrt(2 * np.pi)  # three of the five cells along each axis
    assert 1 / (1 + np.exp(-evidence[2, HERE])) == pytest.approx(corner**2, abs=0.01)
    assert evidence[3, HERE] == pytest.approx(np.log(0.001 / 0.999))


def test_the_calibration_is_a_logistic_regression_of_each_joint() -> None:
    weights = np.zeros((17, 4))
    weights[5] = [-1.0, 2.0, -0.5, 0.25]
    evidence = np.random.default_rng(0).normal(size=(3, 17, 3))
    answer = Calibration(weights=weights)(evidence)
    assert (answer[:, [0, 16]] == 0.5).all()
    logit = -1.0 + 2.0 * evidence[:, 5, 0] - 0.5 * evidence[:, 5, 1] + 0.25 * evidence[:, 5, 2]
    np.testing.assert_allclose(np.log(answer[:, 5] / (1 - answer[:, 5])), logit)
    again = Calibration.of_contract({"confidence": json.loads(json.dumps(Calibration(weights=weights).to_contract()))})
    assert again is not None
    np.testing.assert_array_equal(again.weights, weights)
    assert Calibration.of_contract({}) is None


@pytest.fixture
def doubtful(marker_models: tuple[Path, Path], tmp_path: Path) -> Path:
    """The marker network, calibrated to find that nothing is certain."""
    weights = np.zeros((17, 4))
    weights[:, 0] = -3.0
    file = tmp_path / "doubtful.onnx"
    change_metadata(marker_models[0], file, {"confidence": Calibration(weights=weights).to_contract()})
    return file


def test_a_calibrated_model_answers_probabilities_and_searches_by_peaks(
    marker_models: tuple[Path, Path], doubtful: Path, figure
) -> None:
    image = figure.draw((300, 300), (150, 150), 200)
    box = figure.box((150, 150), 200)[None]
    paths = marker_models[0], doubtful
    known, calibrated = (JointEstimator(Model(path, "hourglass", threads=1)) for path in paths)
    plain, same = (estimator.estimate(image, box) for estimator in (known, calibrated))
    np.testing.assert_array_equal(same.scores, plain.scores)
    np.testing.assert_array_equal(known.confidence(plain.scores, plain.heatmaps), plain.scores)
    assert calibrated.confidence(same.scores, same.heatmaps) == pytest.approx(1 / (1 + np.exp(3)))
    found, again = (PosePredictor(path, marker_models[1], threads=1).predict(image)[0] for path in paths)
    np.testing.assert_array_equal(found.joints_2d_px, again.joints_2d_px)
    assert again.confidence == pytest.approx(1 / (1 + np.exp(3)))


def test_a_film_is_followed_by_peaks(marker_models: tuple[Path, Path], doubtful: Path, figure) -> None:
    follow = PosePredictor(doubtful, marker_models[1], threads=1).follow()
    for index in range(3):
        frame = follow(index, index / 25, figure.draw((300, 300), (150 + 5 * index, 150), 200))
        assert len(frame.people) == 1 and frame.people[0].confidence.max() < 0.05


def test_only_metadata_change(marker_models: tuple[Path, Path], doubtful: Path, tmp_path: Path) -> None:
    before, after = onnx.load(marker_models[0]), onnx.load(doubtful)
    assert before.graph.SerializeToString(deterministic=True) == after.graph.SerializeToString(deterministic=True)
    contracts = [json.loads(model.metadata_props[0].value) for model in (before, after)]
    assert contracts[1].pop("confidence")["evidence"] == list(EVIDENCE) and contracts[0] == contracts[1]
    onnx.save(onnx.ModelProto(ir_version=8), tmp_path / "other.onnx")
    with pytest.raises(ValueError, match="not exported by hourlift"):
        change_metadata(tmp_path / "other.onnx", tmp_path / "x.onnx", {})
    assert not (tmp_path / "x.onnx").exists()


def test_evidence_of_another_version_is_refused() -> None:
    content = {"evidence": ["here", "weather"], "weights": np.zeros((17, 3)).tolist()}
    with pytest.raises(ValueError, match="weather"):
        Calibration.of_contract({"confidence": content})
