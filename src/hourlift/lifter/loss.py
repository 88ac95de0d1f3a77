"""Losses of the lifter: the report's three, and our own.

Shapes: B people, J = 17 joints relative to the root, in mm. The root is joint 0: its error is always 0, so it adds
nothing to sums over joints; to sums over pairs it adds the other joints' errors.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal, assert_never

import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.lifter.network import without_root

LossKind = Literal["l2", "compositional", "weighted", "distance"]

EMPHASIS: Mapping[str, float] = MappingProxyType(
    {"l_wrist": 2.0, "r_wrist": 2.0, "l_elbow": 1.5, "r_elbow": 1.5, "l_ankle": 1.5, "r_ankle": 1.5}
)
"""Weights of the joints with stage 1's largest errors; all others have 1. The values are ours, the joints
are the report's."""


def lifter_loss(predicted_mm: Tensor, true_mm: Tensor, std_mm: Tensor, kind: LossKind) -> Tensor:
    """`l2_loss`, `compositional_loss`, `weighted_l2_loss` or `distance_loss`, by the names used in configs."""
    match kind:
        case "l2":
            return l2_loss(predicted_mm, true_mm, std_mm)
        case "compositional":
            return compositional_loss(predicted_mm, true_mm, std_mm)
        case "weighted":
            return weighted_l2_loss(predicted_mm, true_mm, std_mm)
        case "distance":
            return distance_loss(predicted_mm, true_mm, std_mm)
        case _:
            assert_never(kind)


def l2_loss(predicted_mm: Tensor, true_mm: Tensor, std_mm: Tensor) -> Tensor:
    """Mean squared error of the standardised joints (Martinez et al. 2017, section 3.1; the report's equation 3).

    Dividing both sides by the training data's standard deviation gives every coordinate the same weight, a wrist's
    like a hip's. The mean of the standardisation cancels out.

    Args:
        predicted_mm: (B, J, 3) joints relative to the root.
        true_mm: (B, J, 3) as ``predicted_mm``.
        std_mm: (J - 1, 3) standard deviation of each coordinate without the root: `Lifter.output_std`.

    Returns:
        () mean over people, joints (without the root, which has no error) and coordinates.
    """
    return (without_root(predicted_mm - true_mm) / std_mm).square().mean()


def compositional_loss(predicted_mm: Tensor, true_mm: Tensor, std_mm: Tensor) -> Tensor:
    """L1 error of the vectors between all pairs of joints (Sun et al., ICCV 2017; the report's equations 4 to 6).

    The sum over 1 <= u < v <= 17 of ||(J_u - J_v) - (J_u* - J_v*)||_1: every bone is among the pairs, and every path
    along bones.

    Deviations: this is the mean over the 136 pairs and 3 coordinates, a constant factor that keeps the gradient norm
    in a range where clipping to 1 preserves it; and lengths are divided by one number, the mean of `std_mm`, as
    differences of joints standardised each by its own deviation would not be vectors in space.

    Args:
        predicted_mm: (B, J, 3) joints relative to the root.
        true_mm: (B, J, 3) as ``predicted_mm``.
        std_mm: (J - 1, 3) as in `l2_loss`.

    Returns:
        () mean over people, pairs and coordinates.
    """
    error = (predicted_mm - true_mm) / std_mm.mean()
    u, v = torch.triu_indices(error.shape[1], error.shape[1], offset=1, device=error.device)
    return (error[:, u] - error[:, v]).abs().mean()


def weighted_l2_loss(
    predicted_mm: Tensor, true_mm: Tensor, std_mm: Tensor, weights: Mapping[str, float] = EMPHASIS
) -> Tensor:
    """Mean squared error of the standardised joints with a weight for each (the report's equation 7).

    Args:
        predicted_mm: (B, J, 3) joints relative to the root.
        true_mm: (B, J, 3) as ``predicted_mm``.
        std_mm: (J - 1, 3) as in `l2_loss`.
        weights: Weights by joint name; 1 for all others. They are scaled to a mean of 1, so that the loss equals
            `l2_loss` if all joints have the same error.

    Returns:
        () weighted mean over people, joints and coordinates.
    """
    each = _joint_weights(tuple(weights.items())).to(predicted_mm.device)
    return ((without_root(predicted_mm - true_mm) / std_mm).square() * each[:, None]).mean()


def distance_loss(predicted_mm: Tensor, true_mm: Tensor, std_mm: Tensor) -> Tensor:
    """Mean distance of the joints to their truth, over the mean of `std_mm`: MPJPE, normalised.

    Unlike a squared error, it does not pull uncertain joints towards the mean of all possibilities.

    Args:
        predicted_mm: (B, J, 3) joints relative to the root.
        true_mm: (B, J, 3) as ``predicted_mm``.
        std_mm: (J - 1, 3) as in `l2_loss`.

    Returns:
        () mean over people and joints.
    """
    return without_root(predicted_mm - true_mm).norm(dim=-1).mean() / std_mm.mean()


def bone_loss(predicted_mm: Tensor, true_mm: Tensor, std_mm: Tensor) -> Tensor:
    """Mean difference of the bones' lengths to the true ones, over the mean of `std_mm`.

    If a limb's direction is uncertain, the predicted mean over directions is too short. This loss gives people bones of
    full length, the same left and right, at a small cost in distance.

    Args:
        predicted_mm: (B, J, 3) joints relative to the root.
        true_mm: (B, J, 3) as ``predicted_mm``.
        std_mm: (J - 1, 3) as in `l2_loss`.

    Returns:
        () mean over people and bones.
    """
    parents, children = zip(*H36M17.edges, strict=True)
    lengths, wanted = (
        (joints[:, list(children)] - joints[:, list(parents)]).norm(dim=-1) for joints in (predicted_mm, true_mm)
    )
    return (lengths - wanted).abs().mean() / std_mm.mean()


def spread_loss(spread_mm: Tensor, predicted_mm: Tensor, true_mm: Tensor) -> Tensor:
    """Negative log likelihood of the distances to the truth, as exponential variables with the predicted means.

    Its minimum is at the mean distance over all joints with the same evidence. Gradients reach only the
    spread, not the joints.

    Args:
        spread_mm: (B, J) predicted mean distances.
        predicted_mm: (B, J, 3) joints relative to the root.
        true_mm: (B, J, 3) as ``predicted_mm``.

    Returns:
        () mean over people and joints except the root.
    """
    distance = without_root(predicted_mm.detach() - true_mm).norm(dim=-1)
    spread = without_root(spread_mm)
    return (spread.log() + distance / spread).mean()


@cache
def _joint_weights(weights: tuple[tuple[str, float], ...]) -> Tensor:
    """(J - 1,) weight of every joint except the root, mean 1."""
    each = torch.ones(H36M17.num_joints)
    for name, weight in weights:
        each[H36M17.index(name)] = weight
    return each[1:] / each[1:].mean()
