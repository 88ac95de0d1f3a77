"""Plots of joint angles over time, for sport and clinic; needs Matplotlib, from hourlift[plots]."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError
from hourlift.formats.angles import AngleTrack
from hourlift.formats.atomic import replacing
from hourlift.formats.text import plain
from hourlift.geometry.angles import ANGLES, Angle
from hourlift.geometry.skeleton_style import INK_RGB, LEFT_INK_RGB, RIGHT_INK_RGB, Side, side_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_Dash = Literal["-"] | tuple[float, tuple[float, float]]

PLOT_SUFFIXES = (".png", ".svg", ".pdf")

_COLUMNS = 3
_PANEL_INCHES = 4.2, 2.6
_LEAST_SPAN_DEG = 30.0  # a smaller range would magnify noise
_DASHES: dict[Side, _Dash] = {"left": "-", "right": (0, (5, 1.2)), "centre": "-"}
_INKS = {"left": LEFT_INK_RGB, "right": RIGHT_INK_RGB, "centre": INK_RGB}


def check_plot(file: Path) -> None:
    """Check early what would fail later.

    Raises:
        ValueError: Matplotlib is not installed, or the file's name has a suffix that it cannot write.
    """
    if file.suffix.lower() not in PLOT_SUFFIXES:
        raise UserError(f"{file}: the name of a plot ends in {', '.join(PLOT_SUFFIXES)}")
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(f"plots need the package {error.name}: pip install 'hourlift[plots]'") from error


def plot_angles(track: AngleTrack, file: Path, title: str) -> None:
    """Draw every angle over time, left and right in one panel, with gaps where an angle is unknown.

    Left is a solid blue line, right a dashed orange one, so that they differ without colour, too.

    Args:
        track: the person's angles.
        file: .png, .svg or .pdf file, written atomically; its folder exists.
        title: text above the panels.

    Raises:
        ValueError: as `check_plot`.
        OSError: the file cannot be written.
    """
    check_plot(file)
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    rows = math.ceil(len(ANGLES) / _COLUMNS)
    size = _PANEL_INCHES[0] * _COLUMNS, _PANEL_INCHES[1] * rows + 0.7
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, sharex=True)
    for panel, angle in zip(panels.flat, ANGLES, strict=True):
        _draw_panel(panel, angle, track)
    for panel in panels[-1]:
        panel.set_xlabel("time, s")
    handles = [Line2D([], [], color=_ink(side), linestyle=_DASHES[side], label=side) for side in ("left", "right")]
    figure.legend(handles=handles, loc="outside upper right", ncols=2, frameon=False)
    figure.suptitle(plain(title), x=0.01, ha="left", fontsize="large", parse_math=False)
    with replacing(file) as temporary:
        figure.savefig(temporary, dpi=110)


def _draw_panel(panel: "Axes", angle: Angle, track: AngleTrack) -> None:
    """One angle's curves."""
    drawn = []
    for key in angle.keys:
        side, degrees = side_of(key), track.degrees[key]
        panel.plot(track.times_s, _broken_at_turns(degrees), color=_ink(side), linestyle=_DASHES[side], linewidth=1.5)
        alone = _alone(degrees)  # a line needs two points: draw single values between gaps as markers
        panel.plot(track.times_s[alone], degrees[alone], ".", color=_ink(side), markersize=4)
        drawn.append(degrees[np.isfinite(degrees)])
    panel.set_title(f"{angle.title}, °", loc="left", fontsize="medium")
    panel.text(1, 1.02, angle.sign, transform=panel.transAxes, ha="right", va="bottom", fontsize="x-small", color="0.4")
    panel.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    panel.grid(color="0.9", linewidth=0.8)
    panel.spines[["top", "right"]].set_visible(False)
    panel.set_ylim(*_limits(np.concatenate(drawn)))
    if len(track.times_s) > 1:
        panel.set_xlim(float(track.times_s[0]), float(track.times_s[-1]))
    if not any(map(len, drawn)):
        panel.text(0.5, 0.5, "unknown", transform=panel.transAxes, ha="center", va="center", color="0.4")


def _limits(degrees: NDArray[np.float64]) -> tuple[float, float]:
    """From the smallest to the largest angle with a margin, at least `_LEAST_SPAN_DEG`."""
    low, high = (float(degrees.min()), float(degrees.max())) if len(degrees) else (0.0, 0.0)
    margin = max(0.06 * (high - low), (_LEAST_SPAN_DEG - (high - low)) / 2)
    return low - margin, high + margin


def _broken_at_turns(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """The curve with a gap where it wraps around its range."""
    broken = degrees.copy()
    broken[1:][np.abs(np.diff(degrees)) > 180] = np.nan
    return broken


def _alone(degrees: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Find values without a known neighbour."""
    known = np.pad(np.isfinite(degrees), 1)
    return np.asarray(known[1:-1] & ~known[:-2] & ~known[2:])


def _ink(side: Side) -> tuple[float, float, float]:
    red, green, blue = _INKS[side]
    return red / 255, green / 255, blue / 255
