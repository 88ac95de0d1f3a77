"""`hourlift plot`: joint angles as curves and as a table."""

import csv
import dataclasses
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from hourlift.cli import main
from hourlift.formats.json import Header, dump
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.world import World, up_of_pitched_camera
from hourlift.pose import Pose, PoseFrame

CAMERA = Camera.from_fov((64, 48))


def pose(bend_deg: float, person_id: int = 0) -> Pose:
    """A person whose left knee is bent."""
    joints = np.random.default_rng(1).normal(size=(17, 3)) * 300
    hip, knee, ankle = H36M17.indices("l_hip", "l_knee", "l_ankle")
    joints[[hip, knee]] = [[100, 0, 0], [100, 400, 0]]
    joints[ankle] = joints[knee] + 400 * np.array([0, np.cos(np.radians(bend_deg)), np.sin(np.radians(bend_deg))])
    return Pose(
        joints_2d_px=np.zeros((17, 2)),
        confidence=np.ones(17),
        joints_3d_mm=joints,
        root_cam_mm=np.zeros(3),
        box_xyxy_px=np.zeros(4),
        camera=CAMERA,
        person_id=person_id,
    )


def write(name: str, people: list[list[Pose]]) -> None:
    frames = [PoseFrame(index=i, time_s=i / 10, people=here) for i, here in enumerate(people)]
    dump(name, Header(source="video.mp4", kind="video", image_wh=(64, 48), camera=CAMERA, fps=10), frames)


@pytest.fixture(autouse=True)
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Person 0 in frames 0-3, 6, and 9-11, person 1 in 2 frames."""
    monkeypatch.chdir(tmp_path)
    seen = {0: (0, 1, 2, 3, 6, 9, 10, 11), 1: (4, 5)}
    write("video.json", [[pose(5 * i, p) for p, frames in seen.items() if i in frames] for i in range(12)])


def test_a_plot_and_a_table_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    assert main(["plot", "video.json"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "video.angles.png: person 0, 1.1 s",
        "video.angles.csv: 12 frames, 2 people",
    ]
    image = cv2.imread("video.angles.png")
    assert image.shape[0] > 600 and {(178, 114, 0), (0, 94, 213)} <= {tuple(p) for p in image.reshape(-1, 3).tolist()}
    with open("video.angles.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24
    assert [row["l_knee_flexion"] for row in rows[:5]] == ["0.0", "5.0", "10.0", "15.0", ""]
    assert [row["person"] for row in rows if row["l_knee_flexion"]] == ["0"] * 8 + ["1"] * 2


def test_gaps_are_gaps_in_the_curve() -> None:
    pytest.importorskip("matplotlib")
    assert main(["plot", "video.json", "-o", "deep/angles.svg"]) == 0
    svg = Path("deep/angles.svg").read_text()
    curves = re.findall(r'<path d="([^"]*)"[^>]*style="fill: none; stroke: #0072b2', svg)
    knee = curves[0]
    assert knee.count("M") == 3, "three stretches, of which one is a single frame"
    assert knee.count("L") == 3 + 2
    assert svg.count("<use") > 0, "the single frame is a dot"


def test_a_photo_is_a_row_of_dots(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    write("photo.json", [[pose(40)]])
    assert main(["plot", "photo.json", "-o", "photo.png", "photo.csv"]) == 0
    assert "photo.csv: 1 frame, 1 person" in capsys.readouterr().out
    assert (cv2.imread("photo.png") == (178, 114, 0)).all(axis=-1).any()


def test_one_person_of_several() -> None:
    assert main(["plot", "video.json", "-o", "one.csv", "--person", "1", "--pitch", "15"]) == 0
    with open("one.csv") as file:
        assert {row["person"] for row in csv.DictReader(file)} == {"1"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["missing.json"], "missing.json: No such file"),
        (["video.json", "-o", "angles.txt"], "angles.txt: angles are written as .csv, .png"),
        (["video.json", "-o", "a.csv", "--person", "7"], "there is no person 7; the people are 0, 1"),
        (["video.json", "-o", "a.csv", "--pitch", "nan"], "--pitch must be a number"),
        (["video.json", "-o", "a.csv", "--min-confidence", "2"], "--min-confidence must be at most 1"),
        (["nobody.json", "-o", "a.csv", "a.png"], "nobody.json: no person was found in video.mp4"),
        (["empty.json", "-o", "a.csv"], "empty.json: no person was found in video.mp4"),
        (["newer.json", "-o", "a.csv"], "newer.json: schema version 999 cannot be read"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    write("nobody.json", [[], []])
    write("empty.json", [])
    Path("newer.json").write_text(
        re.sub(r'"schema_version": \d+', '"schema_version": 999', Path("video.json").read_text())
    )
    before = sorted(Path().iterdir())
    assert main(["plot", *arguments]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1
    assert sorted(Path().iterdir()) == before


def test_the_trunk_is_measured_against_the_results_own_up() -> None:
    frames = [PoseFrame(index=0, time_s=0.0, people=[pose(10)])]
    header = Header(source="video.mp4", kind="video", image_wh=(64, 48), camera=CAMERA, fps=10)
    dump("level.json", header, frames)
    world = World.from_up(up_of_pitched_camera(20), 1500, "given")
    dump("tilted.json", dataclasses.replace(header, world=world), frames)
    for name, options in (("level", []), ("asked", ["--pitch", "20"]), ("tilted", [])):
        source = "level.json" if name == "asked" else f"{name}.json"
        assert main(["plot", source, "-o", f"{name}.csv", *options]) == 0
    level, asked, tilted = (Path(f"{name}.csv").read_text() for name in ("level", "asked", "tilted"))
    assert tilted == asked != level
