"""CDF files, opened so that a broken one neither keeps the reader busy for ever nor fills the memory.

A CDF file is a net of records that point to each other by their places. `cdflib` follows them and believes what they
say. So what it counts by is checked before, and of a file only a few times its size can be read.
"""

import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from hourlift.errors import UserError
from hourlift.formats.guarded import parsing

MAX_BYTES = 64 << 20
"""Of a CDF file, unpacked; Human3.6M's largest of positions have 5 MB."""
_READ_TIMES, _SMALL_BYTES = 8, 1 << 16  # so often a file is read at most; small ones are read more often
_MAX_RECORDS, _MAX_DIMENSIONS = 1024, 16  # of variables and of attributes; of an array
_VERSION_3, _UNPACKED = b"\xcd\xf3\x00\x01", b"\x00\x00\xff\xff"


def open_cdf(path: Path) -> Any:
    """Open a file as a `cdflib.CDF`.

    What is read from it later can fail in many ways: call it in `hourlift.formats.guarded.parsing`.

    Raises:
        ValueError: it is no CDF file, damaged, larger than `MAX_BYTES`, or cdflib is missing.
        OSError: it cannot be read.
    """
    try:
        import cdflib
    except ModuleNotFoundError as error:
        raise UserError("Human3.6M's CDF files need the package cdflib: pip install 'hourlift[data]'") from error
    with parsing(path, "CDF file"):
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
        _check_records(_unpacked(data))
        cdf = cdflib.CDF(path)
        cdf._f = _EndingFile(cdf._f)
        return cdf


def _unpacked(data: bytes) -> bytes:
    """The file as it is when it is not compressed."""
    if data[4:8] != _UNPACKED:
        wide = 8 if data[:4] == _VERSION_3 else 4
        start = 8 + 3 * wide + 8  # size, type, place of the parameters, unpacked size, reserved
        data = data[:4] + _UNPACKED + zlib.decompressobj(wbits=47).decompress(data[start:], MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UserError(f"it has more than {MAX_BYTES} bytes")
    return data


def _check_records(data: bytes) -> None:
    """See that there are no more variables, attributes and dimensions than a file can have.

    Raises:
        ValueError: there are.
    """
    wide, letters = (8, 256) if data[:4] == _VERSION_3 else (4, 64)  # of a place, and of a variable's name

    def number(place: int, size: int) -> int:
        if not 0 <= place <= len(data) - size:
            raise UserError(f"a record lies at {place}, but the file has {len(data)} bytes")
        return int.from_bytes(data[place : place + size], "big", signed=True)

    def check(what: str, count: int, most: int) -> None:
        if not 0 <= count <= most:
            raise UserError(f"it has {count} {what}")

    whole = number(8 + wide + 4, wide)  # the record that describes the whole file
    first_variables = (number(whole + wide + 4, wide), number(whole + 2 * wide + 4, wide))
    counts = [number(whole + 5 * wide + 4 + 4 * i, 4) for i in range(5)]
    num_r, num_attributes, _, num_dimensions, num_z = counts
    check("attributes", num_attributes, _MAX_RECORDS)
    check("dimensions", num_dimensions, _MAX_DIMENSIONS)
    for count, place in zip((num_r, num_z), first_variables, strict=True):
        check("variables", count, _MAX_RECORDS)
        for _ in range(count):
            check("dimensions", number(place + 5 * wide + 44 + letters, 4), _MAX_DIMENSIONS)
            place = number(place + wide + 4, wide)


class _EndingFile:
    """A file of which only so much can be read: records that point to each other in a circle never end.

    It stands in for the file of a `cdflib.CDF`, which follows the records.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _READ_TIMES * (file.seek(0, os.SEEK_END) + _SMALL_BYTES)

    def read(self, size: int = -1) -> bytes:
        """Read, and count what is read, and that it is."""
        data = self._file.read(size)
        self._left -= len(data) + 1
        if self._left < 0:
            raise UserError("its records go in a circle")
        return data

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        return self._file.seek(place, whence)

    def close(self) -> None:
        """Close it."""
        self._file.close()
