"""2D metrics: PCK, PCKh, and left-right confusion. NumPy, float64.

Shapes: joints (..., J, 2) pixels, reference lengths (...,) pixels. A true joint that is NaN is not labelled and is
ignored; a predicted joint that is NaN where the truth is known counts as wrong. A frame whose reference length is
NaN or 0 is ignored.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.arrays import Array
from hourlift.errors import UserError
from hourlift.geometry import Skeleton

FAR_APART = 0.3
"""Least distance of a pair's true joints, in torsos, at which a left-right confusion is visible."""

HEATMAP_SHARE = 0.1
"""Unit of `heatmap_pck`'s threshold: a tenth of the heatmap's side."""

_HEAD_BOX_SHARE = 0.6  # MPII: head size = 0.6 x the head box's diagonal


def torso_length(true_px: ArrayLike, skeleton: Skeleton) -> Array:
    """Reference length of PCK in hourlift: true left shoulder to true right hip, as in LSP's evaluation.

    Other definitions divide by the longer side of the person's box (Yang & Ramanan, PAMI 2013) or by the torso's other
    diagonal (Sapp & Taskar, CVPR 2013); such PCK values are not comparable.

    Args:
        true_px: (..., J, D) labelled joints.
        skeleton: Skeleton of ``true_px``.

    Returns:
        (...,) length; NaN if one of the two joints is.
    """
    a, b = skeleton.indices("l_shoulder", "r_hip")
    true = np.asarray(true_px, np.float64)
    return np.linalg.norm(true[..., a, :] - true[..., b, :], axis=-1)


def head_length(head_box_xyxy_px: ArrayLike) -> Array:
    """Reference length of PCKh: 0.6 x the diagonal of the head's box (..., 4), as in MPII's evaluation."""
    box = np.asarray(head_box_xyxy_px, np.float64)
    return _HEAD_BOX_SHARE * np.linalg.norm(box[..., 2:] - box[..., :2], axis=-1)


def pck(pred_px: ArrayLike, true_px: ArrayLike, reference_px: ArrayLike, threshold: float = 0.2) -> float:
    """Percentage of correct keypoints, as a share in [0, 1]: joints within ``threshold`` x reference of the truth.

    Every labelled joint has the same weight, so joints labelled more often weigh more. For a mean over some
    joints, pass only those.

    Args:
        pred_px: (..., J, 2) predicted joints.
        true_px: (..., J, 2) labelled joints.
        reference_px: (...,) reference length per frame, e.g. ``torso_length``.
        threshold: Share of the reference length.

    Returns:
        The share, NaN if no joint is labelled.
    """
    hits, counts = _hits(pred_px, true_px, reference_px, threshold)
    return float(_share(hits.sum(), counts.sum()))


def pck_per_joint(pred_px: ArrayLike, true_px: ArrayLike, reference_px: ArrayLike, threshold: float = 0.2) -> Array:
    """PCK of every joint, (J,); NaN for joints never labelled. Arguments as ``pck``."""
    return _share(*_hits(pred_px, true_px, reference_px, threshold))


def pckh(pred_px: ArrayLike, true_px: ArrayLike, head_box_xyxy_px: ArrayLike, threshold: float = 0.5) -> float:
    """PCKh (Andriluka et al., CVPR 2014): PCK with ``head_length`` as the reference.

    MPII's table excludes pelvis and thorax; pass only the other joints to compare with it.
    """
    return pck(pred_px, true_px, head_length(head_box_xyxy_px), threshold)


def pckh_per_joint(
    pred_px: ArrayLike, true_px: ArrayLike, head_box_xyxy_px: ArrayLike, threshold: float = 0.5
) -> Array:
    """PCKh of every joint, (J,); NaN for joints never labelled."""
    return pck_per_joint(pred_px, true_px, head_length(head_box_xyxy_px), threshold)


def heatmap_pck(pred_px: ArrayLike, true_px: ArrayLike, side_px: ArrayLike, threshold: float = 0.5) -> float:
    """PCK on heatmap scale: joints within ``threshold`` tenths of the crop's side of the truth.

    The public code of the hourglass prints it during training, and the report's accuracy curves show it: at 0.5, it is
    3.2 of 64 heatmap pixels. It depends on the crop, so it compares only runs with the same crops. Unlike ``pck``, it
    includes people without a known torso.

    Args:
        pred_px: (..., J, 2) predicted joints, in pixels of the heatmap or of the crop.
        true_px: (..., J, 2) labelled joints, in the same pixels.
        side_px: The heatmap's or the crop's side, in the same pixels: one number, or (...,) for each frame.
        threshold: Share of a tenth of the side.
    """
    reference = np.broadcast_to(HEATMAP_SHARE * np.asarray(side_px, np.float64), np.shape(true_px)[:-2])
    return pck(pred_px, true_px, reference, threshold)


