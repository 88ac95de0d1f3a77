"""``hourlift quantise``: bad input in one line, and the twins that ship."""

import json
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, numpy_helper

from hourlift import weights
from hourlift.cli import main
from hourlift.predict.models.runtime import Model


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["model.pt"], "the name of an ONNX model ends in .onnx"),
        (["model.onnx", "--out", "twin.bin"], "twin.bin: the name of an ONNX model ends in .onnx"),
        (["model.onnx", "--count", "0"], "--count must be at least 1"),
        (["missing.onnx"], "missing.onnx: No such file"),
        (["model.onnx"], "model.onnx is not a valid ONNX model"),
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
    image = tmp_path / "a.png"
    image.touch()
    models = ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1]), "-o", str(tmp_path / "out")]
    assert main(["predict", str(image), *models, "--precision", "int8"]) == 2
    error = capsys.readouterr().err
    assert "int8 is not available: this model has no 8-bit twin" in error and "fp32 in onnxruntime" in error


SHIPPED = pytest.mark.parametrize(
    ("name", "kind"), [("hourglass-fast", "hourglass"), ("hourglass-accurate", "hourglass"), ("lifter", "lifter")]
)


@SHIPPED
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


@SHIPPED
def test_no_pair_of_products_of_the_shipped_twin_overflows_16_bits(
    name: str, kind: Literal["hourglass", "lifter"]
) -> None:
    """Processors without VNNI add u8 x s8 products in pairs, which saturate at 32767."""
    twin = weights.int8_twin(name)
    assert twin is not None
    graph = onnx.load(twin).graph
    kernels = [numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.data_type == TensorProto.INT8]
    kernels = [kernel.astype(int) for kernel in kernels if kernel.ndim > 1]
    assert len(kernels) >= 5
    assert max(2 * 255 * np.abs(kernel).max() for kernel in kernels) <= 32767
    assert max(np.abs(kernel).max() for kernel in kernels) > 60  # the range is used


@SHIPPED
def test_the_shipped_twin_answers_alike_with_kernels_that_cannot_saturate(
    name: str, kind: Literal["hourglass", "lifter"]
) -> None:
    twin = weights.int8_twin(name)
    assert twin is not None
    answers = []
    for exact in ("0", "1"):
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.x64quantprecision", exact)
        session = onnxruntime.InferenceSession(twin, options, providers=["CPUExecutionProvider"])
        (wanted,) = session.get_inputs()
        shape = [1 if isinstance(side, str) else side for side in wanted.shape]
        random = np.random.default_rng(0)
        batch = random.integers(0, 256, shape, np.uint8) if kind == "hourglass" else random.random(shape, np.float32)
        answers.append(session.run(None, {wanted.name: batch})[0])
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-5, atol=1e-6)
