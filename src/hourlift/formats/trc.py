"""TRC: markers over time as text, for OpenSim. Metres, y up; cells of an unknown marker are empty."""

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
    """Write all people's joints as markers, at a constant frame rate.

    Raises:
        NoPersonError: there are no people in the document.
        ValueError: frames are not in temporal order.
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
        # As many fields as the rows have: otherwise pandas would read the frame's number as an index.
        stream.write("\t\t" + "\t".join(axes) + "\t\n\n")
        rows = (row for block in places_mm for row in y_up_m(block).reshape(len(block), 3 * len(names)))
        for i, row in enumerate(rows):
            cells = ["" if np.isnan(value) else f"{value + 0.0:.5f}" for value in row]
            # OpenSim's reader drops an empty last cell unless a tab follows.
            stream.write("\t".join([str(i + 1), f"{i / fps:.6f}", *cells]) + "\t\n")


def _ascii(name: str) -> str:
    """A name in characters that all readers of such files accept, without spaces."""
    return "".join(c if c.isascii() and c.isprintable() and not c.isspace() else "_" for c in name) or "_"
