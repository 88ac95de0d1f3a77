"""The ONNX files: the contract, equality with torch, half the size, whole or not at all."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from hourlift.export import Exported, export_hourglass, export_lifter
from hourlift.export.onnx_file import Parity, write_onnx
from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass.loss import LossKind, activate
from hourlift.hourglass.network import HourglassConfig, StackedHourglass
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.weights import sha256

SIZE = 64
SIGMA = 1.0


@pytest.fixture(scope="module")
def network() -> StackedHourglass:
    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=2, width=16, num_joints=17)).eval()
    _with_used_batch_norms(network)
    return network


@pytest.fixture(scope="module")
def lifter() -> Lifter:
    torch.manual_seed(0)
    lifter = Lifter(LifterConfig(width=64)).eval()
    _with_used_batch_norms(lifter)
    lifter.set_statistics(torch.randn(100, 17, 2), 300 * torch.randn(100, 17, 3))
    return lifter


def _with_used_batch_norms(network: torch.nn.Module) -> None:
    """Statistics as after training, so that folding them wrongly would show."""
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            torch.nn.init.normal_(module.running_mean, std=0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.2)


def _session(exported: Exported) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(exported.file, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_hourglass_contract(tmp_path: Path, network: StackedHourglass, loss: LossKind) -> None:
    file = tmp_path / "new" / "h.onnx"
    shape = {"decode": "quarter", "crop_margin": 1.02}
    exported = export_hourglass(
        network, file, name="tiny", input_size=SIZE, loss=loss, sigma=SIGMA, commit="abc", **shape
    )
    session = _session(exported)
    (model_input,), (model_output,) = session.get_inputs(), session.get_outputs()
    assert (model_input.name, model_input.type) == ("image", "tensor(uint8)")
    assert model_input.shape == ["batch", SIZE, SIZE, 3]
    assert (model_output.name, model_output.type) == ("heatmaps", "tensor(float)")

    image = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)
    heatmaps = session.run(None, {"image": image})[0]
    with torch.no_grad():
        pixels = torch.from_numpy(image).permute(0, 3, 1, 2) / 255
        expected = activate(network(pixels)[-1], loss, SIGMA).numpy()
    assert heatmaps.shape == (5, 17, SIZE // 4, SIZE // 4)
    assert heatmaps.min() >= 0 and heatmaps.max() <= 1 and heatmaps.max() > 0
    np.testing.assert_allclose(heatmaps, expected, atol=0.01)
    assert exported.parity.exact < 1e-5 and exported.parity.stored < 0.01

    metadata = json.loads(session.get_modelmeta().custom_metadata_map["hourlift"])
    assert metadata.pop("input")
    assert metadata == {
        "schema": 1,
        "kind": "hourglass",
        "name": "tiny",
        "skeleton": "h36m17",
        "joint_names": list(H36M17.joint_names),
        "crop_margin": 1.02,
        "input_size": SIZE,
        "decode": "quarter",
        "commit": "abc",
    }


def test_lifter_contract(tmp_path: Path, lifter: Lifter) -> None:
    exported = export_lifter(lifter, tmp_path / "l.onnx", name="lifter")
    session = _session(exported)
    (model_input,), (model_output,) = session.get_inputs(), session.get_outputs()
    assert (model_input.name, model_input.type, model_input.shape) == ("rays", "tensor(float)", ["batch", 17, 2])
    assert (model_output.name, model_output.type) == ("joints_mm", "tensor(float)")
    rays = np.random.default_rng(0).normal(size=(7, 17, 2)).astype(np.float32)
    joints_mm = session.run(None, {"rays": rays})[0]
    with torch.no_grad():
        expected = lifter(torch.from_numpy(rays)).numpy()
    assert joints_mm.shape == (7, 17, 3) and np.abs(expected).max() > 100
    np.testing.assert_allclose(joints_mm, expected, atol=2.0)
    np.testing.assert_array_equal(joints_mm[:, 0], 0)
    assert exported.parity.exact < 0.01 and 0 < exported.parity.stored < 10
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["hourlift"])
    assert metadata["kind"] == "lifter" and metadata["skeleton"] == "h36m17"
    assert metadata["inputs"] == "rays" and "virtual camera" in metadata["input"]
    of_crop = _session(export_lifter(lifter, tmp_path / "c.onnx", name="lifter", inputs="crop"))
    metadata = json.loads(of_crop.get_modelmeta().custom_metadata_map["hourlift"])
    assert metadata["inputs"] == "crop" and "256-pixel crop" in metadata["input"]


def test_weights_are_stored_in_half_precision(tmp_path: Path) -> None:
    lifter = Lifter(LifterConfig(width=256, num_blocks=1)).eval()
    exported = export_lifter(lifter, tmp_path / "l.onnx", name="lifter")
    model = onnx.load(exported.file)
    matrices = [tensor for tensor in model.graph.initializer if len(tensor.dims) > 1]
    large = [tensor for tensor in matrices if tensor.data_type == onnx.TensorProto.FLOAT16]
    assert len(large) >= 4
    count = sum(parameter.numel() for parameter in lifter.parameters())
    assert exported.size_bytes == exported.file.stat().st_size < 2.2 * count
    assert exported.sha256 == sha256(exported.file)


def test_large_matrices_are_stored_as_bytes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 48)
    with torch.no_grad():
        layer.weight[3] *= 0.1  # a scale of its own
        layer.weight[4, :32] = 0  # a block of zeros
    tolerance = Parity(exact=1e-4, stored=0.05)
    common = {"input_name": "x", "output_names": ("y",), "metadata": {}, "tolerance": tolerance}
    bytes_file = write_onnx(layer, torch.randn(4, 64), tmp_path / "b.onnx", bytes_from=48 * 64, **common).file
    halves_file = write_onnx(layer, torch.randn(4, 64), tmp_path / "h.onnx", bytes_from=48 * 64 + 1, **common).file
    assert bytes_file.stat().st_size < halves_file.stat().st_size - 0.8 * 48 * 64
    session = onnxruntime.InferenceSession(bytes_file, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"x": np.eye(64, dtype=np.float32)})
    weight, bias = (value.detach().numpy() for value in (layer.weight, layer.bias))
    largest = np.abs(weight.reshape(48, 2, 32)).max(axis=-1, keepdims=True)
    error = np.abs((answer - bias).T - weight).reshape(48, 2, 32)
    assert (error <= 0.57 * largest / 127 + 1e-7).all()  # half a step of each block, and its scale's own rounding
    assert error.max() > 0


def test_a_weight_beyond_half_precision_is_refused(tmp_path: Path) -> None:
    lifter = Lifter(LifterConfig(width=8, num_blocks=1)).eval()
    lifter.layers[-1].weight.data[0, 0] = 1e6
    file = tmp_path / "l.onnx"
    with pytest.raises(ValueError, match=r"l\.onnx is not written"):
        export_lifter(lifter, file, name="lifter")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_old_file(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(b"old")
    with pytest.raises(ValueError, match="is not written"):
        write_onnx(
            torch.nn.Linear(4, 4),
            torch.randn(2, 4),
            file,
            input_name="x",
            output_names=("y",),
            metadata={},
            tolerance=Parity(exact=-1.0, stored=-1.0),
        )
    assert file.read_bytes() == b"old" and list(tmp_path.iterdir()) == [file]


def test_only_our_joints_are_exported(tmp_path: Path) -> None:
    network = StackedHourglass(HourglassConfig(num_stacks=1, width=8, num_joints=16))
    with pytest.raises(ValueError, match="17 joints of h36m17"):
        export_hourglass(network, tmp_path / "h.onnx", name="h", input_size=SIZE, loss="mse", sigma=SIGMA)


def test_a_lifter_of_people_has_two_outputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    lifter = Lifter(LifterConfig(width=32, num_blocks=1, channels=4, spread=True)).eval()
    lifter.output_std.fill_(200)
    session = _session(export_lifter(lifter, tmp_path / "l.onnx", name="lifter", inputs="person"))
    assert [output.name for output in session.get_outputs()] == ["joints_mm", "spread_mm"]
    rays = np.random.default_rng(0).uniform(0.1, 1, size=(7, 17, 4)).astype(np.float32)
    joints_mm, spread_mm = session.run(None, {"rays": rays})
    with torch.no_grad():
        expected = lifter(torch.from_numpy(rays)).numpy()
    np.testing.assert_allclose(np.concatenate([joints_mm, spread_mm[..., None]], -1), expected, atol=2.0)
    metadata = json.loads(session.get_modelmeta().custom_metadata_map["hourlift"])
    assert metadata["inputs"] == "person" and "mm" in metadata["spread"]
    with pytest.raises(ValueError, match="4 numbers a joint does not read 'rays'"):
        export_lifter(lifter, tmp_path / "r.onnx", name="lifter")
