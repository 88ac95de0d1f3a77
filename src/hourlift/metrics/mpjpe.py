"""3D metrics: MPJPE after no, scale or similarity alignment, MPJVE and acceleration error. NumPy, float64.

Shapes: joints (..., J, 3), any length unit; the result has the same unit (millimetres throughout hourlift). Every known
joint of every frame has the same weight. True joints that are NaN are ignored. A predicted joint that is NaN where the
truth is known makes the result NaN: it has no error in millimetres, and ignoring it would reward missing predictions.

"Protocol 1" and "protocol 2" are ambiguous in the literature; name the metric and the split instead.
"""

import numpy as np
from numpy.typing import ArrayLike

from hourlift.arrays import Array
from hourlift.errors import UserError
from hourlift.geometry import align_scale, align_similarity


def joint_errors(pred: ArrayLike, true: ArrayLike) -> Array:
    """Euclidean distances (..., J) between predicted and true joints; NaN where either is."""
    pred, true = np.asarray(pred, np.float64), np.asarray(true, np.float64)
    if pred.shape != true.shape:
        raise UserError(f"Predicted and true joints differ in shape: {pred.shape} and {true.shape}.")
    return np.linalg.norm(pred - true, axis=-1)


def mpjpe(pred: ArrayLike, true: ArrayLike) -> float:
    """Mean per-joint position error (Ionescu et al., PAMI 2014).

    Nothing is aligned here: pass root-relative joints for the usual metric, or joints in the camera frame for the
    absolute one. The mean over Human3.6M's 17 joints includes the pelvis, whose root-relative error is 0.

    Returns:
        The mean over all known joints; NaN if there is none.
    """
    return float(_mean(joint_errors(pred, true), true, axis=None))


def mpjpe_per_joint(pred: ArrayLike, true: ArrayLike) -> Array:
    """MPJPE of every joint, (J,); NaN for joints never known."""
    errors = joint_errors(pred, true)
    return _mean(errors, true, axis=tuple(range(errors.ndim - 1)))


def n_mpjpe(pred: ArrayLike, true: ArrayLike) -> float:
    """MPJPE of root-relative joints after the best scale per frame (Rhodin et al., CVPR 2018)."""
    return mpjpe(align_scale(pred, true), true)


def n_mpjpe_per_joint(pred: ArrayLike, true: ArrayLike) -> Array:
    """N-MPJPE of every joint, (J,)."""
    return mpjpe_per_joint(align_scale(pred, true), true)


def pa_mpjpe(pred: ArrayLike, true: ArrayLike) -> float:
    """MPJPE after the best rotation, scale and shift per frame (Procrustes), never a reflection."""
    return mpjpe(align_similarity(pred, true), true)


def pa_mpjpe_per_joint(pred: ArrayLike, true: ArrayLike) -> Array:
    """PA-MPJPE of every joint, (J,)."""
    return mpjpe_per_joint(align_similarity(pred, true), true)


def mpjve(pred: ArrayLike, true: ArrayLike) -> float:
    """Mean per-joint velocity error of ONE clip (Pavllo et al., CVPR 2019).

    The velocity is the difference of consecutive frames. Call it once per clip: joined clips would include the jump
    between them.

    Args:
        pred: (T, J, 3) predicted joints of consecutive frames.
        true: (T, J, 3) true joints.

    Returns:
        The mean in length units per frame; NaN for fewer than two frames.
    """
    pred, true = np.asarray(pred, np.float64), np.asarray(true, np.float64)
    if pred.ndim != 3:
        raise UserError(f"mpjve takes one clip, an array (T, J, 3), got shape {pred.shape}.")
    return mpjpe(np.diff(pred, axis=0), np.diff(true, axis=0))


def acceleration_error(pred: ArrayLike, true: ArrayLike) -> float:
    """Mean per-joint acceleration error of ONE clip (Kanazawa et al., CVPR 2019): jitter of a track.

    The acceleration is the second difference of consecutive frames, not divided by time.

    Args:
        pred: (T, J, 3) predicted joints of consecutive frames.
        true: (T, J, 3) true joints.

    Returns:
        The mean in length units per squared frame; NaN for fewer than three frames.
    """
    pred, true = np.asarray(pred, np.float64), np.asarray(true, np.float64)
    if pred.ndim != 3:
        raise UserError(f"acceleration_error takes one clip, an array (T, J, 3), got shape {pred.shape}.")
    return mpjpe(np.diff(pred, 2, axis=0), np.diff(true, 2, axis=0))


def _mean(errors: Array, true: ArrayLike, axis: tuple[int, ...] | None) -> Array:
    """Mean of the errors whose true joint is known."""
    known = np.isfinite(np.asarray(true, np.float64)).all(-1)
    count = known.sum(axis)
    return np.where(known, errors, 0.0).sum(axis) / np.where(count > 0, count, np.nan)