@dataclass(frozen=True, kw_only=True, eq=False)
class PairConfusion:
    """Counts of left-right confusions per pair; they can be added over batches.

    Attributes:
        count: (P,) pairs labelled and far enough apart.
        swapped: (P,) those of them with each prediction nearer to the other joint's truth.
        collapsed: (P,) those of them with both predictions on the same limb.
    """

    count: NDArray[np.int64]
    swapped: NDArray[np.int64]
    collapsed: NDArray[np.int64]

    @property
    def swapped_share(self) -> float:
        """Share of all pairs that are swapped; NaN without pairs."""
        return float(_share(self.swapped.sum(), self.count.sum()))

    @property
    def collapsed_share(self) -> float:
        """Share of all pairs that are collapsed; NaN without pairs."""
        return float(_share(self.collapsed.sum(), self.count.sum()))


def pair_confusion(
    pred_px: ArrayLike,
    true_px: ArrayLike,
    reference_px: ArrayLike,
    pairs: Sequence[tuple[int, int]],
    far_apart: float = FAR_APART,
) -> PairConfusion:
    """How often a left and a right joint are swapped, or both predicted on one limb.

    Only pairs whose true joints are more than ``far_apart`` x reference apart are counted. Swapped: each prediction is
    nearer to the other's truth than to its own. Collapsed: both are nearest to the same true joint, and nearer to
    each other than half the true distance. A pair is never both; a NaN prediction is neither.

    Args:
        pred_px: (..., J, 2) predicted joints.
        true_px: (..., J, 2) labelled joints.
        reference_px: (...,) reference length per frame, e.g. ``torso_length``.
        pairs: P index pairs, e.g. ``skeleton.flip_pairs``.
        far_apart: Least true distance, as a share of the reference.
    """
    pred, true, reference = _checked(pred_px, true_px, reference_px)
    a, b = np.array(pairs, np.intp).reshape(-1, 2).T
    pred_a, pred_b, true_a, true_b = pred[..., a, :], pred[..., b, :], true[..., a, :], true[..., b, :]
    apart = _distance(true_a, true_b)
    counted = (apart > far_apart * reference[..., None]) & (reference > 0)[..., None]
    a_on_b = _distance(pred_a, true_b) < _distance(pred_a, true_a)
    b_on_a = _distance(pred_b, true_a) < _distance(pred_b, true_b)
    together = _distance(pred_a, pred_b) < apart / 2
    leading = tuple(range(counted.ndim - 1))
    return PairConfusion(
        count=counted.sum(leading),
        swapped=(counted & a_on_b & b_on_a).sum(leading),
        collapsed=(counted & together & (a_on_b != b_on_a)).sum(leading),
    )


def _hits(
    pred_px: ArrayLike, true_px: ArrayLike, reference_px: ArrayLike, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Correct and labelled joints, each (J,)."""
    pred, true, reference = _checked(pred_px, true_px, reference_px)
    counted = np.isfinite(true).all(-1) & (reference > 0)[..., None]
    correct = counted & (_distance(pred, true) <= threshold * reference[..., None])
    leading = tuple(range(counted.ndim - 1))
    return correct.sum(leading), counted.sum(leading)


def _checked(pred_px: ArrayLike, true_px: ArrayLike, reference_px: ArrayLike) -> tuple[Array, Array, Array]:
    pred, true, reference = (np.asarray(a, np.float64) for a in (pred_px, true_px, reference_px))
    if pred.shape != true.shape or reference.shape != true.shape[:-2]:
        raise UserError(
            f"Predicted joints {pred.shape}, true joints {true.shape} and reference lengths {reference.shape} "
            "do not match: they must be (..., J, 2), (..., J, 2) and (...,)."
        )
    return pred, true, reference


def _distance(a: Array, b: Array) -> Array:
    return np.linalg.norm(a - b, axis=-1)


def _share(part: ArrayLike, whole: ArrayLike) -> Array:
    whole = np.asarray(whole, np.float64)
    return np.asarray(part, np.float64) / np.where(whole > 0, whole, np.nan)
