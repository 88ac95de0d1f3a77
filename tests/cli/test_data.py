"""`hourlift data`: what it says of folders, and the shards it makes of them."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from hourlift.cli import main
from hourlift.cli.data import TILE_PX
from hourlift.data import Sample, load_shards, write_coco
from hourlift.data.joints_file import read_joints
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton_style import LEFT_RGB, RIGHT_RGB


@pytest.fixture
def lsp(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    folder = tmp_path / "lsp"
    (folder / "images").mkdir(parents=True)
    joints = np.concatenate([rng.uniform(10, 90, (2, 14, 4)), np.zeros((1, 14, 4))])
    savemat(folder / "joints.mat", {"joints": joints})
    for i in range(4):
        cv2.imwrite(str(folder / "images" / f"im{i + 1:04}.jpg"), np.full((100, 100, 3), 20 * i, np.uint8))
    return folder


def drawn(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(image.astype(int) - colour).max(-1) < 30).sum())


def test_check_says_what_there_is(lsp: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "new" / "sheet.png"
    assert main(["data", "check", str(lsp), "--sheet", str(sheet), "--count", "4"]) == 0
    printed = capsys.readouterr().out
    assert f"{lsp}: Leeds Sports Pose\n" in printed and "people    4, 2D only: for the hourglass" in printed
    assert "splits    train, test, all" in printed and printed.endswith("missing   nothing\n")
    image = cv2.cvtColor(cv2.imread(str(sheet)), cv2.COLOR_BGR2RGB)
    assert image.shape == (2 * TILE_PX, 2 * TILE_PX, 3)
    for tile in image.reshape(2, TILE_PX, 2, TILE_PX, 3).swapaxes(1, 2).reshape(4, TILE_PX, TILE_PX, 3):
        assert drawn(tile, LEFT_RGB) > 100 and drawn(tile, RIGHT_RGB) > 100


def test_check_names_what_is_missing(lsp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lsp / "images" / "im0003.jpg").unlink()
    assert main(["data", "check", str(lsp)]) == 0
    (lsp / "images" / "im0002.jpg").write_bytes(b"half")
    assert capsys.readouterr().out.endswith("missing\n  - 1 of 4 images, such as images/im0003.jpg\n")
    assert main(["data", "check", str(lsp)]) == 0
    printed = capsys.readouterr().out
    assert "im0003.jpg\n  - 1 of 4 images that were opened; " in printed and "im0002.jpg cannot be read" in printed


def test_check_opens_pictures(lsp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (lsp / "images" / "im0002.jpg").write_bytes(b"half")
    assert main(["data", "check", str(lsp)]) == 0
    printed = capsys.readouterr().out
    assert "  - 1 of 4 images that were opened; " in printed and "im0002.jpg cannot be read as an image" in printed


@pytest.mark.parametrize(("shift_px", "is_told"), [(0.0, False), (40.0, True)])
def test_check_compares_both_sides_of_the_projection(
    shift_px: float, is_told: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera = Camera.from_fov((200, 200))
    joints = np.random.default_rng(1).normal((0, 0, 4000), 500, (17, 3))
    sample = Sample(
        id="1",
        image=np.zeros((200, 200, 3), np.uint8),
        joints_2d_px=(camera.project(joints) + shift_px).astype(np.float32),
        visible=np.ones(17, bool),
        box_xyxy_px=np.array([10, 10, 190, 190], np.float32),
        joints_3d_cam_mm=joints.astype(np.float32),
        camera=camera,
    )
    write_coco([sample], tmp_path / "set")
    assert main(["data", "check", str(tmp_path / "set")]) == 0
    printed = capsys.readouterr().out
    assert "1, in 3D" in printed
    assert ("matching cameras: the 3D joints project 57 px from the 2D joints" in printed) == is_told


def test_convert_writes_shards(lsp: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "shards"
    assert main(["data", "convert", str(lsp), "-o", str(out), "--split", "test", "--per-shard", "1"]) == 0
    assert capsys.readouterr().out == f"{out}: 2 people in 2 shards\n"
    samples = list(load_shards(out))
    assert [sample.id for sample in samples] == ["im0003", "im0004"]
    assert abs(int(samples[1].load_image()[50, 50, 0]) - 60) < 3
    (lsp / "images" / "im0004.jpg").unlink()
    assert main(["data", "convert", str(lsp), "-o", str(tmp_path / "again")]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lsp", "shards"]


def test_joints_of_another_detector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    view = np.random.default_rng(0).uniform(0, 999, (2, 17, 2)).astype(np.float32)
    positions = {"S9": {"Walking 1": [view, view + 1, view + 2, view + 3]}}
    np.savez(tmp_path / "data_2d_h36m_x.npz", positions_2d=np.array(positions, dtype=object))
    out = tmp_path / "new" / "joints.npz"
    assert main(["data", "joints", str(tmp_path / "data_2d_h36m_x.npz"), "-o", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: joints of 8 frames\n"
    np.testing.assert_array_equal(read_joints(out).by_id()["S9_Walking_1.58860488_000002"], view[1] + 2)
    np.savez(tmp_path / "none.npz", positions_2d=np.array({"S9": {}}, dtype=object))
    assert main(["data", "joints", str(tmp_path / "none.npz"), "-o", str(out)]) == 2
    assert "none.npz holds no frame of Human3.6M" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("check {0}/no", "{0}/no does not exist"),
        ("check {0}", "{0} is too high up: name {0}/lsp, which holds joints.mat (LSP)"),
        ("check {0}/lsp/images", "{0}/lsp/images is only a part of a data set: name {0}/lsp, which holds joints.mat"),
        ("check {0}/lsp --sheet {0}/a.jpg", "--sheet {0}/a.jpg: the name must end in .png"),
        ("check {0}/lsp --count 0", "--count must be at least 1, got 0"),
        (
            "convert {0}/lsp -o {0}/b --split dev",
            "{0}/lsp (Leeds Sports Pose) has no split 'dev'; it has train, test, all",
        ),
        ("convert {0}/lsp -o {0}/b --stride 0", "--stride must be at least 1, got 0"),
        ("joints {0}/lsp/joints.mat -o {0}/b.npz", "{0}/lsp/joints.mat is damaged or not what its name says"),
        ("joints {0}/lsp/joints.mat -o {0}/b.csv", "--out {0}/b.csv: the name must end in .npz"),
        ("convert {0}/lsp -o {0}/lsp", "{0}/lsp exists already and is not an empty folder; name another one"),
    ],
)
def test_mistakes_are_one_line(
    options: str, message: str, lsp: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", *options.format(tmp_path).split()]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("hourlift: " + message.format(tmp_path)) and printed.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["lsp"]
