"""Baselines for the lifter that need no network."""

import torch
from torch import Tensor

from hourlift.lifter.network import without_root
from hourlift.metrics.mpjpe import mpjpe, pa_mpjpe
from hourlift.training.lifter.stage import LifterBatch

_COMPARED_AT_ONCE = 256


def baselines(known: LifterBatch, asked: LifterBatch) -> dict[str, float]:
    """Errors of the mean pose, and of the pose of the most similar person in 2D.

    Args:
        known: All training people.
        asked: People to predict.

    Returns:
        MPJPE and PA-MPJPE of both, in mm.
    """
    answers = {
        "mean_pose": known.joints_mm.mean(0, keepdim=True).expand_as(asked.joints_mm),
        "nearest": known.joints_mm[_nearest(known.rays, asked.rays)],
    }
    true = asked.joints_mm.numpy()
    return {
        f"{name}_{metric.__name__}": metric(answer.numpy(), true)
        for name, answer in answers.items()
        for metric in (mpjpe, pa_mpjpe)
    }


def _nearest(known: Tensor, asked: Tensor) -> Tensor:
    """Rows (M,) of the people (N, 17, 2) nearest to others (M, 17, 2), with standardised coordinates."""
    std = without_root(known).std(0).clamp_min(1e-6)
    ours, theirs = ((without_root(joints) / std).flatten(1) for joints in (known, asked))
    return torch.cat([torch.cdist(part, ours).argmin(1) for part in theirs.split(_COMPARED_AT_ONCE)])
