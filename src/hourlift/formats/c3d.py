"""C3D: markers over time as the binary file of motion analysis. Millimetres, z up."""

from pathlib import Path

import numpy as np

from hourlift.formats.json import PoseFile
from hourlift.formats.tracks import even_frames, markers


def write(path: Path, document: PoseFile) -> None:
    """Write everybody's joints as points, frames at an even rate; unknown points are marked invalid.

    Raises:
        NobodyError: nobody is in the document.
        ValueError: frames are not in order of time.
        OSError: the file cannot be written.
    """
    import ezc3d

    names, places_mm = markers(document)
    shown, fps = even_frames(document)
    points = places_mm[shown].transpose(2, 1, 0)
    unknown = np.isnan(points).any(axis=0)
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [fps]
    file["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    file["parameters"]["POINT"]["LABELS"]["value"] = names
    file["data"]["points"] = np.concatenate([np.where(unknown, 0.0, points), np.ones_like(points[:1])])
    file["data"]["meta_points"]["residuals"] = np.where(unknown, -1.0, 0.0)[None]
    file.add_parameter("POINT", "X_SCREEN", "+X")
    file.add_parameter("POINT", "Y_SCREEN", "+Z")
    file.add_parameter("MANUFACTURER", "SOFTWARE", "hourlift")
    file.write(str(path))
