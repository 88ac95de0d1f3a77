"""Optimisers by name, with weight decay only on kernels and matrices."""

from typing import Literal, assert_never

import torch
from torch import nn

OptimizerKind = Literal["adamw", "adam", "rmsprop"]


def optimizer(
    model: nn.Module, kind: OptimizerKind, lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Optimizer:
    """Make the optimiser of a network; weight decay on kernels and matrices, never on biases and batch norm.

    Args:
        model: the network, or the part of it to train.
        kind: name of the optimiser.
        lr: learning rate.
        betas: betas of Adam; RMSprop uses the second and has no momentum.
        weight_decay: decoupled from the gradient only for "adamw".
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    match kind:
        case "adamw":
            return torch.optim.AdamW(groups, lr=lr, betas=betas, fused=True)
        case "adam":
            return torch.optim.Adam(groups, lr=lr, betas=betas, fused=True)
        case "rmsprop":
            return torch.optim.RMSprop(groups, lr=lr, alpha=betas[1])
        case _:
            assert_never(kind)
