"""C3D: markers over time, the binary format of motion analysis. Millimetres, z up."""

import struct
from pathlib import Path

import numpy as np

from hourlift.errors import UserError
from hourlift.formats.json import PoseFile
from hourlift.formats.tracks import markers

MAX_FRAMES = 65535
_SECTOR = 512  # bytes
_LAST_FRAME_AT, _POINTS_AT = 8, 16  # in the file's header: the last frame's number, the sector where points begin


def write(path: Path, document: PoseFile) -> None:
    """Write all people's joints as points, at a constant frame rate; unknown points are marked invalid.

    Raises:
        NoPersonError: there are no people in the document.
        ValueError: frames are not in temporal order, or there are more than a file can hold.
        OSError: the file cannot be written.
    """
    names, fps, num_frames, places_mm = markers(document)
    if num_frames > MAX_FRAMES:
        raise UserError(f"C3D holds at most {MAX_FRAMES} frames; at a constant rate these are {num_frames}")
    head = _head(path, names, fps, num_frames)
    with path.open("wb") as stream:
        stream.write(head)
        for places in places_mm:
            unknown = np.isnan(places).any(axis=-1, keepdims=True)
            # The fourth number is the residual, negative if the point is invalid.
            points = np.concatenate([np.where(unknown, 0.0, places), np.where(unknown, -1.0, 0.0)], axis=-1)
            stream.write(points.astype("<f4").tobytes())
        stream.write(bytes(_SECTOR - stream.tell() % _SECTOR))


def _head(path: Path, names: list[str], fps: float, num_frames: int) -> bytes:
    """Everything before the points.

    ezc3d holds a file as objects, two kilobytes per frame. Therefore it writes a file of a single frame to ``path``, in
    which the frame counts are then replaced.
    """
    import ezc3d

    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [fps]
    file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    file["parameters"]["POINT"]["LABELS"]["value"] = names
    file["data"]["points"] = np.ones((4, len(names), 1))
    file["data"]["meta_points"]["residuals"] = np.zeros((1, len(names), 1))
    file.add_parameter("POINT", "X_SCREEN", "+X")
    file.add_parameter("POINT", "Y_SCREEN", "+Z")
    file.add_parameter("MANUFACTURER", "SOFTWARE", "hourlift")
    file.write(str(path))
    data = path.read_bytes()
    (first_sector,) = struct.unpack_from("<H", data, _POINTS_AT)
    head = bytearray(data[: (first_sector - 1) * _SECTOR])
    count = struct.pack("<H", num_frames)
    head[_LAST_FRAME_AT : _LAST_FRAME_AT + 2] = count
    parameter = b"\x01FRAMES\x07\x00\x02\x00"  # in group 1, seven bytes to the next one, a number of two bytes
    at = head.index(parameter) + len(parameter)
    head[at : at + 2] = count
    return bytes(head)
