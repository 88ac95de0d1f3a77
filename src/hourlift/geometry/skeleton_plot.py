"""Skeletons as a 3D drawing by Matplotlib, for notebooks; needs hourlift[plots]."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.skeleton_style import INK_RGB, LEFT_INK_RGB, RIGHT_INK_RGB, Side, limb_sides, weight

if TYPE_CHECKING:
    from mpl_toolkits.mplot3d import Axes3D

_INKS: dict[Side, tuple[int, int, int]] = {"left": LEFT_INK_RGB, "right": RIGHT_INK_RGB, "centre": INK_RGB}
_GRID_MM = 500.0
_GRID_COLOUR = "0.85"
_LIMB_POINTS, _RIM_POINTS = 4.5, 1.6  # widths of lines
_VIEW_DEG = {"elev": 10.0, "azim": -84.0}  # nearly as the camera saw it, a little from above
_HEIGHT_INCHES, _MAX_ASPECT = 4.0, 2.6


def plot_skeletons(
    joints_mm: NDArray[np.floating],
    confidence: NDArray[np.floating],
    labels: Sequence[str] = (),
    ax: "Axes3D | None" = None,
) -> "Axes3D":
    """Draw skeletons on a floor with a grid of half a metre: left limbs blue, right ones vermilion.

    Args:
        joints_mm: (N, 17, 3) x right, y away from the camera, z up, the floor at z = 0; unknown joints are NaN and are
            not drawn.
        confidence: (N, 17) in [0, 1]: the surer, the stronger a limb is drawn.
        labels: a text on the floor for each skeleton.
        ax: 3D axes to draw into; None makes a figure.

    Returns:
        The axes, with equal scales.

    Raises:
        UserError: Matplotlib is not installed, or no joint is known.
    """
    known = np.isfinite(joints_mm).all(axis=-1)
    if not known.any():
        raise UserError("there is nothing to plot: no joint is known")
    low, high = joints_mm[known].min(axis=0), joints_mm[known].max(axis=0)
    low[:2] = np.floor(low[:2] / _GRID_MM - 0.2) * _GRID_MM
    high[:2] = np.ceil(high[:2] / _GRID_MM + 0.2) * _GRID_MM
    low[2] = min(low[2], 0)
    width_mm, _, height_mm = high - low
    ax = ax or _new_axes(float(width_mm / max(height_mm, 1)))
    _draw_floor(ax, low, high)
    for person_mm, sure in zip(joints_mm, weight(confidence) * known, strict=True):
        _draw_person(ax, person_mm, sure)
    for label, person_mm in zip(labels, joints_mm, strict=False):
        x, y = np.nanmean(person_mm[:, :2], axis=0)
        ax.text(x, y - _GRID_MM / 2, 0, label, ha="center", va="top", color="0.4", fontsize=9)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    ax.set_box_aspect(tuple(high - low), zoom=0.96)
    ax.set_proj_type("ortho")
    ax.view_init(**_VIEW_DEG)
    ax.set_axis_off()
    return ax


def _new_axes(aspect: float) -> "Axes3D":
    """3D axes in a figure for what is `aspect` times as wide as high."""
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError as error:
        raise UserError(f"plots need the package {error.name}: pip install 'hourlift[plots]'") from error
    aspect = float(np.clip(aspect, 1, _MAX_ASPECT))
    figure = plt.figure(figsize=(aspect * _HEIGHT_INCHES, _HEIGHT_INCHES))
    # 3D axes are square: these are as wide as the figure and reach out of it above and below.
    return figure.add_axes((0, 0.5 - aspect / 2, 1, aspect), projection="3d")


def _draw_floor(ax: "Axes3D", low: NDArray[np.floating], high: NDArray[np.floating]) -> None:
    for x in np.arange(low[0], high[0] + 1, _GRID_MM):
        ax.plot([x, x], [low[1], high[1]], [0, 0], color=_GRID_COLOUR, linewidth=0.8, zorder=0)
    for y in np.arange(low[1], high[1] + 1, _GRID_MM):
        ax.plot([low[0], high[0]], [y, y], [0, 0], color=_GRID_COLOUR, linewidth=0.8, zorder=0)


def _draw_person(ax: "Axes3D", joints_mm: NDArray[np.floating], strength: NDArray[np.floating]) -> None:
    """Draw a person's limbs; `strength` (17,) is 0 for a joint that is not drawn."""
    from matplotlib.patheffects import Normal, Stroke

    rim = [Stroke(linewidth=_LIMB_POINTS + _RIM_POINTS, foreground="white"), Normal()]
    for joint, (parent, side) in enumerate(zip(H36M17.parents, limb_sides(), strict=True)):
        alpha = min(strength[joint], strength[parent])
        if parent >= 0 and alpha > 0:
            ends = joints_mm[[parent, joint]].T
            colour = [channel / 255 for channel in _INKS[side]]
            ax.plot(
                *ends,
                color=colour,
                alpha=float(alpha),
                linewidth=_LIMB_POINTS,
                solid_capstyle="round",
                path_effects=rim,
            )
    head = H36M17.index("head")
    if strength[head] > 0:
        ax.scatter(*joints_mm[head], s=170, color=[channel / 255 for channel in INK_RGB], alpha=float(strength[head]))
