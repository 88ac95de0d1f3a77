"""Losses of the hourglass, and the meaning of its raw output under each.

Shapes: B images, J joints, heatmaps of H x W cells; joints are heatmap pixels as in `hourlift.hourglass.heatmap`.
Every loss is summed over the stacks: intermediate supervision (Newell et al. 2016, section 3.2).
"""

import math
from collections.abc import Sequence
from typing import Literal, assert_never

import torch
import torch.nn.functional as F
from torch import Tensor

LossKind = Literal["mse", "cross_entropy"]


def heatmap_loss(
    stacks: Sequence[Tensor], joints_px: Tensor, weights: Tensor, *, kind: LossKind, sigma: float
) -> Tensor:
    """`mse` or `cross_entropy`, by the names used in configs."""
    match kind:
        case "mse":
            return mse(stacks, joints_px, weights, sigma=sigma)
        case "cross_entropy":
            return cross_entropy(stacks, joints_px, weights, sigma=sigma)
        case _:
            assert_never(kind)


def mse(stacks: Sequence[Tensor], joints_px: Tensor, weights: Tensor, *, sigma: float) -> Tensor:
    """Mean squared error against Gaussians of peak 1 (Newell et al. 2016, section 3.3).

    Args:
        stacks: Each (B, J, H, W), the network's raw output.
        joints_px: (B, J, 2) true joints; the target of one outside the image is the part of its Gaussian inside.
        weights: (B, J) weight of each joint, 0 to ignore it. A NaN joint is always ignored.
        sigma: Standard deviation of the Gaussians, heatmap pixels.

    Returns:
        () the mean over cells and the weighted mean over images and joints, summed over the stacks.
    """
    targets = gaussian_targets(joints_px, _size_wh(stacks[0]), sigma)
    errors = torch.stack([(heatmaps.float() - targets).square().mean(dim=(-2, -1)) for heatmaps in stacks])
    return _weighted_mean(errors.sum(dim=0), joints_px, weights)


def cross_entropy(stacks: Sequence[Tensor], joints_px: Tensor, weights: Tensor, *, sigma: float) -> Tensor:
    """Cross-entropy of "in which cell is the joint?" over H * W cells and one cell "nowhere".

    Our deviation from the paper: its mean squared error has a first minimum at the all-zero map. Here the raw
    output is a logit for each cell, and the logit of "nowhere" is the constant 0, so the size of the logits determines
    whether the joint is in the image at all.

    Args:
        stacks: Each (B, J, H, W), the network's raw output.
        joints_px: (B, J, 2) true joints. The target of one inside the image is its Gaussian, normalised over the
            cells; of one outside, "nowhere".
        weights: (B, J) weight of each joint, 0 to ignore it. A NaN joint is always ignored.
        sigma: Standard deviation of the Gaussians, heatmap pixels.

    Returns:
        () nats: the weighted mean over images and joints, summed over the stacks. Its minimum is the entropy of
        the targets, about log(2 pi e sigma^2) per stack.
    """
    width, height = _size_wh(stacks[0])
    upper = joints_px.new_tensor((width - 0.5, height - 0.5))
    inside = ((joints_px >= -0.5) & (joints_px <= upper)).all(dim=-1)
    targets = gaussian_targets(joints_px, (width, height), sigma).flatten(2)
    targets = torch.where(inside[..., None], targets / targets.sum(dim=-1, keepdim=True), 0.0)
    errors = torch.zeros_like(weights, dtype=torch.float32)
    for heatmaps in stacks:
        logits = heatmaps.float().flatten(2)
        # log of the sum over all cells with "nowhere"'s exp(0); its logit is 0, so it adds no term for the target
        errors = errors + F.softplus(logits.logsumexp(dim=-1)) - (targets * logits).sum(dim=-1)
    return _weighted_mean(errors, joints_px, weights)


