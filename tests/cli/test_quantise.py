"""``hourlift quantise``: bad input in one line, and the twins that ship."""

import json
from pathlib import Path
from typing import Literal

import pytest

from hourlift import weights
from hourlift.cli import main
from hourlift.predict.runtime import Model


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["model.pt"], "the name of an ONNX model ends in .onnx"),
        (["model.onnx", "--out", "twin.bin"], "twin.bin: the name of an ONNX model ends in .onnx"),
        (["model.onnx", "--count", "0"], "--count must be at least 1"),
        (["missing.onnx"], "missing.onnx: No such file"),
        (["model.onnx"], "model.onnx: this is not an ONNX model"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_text("no graph")
    assert main(["quantise", *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_predict_says_what_there_is(
    marker_models: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "a.png"
    picture.touch()
    models = ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1]), "-o", str(tmp_path / "out")]
    assert main(["predict", str(picture), *models, "--precision", "int8"]) == 2
    error = capsys.readouterr().err
    assert "int8 is not available: this model has no 8-bit twin" in error and "fp32 in onnxruntime" in error


@pytest.mark.parametrize(
    ("name", "kind"), [("hourglass-fast", "hourglass"), ("hourglass-accurate", "hourglass"), ("lifter", "lifter")]
)
def test_the_shipped_twin_belongs_to_the_shipped_model(name: str, kind: Literal["hourglass", "lifter"]) -> None:
    """After a change of the weights: make int8."""
    twin = weights.int8_twin(name)
    assert twin is not None
    contract = Model(twin, kind, threads=1).contract
    assert contract["made_from"] == weights.sha256(weights.path(name))
    assert contract["precision"] == "int8" and contract["parity"]
    original = Model(name, kind, threads=1, precision="fp32").contract
    assert {key: contract[key] for key in original} == original
    assert json.loads((Path(weights.__file__).parent / "manifest.json").read_text())[f"{name}.int8"]
