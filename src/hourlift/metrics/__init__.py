"""Metrics: PCK and PCKh in the image, MPJPE and related ones in 3D. NumPy only, float64."""

from hourlift.metrics.mpjpe import (
    acceleration_error,
    joint_errors,
    mpjpe,
    mpjpe_per_joint,
    mpjve,
    n_mpjpe,
    n_mpjpe_per_joint,
    pa_mpjpe,
    pa_mpjpe_per_joint,
)
from hourlift.metrics.pck import (
    PairConfusion,
    head_length,
    heatmap_pck,
    pair_confusion,
    pck,
    pck_per_joint,
    pckh,
    pckh_per_joint,
    torso_length,
)

__all__ = [
    "PairConfusion",
    "acceleration_error",
    "head_length",
    "heatmap_pck",
    "joint_errors",
    "mpjpe",
    "mpjpe_per_joint",
    "mpjve",
    "n_mpjpe",
    "n_mpjpe_per_joint",
    "pa_mpjpe",
    "pa_mpjpe_per_joint",
    "pair_confusion",
    "pck",
    "pck_per_joint",
    "pckh",
    "pckh_per_joint",
    "torso_length",
]
