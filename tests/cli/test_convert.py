"""``hourlift convert`` from files to files."""

import json
from pathlib import Path

import numpy as np
import pytest

from hourlift import Camera, Pose
from hourlift.cli import main
from hourlift.formats.json import Header, dump, load
from hourlift.pose import PoseFrame

CAMERA = Camera.from_fov((640, 480))
JOINTS_MM = np.random.default_rng(0).normal(0, 300, (17, 3))


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_result(name: str, ids_by_frame: list[list[int]]) -> None:
    frames = []
    for i, ids in enumerate(ids_by_frame):
        people = [
            Pose(
                person_id=person_id,
                joints_2d_px=np.full((17, 2), 100.0),
                confidence=np.ones(17),
                joints_3d_mm=JOINTS_MM,
                root_cam_mm=[0, 0, 3000 + 10 * i],
                box_xyxy_px=[0, 0, 50, 100],
                camera=CAMERA,
            )
            for person_id in ids
        ]
        frames.append(PoseFrame(index=i, time_s=i / 25, people=people))
    dump(name, Header(source="a.mp4", kind="video", image_wh=(640, 480), camera=CAMERA, fps=25.0), frames)


def names() -> list[str]:
    return sorted(path.name for path in Path().iterdir())


def test_every_format_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    write_result("a.json", [[0], [0]])
    outs = [f"out/a.{end}" for end in ("csv", "npz", "bvh", "trc", "c3d", "glb", "coco.json", "json")]
    assert main(["convert", "a.json", *outs]) == 0
    shown = capfd.readouterr()
    assert shown.out.splitlines() == outs
    assert shown.err == ""
    assert sorted(str(path) for path in Path("out").iterdir()) == sorted(outs)
    assert Path("out/a.json").read_bytes() == Path("a.json").read_bytes()
    assert main(["convert", "out/a.npz", "b.json"]) == 0
    assert load("b.json").header == load("a.json").header


def test_people(capfd: pytest.CaptureFixture[str]) -> None:
    write_result("a.json", [[3], [3, 4]])
    assert main(["convert", "a.json", "a.bvh"]) == 0
    assert capfd.readouterr().out == "a-3.bvh\na-4.bvh\n"
    assert main(["convert", "a.json", "one.bvh", "one.csv", "--person", "4"]) == 0
    assert names() == ["a-3.bvh", "a-4.bvh", "a.json", "one.bvh", "one.csv"]
    assert Path("one.bvh").read_bytes() == Path("a-4.bvh").read_bytes()
    assert {line.split(",")[2] for line in Path("one.csv").read_text().splitlines()[1:]} == {"4"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["a.json", "a.fbx"], "a.fbx: the name of a file of poses ends in .json, .csv"),
        (["a.json", "a.bvh", "--person", "9"], "person 9 is in none of the 2 frames; the people are 0"),
        (["missing.json", "a.bvh"], "missing.json: No such file or directory"),
        (["a.txt", "a.bvh"], "a.txt: the name of a file of poses ends in"),
        (["a.coco.json", "a.bvh"], "a.coco.json: .coco.json files cannot be read, only written"),
        (["newer.json", "a.bvh"], "newer.json: schema version 2 cannot be read, only 1"),
        (["other.json", "a.bvh"], "other.json: this JSON file does not hold hourlift's poses"),
        (["rate.json", "a.bvh"], "rate.json: a value is missing or malformed"),
        (["nobody.json", "a.glb"], "a.glb: no person is in the 2 frames"),
        (["empty.json", "a.trc"], "a.trc: no person is in the 0 frames"),
        (["a.json"], "name at least one file to write"),
        (["a.json", "a.json/b.csv"], "a.json: File exists"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], complaint: str, capfd: pytest.CaptureFixture[str]) -> None:
    write_result("a.json", [[0], [0]])
    write_result("nobody.json", [[], []])
    write_result("empty.json", [])
    document = json.loads(Path("a.json").read_text())
    Path("newer.json").write_text(json.dumps(document | {"schema_version": 2}))
    Path("rate.json").write_text(json.dumps(document | {"fps": float("nan")}))
    Path("other.json").write_text("{}")
    before = names()
    assert main(["convert", *arguments]) == 2
    shown = capfd.readouterr()
    assert shown.err.startswith(f"hourlift: {complaint}")
    assert shown.err.count("\n") == 1
    assert [name for name in names() if name not in (*before, "a.csv")] == []


def test_a_format_that_fails_costs_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    write_result("nobody.json", [[], []])
    Path("folder.npz").mkdir()
    assert main(["convert", "nobody.json", "a.glb", "folder.npz", "a.csv"]) == 1
    shown = capfd.readouterr()
    assert shown.out == "a.csv\n"
    first, second = shown.err.splitlines()
    assert first == "hourlift: a.glb: no person is in the 2 frames"
    assert second.startswith("hourlift: folder.npz: ")
    assert Path("a.csv").is_file() and not Path("a.glb").exists()
