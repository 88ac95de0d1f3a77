"""Read pickled NumPy data without executing any of its content.

`numpy.load(..., allow_pickle=True)` and `pickle.load` execute arbitrary code from a file. The published files of
Human3.6M need almost none of that: only dictionaries, lists, numbers, text, and arrays of numbers. The names that
NumPy's pickles refer to are mapped to functions of this module, which build an array from its bytes. Every other
name is refused before it is used.
"""

import ast
import math
import pickle
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hourlift.errors import UserError
from hourlift.formats.guarded import check_size

_TYPES = re.compile(r"[biufcSUO]\d+")
_MAGIC = b"\x93NUMPY"
_DAMAGE = (
    *(pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ValueError),
    *(OverflowError, MemoryError, RecursionError, ImportError, SyntaxError, zipfile.BadZipFile, NotImplementedError),
    *(zlib.error, struct.error, tokenize.TokenError, SystemError, AssertionError),
)


def read_npz(path: str | Path) -> dict[str, Any]:
    """Read all arrays of an .npz file, object arrays with the restricted reader.

    Returns:
        Arrays by name. An object array of no dimensions is replaced by its object, as `.item()` returns it.

    Raises:
        ValueError: The file is damaged, or would execute code. The message names the file.
        OSError: The file cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_size(archive)
            members = [name for name in archive.namelist() if name.endswith(".npy")]
            return {name.removesuffix(".npy"): _read_member(archive, name) for name in members}
    except _DAMAGE as error:
        raise _refusal(path, error) from error
    except OSError as error:
        if error.filename is not None:
            raise
        raise _refusal(path, error) from error  # the archive refers to offsets beyond the end of the file


def read_pickle(path: str | Path) -> Any:
    """Read a pickle of containers, numbers, text and arrays.

    Raises:
        ValueError: The file is damaged, or would execute code. The message names the file.
        OSError: The file cannot be read.
    """
    with open(path, "rb") as file:
        try:
            return _load(file)
        except _DAMAGE as error:
            raise _refusal(path, error) from error


def _refusal(path: str | Path, error: BaseException) -> UserError:
    if isinstance(error, _ForbiddenError):
        return UserError(f"{path} wants {error} to be called, which no data set needs: it is not read")
    return UserError(f"{path} is damaged or not what its name says: {str(error) or type(error).__name__}")


def _read_member(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as file:
        magic = file.read(8)
        if magic[:6] != _MAGIC:
            raise UserError(f"{name} is no array")
        length = int.from_bytes(file.read(2 if magic[6] == 1 else 4), "little")
        header = ast.literal_eval(file.read(length).decode("utf-8"))
        if "O" in str(header["descr"]):
            return _load(file)
    with archive.open(name) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _load(file: Any) -> Any:
    return _finished(_RestrictedUnpickler(file, encoding="latin1").load())


class _ForbiddenError(pickle.UnpicklingError):
    """A pickle refers to a name that is not allowed."""


class _Name:
    """Stands for a function or class that a pickle names. A pickle can only call it."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: object) -> None:
        raise _ForbiddenError("an assignment")


class _Dtype:
    """A pickled number type: first its name, such as "f4", then (version, byte order, ...)."""

    __slots__ = ("_name", "_order")

    def __init__(self, name: str, align: bool = False, copy: bool = False) -> None:
        if not isinstance(name, str) or _TYPES.fullmatch(name) is None:
            raise _ForbiddenError(f"the array type {name!r}")
        self._name, self._order = name, "|"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise _ForbiddenError("an array type of several fields")
        self._order = state[1]

    @property
    def value(self) -> np.dtype[Any]:
        return np.dtype(self._order + self._name if self._name[0] != "O" else "O")


class _Array:
    """A pickled array: (version, shape, type, whether in Fortran order, bytes or a list)."""

    __slots__ = ("dtype", "items", "order", "shape")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, dtype, fortran, self.items = state
        if not isinstance(dtype, _Dtype):
            raise UserError("an array without a type")
        self.dtype, self.order = dtype.value, "F" if fortran else "C"

    def finished(self, finish: Callable[[Any], Any]) -> Any:
        """Return the array; an object array of no dimensions returns its object."""
        if self.dtype.hasobject:
            if not isinstance(self.items, list) or len(self.items) != math.prod(self.shape):
                raise UserError("an array of objects that are not there")
            if self.shape == ():
                return finish(self.items[0])
            array = np.empty(len(self.items), dtype=object)
            for i, item in enumerate(self.items):
                array[i] = finish(item)
        else:
            array = np.frombuffer(_bytes(self.items), self.dtype)
        return array.reshape(self.shape, order=self.order)  # type: ignore[call-overload]


def _reconstruct(subtype: Any, shape: Any, code: Any) -> _Array:
    if subtype is not _NAMES["numpy", "ndarray"]:
        raise _ForbiddenError("an array of another kind")
    return _Array()


def _from_buffer(buffer: Any, dtype: Any, shape: tuple[int, ...], order: str) -> _Array:
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", buffer))
    return array


def _scalar(dtype: _Dtype, data: Any) -> Any:
    if dtype.value.hasobject:
        raise _ForbiddenError("a single object")
    return np.frombuffer(_bytes(data), dtype.value)[0]


def _encode(text: str, encoding: str) -> bytes:
    return text.encode("latin1")  # pickles of Python 2's protocol store bytes like this


def _nothing(*arguments: Any) -> Any:
    raise _ForbiddenError("an array without bytes")


def _bytes(data: Any) -> bytes:
    return data.encode("latin1") if isinstance(data, str) else bytes(memoryview(data))


_FUNCTIONS: dict[str, Callable[..., Any]] = {"_reconstruct": _reconstruct, "scalar": _scalar}
_NAMES: dict[tuple[str, str], _Name] = {
    ("numpy", "ndarray"): _Name(_nothing),
    ("numpy", "dtype"): _Name(_Dtype),
    ("_codecs", "encode"): _Name(_encode),
    ("__builtin__", "bytes"): _Name(lambda: b""),  # empty bytes: old protocols have no other way to write them
    **{(f"numpy.{core}.multiarray", n): _Name(f) for core in ("core", "_core") for n, f in _FUNCTIONS.items()},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Name(_from_buffer) for core in ("core", "_core")},
}


class _RestrictedUnpickler(pickle._Unpickler):
    """Accepts only the names above. Uses Python's unpickler: the C one allocates whatever size the file states."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise _ForbiddenError(f"{module}.{name}")
        return _NAMES[module, name]


def _finished(value: Any) -> Any:
    """Return the unpickled object with arrays in place of their stand-ins."""
    done: dict[int, Any] = {}  # the same object may be referenced a million times

    def finish(value: Any) -> Any:
        if id(value) not in done:
            done[id(value)] = _build(value, finish)
        return done[id(value)]

    return finish(value)


def _build(value: Any, finish: Callable[[Any], Any]) -> Any:
    if isinstance(value, _Array):
        return value.finished(finish)
    if isinstance(value, _Dtype):
        return value.value
    if isinstance(value, _Name):
        raise UserError("a function in place of data")
    if isinstance(value, dict):
        return {finish(key): finish(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(finish(item) for item in value)
    return value
