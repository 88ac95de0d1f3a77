"""Our own detector at run time: which files are one, what it answers, and when it is used by default."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from hourlift import weights
from hourlift.pipeline.people_source import SEARCH, PeopleSource
from hourlift.predict import PosePredictor
from hourlift.predict.people.choose import open_detector, shipped_finder
from hourlift.predict.people.detector import Detector
from hourlift.predict.people.finder import Finder

Save = Callable[..., Path]
IMAGE = np.full((160, 320, 3), 100, np.uint8)  # fits the input of 320 x 192
BOXES = np.array([[20.0, 30, 60, 150], [200, 20, 240, 140]])


@pytest.fixture
def finder_file(tmp_path: Path, save_finder: Save) -> Path:
    return save_finder(tmp_path / "finder.onnx", BOXES, np.array([0.5, 0.9]), (320, 192))


def test_boxes_and_scores_come_with_the_most_confident_first(finder_file: Path) -> None:
    found = Finder(finder_file, threads=1).find(IMAGE)
    np.testing.assert_allclose(found.boxes, BOXES[::-1], atol=1e-4)
    np.testing.assert_allclose(found.scores, [0.9, 0.5], atol=1e-6)
    np.testing.assert_allclose(Finder(finder_file, threads=1, min_score=0.6)(IMAGE), BOXES[1:], atol=1e-4)


def test_boxes_are_in_pixels_of_an_image_of_any_size(finder_file: Path) -> None:
    large = np.full((640, 1280, 3), 100, np.uint8)
    np.testing.assert_allclose(Finder(finder_file, threads=1)(large), (BOXES[::-1] + 0.5) * 4 - 0.5, atol=1e-3)


def test_the_metadata_tells_our_finder_from_other_detectors(
    finder_file: Path, tmp_path: Path, save_detector: Save, marker_models: tuple[Path, Path]
) -> None:
    assert isinstance(open_detector(finder_file, threads=1), Finder)
    other = save_detector(
        tmp_path / "rtmdet.onnx", {"dets": np.zeros((1, 3, 5), np.float32), "labels": np.zeros((1, 3), np.float32)}
    )
    assert isinstance(open_detector(other, threads=1), Detector)
    with pytest.raises(ValueError, match="this is a lifter model, but a finder is needed here"):
        open_detector(marker_models[1])
    with pytest.raises(ValueError, match="--detector-family is for detectors of other projects"):
        open_detector(finder_file, "yolox")
    with pytest.raises(ValueError, match=r"none\.onnx does not exist"):
        open_detector(tmp_path / "none.onnx")


@pytest.mark.parametrize("size", [None, 100, -64, "320", 4096])
def test_a_contract_with_a_wrong_size_is_refused(finder_file: Path, size: object) -> None:
    model = onnx.load(finder_file)
    contract = {"schema": 1, "kind": "finder", "name": "x"} | ({} if size is None else {"input_size": size})
    onnx.helper.set_model_props(model, {"hourlift": json.dumps(contract)})
    onnx.save(model, finder_file)
    with pytest.raises(ValueError, match="input_size"):
        Finder(finder_file)


def test_maps_of_another_size_are_refused(finder_file: Path) -> None:
    with pytest.raises(ValueError, match="the finder answers with"):
        Finder(finder_file, threads=1)(np.zeros((320, 320, 3), np.uint8))


@pytest.fixture
def shipped(finder_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the file were in the package."""
    entry = weights.Model(name="finder", file=finder_file, sha256=weights.sha256(finder_file), kind="finder")
    everything = weights.manifest() | {"finder": entry}
    monkeypatch.setattr(weights, "manifest", lambda *_: everything)


def source(**options: object) -> PeopleSource:
    known = {"people": None, "has_box": False, "boxes": None, "detector": None, "family": None, "min_score": 0.4}
    return PeopleSource.from_options(**known | options, threads=1, device="cpu")  # type: ignore[arg-type]


def test_without_a_finder_in_the_package_images_are_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    others = {name: model for name, model in weights.manifest().items() if model.kind != "finder"}
    monkeypatch.setattr(weights, "manifest", lambda *_: others)
    assert shipped_finder() is None
    assert source().in_photo("a.jpg", IMAGE) is None and source().in_video() is None


@pytest.mark.usefixtures("shipped")
def test_a_finder_in_the_package_is_the_default() -> None:
    boxes = source().in_photo("a.jpg", IMAGE)
    assert boxes is not None
    np.testing.assert_allclose(boxes, BOXES[::-1], atol=1e-4)
    assert len(source(people=1).in_photo("a.jpg", IMAGE)) == 1  # type: ignore[arg-type]
    assert source(detector=SEARCH).in_photo("a.jpg", IMAGE) is None
    assert source(has_box=True).in_video() is None


@pytest.mark.usefixtures("shipped")
def test_a_predictor_finds_everyone_by_default(marker_models: tuple[Path, Path], figure) -> None:
    image = figure.draw((640, 320), (80, 180), 220)  # the left person is there
    everyone = PosePredictor(*marker_models, threads=1)
    assert len(everyone.predict(image)) == 2 and len(everyone.predict(image, people=1)) == 1
    (person,) = PosePredictor(*marker_models, threads=1, finder=None).predict(image)
    np.testing.assert_allclose(person.joints_2d_px, figure.joints((80, 180), 220), atol=6)
    assert len(pickle.loads(pickle.dumps(everyone)).predict(image)) == 2
    assert [len(everyone.follow()(i, i / 25, image).people) for i in range(2)] == [2, 2]
