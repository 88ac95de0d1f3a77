"""Opening files that may be damaged or malicious.

Any failure of a parser becomes one ValueError that names the file. The content is checked by the caller: only the
parser's failures are caught here, so that our own bugs stay visible.
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
"""Largest total size of an NPZ file's arrays, unpacked; Human3.6M's largest files have 2 GiB."""
MAX_JSON_BYTES = 1 << 30
"""Largest JSON file; COCO's largest has 240 MB. Parsing takes up to ten times as much memory."""
_MAX_REASON = 200  # characters


@contextlib.contextmanager
def parsing(path: str | Path, what: str, *, reason: bool = True) -> Iterator[None]:
    """Wrap a call of another project's parser, and nothing else, to convert its exceptions.

    Parsers of damaged files raise anything: KeyError, zlib.error, struct.error, MemoryError, and more.

    Args:
        path: the file.
        what: expected type, such as "NPZ file".
        reason: whether to include the parser's own message.

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
        message = " ".join(str(error).split())[:_MAX_REASON] or type(error).__name__
        raise UserError(f"{path} is not a valid {what}{f': {message}' if reason else ''}") from error


def parse_json(data: bytes | str, path: str | Path) -> Any:
    """Parse a JSON text.

    Args:
        data: the text; bytes are UTF-8, 16 or 32, with or without a byte order mark.
        path: the file that it comes from.

    Raises:
        ValueError: it is not JSON, nested too deeply, or larger than `MAX_JSON_BYTES`; the message names the file.
    """
    if len(data) > MAX_JSON_BYTES:
        raise UserError(f"{path} has {len(data)} bytes; a JSON file of more than {MAX_JSON_BYTES} is not read")
    with parsing(path, "JSON file"):
        return json.loads(data.decode(json.detect_encoding(data)) if isinstance(data, bytes) else data)


def read_json(path: str | Path) -> Any:
    """Parse a JSON file.

    Raises:
        ValueError: as `parse_json`.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        return parse_json(file.read(MAX_JSON_BYTES + 1), path)


def read_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """All arrays of an NPZ file by name; pickled arrays are refused.

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
            raise UserError(f"{path} is damaged: {name!r} is not an array")
        if value.dtype.kind == "U" and not _is_text(value):
            raise UserError(f"{path} is damaged: {name!r} holds invalid Unicode characters")
    return arrays


def _is_text(array: NDArray[np.str_]) -> bool:
    """Whether an array holds valid Unicode characters only; NumPy accepts any four bytes as one."""
    letters = np.frombuffer(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("=")).tobytes(), np.uint32)
    return not len(letters) or int(letters.max()) <= sys.maxunicode


def check_size(archive: zipfile.ZipFile, max_bytes: int = MAX_ARRAY_BYTES) -> None:
    """Check the unpacked size of an archive.

    A member never unpacks to more than the size stated in the archive.

    Raises:
        ValueError: it is larger than ``max_bytes``.
    """
    size = sum(member.file_size for member in archive.infolist())
    if size > max_bytes:
        raise UserError(f"it unpacks to {size} bytes, more than {max_bytes}")


def check_arrays(
    path: str | Path, arrays: Mapping[str, Any], wanted: Mapping[str, tuple[str, tuple[int | None, ...]]]
) -> None:
    """Check that a file's arrays are as expected.

    Args:
        path: the file.
        arrays: its content by name.
        wanted: for each name the accepted dtype kinds, such as "f" or "iu", and the shape; None is any length.

    Raises:
        ValueError: an array is missing, of another dtype, or of another shape; the message says which.
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
            expected = ", ".join("any" if n is None else str(n) for n in shape)
            raise UserError(f"{path}: {name} is {value.shape}, not ({expected})")


def is_number(value: object, low: float = -math.inf, high: float = math.inf) -> bool:
    """Whether a JSON value is a finite number from low to high; True and False are not numbers."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return low <= value <= high and abs(value) <= sys.float_info.max


def checked_name(name: str) -> str:
    """Check a file name stored in another file.

    Raises:
        ValueError: it is not a possible file name.
    """
    if not name or "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
        raise UserError(f"{name!r} is not a file name")
    return name


def _kinds(kinds: str) -> str:
    names = {"f": "float", "i": "integer", "u": "unsigned", "U": "text", "b": "bool", "S": "bytes"}
    return " or ".join(names.get(kind, kind) for kind in kinds)
