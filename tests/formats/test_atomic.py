import os
import time
from pathlib import Path

import pytest

from hourlift.formats.atomic import new_folder, replacing


def test_the_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".mp4"  # writers that go by the suffix still work
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "no" / "a.txt") as temporary:
        temporary.write_text("x")


def test_a_folder_appears_when_the_block_ends(tmp_path: Path) -> None:
    for path in (tmp_path / "deep" / "new", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with new_folder(path) as temporary:
            (temporary / "a.txt").write_text("x")
            assert not (path / "a.txt").exists()
        assert (path / "a.txt").read_text() == "x"
        assert list(path.parent.glob(".*")) == []


def test_an_error_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "new") as temporary:
        (temporary / "a.txt").write_text("x")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.txt").touch()
    for path in (tmp_path / "full", tmp_path / "full" / "a.txt"):
        with pytest.raises(ValueError, match="exists already"), new_folder(path):
            pass
    assert len(list(tmp_path.rglob("*"))) == 2


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_killed_runs_left_goes_when_the_same_is_written_again(tmp_path: Path, is_folder: bool) -> None:
    target = tmp_path / ("people[1]" if is_folder else "people[1].json")
    suffix = "" if is_folder else ".json"

    def left_by(process: int, hours: float, name: str = "people[1]") -> Path:
        leftover = tmp_path / f".{name}.{process}.part{suffix}"
        file = leftover / "0.png" if is_folder else leftover
        file.parent.mkdir(exist_ok=True)
        file.write_text("half")
        for path in {file, leftover}:
            os.utime(path, (time.time() - 3600 * hours,) * 2)
        return leftover

    own, old, young = left_by(os.getpid(), 0.0), left_by(7, 2.0), left_by(8, 0.5)
    other = left_by(9, 2.0, "people1")
    with new_folder(target) if is_folder else replacing(target) as temporary:
        assert temporary == own and not old.exists()
        (temporary / "0.png" if is_folder else temporary).write_text("whole")
    assert young.exists() and other.exists()  # a person may be at it; another one's
    assert not own.exists() and target.exists()
