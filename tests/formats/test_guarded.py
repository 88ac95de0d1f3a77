"""Guards against broken and hostile files that fuzzing seldom meets."""

import os
import pickle
import re
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hourlift.data.human36m.restricted_npz import read_pickle
from hourlift.formats import guarded
from hourlift.formats.child import read_in_child
from hourlift.formats.guarded import check_arrays, is_number, parsing, read_arrays, read_json


def crash(path: Path) -> None:
    os.abort()


def hang(path: Path) -> None:
    time.sleep(60)


def devour(path: Path) -> None:
    with parsing(path, "feast"):
        bytearray(64 << 30)


def stumble(path: Path) -> None:
    raise KeyError("a bug")


def refuse(path: Path) -> None:
    print("this is no part of the answer")
    raise ValueError(f"{path} is refused")


def answer(path: Path) -> Any:
    print("this is no part of the answer")
    return {"a": np.arange(3), "name": path.name}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the child import this file's functions."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    for read in (crash, hang, devour, stumble, refuse, answer):
        monkeypatch.setattr(read, "__module__", Path(__file__).stem)


def test_a_child_answers(here: None, tmp_path: Path) -> None:
    content = read_in_child(answer, tmp_path / "a.mat", "MATLAB file")
    assert content["name"] == "a.mat" and content["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (crash, r"a\.mat is not a valid MATLAB file: its reader crashed"),
        (hang, r"a\.mat is not a valid MATLAB file: it was not read in 2 seconds"),
        (devour, r"a\.mat is not a valid feast: MemoryError"),
        (refuse, r"a\.mat is refused$"),
    ],
)
def test_what_goes_wrong_in_a_child_names_the_file(read: Any, says: str, here: None, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=says):
        read_in_child(read, tmp_path / "a.mat", "MATLAB file", max_seconds=2 if read is hang else 60)


def test_a_bug_in_a_child_looks_like_one(here: None, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"KeyError: 'a bug'"):
        read_in_child(stumble, tmp_path / "a.mat", "MATLAB file")


def test_json_may_be_hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    for content in (b"[" * 200_000, b"\xff", b"", b"1" * 10_000, b'{"a": 1'):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.json is not a valid JSON file: "):
            read_json(path)
    monkeypatch.setattr(guarded, "MAX_JSON_BYTES", 10)
    path.write_bytes(b" " * 9 + b"1")
    assert read_json(path) == 1
    path.write_bytes(b" " * 10 + b"1")
    with pytest.raises(ValueError, match=r"a\.json has 11 bytes"):
        read_json(path)


def test_arrays_that_unpack_to_more_than_memory_are_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    member = zipfile.ZipInfo("a.npy")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, b"\0" * 1000)
    central = path.read_bytes().rindex(b"PK\x01\x02")
    data = bytearray(path.read_bytes())
    data[central + 24 : central + 28] = struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(data)
    limit = guarded.MAX_ARRAY_BYTES
    guarded.check_size(zipfile.ZipFile(path), limit)
    with pytest.raises(ValueError, match="it unpacks to 4294967280 bytes, more than 1000"):
        guarded.check_size(zipfile.ZipFile(path), 1000)


def test_pickled_arrays_and_letters_that_there_are_not(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"a\.npz is not a valid NPZ file: Object arrays"):
        read_arrays(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", a=np.full(1, -1, np.int32).view("U1"))
    with pytest.raises(ValueError, match=r"b\.npz is damaged: 'a' holds invalid Unicode"):
        read_arrays(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", a=np.array(["è", "\U0010ffff"]), b=np.zeros((0, 2), "U0"))
    assert read_arrays(tmp_path / "c.npz")["a"].tolist() == ["è", "\U0010ffff"]


def test_a_pickle_does_not_say_how_much_memory_to_take(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"\x80\x02Nr\xff\xff\xff\xff.")  # the four thousand millionth thing to remember
    assert read_pickle(tmp_path / "a.pkl") is None
    (tmp_path / "b.pkl").write_bytes(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 60) + b".")
    with pytest.raises(ValueError, match=r"b\.pkl"):
        read_pickle(tmp_path / "b.pkl")
    (tmp_path / "c.pkl").write_bytes(pickle.dumps({"a": [1, 2]}))
    assert read_pickle(tmp_path / "c.pkl") == {"a": [1, 2]}


def test_arrays_are_checked_by_kind_and_shape() -> None:
    arrays = {"a": np.zeros((3, 2)), "b": np.zeros(3, int)}
    check_arrays("x.npz", arrays, {"a": ("f", (None, 2)), "b": ("iu", (3,))})
    for wanted, says in (
        ({"c": ("f", ())}, "x.npz has no c; it has a, b"),
        ({"a": ("iu", (3, 2))}, "x.npz: a is float64, not integer or unsigned"),
        ({"a": ("f", (None, 3))}, "x.npz: a is (3, 2), not (any, 3)"),
        ({"a": ("f", (6,))}, "x.npz: a is (3, 2), not (6)"),
    ):
        with pytest.raises(ValueError, match=re.escape(says)):
            check_arrays("x.npz", arrays, wanted)


def test_what_is_a_number() -> None:
    assert is_number(1) and is_number(-0.5) and is_number(2, 1, 2)
    assert not any(map(is_number, (True, None, "1", float("nan"), float("inf"), 10**400, -(10**400))))
    assert not is_number(3, 1, 2)


def test_only_the_parsers_failures_are_caught(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), parsing(tmp_path / "a", "file"):
        (tmp_path / "a").read_bytes()
    with pytest.raises(ModuleNotFoundError), parsing(tmp_path / "a", "file"):
        import not_there  # noqa: F401
    with pytest.raises(KeyboardInterrupt), parsing(tmp_path / "a", "file"):
        raise KeyboardInterrupt
    with pytest.raises(ValueError, match=r"a is not a valid file: of two lines$"), parsing(tmp_path / "a", "file"):
        raise OSError("of two\nlines")
