"""Opening files that may be broken or hostile.

Whatever a parser has against a file ends in one ValueError that names the file. Content is checked by whoever asked
for it: only the parser's own failures are caught here, so that a bug of ours still looks like one.
"""

import contextlib
import json
import math
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError

MAX_ARRAY_BYTES = 8 << 30
"""Of all arrays of an NPZ file together, unpacked; Human3.6M's largest files have 2 GiB."""
MAX_JSON_BYTES = 1 << 30
"""Of a JSON file; COCO's largest has 240 MB. Read, it takes up to ten times as much memory."""
_MAX_REASON = 200  # letters


@contextlib.contextmanager
def parsing(path: str | Path, what: str, *, reason: bool = True) -> Iterator[None]:
    """Around the call of another project's parser, and of nothing else: its exceptions become ours.

    Parsers raise whatever comes up when a file is broken: KeyError, zlib.error, struct.error, MemoryError, and more.

    Args:
        path: the file.
        what: it should be, such as "NPZ file".
        reason: whether the parser's own words are worth telling.

    Raises:
        ValueError: the parser failed; the message, one line, names the file.
        OSError: the file cannot be opened.
        ModuleNotFoundError: the parser is not installed.
    """
    try:
        yield
    except ModuleNotFoundError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        told = " ".join(str(error).split())[:_MAX_REASON] or type(error).__name__
        raise UserError(f"{path} is no whole {what}{f': {told}' if reason else ''}") from error


def parse_json(data: bytes | str, path: str | Path) -> Any:
    """The value of a JSON text.

    Args:
        data: the text; bytes are UTF-8.
        path: of the file that it comes from.

    Raises:
        ValueError: it is no JSON, nested too deeply, or larger than `MAX_JSON_BYTES`; the message names the file.
    """
    if len(data) > MAX_JSON_BYTES:
        raise UserError(f"{path} has {len(data)} bytes; a JSON file of more than {MAX_JSON_BYTES} is not read")
    with parsing(path, "JSON file"):
        return json.loads(data.decode("utf-8") if isinstance(data, bytes) else data)


def read_json(path: str | Path) -> Any:
    """The value of a JSON file.

    Raises:
        ValueError: as `parse_json`.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        return parse_json(file.read(MAX_JSON_BYTES + 1), path)


def read_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """All arrays of an NPZ file by name; none that are pickled.

    Raises:
        ValueError: the file is damaged, holds a pickle, or more than `MAX_ARRAY_BYTES`; the message names the file.
        OSError: it cannot be read.
    """
    with parsing(path, "NPZ file"):
        with zipfile.ZipFile(path) as archive:
            check_size(archive)
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    for name, value in arrays.items():
        if not isinstance(value, np.ndarray):
            raise UserError(f"{path} is damaged: {name!r} is no array")
        if value.dtype.kind == "U" and not _is_text(value):
            raise UserError(f"{path} is damaged: {name!r} holds letters that there are not")
    return arrays


def _is_text(array: NDArray[np.str_]) -> bool:
    """Whether an array holds letters of Unicode only; NumPy reads any four bytes as one."""
    letters = np.frombuffer(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("=")).tobytes(), np.uint32)
    return not len(letters) or int(letters.max()) <= sys.maxunicode


def check_size(archive: zipfile.ZipFile, max_bytes: int = MAX_ARRAY_BYTES) -> None:
    """See that an archive does not unpack to more than that.

    No member unpacks to more than the archive says of it.

    Raises:
        ValueError: it does.
    """
    size = sum(member.file_size for member in archive.infolist())
    if size > max_bytes:
        raise UserError(f"it unpacks to {size} bytes, more than {max_bytes}")


def check_arrays(
    path: str | Path, arrays: Mapping[str, Any], wanted: Mapping[str, tuple[str, tuple[int | None, ...]]]
) -> None:
    """See that a file holds what is expected.

    Args:
        path: the file.
        arrays: its content by name.
        wanted: for each name the dtype kinds that will do, such as "f" or "iu", and the shape; None is any length.

    Raises:
        ValueError: an array is missing, of another kind of numbers, or of another shape; the message says which.
    """
    missing = [name for name in wanted if name not in arrays]
    if missing:
        raise UserError(f"{path} has no {', '.join(missing)}; it has {', '.join(arrays) or 'nothing'}")
    for name, (kinds, shape) in wanted.items():
        value = arrays[name]
        if not isinstance(value, np.ndarray) or value.dtype.kind not in kinds:
            raise UserError(f"{path}: {name} is {getattr(value, 'dtype', type(value).__name__)}, not {_kinds(kinds)}")
        fits = value.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, value.shape, strict=True))
        if not fits:
            told = ", ".join("any" if n is None else str(n) for n in shape)
            raise UserError(f"{path}: {name} is {value.shape}, not ({told})")


def is_number(value: object, low: float = -math.inf, high: float = math.inf) -> bool:
    """Whether a value of JSON is a finite number from low to high; True and False are none."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return low <= value <= high and abs(value) <= sys.float_info.max


def checked_name(name: str) -> str:
    """A file's name as a file's content tells it.

    Raises:
        ValueError: no file can have it.
    """
    if not name or "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
        raise UserError(f"{name!r} is no file's name")
    return name


def _kinds(kinds: str) -> str:
    names = {"f": "float", "i": "integer", "u": "unsigned", "U": "text", "b": "bool", "S": "bytes"}
    return " or ".join(names.get(kind, kind) for kind in kinds)
