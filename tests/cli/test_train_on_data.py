"""`hourlift train --data`: the recipes of the study on a data set of drawn people."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hourlift.cli import main
from hourlift.data import write_shards
from hourlift.data.frame_id import FrameId
from hourlift.data.joints_file import FoundJoints, write_joints
from hourlift.data.sample import Sample
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import box_from_joints
from hourlift.hourglass import policies
from hourlift.lifter.network import LifterConfig
from hourlift.training.engine import checkpoint
from hourlift.training.lifter.detection_errors import measure_errors
from hourlift.training.recipes import LIFTER_RECIPES, STRONG, lifter
from hourlift.training.study import HOURGLASS_STUDY, LIFTER_STUDY

CAMERA = Camera(fx=200.0, fy=200.0, cx=63.5, cy=47.5, image_wh=(128, 96))
SMALL_HOURGLASS = "--steps 2 --input-size 64 --width 16 --batch-size 4 --read-workers 0 --threads 1"
SMALL_LIFTER = "--epochs 2 --width 16 --batch-size 4 --threads 1"


def people() -> list[Sample]:
    rng = np.random.default_rng(0)
    samples = []
    for number, subject in enumerate(["S1", "S5", "S6", "S7", "S8", "S9", "S11"] * 3):
        joints_mm = rng.normal(scale=250, size=(17, 3)) + [0, 0, 4000]
        joints_px = CAMERA.project(joints_mm)
        source = FrameId(subject=subject, action="Walking", camera="c", frame=number + 1)
        samples.append(
            Sample(
                id=str(source),
                image=rng.integers(0, 256, (96, 128, 3), dtype=np.uint8),
                joints_2d_px=joints_px.astype(np.float32),
                visible=np.ones(17, dtype=bool),
                box_xyxy_px=box_from_joints(joints_px).astype(np.float32),
                joints_3d_cam_mm=joints_mm.astype(np.float32),
                camera=CAMERA,
            )
        )
    return samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the data set `set`, its 2D part `flat`, and joints found in it, half a pixel off."""
    folder = tmp_path_factory.mktemp("study")
    everybody = people()
    write_shards(everybody, folder / "set")
    write_shards([replace(sample, joints_3d_cam_mm=None) for sample in everybody], folder / "flat")
    for name, chosen in (("joints", everybody), ("others", everybody[:1])):
        found, seen = np.stack([sample.joints_2d_px for sample in chosen]) + 0.5, np.ones((len(chosen), 17))
        ids = [sample.id for sample in chosen]
        write_joints(FoundJoints(ids=ids, joints_2d_px=found, confidence=seen), folder / f"{name}.npz")
    return folder


def test_every_row_of_the_study_has_the_reports_values() -> None:
    rows = {
        "none-2stack": policies.NONE, "frs-2stack": policies.FRS, "frso-2stack": policies.FRSO,
        "frsos-2stack": policies.FRSOS, "full-2stack": policies.FULL, "overlap-2stack": policies.OVERLAP,
        "final-4stack": policies.FINAL, "strong-2stack": STRONG,
    }  # fmt: skip
    assert set(rows) == set(HOURGLASS_STUDY)
    for name, policy in rows.items():
        recipe = HOURGLASS_STUDY[name]()
        assert (recipe.name, recipe.policy, recipe.input_size, recipe.network.width) == (name, policy, 256, 256)
        assert recipe.network.num_stacks == (4 if name == "final-4stack" else 2)
        assert recipe.train.steps * recipe.batch_size == 15 * 32_000
        assert recipe.train_split == ("train" if name in ("full-2stack", "final-4stack") else "report-train")
    losses = {"lifter-l2": "l2", "lifter-compositional": "compositional", "lifter-weighted": "weighted"}
    for name, loss in (losses | {"final": "weighted", "lifter-rays": "l2"}).items():
        recipe = LIFTER_STUDY[name]()
        assert (recipe.name, recipe.loss, recipe.epochs) == (name, loss, 80)
        assert (recipe.train.optimiser, recipe.train.max_grad_norm, recipe.network.dropout) == ("adam", 1.0, 0.5)
        assert recipe.inputs == ("rays" if name == "lifter-rays" else "crop")
    final, usual = LIFTER_STUDY["final"]().train, LIFTER_STUDY["lifter-weighted"]().train
    assert final.lr < usual.lr and final.floor < usual.floor


@pytest.mark.parametrize("recipe", ["frso-2stack", "full-2stack"])
def test_a_hourglass_of_the_study_trains(recipe: str, folder: Path, tmp_path: Path, capsys) -> None:
    command = f"train hourglass --recipe {recipe} --data {folder / 'set'} -o {tmp_path} {SMALL_HOURGLASS}"
    ours = recipe == "full-2stack"
    assert main(command.split() + (["--loss", "cross_entropy"] if ours else [])) == 0
    state = checkpoint.load(tmp_path / "last.pt")
    assert state["step"] == 2 and state["stage"]["recipe"] == recipe
    assert state["stage"]["loss"] == ("cross_entropy" if ours else "mse")
    train_people = 15 if recipe == "full-2stack" else 12
    assert f"training on {train_people} people, validating on 3" in capsys.readouterr().err


