"""Kinds of joint errors (after Ronchi and Perona, ICCV 2017, with torso lengths instead of OKS)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.geometry.skeleton import H36M17

KINDS = ("right", "on the other side", "near", "on another joint", "elsewhere")
"""Within 0.2 torso of the true joint; within 0.2 of its counterpart; within 0.5 torso of the true joint; within 0.2 of
another joint of the person; none of these. The first that applies is used."""
RIGHT, OTHER_SIDE, NEAR, OTHER_JOINT, ELSEWHERE = range(len(KINDS))
UNKNOWN = -1
"""The true joint is unknown."""

_RIGHT_WITHIN, _NEAR_WITHIN = 0.2, 0.5


def classify(predicted_px: ArrayLike, true_px: ArrayLike, torso_px: ArrayLike) -> NDArray[np.int64]:
    """Classify the error of every joint.

    Args:
        predicted_px: (N, 17, 2); NaN if not found.
        true_px: (N, 17, 2); NaN if unknown.
        torso_px: (N,) `metrics.torso_length`; people without one are ignored.

    Returns:
        (N, 17) indices into `KINDS`, or UNKNOWN.
    """
    predicted, true = np.asarray(predicted_px, np.float64), np.asarray(true_px, np.float64)
    torso = np.asarray(torso_px, np.float64)[:, None, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        distance = np.linalg.norm(predicted[:, :, None] - true[:, None], axis=-1) / torso  # (N, found, true)
    own = np.diagonal(distance, axis1=1, axis2=2)
    order = H36M17.flip_permutation
    joints = np.arange(H36M17.num_joints)
    partner = np.where(order == joints, np.nan, distance[:, joints, order])
    kind = np.full(own.shape, ELSEWHERE)
    kind[(distance <= _RIGHT_WITHIN).any(-1)] = OTHER_JOINT
    kind[own <= _NEAR_WITHIN] = NEAR
    kind[partner <= _RIGHT_WITHIN] = OTHER_SIDE
    kind[own <= _RIGHT_WITHIN] = RIGHT
    known = np.isfinite(true).all(-1) & (torso[..., 0] > 0)
    return np.where(known, kind, UNKNOWN)


def shares(kinds: NDArray[np.int64]) -> dict[str, float]:
    """Return the share of each kind among joints with a known position; NaN if there are none."""
    known = int((kinds != UNKNOWN).sum())
    return {name: float((kinds == i).sum() / known) if known else float("nan") for i, name in enumerate(KINDS)}
