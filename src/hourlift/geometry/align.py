"""Alignment of predicted to true joints: root, scale, similarity.

All functions take (..., J, 3) arrays of any length unit, compute in float64 and treat leading indices independently.
Joints that are NaN in either array are ignored in a fit.
"""

import numpy as np
from numpy.typing import ArrayLike

from hourlift.arrays import Array
from hourlift.errors import UserError


def root_relative(joints: ArrayLike, root: int = 0) -> Array:
    """Joints (..., J, D) minus the joint with index ``root``; all NaN if the root is."""
    joints = np.asarray(joints, np.float64)
    return joints - joints[..., root : root + 1, :]


def align_scale(pred: ArrayLike, true: ArrayLike) -> Array:
    """``pred`` (..., J, D) times the factor that brings it closest to ``true`` in the least-squares sense.

    Both should be root-relative: a scale about the camera's origin has another meaning. Used by N-MPJPE
    (Rhodin et al., CVPR 2018). NaN where no joint is known in both.
    """
    pred, true, weight = _paired(pred, true)
    p, t = np.where(weight > 0, pred, 0.0), np.where(weight > 0, true, 0.0)
    scale = _ratio((p * t).sum((-2, -1)), (p * p).sum((-2, -1)))
    return pred * _nan_unless_any(scale, weight)[..., None, None]


def align_similarity(pred: ArrayLike, true: ArrayLike) -> Array:
    """``pred`` (..., J, D) after the rotation, scale and shift that bring it closest to ``true``.

    Procrustes analysis by SVD (Schoenemann 1966; Umeyama 1991). A reflection is never used: if it would fit
    best, the last singular vector and value change sign. NaN where no joint is known in both.
    """
    pred, true, weight = _paired(pred, true)
    count = weight.sum(-2, keepdims=True)
    mean_p = _ratio(np.where(weight > 0, pred, 0.0).sum(-2, keepdims=True), count)
    mean_t = _ratio(np.where(weight > 0, true, 0.0).sum(-2, keepdims=True), count)
    p, t = np.where(weight > 0, pred - mean_p, 0.0), np.where(weight > 0, true - mean_t, 0.0)

    u, s, vt = np.linalg.svd(np.swapaxes(p, -1, -2) @ t)
    sign = np.ones_like(s)
    sign[..., -1] = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    rotation = (u * sign[..., None, :]) @ vt  # right-multiplies row vectors
    scale = _ratio((s * sign).sum(-1), (p * p).sum((-2, -1)))
    scale = _nan_unless_any(scale, weight)[..., None, None]
    return scale * (pred - mean_p) @ rotation + mean_t


def _paired(pred: ArrayLike, true: ArrayLike) -> tuple[Array, Array, Array]:
    """Both as float64 and a (..., J, 1) weight: 1 where a joint is finite in both, else 0."""
    pred, true = np.asarray(pred, np.float64), np.asarray(true, np.float64)
    if pred.shape != true.shape:
        raise UserError(f"Predicted and true joints differ in shape: {pred.shape} and {true.shape}.")
    return pred, true, np.isfinite(pred + true).all(-1, keepdims=True).astype(np.float64)


def _ratio(a: Array, b: Array) -> Array:
    """The quotient, 0 where ``b`` is 0, so that a prediction collapsed to one point has a large but finite error."""
    return np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b > 0)


def _nan_unless_any(scale: Array, weight: Array) -> Array:
    return np.where(weight.any((-2, -1)), scale, np.nan)
