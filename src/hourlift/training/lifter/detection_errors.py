"""Errors of a 2D stage: drawn from a few parameters, or resampled person by person from measurements.

Distances are shares of the person's size, which is the mean distance of the joints from the pelvis.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from hourlift.errors import UserError
from hourlift.geometry.skeleton import H36M17
from hourlift.metrics.pck import pair_confusion, torso_length
from hourlift.synth.core.draw import Draw

FAR = 0.3
"""A joint with an error above this share of the person's size is an outlier."""
_NEAR = 0.1  # a joint this close to its true position is never assigned to another
_MOST_PEOPLE = 10, 90  # percentiles
_WHOLE, _MISSING, _MEASURED = 1, 2, 3  # streams of random numbers
_SHARPNESS = (0.5, 2.0)  # random power of the confidence: the scale differs between hourglasses and calibrations
_PAIRS = {name: H36M17.flip_pairs[start : start + 3] for name, start in (("legs", 0), ("arms", 3))}
_FLIPPED = torch.from_numpy(H36M17.flip_permutation)


@dataclass(frozen=True, kw_only=True)
class DetectionErrors:
    """Parameters of the errors of a 2D stage.

    Attributes:
        jitter: Standard deviation of the error of a person's joints, log-uniform in this range.
        outliers: Probability that a joint is far off, and its distance (standard deviation).
        swapped: Probability that a left-right pair is swapped.
        collapsed: Probability that both joints of a pair are at the position of one of them.
        limbs_swapped: Probability that the legs are swapped, all three pairs together; likewise the arms.
        body_swapped: Probability that front and back are confused: all pairs are swapped.
        missing: Share of people with missing joints, and the largest share of their joints that is missing.
    """

    jitter: tuple[float, float] = (0.005, 0.12)
    outliers: tuple[float, float] = (0.02, 0.6)
    swapped: float = 0.02
    collapsed: float = 0.02
    limbs_swapped: float = 0.0
    body_swapped: float = 0.0
    missing: tuple[float, float] = (0.0, 0.0)


class Detections(NamedTuple):
    """2D joints of B people as found by a 2D stage."""

    places: Tensor
    """(B, 17, 2), in the plane of the true joints."""
    confidence: Tensor
    """(B, 17) in [0, 1]; 0 for a missing joint, whose position has no meaning."""


def add_errors(draw: Draw, joints_cam: Tensor, errors: DetectionErrors) -> Tensor:
    """Project people as found by a 2D stage.

    Args:
        draw: One draw per person.
        joints_cam: (B, 17, 3) in the camera frame, in any unit of length, all in front of the camera.
        errors: Parameters of the errors.

    Returns:
        (B, 17, 2): x/z and y/z, with errors.
    """
    return disturb(draw, joints_cam[..., :2] / joints_cam[..., 2:], errors)


def disturb(draw: Draw, seen: Tensor, errors: DetectionErrors) -> Tensor:
    """Add the errors of a 2D stage to joints.

    Args:
        draw: One draw per person.
        seen: (B, 17, 2) true positions, in any plane and unit.
        errors: Parameters of the errors.

    Returns:
        (B, 17, 2) with errors; none is missing.
    """
    count, num_joints = seen.shape[:2]
    size = person_size(seen)[:, None, None]

    def noise(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=draw.generator)

    seen = _swap_limbs(draw.stream(_WHOLE), seen, errors)
    found = seen.clone()
    for right, left in H36M17.flip_pairs:
        swapped, collapsed = draw.chance(errors.swapped)[:, None], draw.chance(errors.collapsed)[:, None]
        onto_left = draw.chance(0.5)[:, None]
        a, b = seen[:, right], seen[:, left]
        found[:, right] = torch.where(swapped | (collapsed & onto_left), b, a)
        found[:, left] = torch.where(swapped | (collapsed & ~onto_left), a, b)
    found = found + draw.log_uniform(*errors.jitter)[:, None, None] * size * noise(num_joints, 2)
    far = torch.rand(count, num_joints, 1, generator=draw.generator) < errors.outliers[0]
    return torch.where(far, found + errors.outliers[1] * size * noise(num_joints, 2), found)


def person_size(seen: Tensor) -> Tensor:
    """(B, 17, 2) -> (B,) mean distance of the joints from the pelvis, the root included."""
    return (seen - seen[:, :1]).norm(dim=-1).mean(1)


def found_joints(draw: Draw, count: int, missing: tuple[float, float]) -> Tensor:
    """Return which joints (count, 17) are found, following `DetectionErrors.missing`; at least three per person."""
    draw = draw.stream(_MISSING)
    rate = torch.where(draw.chance(missing[0]), draw.uniform(0, missing[1]), 0.0)
    chance = torch.rand(count, H36M17.num_joints, generator=draw.generator)
    return (chance >= rate[:, None]) | (chance >= chance.topk(3, dim=1).values[:, -1:])


