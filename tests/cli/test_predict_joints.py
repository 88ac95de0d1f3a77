"""`hourlift predict-joints` with the marker models, and the file that it writes."""

from pathlib import Path

import numpy as np
import pytest

from hourlift.cli import main
from hourlift.data import write_shards
from hourlift.data.frame_id import FrameId
from hourlift.data.joints_file import FoundJoints, read_joints, write_joints
from hourlift.data.sample import Sample
from hourlift.geometry.skeleton import H36M17

WH = (320, 240)


@pytest.fixture
def dataset(tmp_path: Path, figure) -> tuple[Path, list[Sample]]:
    people = []
    for number, (subject, pelvis, height) in enumerate(
        [("S1", (150, 120), 150.0), ("S8", (160, 110), 170.0), ("S1", (120, 130), 140.0)]
    ):
        source = FrameId(subject=subject, action="Walking", camera="c", frame=number + 1)
        sample = Sample(
            id=str(source),
            image=figure.draw(WH, pelvis, height),
            joints_2d_px=figure.joints(pelvis, height).astype(np.float32),
            visible=np.ones(17, dtype=bool),
            box_xyxy_px=figure.box(pelvis, height).astype(np.float32),
        )
        people.append(sample)
    write_shards(people, tmp_path / "set", image_format="png")
    return tmp_path / "set", people


def test_joints_of_everybody_in_order(
    dataset: tuple[Path, list[Sample]], marker_models: tuple[Path, Path], tmp_path: Path, capsys
) -> None:
    folder, people = dataset
    out = tmp_path / "new" / "joints.npz"
    command = ["predict-joints", str(folder), "--weights", str(marker_models[0]), "-o", str(out)]
    assert main(command) == 0
    assert "2D joints of 3 people" in capsys.readouterr().out
    found = read_joints(out)
    assert found.ids == [sample.id for sample in people]
    np.testing.assert_allclose(found.joints_2d_px, [sample.joints_2d_px for sample in people], atol=1.5)
    assert found.confidence.shape == (3, 17) and found.confidence.min() > 0.1
    assert main([*command, "--split", "report-validate"]) == 0
    assert read_joints(out).ids == [people[1].id]


def test_a_file_of_joints_comes_back(tmp_path: Path) -> None:
    joints = FoundJoints(
        ids=["a", "ünï"], joints_2d_px=np.full((2, 17, 2), np.nan, np.float32), confidence=np.zeros((2, 17), np.float32)
    )
    write_joints(joints, tmp_path / "j.npz")
    again = read_joints(tmp_path / "j.npz")
    assert again.ids == joints.ids and again.joints_2d_px.dtype == np.float32
    np.testing.assert_array_equal(again.by_id()["ünï"], joints.joints_2d_px[1])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ids": np.array(["a", "a"])}, "1 ids occur twice"),
        ({"joints_2d_px": np.zeros((3, 17, 2))}, r"joints_2d_px is \(3, 17, 2\), not \(2, 17, 2\)"),
        ({"joint_names": np.array(H36M17.joint_names[::-1])}, "not those of h36m17"),
        ({"confidence": None}, "has no confidence"),
        ({"ids": np.array([{}, {}], dtype=object)}, "is not a valid NPZ file"),
    ],
)
def test_files_that_do_not_fit_are_named(tmp_path: Path, change: dict, complaint: str) -> None:
    arrays = {
        "ids": np.array(["a", "b"]),
        "joints_2d_px": np.zeros((2, 17, 2)),
        "confidence": np.zeros((2, 17)),
        "joint_names": np.array(H36M17.joint_names),
    } | change
    np.savez(tmp_path / "j.npz", **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(ValueError, match=rf"j\.npz.*{complaint}"):
        read_joints(tmp_path / "j.npz")


def test_something_else_is_no_file_of_joints(tmp_path: Path) -> None:
    (tmp_path / "j.npz").write_text("hello")
    with pytest.raises(ValueError, match="is not a valid NPZ file"):
        read_joints(tmp_path / "j.npz")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["set", "-o", "joints.csv"], "must end in .npz"),
        (["nowhere", "-o", "j.npz"], "nowhere does not exist"),
        (["set", "-o", "j.npz", "--weights", "no.onnx"], "no.onnx does not exist"),
        (["set", "-o", "j.npz", "--split", "tset"], "has no split 'tset'"),
    ],
)
def test_mistakes_are_one_line(
    dataset: tuple[Path, list[Sample]], monkeypatch: pytest.MonkeyPatch, capsys, arguments: list[str], complaint: str
) -> None:
    monkeypatch.chdir(dataset[0].parent)
    assert main(["predict-joints", *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
    assert not Path("j.npz").exists()
