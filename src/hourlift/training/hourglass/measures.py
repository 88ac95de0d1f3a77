"""Metrics of the hourglass during training and validation.

Shapes: B images, J joints; heatmaps (B, J, H, W).
"""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hourlift.geometry.crop import rescale_points
from hourlift.geometry.skeleton import H36M17, LIMB_JOINTS
from hourlift.hourglass.heatmap import decode
from hourlift.hourglass.loss import LossKind, activate
from hourlift.hourglass.network import STRIDE
from hourlift.metrics.pck import HEATMAP_SHARE, heatmap_pck, pair_confusion, pck
from hourlift.training.engine.bfloat16 import uses_bfloat16

_THRESHOLD = 0.5


def find_joints(
    model: nn.Module,
    batches: Iterable[Tensor],
    device: torch.device,
    *,
    loss: LossKind,
    sigma: float,
    bf16: bool | None = None,
) -> NDArray[np.float64]:
    """Predict joints (N, 17, 2) in image pixels for batches (B, 3, S, S) uint8; bf16 as for `uses_bfloat16`."""
    found = []
    enabled = uses_bfloat16(bf16, device)
    for batch in batches:
        images = batch.to(device).float().div(255).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled):
            logits = model(images)[-1]
        heatmaps = activate(logits, loss, sigma)
        points, _ = decode(heatmaps.float().cpu().numpy(), method="dark")
        found.append(rescale_points(points, STRIDE))
    return np.concatenate(found)


def measure(
    predicted_px: NDArray[np.floating], true_px: NDArray[np.floating], torso_px: NDArray[np.floating], side_px: int
) -> dict[str, float]:
    """Compute the validation metrics.

    Args:
        predicted_px: (N, 17, 2) in pixels of the crop.
        true_px: (N, 17, 2) in the same pixels; NaN if there is no joint to find.
        torso_px: (N,) from `metrics.torso_length`.
        side_px: Side of the crops in pixels.

    Returns:
        pck: PCK@0.2 of the 12 limb joints; accuracy: the report's PCK on heatmap scale of all joints;
        swapped, collapsed: shares of left-right pairs.
    """
    limbs = H36M17.indices(*LIMB_JOINTS)
    confusion = pair_confusion(predicted_px, true_px, torso_px, H36M17.flip_pairs)
    pairs = max(1, int(confusion.count.sum()))
    return {
        "pck": pck(predicted_px[:, limbs], true_px[:, limbs], torso_px),
        "accuracy": heatmap_pck(predicted_px, true_px, side_px, _THRESHOLD),
        "swapped": float(confusion.swapped.sum() / pairs),
        "collapsed": float(confusion.collapsed.sum() / pairs),
    }


@torch.no_grad()
def batch_accuracy(heatmaps: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
    """Compute `metrics.heatmap_pck` of a training batch on its device: the report's training curve.

    Args:
        heatmaps: (B, J, H, W) raw output of one stack; the largest cell is the prediction.
        joints: (B, J, 2) true joints in heatmap pixels; joints outside are ignored.
        weights: (B, J) 0 for a joint to ignore.

    Returns:
        () share; 0 if there are no joints to count.
    """
    height, width = heatmaps.shape[-2:]
    peak = heatmaps.flatten(2).argmax(-1)
    found = torch.stack([peak % width, peak.div(width, rounding_mode="floor")], -1).to(joints.dtype)
    upper = joints.new_tensor((width - 0.5, height - 0.5))
    counted = ((joints >= -0.5) & (joints <= upper)).all(-1) & (weights > 0)
    correct = (found - joints).norm(dim=-1) <= _THRESHOLD * HEATMAP_SHARE * width
    return (correct & counted).sum() / counted.sum().clamp_min(1)
