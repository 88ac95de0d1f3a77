"""No command overwrites what it reads."""

import os
from pathlib import Path

import pytest

from hourlift.cli import main
from hourlift.cli.overwriting import check_arguments, keep_inputs


def test_by_whatever_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    video, other = Path("video.mp4"), Path("other.mp4")
    video.write_text("a")
    other.write_text("b")
    os.link(video, "hard.mp4")
    os.symlink(video, "soft.mp4")
    keep_inputs([video, None, "webcam:0", "missing"], [other, None, Path("new.mp4")])
    for output in (video, Path("hard.mp4"), Path("soft.mp4"), tmp_path / "." / "video.mp4"):
        with pytest.raises(ValueError, match="would overwrite its own input video.mp4"):
            keep_inputs(["video.mp4"], [output])


def test_nor_a_file_of_a_folder_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").touch()
    (tmp_path / "b.png").touch()
    check_arguments({"folder": tmp_path / "data", "sheet": tmp_path / "b.png", "out": None})
    check_arguments({"folder": tmp_path / "data", "sheet": tmp_path / "data" / "new.png"})
    check_arguments({"runs": (tmp_path / "data",), "out": tmp_path / "data" / "a.png"})
    with pytest.raises(ValueError, match="a.png already exists in .*data, which is read"):
        check_arguments({"folder": tmp_path / "data", "sheet": tmp_path / "data" / "a.png"})


def test_no_two_outputs_are_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    check_arguments({"out": (Path("a.csv"), Path("a.bvh")), "plot": Path("a.svg")})
    with pytest.raises(ValueError, match=r"a\.csv is the name of two outputs"):
        check_arguments({"out": (Path("a.csv"), tmp_path / "a.csv")})
    with pytest.raises(ValueError, match=r"a\.svg is the name of two outputs"):
        check_arguments({"plot": Path("a.svg"), "out": Path("a.svg")})
    Path("clip.mp4").touch()
    assert main(["predict", "clip.mp4", "-o", "out", "--viewer", "rerun", "--rrd", "out/clip.json"]) == 2
    assert "out/clip.json is the name of two outputs" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["live", "clip.mp4", "--no-serve", "-o", "clip.mp4"],
        ["predict", "clip.mp4", "--viewer", "rerun", "--rrd", "clip.mp4"],
        ["predict", "clip.mp4", "--boxes", "clip.json", "-o", "."],
        ["predict", "clip.mp4", "--camera", "clip.json", "-o", "."],
        ["predict", "clip.mp4", "clip.overlay.mp4", "-o", "."],
        ["convert", "clip.json", "clip.json"],
        ["plot", "clip.json", "-o", "clip.json"],
        ["data", "joints", "a.npz", "-o", "a.npz"],
        ["quantise", "clip.json", "-o", "clip.json"],
        ["evaluate", "clip.json", "-o", "clip.json"],
    ],
)
def test_every_command_says_so_before_it_works(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    camera = '{"fx": 350, "fy": 350, "cx": 199.5, "cy": 199.5, "image_wh": [400, 400]}'
    boxes = '[{"image_id": 0, "bbox": [1, 2, 30, 40]}]'
    Path("clip.json").write_text(boxes if "--boxes" in arguments else camera)
    for name in ("clip.mp4", "clip.overlay.mp4", "a.npz"):
        Path(name).write_text("kept")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(arguments) == 2
    assert "would overwrite its own input" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
