"""Eight bits: nearly the same answers, no float left between, the contract carried over, whole or not at all."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from hourlift.data.sample import Sample
from hourlift.export import export_hourglass, export_lifter, quantise
from hourlift.export.quantise import Quantised, quantise_hourglass, quantise_lifter
from hourlift.hourglass.network import HourglassConfig, StackedHourglass
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.weights import int8_twin, sha256

from .test_export import _with_used_batch_norms

SIZE = 64


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=1, width=16, num_joints=17, depth=2)).eval()
    _with_used_batch_norms(network)
    with torch.no_grad():  # peaks that stand out, as a trained network's
        answers = network(torch.from_numpy(images(4, 3)).permute(0, 3, 1, 2) / 255)[-1]
        network.heatmaps[-1].weight *= 8 / answers.std((2, 3)).mean()
    file = tmp_path_factory.mktemp("quantise") / "tiny.onnx"
    export_hourglass(network, file, name="tiny", input_size=SIZE, loss="cross_entropy", sigma=1.0)
    return file


@pytest.fixture(scope="module")
def done(source: Path) -> Quantised:
    with pytest.MonkeyPatch.context() as patch:  # the random network's peaks stand on slopes, and move easily
        patch.setattr(quantise, "MAX_MOVED", 0.6)
        return quantise_hourglass(source, source.with_name("tiny.int8.onnx"), images(16, 0), images(8, 1))


def images(count: int, seed: int) -> np.ndarray:
    """(count, SIZE, SIZE, 3) blobs of colour."""
    blobs = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return blobs.repeat(SIZE // 8, axis=1).repeat(SIZE // 8, axis=2)


def test_answers_and_contract(source: Path, done: Quantised) -> None:
    fresh = images(5, 2)
    exact, quantised = (
        onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, {"image": fresh})[0]
        for file in (source, done.file)
    )
    assert (exact.max((2, 3)) > 0.2).mean() > 0.5  # something to be wrong about
    assert np.abs(quantised.max((2, 3)) - exact.max((2, 3))).mean() < 0.05
    assert 0 < done.agreement.mean_difference < 0.05

    model = onnx.load(done.file)
    (properties,) = [json.loads(prop.value) for prop in model.metadata_props if prop.key == "hourlift"]
    assert properties["precision"] == "int8" and properties["made_from"] == sha256(source)
    assert properties["parity"]["moved"] == round(done.agreement.moved, 4)
    assert properties["input_size"] == SIZE and properties["joint_names"]
    assert done.sha256 == sha256(done.file) and done.size_bytes == done.file.stat().st_size


def test_all_but_the_last_convolution_are_in_eight_bits(done: Quantised) -> None:
    graph = onnx.load(done.file).graph
    assert not [node for node in graph.node if node.op_type in ("BatchNormalization", "Relu")]
    made_by = {output: node.op_type for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    weights = [made_by.get(node.input[1]) for node in convolutions]
    assert weights == ["DequantizeLinear"] * (len(convolutions) - 1) + [None]


def test_other_words_give_the_same_bits(source: Path, done: Quantised, tmp_path: Path) -> None:
    """The first convolution over folded pixels, and doubling by copies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantise, "MAX_MOVED", 0.6)
        for words in ("_fold_pixels", "_double_by_copies"):
            patch.setattr(quantise, words, lambda model: None)
        plain = quantise_hourglass(source, tmp_path / "plain.onnx", images(16, 0), images(8, 1))
    kinds = [{node.op_type for node in onnx.load(file).graph.node} for file in (plain.file, done.file)]
    assert kinds[0] - kinds[1] == {"Resize"}
    image = np.random.default_rng(3).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    expected, heatmaps = (
        onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, {"image": image})[0]
        for file in (plain.file, done.file)
    )
    np.testing.assert_array_equal(heatmaps, expected)


def test_what_cannot_be_quantised(done: Quantised, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    with pytest.raises(ValueError, match="is already quantised"):
        quantise_hourglass(done.file, out, images(1, 0), images(1, 1))
    lifter = export_lifter(Lifter(LifterConfig(width=8, num_blocks=1)), tmp_path / "lifter.onnx", name="l").file
    with pytest.raises(ValueError, match="this is a lifter model"):
        quantise_hourglass(lifter, out, images(1, 0), images(1, 1))
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(ValueError, match=r"text\.onnx is not a valid ONNX model"):
        quantise_hourglass(tmp_path / "text.onnx", out, images(1, 0), images(1, 1))
    assert not out.exists()


def test_ranges_of_other_pictures_are_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.onnx"
    black = np.zeros((8, SIZE, SIZE, 3), np.uint8)
    with pytest.raises(ValueError, match=r"out\.onnx is not written: its joints are too far"):
        quantise_hourglass(source, out, black, images(8, 1))
    assert list(tmp_path.iterdir()) == []


def test_lifter(tmp_path: Path) -> None:
    torch.manual_seed(0)
    lifter = Lifter(LifterConfig(width=64, num_blocks=1)).eval()
    lifter.set_statistics(torch.randn(100, 17, 2) / 4, 300 * torch.randn(100, 17, 3))
    source = export_lifter(lifter, tmp_path / "lifter.onnx", name="lifter").file
    random = np.random.default_rng(0)
    people = [
        Sample(
            id=str(i),
            image=np.zeros((64, 64, 3), np.uint8),
            image_wh=(64, 64),
            box_xyxy_px=np.array([0, 0, 63, 63.0]),
            joints_2d_px=random.uniform(0, 63, (17, 2)),
            visible=np.ones(17, bool),
        )
        for i in range(8)
    ]
    with pytest.raises(ValueError, match=r"int8\.onnx is not written: its joints are \d"):
        quantise_lifter(source, tmp_path / "lifter.int8.onnx", people)
    assert list(tmp_path.iterdir()) == [source]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quantise, "MAX_SHIFT_MM", 100.0)
        done = quantise_lifter(source, tmp_path / "lifter.int8.onnx", people)
    assert isinstance(done.agreement, float) and 0 < done.agreement < 100
    assert int8_twin(source) == done.file
