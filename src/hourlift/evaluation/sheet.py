"""A contact sheet: numbers hide what a look at the pictures shows."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.evaluation.run import Outcome
from hourlift.geometry.crop import Crop
from hourlift.view.overlay import draw_pose

_MARGIN = 1.3  # more than the network sees, to judge the crop by
_TRUTH_RGB = (0, 230, 0)


def contact_sheet(
    outcomes: Sequence[Outcome], *, count: int = 12, columns: int = 4, tile_px: int = 320
) -> NDArray[np.uint8]:
    """Draw predictions over people evenly chosen from all, with green dots where the annotated joints are.

    Args:
        outcomes: of `predict_samples`.
        count: how many people, at most.
        columns: of the sheet.
        tile_px: side of each picture.

    Returns:
        (rows x tile_px, columns x tile_px, 3) uint8 RGB; tiles that are not needed are black.
    """
    chosen = [outcomes[i] for i in np.linspace(0, len(outcomes) - 1, min(count, len(outcomes))).astype(int)]
    rows = -(-len(chosen) // columns)
    sheet = np.zeros((rows, columns, tile_px, tile_px, 3), dtype=np.uint8)
    for i, outcome in enumerate(chosen):
        sheet[i // columns, i % columns] = _tile(outcome, tile_px)
    return sheet.swapaxes(1, 2).reshape(rows * tile_px, columns * tile_px, 3)


def _tile(outcome: Outcome, tile_px: int) -> NDArray[np.uint8]:
    crop = Crop.from_box(outcome.sample.box_xyxy_px, tile_px, _MARGIN)
    tile = np.zeros((tile_px, tile_px, 3), dtype=np.uint8)
    cv2.warpAffine(outcome.sample.load_image(), crop.affine, (tile_px, tile_px), dst=tile, flags=cv2.INTER_LINEAR)
    if outcome.pose is not None:
        joints_px = crop.to_crop(outcome.pose.joints_2d_px).astype(np.float32)
        tile = draw_pose(tile, [replace(outcome.pose, joints_2d_px=joints_px)])
    true_px = crop.to_crop(outcome.sample.joints_2d_px)
    for x, y in true_px[np.isfinite(true_px).all(axis=-1)].round().astype(int).tolist():
        cv2.circle(tile, (x, y), 2, _TRUTH_RGB, thickness=-1, lineType=cv2.LINE_AA)
    return tile
