"""Fit `predict.confidence.Calibration`, which turns scores into probabilities, on people with known joints."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.evaluation.reliability import Reliability, reliability
from hourlift.evaluation.run import true_places
from hourlift.evaluation.scores import LIMB_PAIRS, PCK_THRESHOLD
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17, LIMB_JOINTS
from hourlift.metrics import pair_confusion, torso_length
from hourlift.predict.models.confidence import Calibration, gather_evidence
from hourlift.predict.models.keypoints import JointEstimator

_RIDGE = 1.0  # L2 penalty: negligible for thousands of joints, but bounds the weights if few joints are wrong
_NEWTON_STEPS = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckedJoints:
    """Joints of N people, found in their boxes: J = 17, or 21 if the hourglass finds the foot points.

    Attributes:
        evidence: (N, J, evidence) from `gather_evidence`.
        scores: (N, J) heatmap scores.
        right: (N, J) whether the joint is within 0.2 torso of its true position, which may be outside the image.
        known: (N, J) whether the true position is known.
        collapsed: (N, J) whether a joint and its counterpart, in truth clearly apart, were found on one limb.
    """

    evidence: Array
    scores: Array
    right: NDArray[np.bool_]
    known: NDArray[np.bool_]
    collapsed: NDArray[np.bool_]

    @classmethod
    def of(cls, estimator: JointEstimator, samples: Iterable[Sample]) -> Self:
        """Run the hourglass on people in their boxes, one by one.

        Raises:
            ValueError: there are no people.
        """
        found, true = [], []
        for sample in samples:
            answer = estimator.estimate(sample.load_image(), sample.box_xyxy_px[None].astype(np.float64))
            heatmaps = answer.heatmaps
            feet_px = np.empty((0, 2)) if answer.feet_px is None else answer.feet_px[0]
            scores = np.concatenate([answer.scores[0], heatmaps[0, H36M17.num_joints :].max(axis=(1, 2))])
            found.append((np.concatenate([answer.joints_px[0], feet_px]), scores, gather_evidence(heatmaps)[0]))
            true.append(np.concatenate([true_places(sample), _true_feet(sample)[: len(feet_px)]]))
        if not found:
            raise UserError("there are no people to calibrate on")
        found_px, scores, evidence = (np.array(part) for part in zip(*found, strict=True))
        true_px = np.array(true)
        torso_px = torso_length(true_px[:, : H36M17.num_joints], H36M17)
        distance_px = np.linalg.norm(found_px - true_px, axis=-1)
        return cls(
            evidence=evidence,
            scores=scores,
            right=distance_px <= PCK_THRESHOLD * torso_px[:, None],
            known=np.isfinite(distance_px) & (torso_px > 0)[:, None],
            collapsed=_collapsed(found_px, true_px, torso_px),
        )


@dataclass(frozen=True, kw_only=True)
class Check:
    """Quality of a confidence.

    Attributes:
        reliability: Over all joints with a known position.
        collapsed: Mean confidence of joints in collapsed pairs, at least half of which are wrong; NaN without any.
    """

    reliability: Reliability
    collapsed: float

    def __str__(self) -> str:
        return f"{self.reliability}; {self.collapsed:.2f} on average in collapsed pairs"


def check(checked: CheckedJoints, confidence: Array) -> Check:
    """Compare a confidence (N, J) with whether the joints are right."""
    collapsed = checked.known & checked.collapsed
    return Check(
        reliability=reliability(confidence[checked.known], checked.right[checked.known]),
        collapsed=float(confidence[collapsed].mean()) if collapsed.any() else float("nan"),
    )


def fit(checked: CheckedJoints) -> Calibration:
    """Fit a logistic regression of "right" on the evidence, for each joint, by Newton's method."""
    weights = []
    for joint in range(checked.evidence.shape[1]):
        known = checked.known[:, joint]
        weights.append(_logistic(checked.evidence[known, joint], checked.right[known, joint]))
    return Calibration(weights=np.array(weights))


def adapt(calibration: Calibration, checked: CheckedJoints) -> Calibration:
    """Adapt a calibration to other images, where the network is right less often although its heatmaps look the same.

    One scale and one shift of all logits (Platt, "Probabilistic outputs for support vector machines", 1999): few
    annotated people suffice. Only the limb joints count: data sets derive the others from neighbours (`map_joints`).
    """
    limbs = H36M17.indices(*LIMB_JOINTS)
    known = checked.known[:, limbs]
    logits = calibration.logits(checked.evidence)[:, limbs][known]
    shift, scale = _logistic(logits[:, None], checked.right[:, limbs][known])
    weights = scale * calibration.weights
    weights[:, 0] += shift
    return Calibration(weights=weights)


def _logistic(evidence: Array, right: NDArray[np.bool_]) -> Array:
    """(M, evidence), (M,) -> (1 + evidence,) weights, the constant first."""
    inputs = np.concatenate([np.ones((len(evidence), 1)), evidence], axis=1)
    ridge = np.diag([1e-6, *[_RIDGE] * evidence.shape[1]])
    weights = np.zeros(inputs.shape[1])
    for _ in range(_NEWTON_STEPS):
        share = 1 / (1 + np.exp(-inputs @ weights))
        slope = inputs.T @ (share - right) + ridge @ weights
        curvature = (inputs.T * (share * (1 - share))) @ inputs + ridge
        weights = weights - np.linalg.solve(curvature, slope)
    return weights


def _collapsed(joints_px: Array, true_px: Array, torso_px: Array) -> NDArray[np.bool_]:
    """Return the (N, J) joints in collapsed pairs."""
    flags = np.zeros(joints_px.shape[:2], bool)
    for i, person in enumerate(zip(joints_px, true_px, torso_px, strict=True)):
        collapsed = pair_confusion(*person, LIMB_PAIRS).collapsed > 0
        flags[i, np.array(LIMB_PAIRS)[collapsed].ravel()] = True
    return flags


def _true_feet(sample: Sample) -> Array:
    """The (4, 2) foot points in the image plane, also outside the image if the camera is known; NaN if unknown."""
    if sample.camera is not None and sample.feet_3d_cam_mm is not None:
        return sample.camera.project(sample.feet_3d_cam_mm)
    if sample.feet_2d_px is None:
        return np.full((len(FOOT_POINTS), 2), np.nan)
    return sample.feet_2d_px.astype(np.float64)
