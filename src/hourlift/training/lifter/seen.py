"""The lifter's view of a person: 2D joints and a camera, both with errors."""

from dataclasses import dataclass

import torch
from torch import Tensor

from hourlift.synth.core.draw import Draw
from hourlift.training.lifter.detection_errors import (
    DetectionErrors,
    Detections,
    MeasuredErrors,
    disturb,
    found_joints,
    person_size,
)

_EXACT, _KINDS, _LENS, _CONFIDENCE = 11, 12, 13, 14  # streams of random numbers
_EXACT_JITTER = (0.001, 0.01)  # errors of annotated or very well found joints
_FORGIVEN = 0.15  # share of the person's size: error at which confidence has fallen to a third


@dataclass(frozen=True, kw_only=True)
class SeenShares:
    """Shares of people for each kind of input.

    Attributes:
        exact: Share with almost exact 2D joints.
        measured: Share with measured errors of an hourglass, if measured; the others have drawn errors.
        confidence: Share, among people with drawn errors, whose confidence reflects the errors; it is 1 for the others.
        size: Share whose camera is known well enough to derive the distance from the person's size in the image.
        lens: Standard deviation of the logarithm of the assumed focal length for the others.
    """

    exact: float = 0.0
    measured: float = 0.0
    confidence: float = 0.5
    size: float = 0.6
    lens: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Sight:
    """B people, and their 2D input to the lifter.

    Attributes:
        joints_cam_mm: (B, 17, 3) in camera axes.
        places: (B, 17, 2) x/z and y/z in camera axes, from the 2D stage and the assumed camera.
        confidence: (B, 17) in [0, 1]; 0 for a missing joint.
        size_known: (B,) bool: whether the assumed camera is known.
    """

    joints_cam_mm: Tensor
    places: Tensor
    confidence: Tensor
    size_known: Tensor

    @classmethod
    def exact(cls, joints_cam_mm: Tensor) -> "Sight":
        """Return exact input, without errors."""
        sure = torch.ones(joints_cam_mm.shape[:2])
        places = joints_cam_mm[..., :2] / joints_cam_mm[..., 2:]
        return cls(joints_cam_mm=joints_cam_mm, places=places, confidence=sure, size_known=sure[:, 0] > 0)

    def without(self, draw: Draw, share: float) -> "Sight":
        """Return the same with each joint missing with this probability; at least three are left."""
        chance = torch.rand(self.confidence.shape, generator=draw.generator)
        found = (chance >= share) | (chance >= chance.topk(3, dim=1).values[:, -1:])
        return Sight(**(vars(self) | {"confidence": torch.where(found, self.confidence, 0.0)}))


def see(
    draw: Draw,
    joints_cam_mm: Tensor,
    errors: DetectionErrors,
    shares: SeenShares,
    measured: MeasuredErrors | None = None,
    *,
    has_confidence: bool = True,
) -> Sight:
    """Simulate the lifter's input.

    Args:
        draw: One draw per person.
        joints_cam_mm: (B, 17, 3) all in front of the camera.
        errors: Errors of a drawn 2D stage.
        shares: Shares of people for each kind of input.
        measured: Measured errors of an hourglass.
        has_confidence: Whether the lifter's input can mark a joint as missing; if not, none is missing.
    """
    true = joints_cam_mm[..., :2] / joints_cam_mm[..., 2:]
    found = _drawn(draw, true, errors, shares.confidence)
    kind = draw.stream(_KINDS).uniform()
    if measured is not None:
        found = _choose(kind > 1 - shares.measured, measured.apply(draw, true), found)
    exact = draw.stream(_EXACT)
    jitter = exact.log_uniform(*_EXACT_JITTER)[:, None, None] * person_size(true)[:, None, None]
    places = true + jitter * torch.randn(true.shape, generator=exact.generator)
    places, confidence = _choose(kind < shares.exact, Detections(places, torch.ones(true.shape[:2])), found)
    if has_confidence:
        confidence = torch.where(found_joints(draw, draw.count, errors.missing), confidence, 0.0)
    lens = draw.stream(_LENS)
    size_known = lens.chance(shares.size)
    assumed = torch.where(size_known, 1.0, (shares.lens * lens.normal()).exp())
    return Sight(
        joints_cam_mm=joints_cam_mm,
        places=places * assumed[:, None, None],
        confidence=confidence,
        size_known=size_known,
    )


def _drawn(draw: Draw, true: Tensor, errors: DetectionErrors, confidence_share: float) -> Detections:
    """Apply `DetectionErrors`; for a share of the people, confidence falls with the error, at a random rate."""
    places = disturb(draw, true, errors)
    draw = draw.stream(_CONFIDENCE)
    error = (places - true).norm(dim=-1) / person_size(true)[:, None]
    sharp, best = draw.log_uniform(0.5, 2.0)[:, None], draw.uniform(0.4, 1.0)[:, None]
    scatter = 0.6 + 0.4 * torch.rand(error.shape, generator=draw.generator)
    confidence = (best * scatter * (-sharp * error / _FORGIVEN).exp()).clamp(0.01, 1)
    return Detections(places, torch.where(draw.chance(confidence_share)[:, None], confidence, 1.0))


def _choose(which: Tensor, these: Detections, others: Detections) -> Detections:
    """Choose per person (B,) bool between these detections and the others."""
    return Detections(
        torch.where(which[:, None, None], these.places, others.places),
        torch.where(which[:, None], these.confidence, others.confidence),
    )