def joints_and_parts(stacks: Sequence[Tensor], num_joints: int) -> tuple[list[Tensor], list[Tensor]]:
    """Split the output of a network in training: heatmaps (B, J, H, W) and parts (B, P, H, W) of each stack."""
    return [stack[:, :num_joints] for stack in stacks], [stack[:, num_joints:] for stack in stacks]


def part_loss(stacks: Sequence[Tensor], parts: Tensor) -> Tensor:
    """Cross-entropy of "which part of the body does this cell show?". Ours: dense labels of rendered images.

    Joints label sides in two cells of a thousand each. Here each cell of a limb is labelled as left or right, and each
    cell of trunk and head as seen from the front or from behind.

    Args:
        stacks: Each (B, P, H, W) logits.
        parts: (B, H, W) int64, 0 for the background.

    Returns:
        () nats, summed over the stacks: the mean over the person's cells and, equally weighted, the background's.
    """
    person = (parts > 0).float()
    weight = person / person.sum().clamp_min(1) + (1 - person) / (1 - person).sum().clamp_min(1)
    errors = [(F.cross_entropy(logits.float(), parts, reduction="none") * weight).sum() / 2 for logits in stacks]
    return torch.stack(errors).sum()


def gaussian_targets(joints_px: Tensor, size_wh: tuple[int, int], sigma: float) -> Tensor:
    """`hourlift.hourglass.heatmap.encode` in torch: (B, J, 2) -> (B, J, H, W), zero where a joint is NaN."""
    width, height = size_wh
    joints = joints_px.float()
    from_x = torch.arange(width, device=joints.device) - joints[..., 0:1]
    from_y = torch.arange(height, device=joints.device) - joints[..., 1:2]
    x, y = (torch.exp(-distance.square() / (2 * sigma**2)) for distance in (from_x, from_y))
    known = joints.isfinite().all(dim=-1)[..., None, None]
    return torch.where(known, y[..., :, None] * x[..., None, :], 0.0)


def activate(logits: Tensor, kind: LossKind, sigma: float) -> Tensor:
    """Raw output of the network -> heatmaps in [0, 1], with a peak of about 1 if certain.

    Args:
        logits: (B, J, H, W) from one stack, trained with the loss `kind`.
        kind: "mse": the output is the heatmap, clamped. "cross_entropy": the probability of each cell over the
            probability that a certain network gives the cell at the centre of its Gaussian, at most 1.
        sigma: The one it was trained with.

    Returns:
        (B, J, H, W) float32, computed with operations that ONNX supports.
    """
    match kind:
        case "mse":
            return logits.float().clamp(0.0, 1.0)
        case "cross_entropy":
            _, joints, height, width = logits.shape  # constants: only the batch size is dynamic in an exported graph
            cells = F.pad(logits.float().reshape(-1, joints, height * width), (0, 1))  # the last is "nowhere", logit 0
            probabilities = cells.softmax(dim=-1)[..., :-1].reshape(-1, joints, height, width)
            return (probabilities / peak_probability(sigma)).clamp(max=1.0)
        case _:
            assert_never(kind)


def peak_probability(sigma: float) -> float:
    """Share of a Gaussian's cells that falls to the cell at its centre: 1 / (2 pi sigma^2) for a wide one."""
    reach = math.ceil(10 * sigma)
    return sum(math.exp(-(k**2) / (2 * sigma**2)) for k in range(-reach, reach + 1)) ** -2


def _size_wh(heatmaps: Tensor) -> tuple[int, int]:
    return heatmaps.shape[-1], heatmaps.shape[-2]


def _weighted_mean(errors: Tensor, joints_px: Tensor, weights: Tensor) -> Tensor:
    """(B, J) errors -> (): the weighted mean over known joints; 0 if there are none."""
    weights = torch.where(joints_px.isfinite().all(dim=-1), weights.float(), 0.0)
    return (errors * weights).sum() / weights.sum().clamp_min(1e-6)
