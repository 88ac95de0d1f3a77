"""Poses to JSON and back."""

import errno
import io
import json
import os
import re
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hourlift import Camera, Pose
from hourlift.formats.json import Header, dump, dumps, load, read_source_id, writing
from hourlift.geometry.world import World, up_of_pitched_camera
from hourlift.pose import PoseFrame

CAMERA = Camera(fx=800, fy=810, cx=319.5, cy=239.5, image_wh=(640, 480), distortion=(0.1, 0, 0, 0.01))
HEADER = Header(source="dance.mp4", kind="video", image_wh=(640, 480), camera=CAMERA, fps=29.97)
DOCS = Path(__file__).parents[2] / "docs" / "formats.md"


def random_pose(seed: int, **changes: object) -> Pose:
    rng = np.random.default_rng(seed)
    fields: dict[str, object] = {
        "joints_2d_px": rng.uniform(0, 640, (17, 2)),
        "confidence": rng.uniform(0, 1, 17),
        "joints_3d_mm": rng.normal(0, 500, (17, 3)),
        "root_cam_mm": rng.normal(0, 2000, 3),
        "box_xyxy_px": rng.uniform(0, 640, 4),
        "camera": CAMERA,
        "person_id": seed,
    }
    return Pose(**(fields | changes))  # type: ignore[arg-type]


FRAMES = [
    PoseFrame(index=0, time_s=0.0, people=[random_pose(0), random_pose(1)]),
    PoseFrame(index=1, time_s=1 / 29.97, people=[]),
    PoseFrame(index=2, time_s=2 / 29.97, people=[random_pose(2, root_cam_mm=[np.nan] * 3)]),
]


def test_round_trip(tmp_path: Path) -> None:
    dump(tmp_path / "a.json", HEADER, FRAMES)
    read = load(tmp_path / "a.json")
    assert read.header == HEADER
    assert [f.index for f in read.frames] == [0, 1, 2]
    np.testing.assert_allclose([f.time_s for f in read.frames], [f.time_s for f in FRAMES], atol=1e-6)
    for frame, expected in zip(read.frames, FRAMES, strict=True):
        assert len(frame.people) == len(expected.people)
        for person, original in zip(frame.people, expected.people, strict=True):
            assert person.person_id == original.person_id
            assert person.camera == CAMERA
            np.testing.assert_allclose(person.joints_2d_px, original.joints_2d_px, atol=0.006)
            np.testing.assert_allclose(person.confidence, original.confidence, atol=0.0006)
            np.testing.assert_allclose(person.joints_3d_mm, original.joints_3d_mm, atol=0.06)
            np.testing.assert_allclose(person.root_cam_mm, original.root_cam_mm, atol=0.06)
            np.testing.assert_allclose(person.box_xyxy_px, original.box_xyxy_px, atol=0.006)


def test_strict_json_with_null_for_what_is_unknown() -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    joints = random_pose(3).joints_3d_mm.copy()
    joints[4, 1], joints[5, 2] = np.nan, np.inf
    text = dumps(HEADER, [PoseFrame(index=0, time_s=0.0, people=[random_pose(3, joints_3d_mm=joints)])])
    document = json.loads(text, parse_constant=refuse)
    person = document["frames"][0]["people"][0]
    assert person["joints_3d_mm"][4][1] is None
    assert person["joints_3d_mm"][5][2] is None
    assert None not in person["joints_3d_mm"][3]


