"""What a 2D stage and a camera, both more or less wrong, tell the lifter of a person."""

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
_EXACT_JITTER = (0.001, 0.01)  # true joints are annotated, or found very well
_FORGIVEN = 0.15  # share of the person's size: at this error confidence has fallen to a third


@dataclass(frozen=True, kw_only=True)
class SeenShares:
    """How many people are seen how.

    Attributes:
        exact: Share whose 2D joints are right but for very little.
        measured: Share with the mistakes of a hourglass, where they were measured; the others have errors as drawn.
        confidence: Share, of those with drawn errors, whose confidence tells of them; that of the others is 1.
        size: Share whose camera is known well enough that their size in it tells their distance.
        lens: Spread of the logarithm of the focal length that is assumed for the others.
    """

    exact: float = 0.0
    measured: float = 0.0
    confidence: float = 0.5
    size: float = 0.6
    lens: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Sight:
    """B people as they are, and as they are seen.

    Attributes:
        joints_cam_mm: (B, 17, 3) camera axes.
        places: (B, 17, 2) x/z and y/z in camera axes, as the 2D stage and the assumed camera tell them.
        confidence: (B, 17) in [0, 1]; 0 is not found.
        size_known: (B,) bool: whether the assumed camera is one that is known.
    """

    joints_cam_mm: Tensor
    places: Tensor
    confidence: Tensor
    size_known: Tensor

    @classmethod
    def exact(cls, joints_cam_mm: Tensor) -> "Sight":
        """Everything seen as it is."""
        sure = torch.ones(joints_cam_mm.shape[:2])
        places = joints_cam_mm[..., :2] / joints_cam_mm[..., 2:]
        return cls(joints_cam_mm=joints_cam_mm, places=places, confidence=sure, size_known=sure[:, 0] > 0)

    def without(self, draw: Draw, share: float) -> "Sight":
        """The same with every joint missing with this probability; three at least are left."""
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
    confidence_told: bool = True,
) -> Sight:
    """Look at people.

    Args:
        draw: As many draws as people.
        joints_cam_mm: (B, 17, 3) all in front of the camera.
        errors: Of a drawn 2D stage.
        shares: How many are seen how.
        measured: Mistakes of a hourglass.
        confidence_told: Whether the lifter can be told that a joint is missing; otherwise none is.
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
    if confidence_told:
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


def _drawn(draw: Draw, true: Tensor, errors: DetectionErrors, told: float) -> Detections:
    """Errors of `DetectionErrors`; for a share of the people confidence falls with them, more or less steeply."""
    places = disturb(draw, true, errors)
    draw = draw.stream(_CONFIDENCE)
    error = (places - true).norm(dim=-1) / person_size(true)[:, None]
    sharp, best = draw.log_uniform(0.5, 2.0)[:, None], draw.uniform(0.4, 1.0)[:, None]
    scatter = 0.6 + 0.4 * torch.rand(error.shape, generator=draw.generator)
    confidence = (best * scatter * (-sharp * error / _FORGIVEN).exp()).clamp(0.01, 1)
    return Detections(places, torch.where(draw.chance(told)[:, None], confidence, 1.0))


def _choose(which: Tensor, these: Detections, others: Detections) -> Detections:
    """Per person (B,) bool these detections, or the others."""
    return Detections(
        torch.where(which[:, None, None], these.places, others.places),
        torch.where(which[:, None], these.confidence, others.confidence),
    )
