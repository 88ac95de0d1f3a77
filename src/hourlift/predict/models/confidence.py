"""Heatmaps -> probability that each joint or foot point is correct, that is within 0.2 torso of its true position.

The height of a heatmap's peak is not a probability: it is low where the joint is located, but not to the pixel, and
high where left and right are both found on one limb. Therefore a calibration, which `hourlift calibrate` fits and
writes into the model's metadata, reads three features of a peak (`EVIDENCE`) into a logistic regression for each joint.

Shapes: B images, J joints (17, or 21 with the foot points), heatmaps (B, J, H, W).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.errors import UserError
from hourlift.geometry.skeleton import H36M17, skeleton_of
from hourlift.hourglass.heatmap import find_peaks

EVIDENCE = ("here", "partner", "person")
"""Logits of: the heatmap's mass around its peak; the mass of the opposite side's heatmap at the same position, 0 for
joints without an opposite side; and the mean of "here" over the person's joints."""

_REACH = 1 / 16  # half width of the window around a peak, over the heatmap's side: about 0.2 torso if upright
_CERTAIN_MASS = 2 * np.pi  # of a Gaussian of one cell's spread and height 1: the output of a certain network
_LEAST = 1e-3  # probabilities are clipped to this distance from 0 and 1 before their logit is taken


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """The regressions: weights (J, 1 + evidence), the intercept first."""

    weights: Array

    @classmethod
    def of_contract(cls, contract: Mapping[str, Any]) -> Self | None:
        """Read the calibration from a model's metadata; None if there is none.

        Raises:
            ValueError: this version of hourlift does not know it, or it is malformed.
        """
        content = contract.get("confidence")
        if content is None:
            return None
        try:
            evidence, weights = list(content["evidence"]), np.asarray(content["weights"], np.float64)
            if contract.get("foot_points"):
                weights = np.concatenate([weights, np.asarray(content["foot_weights"], np.float64)])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UserError(f"the model's confidence cannot be read: {error!r}") from error
        if not np.isfinite(weights).all():
            raise UserError("the model's confidence goes by what is no finite number")
        joints = H36M17.num_joints + len(contract.get("foot_points", ()))
        if evidence != list(EVIDENCE) or weights.shape != (joints, 1 + len(EVIDENCE)):
            raise UserError(f"the model's confidence goes by {evidence}; this hourlift knows {EVIDENCE}")
        return cls(weights=weights)

    def to_contract(self) -> dict[str, Any]:
        """The value of "confidence" in a model's metadata."""
        joints, feet = np.split(self.weights.round(4), [H36M17.num_joints])
        content = {"evidence": list(EVIDENCE), "weights": joints.tolist()}
        return content | ({"foot_weights": feet.tolist()} if len(feet) else {})

    def __call__(self, evidence: Array) -> Array:
        """(B, J, evidence) -> (B, J) probabilities that the joints are correct."""
        return np.asarray(1 / (1 + np.exp(-self.logits(evidence))))

    def logits(self, evidence: Array) -> Array:
        """(B, J, evidence) -> (B, J) logits of the probabilities."""
        return np.asarray(self.weights[:, 0] + (evidence * self.weights[:, 1:]).sum(axis=-1))


def gather_evidence(heatmaps: NDArray[np.floating]) -> Array:
    """The features of each heatmap's peak: (B, J, H, W) in [0, 1] -> (B, J, len(EVIDENCE))."""
    skeleton = skeleton_of(heatmaps.shape[1])
    count, joints, height, width = heatmaps.shape
    cells = heatmaps.reshape(count * joints, -1)
    y, x = np.divmod(find_peaks(heatmaps, skeleton.flip_pairs).ravel(), width)
    reach = max(1, int(_REACH * width + 0.5))
    steps = np.arange(-reach, reach + 1)
    rows, columns = y[:, None] + steps, x[:, None] + steps
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None, :]
    around = rows.clip(0, height - 1)[:, :, None] * width + columns.clip(0, width - 1)[:, None, :]

    def mass(maps: NDArray[np.intp]) -> Array:
        taken = cells.ravel()[maps[:, None, None] * (height * width) + around]
        return np.asarray((taken * inside).sum(axis=(-2, -1)).reshape(count, joints))

    own = np.arange(count * joints)
    here, partner = mass(own), mass(own.reshape(count, joints)[:, skeleton.flip_permutation].ravel())
    known = _logit(here / _CERTAIN_MASS)
    paired = skeleton.flip_permutation != np.arange(joints)
    person = known[:, : H36M17.num_joints].mean(axis=-1, keepdims=True)
    return np.stack(
        [
            known,
            np.where(paired, _logit(partner / _CERTAIN_MASS), 0.0),
            np.broadcast_to(person, known.shape),
        ],
        axis=-1,
    )


def _logit(share: NDArray[np.floating]) -> Array:
    clipped = np.clip(share.astype(np.float64), _LEAST, 1 - _LEAST)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