def test_the_world_round_trips_and_files_from_before_it_are_read(tmp_path: Path) -> None:
    world = World.from_up(up_of_pitched_camera(12.0), 1500.0, "given")
    dump(tmp_path / "a.json", replace(HEADER, world=world), FRAMES)
    read = load(tmp_path / "a.json").header.world
    assert read is not None
    np.testing.assert_allclose(read.rotation, world.rotation, atol=1e-6)
    np.testing.assert_allclose(read.origin_cam_mm, world.origin_cam_mm, atol=0.06)
    assert read.source == "given"
    document = json.loads((tmp_path / "a.json").read_text())
    person = np.array(document["frames"][0]["people"][0]["joints_3d_mm"], float)
    np.testing.assert_allclose(  # as docs/formats.md says
        (person - document["world"]["origin_cam_mm"]) @ np.transpose(document["world"]["rotation"]),
        world.to_world(FRAMES[0].people[0].joints_3d_mm),
        atol=0.2,
    )
    del document["world"], document["schema_minor_version"]
    (tmp_path / "old.json").write_text(json.dumps(document))
    assert load(tmp_path / "old.json").header == HEADER
    document["world"] = {"rotation": [[2, 0, 0], [0, 1, 0], [0, 0, 1]], "origin_cam_mm": [0, 0, 0], "source": "feet"}
    (tmp_path / "bad.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=r"bad.json: a value is missing or malformed.*must be a rotation"):
        load(tmp_path / "bad.json")


def test_the_networks_round_trip_and_files_from_before_them_are_read(tmp_path: Path) -> None:
    network = {"name": "hourglass-fast", "runtime": "onnxruntime", "precision": "int8"}
    header = replace(HEADER, networks={"hourglass": network, "lifter": {**network, "name": "lifter"}})
    dump(tmp_path / "a.json", header, FRAMES)
    assert load(tmp_path / "a.json").header == header
    document = json.loads((tmp_path / "a.json").read_text())
    assert document["networks"]["hourglass"]["precision"] == "int8"
    del document["networks"]
    (tmp_path / "old.json").write_text(json.dumps(document))
    assert load(tmp_path / "old.json").header == HEADER


def test_photo_has_no_frame_rate(tmp_path: Path) -> None:
    header = Header(source="a.jpg", kind="photo", image_wh=(640, 480), camera=CAMERA)
    dump(tmp_path / "a.json", header, FRAMES[:1])
    assert load(tmp_path / "a.json").header.fps is None


def test_one_frame_a_line_even_before_the_end(tmp_path: Path) -> None:
    stream = io.StringIO()
    with writing(stream, HEADER) as write:
        write(FRAMES[0])
        assert '"index":0' in stream.getvalue()  # written, not kept
        write(FRAMES[1])
    lines = stream.getvalue().splitlines()
    assert sum(line.startswith('{"index":') for line in lines) == 2
    assert json.loads(stream.getvalue())["frames"][1] == {"index": 1, "time_s": 0.033367, "people": []}


def test_no_frames_is_a_document_too(tmp_path: Path) -> None:
    dump(tmp_path / "a.json", HEADER, [])
    assert load(tmp_path / "a.json").frames == []


def test_nothing_is_left_after_an_error_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="half way"), writing(path, HEADER) as write:
        write(FRAMES[0])
        raise RuntimeError("half way")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("no json", "this is not a JSON file"),
        ("[1, 2]", "does not hold hourlift's poses"),
        ('{"schema": "other"}', "does not hold hourlift's poses"),
        ('{"schema": "hourlift-poses", "schema_version": 2}', "schema version 2 cannot be read, only 1"),
        ('{"schema": "hourlift-poses", "schema_version": 1, "joint_names": ["nose"]}', "joints are not those of"),
    ],
)
def test_files_of_others_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=f"a.json: .*{complaint}"):
        load(tmp_path / "a.json")


