"""Open CDF files safely: a broken file can neither loop forever nor exhaust the memory.

A CDF file is a graph of records that refer to each other by file offset. `cdflib` follows the offsets without checks.
This module therefore checks the counts first, and limits how much can be read to a few times the file's size.
"""

import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from hourlift.errors import UserError
from hourlift.formats.guarded import parsing

MAX_BYTES = 64 << 20
"""Limit of an uncompressed CDF file; the largest positions of Human3.6M have 5 MB."""
_READ_TIMES, _SMALL_BYTES = 8, 1 << 16  # limit of reads as a multiple of the file's size; small files may exceed it
_MAX_RECORDS, _MAX_DIMENSIONS = 1024, 16  # of variables and attributes; of an array
_VERSION_3, _UNPACKED = b"\xcd\xf3\x00\x01", b"\x00\x00\xff\xff"


def open_cdf(path: Path) -> Any:
    """Open a file as a `cdflib.CDF`.

    Later reads can fail in many ways: wrap them in `hourlift.formats.guarded.parsing`.

    Raises:
        ValueError: the file is no CDF file, is damaged or larger than `MAX_BYTES`, or cdflib is missing.
        OSError: the file cannot be read.
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
    """Return the uncompressed file."""
    if data[4:8] != _UNPACKED:
        wide = 8 if data[:4] == _VERSION_3 else 4
        start = 8 + 3 * wide + 8  # size, type, offset of the parameters, uncompressed size, reserved
        data = data[:4] + _UNPACKED + zlib.decompressobj(wbits=47).decompress(data[start:], MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UserError(f"it has more than {MAX_BYTES} bytes")
    return data


def _check_records(data: bytes) -> None:
    """Check that the numbers of variables, attributes and dimensions are plausible.

    Raises:
        ValueError: there are too many.
    """
    wide, letters = (8, 256) if data[:4] == _VERSION_3 else (4, 64)  # bytes of an offset, and of a variable's name

    def number(place: int, size: int) -> int:
        if not 0 <= place <= len(data) - size:
            raise UserError(f"a record lies at {place}, but the file has {len(data)} bytes")
        return int.from_bytes(data[place : place + size], "big", signed=True)

    def check(what: str, count: int, most: int) -> None:
        if not 0 <= count <= most:
            raise UserError(f"it has {count} {what}")

    whole = number(8 + wide + 4, wide)  # offset of the record that describes the whole file
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
    """A file with a limit on the bytes read: records that refer to each other in a circle never end.

    It replaces the file of a `cdflib.CDF`, which follows the records.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _READ_TIMES * (file.seek(0, os.SEEK_END) + _SMALL_BYTES)

    def read(self, size: int = -1) -> bytes:
        """Read; count the bytes and check the limit."""
        data = self._file.read(size)
        self._left -= len(data) + 1
        if self._left < 0:
            raise UserError("its records refer to each other in a circle")
        return data

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Seek to an offset."""
        return self._file.seek(place, whence)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
