"""Batch-norm statistics for averaged or quickly changing weights.

A running mean lags behind changing weights. In the deep layers of an hourglass trained at a high learning rate, it was
off by 5 to 12 standard deviations, which made the network useless. The statistics are therefore recomputed from
training batches before a network is measured or saved (Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021,
section 3).
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn


@torch.no_grad()
def estimate_statistics(model: nn.Module, batches: Iterable[Any], run: Callable[[nn.Module, Any], object]) -> None:
    """Replace the running statistics of every batch norm by their mean over batches.

    Args:
        model: The network; its mode and everything except these statistics are unchanged.
        batches: Training batches; if empty, the statistics are unchanged.
        run: Feeds a batch to the model.
    """
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    training, momenta = model.training, [norm.momentum for norm in norms]
    counts = [None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone() for norm in norms]
    others = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    if not norms:
        return
    model.train()
    for module in others:
        module.eval()
    for index, batch in enumerate(batches):
        for norm in norms:
            norm.momentum = 1 / (index + 1)  # the first batch replaces the old value; all have equal weights
        run(model, batch)
    model.train(training)
    for norm, momentum, count in zip(norms, momenta, counts, strict=True):
        norm.momentum = momentum
        if count is not None and norm.num_batches_tracked is not None:
            norm.num_batches_tracked.copy_(count)