@pytest.mark.parametrize("key", ["camera", "frames", "image_wh", "fps", "source"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    document = json.loads(dumps(HEADER, FRAMES))
    del document[key]
    (tmp_path / "a.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=f"a.json: a value is missing or malformed.*{key}"):
        load(tmp_path / "a.json")


def test_the_documented_example_is_valid_and_complete(tmp_path: Path) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "example.json").write_text(example, encoding="utf-8")
    read = load(tmp_path / "example.json")
    assert len(read.frames) == 2
    written = json.loads(dumps(read.header, read.frames))
    documented = json.loads(example)
    assert documented.keys() == written.keys()
    assert documented["frames"] == written["frames"]
    assert documented["conventions"] == written["conventions"]
    text = DOCS.read_text(encoding="utf-8")
    person = written["frames"][0]["people"][0]
    for key in (*written, *written["camera"], *written["frames"][0], *person):
        assert f"`{key}`" in text, f"docs/formats.md does not explain {key}"


def test_spread_is_kept_where_it_is_known(tmp_path: Path) -> None:
    person = random_pose(0, spread_mm=[*np.linspace(0, 90, 16), np.nan])
    dump(tmp_path / "a.json", HEADER, [PoseFrame(index=0, time_s=0.0, people=[person, random_pose(1)])])
    first, second = load(tmp_path / "a.json").frames[0].people
    assert first.spread_mm is not None and second.spread_mm is None
    np.testing.assert_allclose(first.spread_mm, person.spread_mm, atol=0.06)
    text = re.sub(r',"spread_mm":(null|\[[^]]*\])', "", (tmp_path / "a.json").read_text())
    assert "spread_mm" not in text.split('"frames"')[1]
    (tmp_path / "old.json").write_text(text)  # as it was written before the key was there
    assert all(person.spread_mm is None for person in load(tmp_path / "old.json").frames[0].people)


def test_a_full_disk_leaves_the_frames_that_had_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(OSError, match="No space left") as caught, writing(path, HEADER) as write:
        for i in range(5):
            write(PoseFrame(index=i, time_s=float(i)))
            if i == 3:
                write._stream.flush()
                write._stream.write(',\n{"index":4,"ti')  # as far as there was room
                write._stream.flush()
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(path)
    document = load(path)
    assert [frame.index for frame in document.frames] == [0, 1, 2, 3]
    assert document.header.incomplete == "the disk is full"
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_what_is_incomplete_and_damaged_comes_back(tmp_path: Path) -> None:
    header = replace(HEADER, incomplete="interrupted", source_id="dance-1")
    dump(tmp_path / "a.json", header, [PoseFrame(index=0, time_s=0.0, damaged=True), PoseFrame(index=1, time_s=1.0)])
    document = load(tmp_path / "a.json")
    assert document.header == header
    assert [frame.damaged for frame in document.frames] == [True, False]
    assert read_source_id(tmp_path / "a.json") == "dance-1"
    assert read_source_id(tmp_path / "missing.json") is None


def test_memory_hardly_grows_with_the_length_of_what_is_read(tmp_path: Path) -> None:
    """A long document takes hardly more memory than a short one, and holds the same."""
    peaks = []
    for count in (600, 6000):
        poses = [random_pose(seed) for seed in range(10)]
        with writing(tmp_path / "a.json", HEADER) as write:
            for i in range(count):
                write(PoseFrame(index=i, time_s=i / 25, people=[poses[i % 10]]))
        tracemalloc.start()
        document = load(tmp_path / "a.json")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(document.frames) == count
        last = document.frames[count - 1]
        assert (last.index, last.time_s) == (count - 1, (count - 1) / 25)
        np.testing.assert_allclose(last.people[0].joints_3d_mm, poses[9].joints_3d_mm, atol=0.051)
    assert peaks[1] < peaks[0] + 2_000_000


@pytest.mark.parametrize("layout", [{"indent": 1}, {"separators": (",", ":")}, {}])
def test_other_layouts_of_the_same_document_are_read(tmp_path: Path, layout: dict[str, object]) -> None:
    text = dumps(HEADER, [PoseFrame(index=0, time_s=0.0, people=[random_pose(0)]), PoseFrame(index=1, time_s=1.0)])
    (tmp_path / "a.json").write_text(json.dumps(json.loads(text), **layout))
    (tmp_path / "ours.json").write_text(text)
    one, other = load(tmp_path / "a.json"), load(tmp_path / "ours.json")
    assert one.header == other.header
    assert [frame.time_s for frame in one.frames] == [0.0, 1.0]
    np.testing.assert_array_equal(one.frames[0].people[0].joints_2d_px, other.frames[0].people[0].joints_2d_px)