@pytest.mark.parametrize("options", ["", "--inputs noisy", "--inputs {}/joints.npz", "--val-split test"])
def test_a_lifter_of_the_study_trains(options: str, folder: Path, tmp_path: Path, capsys) -> None:
    command = f"train lifter --recipe lifter-weighted --data {folder / 'set'} -o {tmp_path} {SMALL_LIFTER} {options}"
    assert main(command.format(folder).split()) == 0
    state = checkpoint.load(tmp_path / "last.pt")
    assert state["step"] == 6 and state["stage"]["inputs"] == "crop"  # 12 people, 4 a step, 2 epochs
    printed = capsys.readouterr().err
    assert "without a network, mm: mean_pose_mpjpe " in printed
    assert ("validating on 6" if "test" in options else "validating on 3") in printed


def test_noise_can_be_measured(folder: Path, tmp_path: Path, capsys) -> None:
    options = f"--inputs noisy --errors-of {folder / 'joints.npz'} {SMALL_LIFTER}"
    assert main(f"train lifter --recipe final --data {folder / 'set'} -o {tmp_path} {options}".split()) == 0
    assert "outliers=(0.0, 0.0), swapped=0.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("lifter --recipe final", "trains on a data set: name it with --data"),
        ("lifter --recipe final --data {}/nowhere", "nowhere does not exist"),
        ("lifter --recipe final --data {}/flat", "has no joints in millimetres: it trains the hourglass only"),
        ("lifter --recipe final --data {}/set --inputs {}/others.npz", "has no person S"),
        ("lifter --recipe final --data {}/set --inputs {}/set", "'noisy' or an .npz file of predict-joints, not"),
        ("lifter --recipe final --data {}/set --val-split S8", "has no split 'S8'; it has train, test"),
        ("lifter --recipe final --data {}/set --errors-of {}/joints.npz", "--errors-of goes with --inputs noisy"),
        ("lifter --recipe final --data {}/set --stride 0", "--stride must be at least 1"),
        ("lifter --recipe lifter --data {}/set", "'lifter' renders its people"),
        ("lifter --recipe lifter --inputs noisy", "'lifter' renders its people"),
        ("lifter --recipe lifter --errors-of {}/joints.npz", "--data and --errors-of go together"),
        ("lifter --recipe lifter --data {}/flat --errors-of {}/joints.npz", "has none of the people in"),
        ("lifter --recipe final --data {}/set --motion {}", "uses the people of a data set unchanged"),
        ("hourglass --recipe frs-2stack --data {}/set --input-size 100", "must be a multiple of 64, got 100"),
        ("hourglass --recipe frs-2stack --data {}/set --batch-size 0", "--batch-size must be at least 1"),
        ("hourglass --recipe frs-2stack --data {}/set --backgrounds {}", "uses the images of a data set unchanged"),
        ("hourglass --recipe frs-2stack --data {}/set --photos {}/set", "uses the images of a data set unchanged"),
        ("hourglass --recipe fast --width 8", "'fast' renders its people"),
        ("hourglass --recipe frs", "the recipes are fast, accurate, shipped, none-2stack, frs-2stack"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_written(
    command: str, complaint: str, folder: Path, tmp_path: Path, capsys
) -> None:
    assert main(["train", *command.replace("{}", str(folder)).split(), "-o", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err.splitlines()
    assert complaint in error[-1] and sum(line.startswith("hourlift: ") for line in error) == 1
    assert not (tmp_path / "run").exists()


def test_a_lifter_of_synthetic_people_learns_from_the_mistakes_of_a_hourglass(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(lifter(), network=LifterConfig(width=16, num_blocks=1, channels=4, spread=True))
    small = replace(small, chunk_size=32, batch_size=8, held_out=32)
    monkeypatch.setitem(LIFTER_RECIPES, "lifter", lambda: small)
    data = ["--data", str(folder / "set"), "--errors-of", str(folder / "joints.npz")]
    out = tmp_path / "run"
    assert main(["train", "lifter", "--recipe", "lifter", *data, "-o", str(out), "--steps", "3", "--threads", "1"]) == 0
    state = checkpoint.load(out / "compact.pt")
    assert (state["step"], state["stage"]["inputs"], state["model_config"]["channels"]) == (3, "person", 4)
    assert state["metrics"]["noisy_mpjpe"] > 0


def test_errors_are_measured_as_they_were_made() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(scale=50, size=(3000, 17, 2))
    size = np.linalg.norm(true - true[:, :1], axis=-1).mean(-1)[:, None, None]
    found = true + 0.03 * size * rng.normal(size=true.shape)
    far = rng.random((3000, 17, 1)) < 0.02
    found = np.where(far, found + 1.5 * size * rng.normal(size=true.shape), found)
    errors = measure_errors(found, true)
    assert errors.jitter[0] == pytest.approx(0.03, rel=0.25) and errors.jitter[1] == pytest.approx(0.03, rel=0.6)
    assert errors.outliers[0] == pytest.approx(0.02, rel=0.4) and errors.outliers[1] == pytest.approx(1.5, rel=0.25)
    swapped = true.copy()
    swapped[:1500, [13, 16]] = swapped[:1500, [16, 13]]
    assert 0.04 < measure_errors(swapped, true).swapped < 0.12  # one of six to seven pairs, in half of the people
    with pytest.raises(ValueError, match="no person is known in both"):
        measure_errors(np.full((2, 17, 2), np.nan), true[:2])
