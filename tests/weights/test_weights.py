"""The manifest, and what happens when files and manifest disagree."""

import json
from pathlib import Path

import pytest

from hourlift import weights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    entries = {}
    for name, kind in (("hourglass-fast", "hourglass"), ("hourglass-best", "hourglass"), ("lifter", "lifter")):
        file = tmp_path / f"{name}.onnx"
        file.write_bytes(name.encode())
        entries[name] = {
            "file": file.name,
            "sha256": weights.sha256(file),
            "kind": kind,
            "default": name[-4:] != "best",
        }
    (tmp_path / "manifest.json").write_text(json.dumps(entries))
    return tmp_path


def test_a_name_becomes_a_verified_path(folder: Path) -> None:
    assert weights.path("hourglass-best", folder) == folder / "hourglass-best.onnx"
    assert weights.manifest(folder)["lifter"].kind == "lifter"


def test_a_tampered_file_is_rejected(folder: Path) -> None:
    file = folder / "lifter.onnx"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(ValueError, match=r"lifter\.onnx is damaged"):
        weights.path("lifter", folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "lifter.onnx").unlink()
    with pytest.raises(ValueError, match=r"lifter\.onnx is missing"):
        weights.path("lifter", folder)


def test_an_unknown_name_lists_the_known(folder: Path) -> None:
    with pytest.raises(ValueError, match="'resnet'.*hourglass-fast, hourglass-best, lifter"):
        weights.path("resnet", folder)


def test_a_file_of_ones_own_is_taken_as_it_is(folder: Path) -> None:
    own = folder / "mine.ONNX"
    with pytest.raises(ValueError, match="does not exist"):
        weights.path(own, folder)
    own.write_bytes(b"anything")
    assert weights.path(str(own), folder) == own


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"a": 1}', '{"a": {"file": "a.onnx"}}', '{"a": {"file": "a", "sha256": "b", "kind": "car"}}'],
)
def test_a_broken_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json"):
        weights.path("lifter", tmp_path)


def test_an_incomplete_installation_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"manifest\.json is missing"):
        weights.path("lifter", tmp_path)


def test_every_shipped_model_is_whole_and_has_its_card() -> None:
    for name, model in weights.manifest().items():
        assert weights.path(name) == model.file
        card = model.file.with_name(f"{name.removesuffix('.int8')}.md")  # a twin's is that of its model
        assert card.is_file(), f"{name} has no model card"