def _swap_limbs(draw: Draw, seen: Tensor, errors: DetectionErrors) -> Tensor:
    """Swap legs, arms, or the whole body."""
    body, swapped = draw.chance(errors.body_swapped), seen[:, _FLIPPED]
    found = torch.where(body[:, None, None], swapped, seen)
    for pairs in _PAIRS.values():
        joints = [joint for pair in pairs for joint in pair]
        limb = (draw.chance(errors.limbs_swapped) & ~body)[:, None, None]
        found[:, joints] = torch.where(limb, swapped[:, joints], found[:, joints])
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredErrors:
    """Errors of an hourglass on N people, to be applied to others. A person's errors are kept together.

    Attributes:
        at_other: (N, 17) bool: the joint was found closer to its left or right counterpart than to itself.
        offset: (N, 17, 2) from there to the found position, as shares of the person's size, in image axes.
        confidence: (N, 17) in [0, 1].
    """

    at_other: Tensor
    offset: Tensor
    confidence: Tensor

    def __len__(self) -> int:
        return len(self.at_other)

    @classmethod
    def of(cls, found_px: ArrayLike, confidence: ArrayLike, true_px: ArrayLike) -> "MeasuredErrors":
        """Measure the errors.

        Args:
            found_px: (N, 17, 2) as found by the hourglass.
            confidence: (N, 17) as found by the hourglass.
            true_px: (N, 17, 2) in the same pixels, also outside the image. People with a NaN are skipped.

        Raises:
            ValueError: no person is known in both.
        """
        found, true, sure = (np.asarray(a, np.float64) for a in (found_px, true_px, confidence))
        whole = _known_in_both(found, true)
        found, true, sure = found[whole], true[whole], sure[whole]
        size = np.linalg.norm(true - true[:, :1], axis=-1).mean(-1)[:, None, None]
        offsets = [(found - place) / size for place in (true, true[:, H36M17.flip_permutation])]
        own, other = (np.linalg.norm(offset, axis=-1) for offset in offsets)
        at_other = (other < own) & (own > _NEAR)
        offset = np.where(at_other[..., None], offsets[1], offsets[0])
        return cls(
            at_other=torch.from_numpy(at_other),
            offset=torch.from_numpy(offset).float(),
            confidence=torch.from_numpy(sure).float().clamp(0, 1),
        )

    def apply(self, draw: Draw, seen: Tensor) -> Detections:
        """Apply the errors of people drawn at random, half of them mirrored, to others.

        Args:
            draw: One draw per person.
            seen: (B, 17, 2) true positions, in any plane with the axes of the image.
        """
        draw = draw.stream(_MEASURED)
        person, mirrored = draw.integer(len(self)), draw.chance(0.5)
        at_other, offset, confidence = self.at_other[person], self.offset[person], self.confidence[person]
        flipped = offset[:, _FLIPPED] * torch.tensor([-1.0, 1.0])
        offset = torch.where(mirrored[:, None, None], flipped, offset)
        at_other = torch.where(mirrored[:, None], at_other[:, _FLIPPED], at_other)
        confidence = torch.where(mirrored[:, None], confidence[:, _FLIPPED], confidence)
        places = torch.where(at_other[..., None], seen[:, _FLIPPED], seen)
        places = places + offset * person_size(seen)[:, None, None]
        return Detections(places, confidence ** draw.log_uniform(*_SHARPNESS)[:, None])


def measure_errors(detected_px: ArrayLike, true_px: ArrayLike) -> DetectionErrors:
    """Estimate the parameters of `DetectionErrors`, except swapped limbs and missing joints.

    A joint at its left or right counterpart counts as swapped or collapsed, not as an outlier. The jitter's range
    covers four of five people.

    Args:
        detected_px: (N, 17, 2) as found by an hourglass; NaN is ignored.
        true_px: (N, 17, 2) in the same pixels; NaN is ignored.

    Raises:
        ValueError: no person is known in both.
    """
    detected, true = np.asarray(detected_px, np.float64), np.asarray(true_px, np.float64)
    whole = _known_in_both(detected, true)
    detected, true = detected[whole], true[whole]
    size = np.linalg.norm(true - true[:, :1], axis=-1).mean(-1)[:, None]
    error = np.linalg.norm(detected - true, axis=-1) / size
    to_counterpart = np.linalg.norm(detected - true[:, H36M17.flip_permutation], axis=-1) / size
    confused = to_counterpart < error
    far = (error > FAR) & ~confused
    near = np.where(far | confused, np.nan, error)
    with np.errstate(invalid="ignore"):
        jitter = np.sqrt(np.nansum(near**2, -1) / np.maximum(np.isfinite(near).sum(-1), 1) / 2)
    low, high = np.maximum(np.percentile(jitter, _MOST_PEOPLE), 1e-6).tolist()
    confusion = pair_confusion(detected, true, torso_length(true, H36M17), H36M17.flip_pairs)
    return DetectionErrors(
        jitter=(low, high),
        outliers=(float(far.mean()), float(np.sqrt((error[far] ** 2).mean() / 2)) if far.any() else 0.0),
        swapped=float(np.nan_to_num(confusion.swapped_share)),
        collapsed=float(np.nan_to_num(confusion.collapsed_share)),
    )


def _known_in_both(detected: NDArray, true: NDArray) -> NDArray[np.bool_]:
    whole = np.isfinite(true).all((1, 2)) & np.isfinite(detected).all((1, 2))
    if not whole.any():
        raise UserError("the errors of the 2D joints cannot be measured: no person is known in both")
    return np.asarray(whole)
