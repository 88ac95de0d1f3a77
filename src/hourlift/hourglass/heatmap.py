"""Joints to heatmaps and back, in numpy and OpenCV.

Points are heatmap pixels (x, y): cell centres at integers, (0, 0) the top-left cell's centre.
`hourlift.geometry.crop.rescale_points` converts between them and crop pixels.
"""

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.errors import UserError

DecodeMethod = Literal["argmax", "quarter", "dark"]

APART_REACH = 1 / 16
"""Distance, over the heatmap's side, below which two peaks of a pair are on one limb."""
APART_ODDS = 4.0
"""Likelihood ratio of the best to the next position above which two joints may be found on one limb."""

_MAX_STEP = 0.5  # a peak belongs to the cell that holds the maximum
_AROUND = np.ones((3, 3), np.uint8)
_TINY = 1e-10  # keeps the logarithm of an empty cell finite
_DIFFERENCES = np.array(
    [  # derivatives from 3 x 3 cells, row by row: d/dx, d/dy, d2/dx2, d2/dy2, d2/dxdy
        [0, 0, 0, -0.5, 0, 0.5, 0, 0, 0],
        [0, -0.5, 0, 0, 0, 0, 0, 0.5, 0],
        [0, 0, 0, 1, -2, 1, 0, 0, 0],
        [0, 1, 0, 0, -2, 0, 0, 1, 0],
        [0.25, 0, -0.25, 0, 0, 0, -0.25, 0, 0.25],
    ]
).T


def encode(points_px: ArrayLike, size_wh: tuple[int, int], sigma: float = 1.0) -> NDArray[np.float32]:
    """Draw a Gaussian for every joint (Newell et al. 2016, section 3.3).

    Deviation from the public implementations: the centre keeps its fraction of a pixel.

    Args:
        points_px: (..., J, 2) heatmap pixels. A point outside the map keeps the part of its Gaussian inside.
        size_wh: Width and height of the heatmaps.
        sigma: Standard deviation in heatmap pixels.

    Returns:
        (..., J, H, W); the Gaussian's peak is 1 (the largest cell less, unless the centre is a cell's centre);
        all zero where the point is NaN.
    """
    points = np.asarray(points_px, np.float64)
    width, height = size_wh
    x = np.exp(-np.square(np.arange(width) - points[..., 0:1]) / (2 * sigma**2))
    y = np.exp(-np.square(np.arange(height) - points[..., 1:2]) / (2 * sigma**2))
    return np.nan_to_num(y[..., :, None] * x[..., None, :], nan=0.0).astype(np.float32)


def find_peaks(heatmaps: NDArray[np.floating], pairs: Sequence[tuple[int, int]] = ()) -> NDArray[np.intp]:
    """The largest cell of each heatmap, with left and right kept apart.

    Each heatmap is independent, so a network that is uncertain of the sides finds both joints of a pair on the clearer
    limb. Then the joint with the smaller loss moves to its likeliest other position, unless that is less likely by more
    than `APART_ODDS`. This is our addition.

    Args:
        heatmaps: (B, J, H, W) float32 or float64.
        pairs: Indices of left and right joints.

    Returns:
        (B, J) cells, counted row by row.
    """
    height, width = heatmaps.shape[2:]
    peak = heatmaps.reshape(*heatmaps.shape[:2], height * width).argmax(axis=-1)
    reach = max(1, int(APART_REACH * width + 0.5))
    for person, cells in enumerate(peak.tolist()):
        for left, right in pairs:  # faster than arrays for one or two people
            (y, x), (other_y, other_x) = divmod(cells[left], width), divmod(cells[right], width)
            if abs(x - other_x) <= reach and abs(y - other_y) <= reach:
                _tell_apart(heatmaps[person], peak[person], (left, right), reach)
    return peak


