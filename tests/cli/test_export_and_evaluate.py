"""From checkpoint to report, with networks too small to be any good."""

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hourlift import weights
from hourlift.cli import main
from hourlift.data import Sample, write_shards
from hourlift.data.frame_id import FrameId
from hourlift.data.joints_file import FoundJoints, write_joints
from hourlift.evaluation import synthetic
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import box_from_joints
from hourlift.geometry.skeleton import LSP14
from hourlift.hourglass.network import HourglassConfig, StackedHourglass
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.predict.models.runtime import Model
from hourlift.synth.presets import everyday
from hourlift.training.engine import checkpoint


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(0)
    stage = {"input_size": 64, "loss": "mse", "sigma": 1.0}
    networks = {
        "hourglass": StackedHourglass(HourglassConfig(num_stacks=1, width=16, num_joints=17)),
        "lifter": Lifter(LifterConfig(width=32)),
    }
    for kind, network in networks.items():
        state = {"kind": kind, "model_config": asdict(network.config), "stage": stage, "train_config": {}, "step": 12}
        checkpoint.save(folder / f"{kind}.pt", {**state, "metrics": {}, "ema": network.state_dict()})
    return folder


@pytest.fixture(scope="module")
def models(checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options that name exported models."""
    folder = tmp_path_factory.mktemp("models")
    for kind in ("hourglass", "lifter"):
        assert main(["export", str(checkpoints / f"{kind}.pt"), "-o", str(folder / f"{kind}.onnx")]) == 0
    return ["--weights", str(folder / "hourglass.onnx"), "--lifter", str(folder / "lifter.onnx")]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    images, people = [], []
    for i in range(3):
        cv2.imwrite(str(folder / "images" / f"{i}.jpg"), rng.integers(0, 256, (60, 80, 3), dtype=np.uint8))
        images.append({"id": i, "file_name": f"images/{i}.jpg", "width": 80, "height": 60})
        keypoints = np.column_stack([rng.uniform(10, 50, (14, 2)), np.full(14, 2)]).ravel().tolist()
        person = {"id": i, "image_id": i, "category_id": 1, "keypoints": keypoints, "bbox": [5, 5, 50, 50]}
        people.append(person)
    categories = [{"id": 1, "name": "person", "keypoints": list(LSP14.joint_names)}]
    content = {"images": images, "annotations": people, "categories": categories}
    (folder / "keypoints.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("kind", ["hourglass", "lifter"])
def test_export_prints_size_parity_and_hash(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture, kind: str
) -> None:
    out = tmp_path / f"my-{kind}.onnx"
    assert main(["export", str(checkpoints / f"{kind}.pt"), "-o", str(out)]) == 0
    printed = capsys.readouterr().out
    assert f"{kind} of " in printed and "after 12 steps" in printed
    assert "largest difference from PyTorch" in printed and "with the weights as stored" in printed
    assert weights.sha256(out) in printed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.pt", "-o", "x.onnx"], "missing.pt"),
        (["lifter.pt", "-o", "x.pt"], "ends in .onnx"),
        (["text.pt", "-o", "x.onnx"], "text.pt is not a valid checkpoint"),
    ],
)
def test_export_complains_in_one_line(
    checkpoints: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(checkpoints)
    Path("text.pt").write_text("no checkpoint")
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
    assert not Path("x.onnx").exists()


def test_evaluate_reports_and_draws(
    dataset: Path, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out, sheet = tmp_path / "new" / "report.json", tmp_path / "new" / "sheet.png"
    arguments = [str(dataset), "-o", str(out), "--sheet", str(sheet), "--count", "2", *models]
    assert main(["evaluate", *arguments]) == 0
    report = json.loads(out.read_text())
    assert report["title"] == "Evaluation: tiny" and report["groups"]["all"]["people"] == 2
    assert report["groups"]["all"]["found"] == 2 and report["median_ms"] > 0
    assert out.with_suffix(".md").read_text() == capsys.readouterr().out
    assert cv2.imread(str(sheet)).shape == (320, 4 * 320, 3)


def test_evaluate_whole_images(dataset: Path, models: list[str], capsys: pytest.CaptureFixture) -> None:
    assert main(["evaluate", str(dataset), "--whole-image", *models]) == 0
    assert "searched in the whole image" in capsys.readouterr().out


def test_analyse_writes_tables_and_the_worst(
    dataset: Path, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "analysis"
    assert main(["analyse", str(dataset), "-o", str(out), "--worst", "2", *models[:2]]) == 0
    assert {file.name for file in out.iterdir()} == {"analysis.json", "analysis.md", "worst.png", "reliability.png"}
    assert json.loads((out / "analysis.json").read_text())["overall"]["people"] == 3
    assert (out / "analysis.md").read_text() == capsys.readouterr().out
    assert cv2.imread(str(out / "worst.png")).shape == (220, 5 * 400, 3)
    assert main(["analyse", str(dataset), "-o", str(out), "--worst", "0"]) == 2
    assert capsys.readouterr().err == "hourlift: --worst must be at least 1, got 0\n"


def videos(folder: Path, off_px: float) -> Path:
    """Two actions of two subjects in shards, and joints found in them."""
    camera = Camera.from_fov((80, 60))
    rng = np.random.default_rng(1)
    people = []
    for i, (subject, action) in enumerate([("S9", "Walking"), ("S11", "Eating"), ("S9", "Eating"), ("S1", "Walking")]):
        joints_mm = rng.normal(scale=200, size=(17, 3)) + [0, 0, 4000]
        joints_px = camera.project(joints_mm)
        sample = Sample(
            id=str(FrameId(subject=subject, action=action, camera="c", frame=i + 1)),
            image=rng.integers(0, 256, (60, 80, 3), dtype=np.uint8),
            image_wh=(80, 60),
            joints_2d_px=joints_px.astype(np.float32),
            visible=np.ones(17, dtype=bool),
            box_xyxy_px=box_from_joints(joints_px).astype(np.float32),
            joints_3d_cam_mm=joints_mm.astype(np.float32),
            camera=camera,
        )
        people.append(sample)
    write_shards(people, folder / "videos")
    found = np.stack([sample.joints_2d_px for sample in people]) + off_px
    ids = [sample.id for sample in people]
    write_joints(FoundJoints(ids=ids, joints_2d_px=found, confidence=np.ones((4, 17))), folder / "joints.npz")
    return folder / "videos"


@pytest.mark.parametrize("inputs", ["ground-truth", "joints.npz"])
def test_evaluate_the_lifter_alone_by_action_and_subject(
    inputs: str, models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = videos(tmp_path, off_px=0.2)
    monkeypatch.chdir(tmp_path)
    arguments = [str(folder), "--split", "test", "--inputs", inputs, "-o", "r.json", "--plot", "r.svg", *models]
    assert main(["evaluate", *arguments]) == 0
    printed = capsys.readouterr().out
    assert "| frame mean |" in printed and "| action mean |" in printed and "| S11 |" in printed
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["groups"]["all"]["people"] == 3 and set(report["actions"]) == {"Eating", "Walking"}
    assert report["groups"]["all"]["accuracy"] == 1.0  # a fifth of a pixel off is within a twentieth of the crop
    eating, walking = (report["actions"][name]["mpjpe_mm"] for name in ("Eating", "Walking"))
    assert report["groups"]["all"]["mpjpe_mm"] == pytest.approx((2 * eating + walking) / 3)
    assert report["action_mean"]["mpjpe_mm"] == pytest.approx((eating + walking) / 2)
    assert "<svg" in (tmp_path / "r.svg").read_text()


def test_evaluate_synthetic_people(models: list[str], capsys: pytest.CaptureFixture) -> None:
    assert main(["evaluate", "synthetic", "--count", "2", *models]) == 0
    printed = capsys.readouterr().out
    assert "Evaluation: synthetic" in printed and "PA-MPJPE" in printed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["tiny", "--count", "0"], "--count must be at least 1"),
        (["tiny", "-o", "report.txt"], "must end in .json"),
        (["tiny", "--weights", "missing.onnx"], "missing.onnx"),
        (["tiny", "--inputs", "guess"], "--inputs is 'ground-truth' or an .npz file of predict-joints, not guess"),
        (["tiny", "--inputs", "ground-truth", "--sheet", "s.png"], "measures the lifter alone"),
        (["tiny", "--split", "test"], "has no split 'test'; it has all"),
        (["tiny", "--plot", "plot.gif"], "must end in .png, .svg, .pdf"),
    ],
)
def test_evaluate_complains_in_one_line(
    dataset: Path,
    models: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(dataset.parent)
    capsys.readouterr()
    chosen = arguments + ([] if "--weights" in arguments else models)
    assert main(["evaluate", *chosen]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


def test_calibrate_changes_the_metadata_of_a_hourglass(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "PRESETS", {"everyday": everyday})  # the others take their time to set up
    model, plot = tmp_path / "hourglass.onnx", tmp_path / "plot.svg"
    assert main(["export", str(checkpoints / "hourglass.pt"), "-o", str(model)]) == 0
    before = weights.sha256(model)
    options = ["--count", "5", "--check-count", "5", "--plot", str(plot)]
    assert main(["calibrate", str(model), "-o", str(tmp_path / "new.onnx"), *options]) == 0
    printed = capsys.readouterr().out
    assert weights.sha256(model) == before
    assert f"{tmp_path / 'new.onnx'}: SHA-256 {weights.sha256(tmp_path / 'new.onnx')}" in printed
    assert "heatmap's peak: off by" in printed and "calibrated: off by" in printed and "<svg" in plot.read_text()
    contract = Model(tmp_path / "new.onnx", "hourglass").contract
    assert np.array(contract["confidence"]["weights"]).shape == (17, 4)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["x.pt"], "x.pt: the name of an ONNX model ends in .onnx"),
        (["x.onnx"], "x.onnx does not exist"),
        (["x.onnx", "--count", "0"], "--count must be at least 1, got 0"),
        (["lifter.onnx"], "this is a lifter model"),
    ],
)
def test_calibrate_complains_in_one_line(
    models: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    arguments: list[str],
    complaint: str,
) -> None:
    monkeypatch.chdir(Path(models[1]).parent)
    capsys.readouterr()
    assert main(["calibrate", *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
