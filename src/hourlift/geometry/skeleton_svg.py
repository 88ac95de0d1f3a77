"""A skeleton as a small SVG drawing, for notebooks."""

import numpy as np
from numpy.typing import NDArray

from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.skeleton_style import LEFT_INK_RGB, RIGHT_INK_RGB, side_of

_SIZE_PX, _MARGIN_PX = 180.0, 10.0
_INK = {"left": LEFT_INK_RGB, "right": RIGHT_INK_RGB, "centre": (110, 112, 120)}


def skeleton_svg(joints_mm: NDArray[np.floating]) -> str:
    """Draws a person from the front and from the side.

    Args:
        joints_mm: (17, 3) joints in camera axes: x right, y down, z forward; unknown ones are NaN.

    Returns:
        An `<svg>` element: the camera's view on the left, the view from 90 degrees beside it.
    """
    views = [joints_mm[:, [0, 1]], joints_mm[:, [2, 1]]]
    known = np.isfinite(joints_mm).all(axis=1)
    span = max((np.ptp(view[known], axis=0).max() for view in views if known.any()), default=1.0) or 1.0
    lines = []
    for column, view in enumerate(views):
        middle = (view[known].min(axis=0) + view[known].max(axis=0)) / 2 if known.any() else np.zeros(2)
        points = (view - middle) * ((_SIZE_PX - 2 * _MARGIN_PX) / span) + _SIZE_PX / 2
        points[:, 0] += column * _SIZE_PX
        for joint, parent in enumerate(H36M17.parents):
            if parent >= 0 and known[joint] and known[parent]:
                (x0, y0), (x1, y1) = points[parent], points[joint]
                r, g, b = _INK[side_of(H36M17.joint_names[joint])]
                lines.append(
                    f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" '
                    f'stroke="rgb({r},{g},{b})" stroke-width="3" stroke-linecap="round"/>'
                )
    width, height = 2 * _SIZE_PX, _SIZE_PX
    return f'<svg width="{width:.0f}" height="{height:.0f}" xmlns="http://www.w3.org/2000/svg">{"".join(lines)}</svg>'
