"""Formats by the end of a file's name."""

import importlib.util
from pathlib import Path
from typing import Any, get_args

import pytest

from hourlift.formats.table import FORMATS, FormatName, format_of, load_poses, write_poses


@pytest.mark.parametrize(
    ("name", "module"),
    [
        *(("a.json", "json"), ("a.coco.json", "coco"), ("A.B.BVH", "bvh"), ("a.glb", "gltf"), ("x/a.c3d", "c3d")),
        *(("a.trc", "trc"), ("a.csv", "csv"), ("a.npz", "npz")),
    ],
)
def test_format_of(name: str, module: str) -> None:
    assert format_of(name).module == module


def test_unknown_endings_are_told_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"a.fbx: the name .* ends in .json, .csv, .npz, .bvh, .trc, .c3d, .glb, .coco.json"
    ):
        format_of("a.fbx")
    with pytest.raises(
        ValueError, match=r"a.bvh: .bvh files cannot be read, only written; .json and .npz files can be read"
    ):
        load_poses("a.bvh")


def test_the_table_is_complete() -> None:
    assert tuple(FORMATS) == get_args(FormatName)
    for wanted in FORMATS.values():
        module = wanted.load_module()
        assert callable(module.write)
        assert hasattr(module, "load") == wanted.readable


def test_a_missing_package_is_named(truth: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"need the package ezc3d: pip install 'hourlift\[formats\]'"):
        write_poses(tmp_path / "a.c3d", truth.document_of())


def test_the_old_file_stays_after_an_error(truth: Any, tmp_path: Path) -> None:
    for name in FORMATS:
        file = tmp_path / f"a{FORMATS[name].suffix}"
        file.write_text("old")
        document = truth.document_of(truth.joints_of(truth.random_directions(2, seed=0)))
        document.frames.reverse()  # times run backwards
        if name == "json":  # takes what it gets
            write_poses(file, document)
            continue
        with pytest.raises(ValueError, match="not later than the frame before"):
            write_poses(file, document)
        assert file.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == len(FORMATS)


def test_json_and_npz_lead_to_the_same(truth: Any, tmp_path: Path) -> None:
    document = truth.document_of(truth.joints_of(truth.random_directions(3, seed=0)))
    write_poses(tmp_path / "a.json", document)
    write_poses(tmp_path / "a.npz", load_poses(tmp_path / "a.json"))
    write_poses(tmp_path / "b.json", load_poses(tmp_path / "a.npz"))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_what_is_too_long_for_a_file_goes_on_in_others(
    truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    monkeypatch.setitem(FORMATS, "c3d", FORMATS["c3d"]._replace(max_frames=4))
    document = truth.document_of(truth.joints_of(truth.random_directions(10, seed=0)))
    files = write_poses(tmp_path / "a.c3d", document)
    counts = [ezc3d.c3d(str(file))["data"]["points"].shape[2] for file in files]
    assert sum(counts) == len(document.frames) and max(counts) <= 4
    assert [file.name for file in files][:2] == ["a.c3d", "a.part-2.c3d"]
    assert f"{len(document.frames)} frames are split into {len(files)} files" in caplog.text
