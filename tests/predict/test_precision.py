"""What is offered on which processor, and what is said when it is not."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from hourlift import weights
from hourlift.predict import PosePredictor
from hourlift.predict.models import precision
from hourlift.predict.models.precision import Choice, Precision, choose
from hourlift.predict.models.runtime import MAX_BATCH, Model

from .test_runtime import with_metadata

VNNI, BF16 = frozenset({"avx512_vnni"}), frozenset({"avx512_vnni", "avx512_bf16"})
OLD = frozenset({"avx2"})


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch):
    """Set the processor's flags and whether OpenVINO is installed."""

    def be(flags: frozenset[str], *, openvino: bool = False) -> None:
        monkeypatch.setattr(precision, "processor_flags", lambda: flags)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if openvino else None)

    return be


@pytest.mark.parametrize(
    ("flags", "openvino", "has_int8", "expected"),
    [
        (VNNI, False, True, "int8 in onnxruntime"),
        (VNNI, False, False, "fp32 in onnxruntime"),
        (OLD, False, True, "fp32 in onnxruntime"),  # int8 gains little there
        (frozenset(), False, True, "fp32 in onnxruntime"),
        (BF16, True, False, "fp32 in onnxruntime"),  # a package that happens to be installed changes no result
        (frozenset({"asimddp"}), False, True, "int8 in onnxruntime"),
    ],
)
def test_default(computer, flags: frozenset[str], openvino: bool, has_int8: bool, expected: str) -> None:
    computer(flags, openvino=openvino)
    assert str(choose(None, None, has_int8=has_int8)) == expected


def test_what_is_asked_for(computer) -> None:
    computer(BF16, openvino=True)
    assert choose("bf16", None, has_int8=True) == Choice("openvino", "bf16")
    assert choose(None, "openvino", has_int8=True) == Choice("openvino", "int8")
    assert choose(None, "openvino", has_int8=False) == Choice("openvino", "bf16")
    assert choose("fp32", None, has_int8=True) == Choice("onnxruntime", "fp32")
    computer(OLD, openvino=True)
    assert choose(None, "openvino", has_int8=True) == Choice("openvino", "fp32")
    assert choose("int8", None, has_int8=True) == Choice("onnxruntime", "int8")  # everywhere, where it is asked for
    assert choose("int8", "openvino", has_int8=True) == Choice("openvino", "int8")


@pytest.mark.parametrize(
    ("flags", "openvino", "wanted", "complaint"),
    [
        (OLD, True, ("bf16", None), "no bfloat16 arithmetic; available: fp32 in onnxruntime, int8 in onnxruntime"),
        (BF16, False, ("bf16", None), r"bf16 runs in openvino only \(pip install 'hourlift\[openvino\]'\)"),
        (BF16, True, ("bf16", "onnxruntime"), "bf16 in onnxruntime is not available: bf16 runs in openvino only"),
        (BF16, False, (None, "openvino"), "openvino is not installed"),
        (OLD, False, ("fp16", None), "precision must be one of fp32, bf16, int8, got 'fp16'"),
        (OLD, False, (None, "tensorrt"), "runtime must be one of onnxruntime, openvino, got 'tensorrt'"),
    ],
)
def test_complaints(computer, flags, openvino: bool, wanted: tuple, complaint: str) -> None:
    computer(flags, openvino=openvino)
    with pytest.raises(ValueError, match=complaint):
        choose(*wanted, has_int8=True)


def test_no_choice_on_a_gpu(computer) -> None:
    computer(BF16, openvino=True)
    assert choose(None, None, has_int8=True, device="cuda") == Choice("onnxruntime", "fp32")
    with pytest.raises(ValueError, match="can be chosen on the CPU only, not on cuda"):
        choose("int8", None, has_int8=True, device="cuda")


def twin_of(model: Path, made_from: str) -> Path:
    """A "quantised" twin that is the model itself, with the metadata of one."""
    properties = {prop.key: prop.value for prop in onnx.load(model).metadata_props}
    contract = json.loads(properties["hourlift"]) | {"precision": "int8", "made_from": made_from}
    return with_metadata(model, model.with_name(weights.int8_name(model.name)), json.dumps(contract))


def test_a_twin_is_found_beside_its_model(
    computer, marker_models: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    computer(VNNI)
    own = Path(shutil.copy(marker_models[0], tmp_path / "own.onnx"))
    with pytest.raises(ValueError, match="no 8-bit twin"):
        Model(own, "hourglass", precision="int8")
    twin = twin_of(own, weights.sha256(own))
    assert Model(own, "hourglass", threads=1).path == twin
    assert Model(own, "hourglass", threads=1, precision="fp32").path == own
    assert Model(twin, "hourglass", threads=1).choice == Choice("onnxruntime", "int8")
    with pytest.raises(ValueError, match="in int8; for fp32 name the one it was made from"):
        Model(twin, "hourglass", precision="fp32")
    computer(OLD)
    assert Model(own, "hourglass", threads=1).path == own
    assert Model(own, "hourglass", threads=1, precision="int8").path == twin

    computer(VNNI)
    twin_of(own, "of another file")
    assert Model(own, "hourglass", threads=1).path == own
    assert "own.int8.onnx was made from another own.onnx; run hourlift quantise again" in caplog.text
    with pytest.raises(ValueError, match="made from another own.onnx"):
        Model(own, "hourglass", precision="int8")


def test_the_lifter_follows_the_hourglass_and_results_say_so(
    computer, marker_models: tuple[Path, Path], tmp_path: Path
) -> None:
    models = [Path(shutil.copy(model, tmp_path)) for model in marker_models]
    for model in models:
        twin_of(model, weights.sha256(model))

    def precisions(precision: Precision | None = None) -> tuple[str, ...]:
        networks = PosePredictor(*models, threads=1, precision=precision).networks
        assert [network["name"] for network in networks.values()] == ["marker-hourglass", "marker-lifter"]
        return tuple(network["precision"] for network in networks.values())

    computer(VNNI)
    assert precisions() == ("int8", "int8")
    assert precisions("fp32") == ("fp32", "fp32")
    computer(OLD)
    assert precisions() == ("fp32", "fp32")
    assert precisions("int8") == ("int8", "int8")
    twin = weights.int8_twin(models[1])
    assert twin is not None
    assert PosePredictor(models[0], twin, threads=1).networks["lifter"]["precision"] == "int8"
    twin.unlink()
    assert precisions("int8") == ("int8", "fp32")


@pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="OpenVINO is not installed")
def test_openvino_answers_as_onnxruntime(marker_models: tuple[Path, Path]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (MAX_BATCH + 2, 128, 128, 3), np.uint8)
    here = Model(marker_models[0], "hourglass", threads=1)
    there = Model(marker_models[0], "hourglass", threads=1, precision="fp32", runtime="openvino")
    first = there.run(images[:1])
    np.testing.assert_allclose(first, here.run(images[:1]), atol=1e-5)
    np.testing.assert_allclose(there.run(images), here.run(images), atol=1e-5)
    np.testing.assert_allclose(first, here.run(images[:1]), atol=1e-5)  # later runs leave earlier answers alone
    assert there.run(images[:0]).shape == here.run(images[:0]).shape
