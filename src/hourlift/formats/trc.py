"""TRC: markers over time as text, for OpenSim. Metres, y up; a marker that is not known leaves its cells empty."""

from pathlib import Path

import numpy as np

from hourlift.formats.json import PoseFile
from hourlift.formats.tracks import markers
from hourlift.formats.world import y_up_m

_KEYS = (
    *("DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"),
    *("OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"),
)


def write(path: Path, document: PoseFile) -> None:
    """Write everybody's joints as markers, frames at an even rate.

    Raises:
        NoPersonError: nobody is in the document.
        ValueError: frames are not in order of time.
        OSError: the file cannot be written.
    """
    names, fps, num_frames, places_mm = markers(document)
    rate = f"{fps:.6f}"
    values = [rate, rate, num_frames, len(names), "m", rate, 1, num_frames]
    axes = [f"{axis}{i}" for i in range(1, len(names) + 1) for axis in "XYZ"]
    with path.open("w", encoding="ascii", newline="\n") as stream:
        stream.write(f"PathFileType\t4\t(X/Y/Z)\t{_ascii(Path(document.header.source).stem)}.trc\n")
        stream.write("\t".join(_KEYS) + "\n" + "\t".join(map(str, values)) + "\n")
        stream.write("Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t\n")
        # As many fields as the rows have: pandas would else take the frame's number for an index.
        stream.write("\t\t" + "\t".join(axes) + "\t\n\n")
        rows = (row for block in places_mm for row in y_up_m(block).reshape(len(block), 3 * len(names)))
        for i, row in enumerate(rows):
            cells = ["" if np.isnan(value) else f"{value + 0.0:.5f}" for value in row]
            # OpenSim's reader loses a last cell that is empty, unless a tab follows.
            stream.write("\t".join([str(i + 1), f"{i / fps:.6f}", *cells]) + "\t\n")


def _ascii(name: str) -> str:
    """A name in the characters that all readers of such files know, without blanks."""
    return "".join(c if c.isascii() and c.isprintable() and not c.isspace() else "_" for c in name) or "_"
