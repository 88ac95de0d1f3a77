from pathlib import Path

import pytest

from hourlift.cli import main
from hourlift.media.sources import find_sources, unique_names


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.JPG", "a.png", "c.mp4", "notes.txt", ".hidden.jpg", "a.overlay.jpg", "c.overlay.mp4", "deep/d.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_its_pictures_and_videos_but_not_our_results(folder: Path) -> None:
    sources, complaints = find_sources([str(folder)])
    assert [(Path(s.label).name, s.kind) for s in sources] == [
        ("a.png", "photo"),
        ("b.JPG", "photo"),
        ("c.mp4", "video"),
    ]
    assert complaints == []


def test_what_a_folder_leaves_out_is_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    find_sources(["."])
    (said,) = caplog.messages
    assert said == (
        ".: left out: hidden: .hidden.jpg; results of hourlift: a.overlay.jpg, c.overlay.mp4; "
        "folders in it: deep; no images or videos: notes.txt"
    )


def test_an_empty_name_is_an_error(folder: Path) -> None:
    assert find_sources([""]) == ([], ["a source's name is empty"])
    assert main(["predict", "", "-o", "out"]) == 2
    assert not (folder / "out").exists()


def test_patterns_and_repeats(folder: Path) -> None:
    sources, _ = find_sources(["**/*.jpg", "a.png", "*.png", "notes.txt"])
    assert [s.label for s in sources] == ["a.overlay.jpg", "deep/d.jpg", "a.png", "notes.txt"]
    assert sources[-1].kind == "video"  # PyAV may know what it is; its name does not say


def test_a_name_with_brackets_is_a_file_before_it_is_a_pattern(folder: Path) -> None:
    (folder / "scan[1].jpg").touch()
    sources, complaints = find_sources(["scan[1].jpg"])
    assert [s.label for s in sources] == ["scan[1].jpg"]
    assert complaints == []


def test_webcams() -> None:
    (source,), _ = find_sources(["webcam:2"])
    assert (source.kind, source.webcam_number, source.name) == ("webcam", 2, "webcam-2")


def test_what_is_not_there(folder: Path) -> None:
    (folder / "empty").mkdir()
    sources, complaints = find_sources(["missing.jpg", "*.gif", "empty", "a.png"])
    assert [s.label for s in sources] == ["a.png"]
    assert complaints == [
        "missing.jpg: no such file or folder",
        "*.gif: no file matches this pattern",
        "empty: this folder holds no images or videos",
    ]


def test_names_never_collide() -> None:
    assert unique_names(["a", "b", "a", "A", "a-2", "a"]) == ["a", "b", "a-2", "A-3", "a-2-2", "a-4"]
    assert unique_names(["caf\u00e9", "cafe\u0301"]) == ["caf\u00e9", "cafe\u0301-2"]  # one name on a Mac
