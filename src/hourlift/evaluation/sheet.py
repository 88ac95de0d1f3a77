"""Contact sheets: predictions drawn over images, because numbers hide what images show."""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.evaluation.run import Outcome
from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import Crop
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose
from hourlift.view.overlay import draw_pose
from hourlift.view.tiles import tiled

_MARGIN = 1.3  # larger than the network's crop, to show its surroundings
_TRUTH_RGB = (0, 230, 0)
_TEXT_RGB = (235, 235, 235)
_STRIP_PX = 20  # for the caption under a pair of images


def contact_sheet(
    outcomes: Sequence[Outcome], *, count: int = 12, columns: int = 4, tile_px: int = 320
) -> NDArray[np.uint8]:
    """Draw predictions over evenly chosen people, with green dots at the annotated joints.

    Args:
        outcomes: results of `predict_samples`.
        count: maximum number of people.
        columns: columns of the sheet.
        tile_px: side of each tile.

    Returns:
        (rows x tile_px, columns x tile_px, 3) uint8 RGB; unused tiles are black.
    """
    chosen = [outcomes[i] for i in np.linspace(0, len(outcomes) - 1, min(count, len(outcomes))).astype(int)]
    return tiled([_tile(outcome, tile_px) for outcome in chosen], columns)


def truth_sheet(
    outcomes: Sequence[Outcome], captions: Sequence[str], *, columns: int = 5, tile_px: int = 200
) -> NDArray[np.uint8]:
    """Draw people twice, side by side: annotated joints on the left, all found joints on the right.

    Args:
        outcomes: results of `predict_samples`, with their images; at least one.
        captions: ASCII text under each pair.
        columns: pairs side by side.
        tile_px: side of each tile.

    Returns:
        (rows x (tile_px + 20), columns x 2 x tile_px, 3) uint8 RGB; the subject's left is blue, the right orange.
    """
    pairs = []
    for outcome, caption in zip(outcomes, captions, strict=True):
        cell = np.zeros((tile_px + _STRIP_PX, 2 * tile_px, 3), dtype=np.uint8)
        image, crop = _cut(outcome, tile_px)
        for place, pose in enumerate((_truth(outcome), outcome.pose)):
            shown = None if pose is None else replace(pose, confidence=np.ones(H36M17.num_joints, np.float32))
            cell[:tile_px, place * tile_px : (place + 1) * tile_px] = _drawn(image, crop, shown)
        corner = (4, tile_px + _STRIP_PX - 6)
        cv2.putText(cell, caption, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.4, _TEXT_RGB, 1, cv2.LINE_AA)
        pairs.append(cell)
    return tiled(pairs, columns)


def _tile(outcome: Outcome, tile_px: int) -> NDArray[np.uint8]:
    image, crop = _cut(outcome, tile_px)
    tile = _drawn(image, crop, outcome.pose)
    true_px = crop.to_crop(outcome.sample.joints_2d_px)
    for x, y in true_px[np.isfinite(true_px).all(axis=-1)].round().astype(int).tolist():
        cv2.circle(tile, (x, y), 2, _TRUTH_RGB, thickness=-1, lineType=cv2.LINE_AA)
    return tile


def _cut(outcome: Outcome, tile_px: int) -> tuple[NDArray[np.uint8], Crop]:
    crop = Crop.from_box(outcome.sample.box_xyxy_px, tile_px, _MARGIN)
    image = np.zeros((tile_px, tile_px, 3), dtype=np.uint8)
    cv2.warpAffine(outcome.sample.load_image(), crop.affine, (tile_px, tile_px), dst=image, flags=cv2.INTER_LINEAR)
    return image, crop


def _drawn(image: NDArray[np.uint8], crop: Crop, pose: Pose | None) -> NDArray[np.uint8]:
    if pose is None:
        return image.copy()
    joints_px = crop.to_crop(pose.joints_2d_px).astype(np.float32)
    return draw_pose(image, [replace(pose, joints_2d_px=joints_px)])


def _truth(outcome: Outcome) -> Pose:
    """Return the annotation in the form of a prediction."""
    sample = outcome.sample
    return Pose(
        joints_2d_px=sample.joints_2d_px,
        confidence=np.ones(H36M17.num_joints, np.float32),
        joints_3d_mm=np.full((H36M17.num_joints, 3), np.nan),
        root_cam_mm=np.full(3, np.nan),
        box_xyxy_px=sample.box_xyxy_px,
        camera=sample.camera or Camera.from_fov((1, 1)),
    )
