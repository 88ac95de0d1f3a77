"""Pickled arrays come out as NumPy has them; anything else in a pickle is refused."""

import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hourlift.data.human36m.restricted_npz import read_npz, read_pickle

CONTENT: dict[str, Any] = {
    "S1": {"Walking 1": [np.arange(12, dtype=np.float32).reshape(2, 2, 3), np.zeros((0, 17, 2), np.float64)]},
    "turned": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "swapped": np.arange(3, dtype=">f8"),
    "names": np.array(["a", "bcd"]),
    "several": np.array([[1], "x", None], dtype=object),
    ("S1", "54138969"): (True, 1.5, "text", b"bytes", np.float64(2.5), np.int32(7)),
}


class Malicious:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.what = function, arguments

    def __reduce__(self) -> Any:
        return self.what


def assert_same(ours: Any, theirs: Any) -> None:
    if isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype
        if theirs.dtype == object:
            assert ours.tolist() == theirs.tolist()
        else:
            np.testing.assert_array_equal(ours, theirs)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for our, their in zip(ours, theirs, strict=True):
            assert_same(our, their)
    else:
        assert ours == theirs and type(ours) is type(theirs)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_is_read_as_pickle_reads_it(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(CONTENT, protocol))
    assert_same(read_pickle(tmp_path / "a.pkl"), CONTENT)


def test_an_npz_of_objects_and_numbers(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", positions_3d=CONTENT, plain=np.arange(5), names=np.array(["x", "yz"]))  # type: ignore[arg-type]
    read = read_npz(tmp_path / "a.npz")
    assert list(read) == ["positions_3d", "plain", "names"]
    assert_same(read["positions_3d"], CONTENT)
    assert_same(read["plain"], np.arange(5))
    assert_same(read["names"], np.array(["x", "yz"]))


def test_names_of_an_older_numpy(tmp_path: Path) -> None:
    data = pickle.dumps(np.arange(3.0), 2).replace(b"numpy._core", b"numpy.core")
    (tmp_path / "a.pkl").write_bytes(data)
    np.testing.assert_array_equal(read_pickle(tmp_path / "a.pkl"), np.arange(3.0))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("touch {0}",), "posix.system"),
        (eval, ("open('{0}', 'w')",), "eval"),
        (open, ("{0}", "w"), "open"),
        (np.fromfile, ("{0}",), "numpy.fromfile"),
        (getattr, (np, "load"), "getattr"),
    ],
)
def test_a_malicious_file_is_refused_and_does_nothing(
    tmp_path: Path, function: Any, arguments: tuple[Any, ...], name: str, protocol: int
) -> None:
    touched = tmp_path / "touched"
    filled = [argument.format(touched) if isinstance(argument, str) else "numpy" for argument in arguments]
    data = pickle.dumps(Malicious(function, *filled), protocol)
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(ValueError, match=rf"a\.pkl wants .*{name} to be called, which no data set needs: it is not"):
        read_pickle(tmp_path / "a.pkl")
    array = np.empty((), dtype=object)
    array[()] = {"S1": Malicious(function, *filled)}
    np.savez(tmp_path / "a.npz", positions_3d=array)
    with pytest.raises(ValueError, match=rf"a\.npz wants .*{name} to be called"):
        read_npz(tmp_path / "a.npz")
    assert not touched.exists()


def test_our_own_functions_cannot_be_changed(tmp_path: Path) -> None:
    attack = b"\x80\x04cnumpy.core.multiarray\n_reconstruct\n}\x8c\x05_call\x8c\x01xsb."
    (tmp_path / "a.pkl").write_bytes(attack)
    with pytest.raises(ValueError, match="wants an assignment"):
        read_pickle(tmp_path / "a.pkl")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04",
        b"nonsense",
        pickle.dumps(np.arange(9.0))[:-20],
        pickle.dumps(np.arange(9.0), 4).replace(b"K\x09\x85", b"K\x63\x85"),  # a shape that its bytes do not fill
        b"\x80\x04cnumpy\ndtype\n.",
        b"\x80\x04]\x94h\x00a.",  # a list that holds itself
    ],
)
def test_damaged_files_are_one_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.pkl").write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.pkl is damaged or not what its name says"):
        read_pickle(tmp_path / "a.pkl")


def test_a_half_downloaded_npz(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, a=np.arange(1000))
    (tmp_path / "a.npz").write_bytes(buffer.getvalue()[:-40])
    with pytest.raises(ValueError, match=r"a\.npz is damaged"):
        read_npz(tmp_path / "a.npz")
