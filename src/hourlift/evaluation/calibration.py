"""Fit `predict.confidence.Calibration`, which turns scores into probabilities, on people with known joints."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.evaluation import mistakes
from hourlift.evaluation.reliability import Reliability, reliability
from hourlift.evaluation.run import true_places
from hourlift.evaluation.scores import LIMB_PAIRS
from hourlift.geometry.skeleton import H36M17, LIMB_JOINTS
from hourlift.metrics import pair_confusion, torso_length
from hourlift.predict.models.confidence import Calibration, gather_evidence
from hourlift.predict.models.keypoints import JointEstimator

_RIDGE = 1.0  # L2 penalty: negligible for thousands of joints, but bounds the weights if few joints are wrong
_NEWTON_STEPS = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class CheckedJoints:
    """Joints of N people, found in their boxes.

    Attributes:
        evidence: (N, 17, evidence) from `gather_evidence`.
        scores: (N, 17) heatmap scores.
        right: (N, 17) whether the joint is within 0.2 torso of its true position, which may be outside the image.
        known: (N, 17) whether the true position is known.
        collapsed: (N, 17) whether a joint and its counterpart, in truth clearly apart, were found on one limb.
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
            found.append((answer.joints_px[0], answer.scores[0], gather_evidence(answer.heatmaps)[0]))
            true.append(true_places(sample))
        if not found:
            raise UserError("there are no people to calibrate on")
        joints_px, scores, evidence = (np.array(part) for part in zip(*found, strict=True))
        true_px = np.array(true)
        torso_px = torso_length(true_px, H36M17)
        kinds = mistakes.classify(joints_px, true_px, torso_px)
        return cls(
            evidence=evidence,
            scores=scores,
            right=kinds == mistakes.RIGHT,
            known=kinds != mistakes.UNKNOWN,
            collapsed=_collapsed(joints_px, true_px, torso_px),
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
    """Compare a confidence (N, 17) with whether the joints are right."""
    collapsed = checked.known & checked.collapsed
    return Check(
        reliability=reliability(confidence[checked.known], checked.right[checked.known]),
        collapsed=float(confidence[collapsed].mean()) if collapsed.any() else float("nan"),
    )


def fit(checked: CheckedJoints) -> Calibration:
    """Fit a logistic regression of "right" on the evidence, for each joint, by Newton's method."""
    weights = []
    for joint in range(H36M17.num_joints):
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
    """Return the (N, 17) joints in collapsed pairs."""
    flags = np.zeros(joints_px.shape[:2], bool)
    for i, person in enumerate(zip(joints_px, true_px, torso_px, strict=True)):
        collapsed = pair_confusion(*person, LIMB_PAIRS).collapsed > 0
        flags[i, np.array(LIMB_PAIRS)[collapsed].ravel()] = True
    return flags