def _tell_apart(maps: NDArray[np.floating], peak: NDArray[np.intp], pair: tuple[int, int], reach: int) -> None:
    """Move one of a pair's peaks, of maps (J, H, W), away from the other if it has another possible position."""
    best = (1 / APART_ODDS, pair[0], peak[pair[0]])
    for joint, other in (pair, pair[::-1]):
        y, x = divmod(int(peak[other]), maps.shape[-1])
        largest = max(float(maps[joint].flat[peak[joint]]), _TINY)
        elsewhere = maps[joint].copy()
        elsewhere[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1] = 0
        if elsewhere.max() < best[0] * largest:
            continue  # most joints, which are certain
        elsewhere[maps[joint] < cv2.dilate(maps[joint], _AROUND)] = 0  # keep local maxima only
        cell = elsewhere.argmax()
        best = max(best, (float(elsewhere.flat[cell] / largest), joint, cell))
    _, joint, peak[joint] = best


def decode(
    heatmaps: ArrayLike, method: DecodeMethod = "dark", pairs: Sequence[tuple[int, int]] = ()
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Find each heatmap's peak.

    Args:
        heatmaps: (B, J, H, W), peak about 1 if the network is certain.
        method: "argmax": the largest cell. "quarter": from there a quarter of a pixel towards the larger
            neighbour in x and in y (Newell et al. 2016). "dark": a Newton step on the logarithm of the heatmap
            (Zhang et al., "Distribution-aware coordinate representation", CVPR 2020), at most half a pixel, and
            "quarter" where the logarithm is not concave. Deviations from the paper: 3 x 3 cells instead of 5 x 5,
            no Gaussian smoothing beforehand. On the border, where neighbours are missing, all return the cell.
        pairs: Left and right joints that are kept apart; see `find_peaks`.

    Returns:
        points: (B, J, 2) heatmap pixels x, y.
        confidence: (B, J) each heatmap at its peak.

    Raises:
        ValueError: Unknown method, or not four dimensions.
    """
    maps = np.asarray(heatmaps)
    if maps.ndim != 4:
        raise UserError(f"Heatmaps are (B, J, H, W), got the shape {maps.shape}.")
    if method not in ("argmax", "quarter", "dark"):
        raise UserError(f"The decoding methods are argmax, quarter and dark, got {method!r}.")
    height, width = maps.shape[2:]
    cells = maps.reshape(-1)
    peak = find_peaks(maps, pairs)
    first = (np.arange(peak.size) * (height * width)).reshape(peak.shape)  # cell of each map
    confidence = cells[first + peak].astype(np.float32)
    y, x = np.divmod(peak, width)
    points = np.stack([x, y], axis=-1).astype(np.float64)
    if method == "argmax" or min(width, height) < 3:
        return points, confidence
    interior = (x > 0) & (x < width - 1) & (y > 0) & (y < height - 1)
    offsets = np.array([-width, 0, width])[:, None] + np.array([-1, 0, 1])
    around = cells[(first + np.where(interior, peak, width + 1))[..., None, None] + offsets].astype(np.float64)
    step = _quarter_step(around) if method == "quarter" else _dark_step(around)
    return points + np.where(interior[..., None], step, 0.0), confidence


def _quarter_step(around: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3, 3) -> (..., 2): a quarter of a pixel towards the larger neighbour; 0 between equal ones."""
    right, down = around[..., 1, 2] - around[..., 1, 0], around[..., 2, 1] - around[..., 0, 1]
    return 0.25 * np.sign(np.stack([right, down], axis=-1))


def _dark_step(around: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 3, 3) -> (..., 2): -H^-1 g of the logarithm (Zhang et al. 2020, equation 8), exact for a Gaussian."""
    log = np.log(np.maximum(around, _TINY)).reshape(*around.shape[:-2], 9)
    dx, dy, dxx, dyy, dxy = np.moveaxis(log @ _DIFFERENCES, -1, 0)
    determinant = dxx * dyy - dxy * dxy
    concave = (dxx < 0) & (determinant > _TINY)
    newton = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=-1)
    newton /= np.where(concave, determinant, 1.0)[..., None]
    step = np.clip(newton, -_MAX_STEP, _MAX_STEP)
    return step if concave.all() else np.where(concave[..., None], step, _quarter_step(around))
