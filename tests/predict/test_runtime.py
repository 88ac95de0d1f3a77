"""Models that are ours, and files that are not."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from hourlift import PosePredictor, weights
from hourlift.predict.models.runtime import MAX_BATCH, Model


def with_metadata(source: Path, target: Path, text: str | None) -> Path:
    """A copy of a model with other metadata."""
    model = onnx.load(source)
    del model.metadata_props[:]
    if text is not None:
        helper.set_model_props(model, {"hourlift": text})
    onnx.save(model, target)
    return target


@pytest.mark.parametrize("count", [0, 1, MAX_BATCH + 3])
def test_any_batch_size(marker_models: tuple[Path, Path], count: int) -> None:
    rays = np.random.default_rng(0).normal(size=(count, 17, 2)).astype(np.float32)
    answer = Model(marker_models[1], "lifter", threads=1).run(rays)
    assert answer.shape == (count, 17, 3)
    np.testing.assert_allclose(answer[..., :2], 400 * rays, rtol=1e-5)


def test_wrong_kind(marker_models: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="marker-lifter.onnx: this is a lifter model, but a hourglass is needed"):
        PosePredictor(marker_models[1], marker_models[1])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"schema": 2}, "contract is version 2, this hourlift reads version 1"),
        ({"joint_names": ["nose"]}, "joints are not those of h36m17"),
        ({"input_size": None}, "metadata lacks input_size"),
    ],
)
def test_contract_is_checked(
    marker_models: tuple[Path, Path], tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    contract = Model(marker_models[0], "hourglass", threads=1).contract | changes
    text = json.dumps({key: value for key, value in contract.items() if value is not None})
    path = with_metadata(marker_models[0], tmp_path / "other.onnx", text)
    with pytest.raises(ValueError, match=f"other.onnx: .*{complaint}"):
        Model(path, "hourglass")


def test_models_of_others_are_refused(marker_models: tuple[Path, Path], tmp_path: Path) -> None:
    path = with_metadata(marker_models[0], tmp_path / "foreign.onnx", None)
    with pytest.raises(ValueError, match="foreign.onnx: this model was not exported by hourlift"):
        Model(path, "hourglass")


def test_files_that_are_no_models(tmp_path: Path) -> None:
    path = tmp_path / "text.onnx"
    path.write_text("no graph in here")
    with pytest.raises(ValueError, match="text.onnx: this is not a model that can be run"):
        Model(path, "hourglass")
    with pytest.raises(ValueError, match="missing.onnx"):
        Model(tmp_path / "missing.onnx", "hourglass")
    with pytest.raises(ValueError, match="no model 'hourglass-huge'"):
        Model("hourglass-huge", "hourglass")


def test_wrong_hash(marker_models: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = marker_models[0].read_bytes()
    (tmp_path / "mine.onnx").write_bytes(data)
    entry = {"file": "mine.onnx", "sha256": weights.sha256(marker_models[0]), "kind": "hourglass"}
    (tmp_path / "manifest.json").write_text(json.dumps({"mine": entry}))
    real_path = weights.path
    monkeypatch.setattr(weights, "path", lambda name: real_path(name, tmp_path))
    assert Model("mine", "hourglass", threads=1).contract["kind"] == "hourglass"
    (tmp_path / "mine.onnx").write_bytes(data + b"\0")
    with pytest.raises(ValueError, match="mine.onnx is damaged: its SHA-256"):
        Model("mine", "hourglass")


def test_devices_and_threads(marker_models: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="device must be one of cpu, cuda, got 'tpu'"):
        Model(marker_models[1], "lifter", device="tpu")
    with pytest.raises(ValueError, match="threads must be at least 1"):
        Model(marker_models[1], "lifter", threads=0)


def test_a_model_that_reads_files_outside_of_its_folder_is_refused(
    marker_models: tuple[Path, Path], tmp_path: Path
) -> None:
    model = onnx.load(marker_models[0])
    onnx.external_data_helper.convert_model_to_external_data(model, location="numbers.bin", size_threshold=1024)
    (tmp_path / "model").mkdir()
    onnx.save(model, tmp_path / "model" / "m.onnx")
    assert Model(tmp_path / "model" / "m.onnx", "hourglass", threads=1).choice.precision == "fp32"

    (tmp_path / "model" / "numbers.bin").rename(tmp_path / "numbers.bin")
    moved = onnx.load(tmp_path / "model" / "m.onnx", load_external_data=False)
    for tensor in moved.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "../numbers.bin"
    (tmp_path / "model" / "m.onnx").write_bytes(moved.SerializeToString())
    with pytest.raises(ValueError, match=r"m\.onnx: this is not a model that can be run"):
        Model(tmp_path / "model" / "m.onnx", "hourglass")
