"""The finder as a file: what it says of itself, images of any size, the same answer as torch, small."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from hourlift.cli import main
from hourlift.export import export_finder
from hourlift.finder.network import Finder, FinderConfig
from hourlift.predict.people.finder import Finder as FinderAtRunTime
from hourlift.training.engine import checkpoint


@pytest.fixture(scope="module")
def network() -> Finder:
    torch.manual_seed(0)
    network = Finder(FinderConfig(width=8, blocks=1)).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after training, so that folding them wrongly would show
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.7, 1.4)
    return network


def test_the_file_answers_as_torch_does_for_images_of_any_size(network: Finder, tmp_path: Path) -> None:
    exported = export_finder(network, tmp_path / "f.onnx", name="small", input_size=128, commit="abc")
    session = onnxruntime.InferenceSession(exported.file, providers=["CPUExecutionProvider"])
    contract = json.loads(session.get_modelmeta().custom_metadata_map["hourlift"])
    assert (contract["kind"], contract["name"], contract["input_size"]) == ("finder", "small", 128)
    assert "joint_names" not in contract
    for height, width, count in ((64, 128, 1), (192, 64, 3)):
        image = np.random.default_rng(0).integers(0, 255, (count, height, width, 3), np.uint8)
        with torch.no_grad():
            logits, sides = network(torch.from_numpy(image).permute(0, 3, 1, 2).float() / 255)
        found = session.run(None, {"image": image})
        assert found[0].shape == (count, height // 8, width // 8)
        np.testing.assert_allclose(found[0], logits[:, 0].sigmoid().numpy(), atol=2e-3)
        np.testing.assert_allclose(found[1], sides.numpy(), rtol=0.1)


def test_the_default_network_has_at_most_two_megabytes(tmp_path: Path) -> None:
    exported = export_finder(Finder(FinderConfig()), tmp_path / "f.onnx", name="finder", input_size=320)
    assert exported.size_bytes < 2_000_000
    boxes = FinderAtRunTime(exported.file, threads=1, min_score=0.0)(np.zeros((90, 160, 3), np.uint8))
    assert boxes.shape[1] == 4


def test_sizes_that_the_network_cannot_halve_are_refused(network: Finder, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a multiple of 64, not 100"):
        export_finder(network, tmp_path / "f.onnx", name="small", input_size=100)
    assert not (tmp_path / "f.onnx").exists()


def test_a_checkpoint_becomes_a_file_by_command(
    network: Finder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"stage": {"input_size": 128}, "step": 7, "ema": network.state_dict(), **checkpoint.describe_model(network)}
    checkpoint.save(tmp_path / "last.pt", state)
    assert main(["export", str(tmp_path / "last.pt"), "-o", str(tmp_path / "mine.onnx")]) == 0
    assert "finder of" in capsys.readouterr().out
    assert FinderAtRunTime(tmp_path / "mine.onnx", threads=1).find(np.zeros((50, 50, 3), np.uint8)).boxes.shape[1] == 4
