"""Losses of the lifter."""

from torch import Tensor

from hourlift.lifter.network import without_root


def l2_loss(predicted_mm: Tensor, true_mm: Tensor, std_mm: Tensor) -> Tensor:
    """Mean squared error of the standardised joints (Martinez et al. 2017, section 3.1).

    Dividing both sides by the training data's standard deviation makes every coordinate count alike, a wrist's
    as much as a hip's. The mean of the standardisation cancels out.

    Args:
        predicted_mm: (B, J, 3) joints relative to the root.
        true_mm: (B, J, 3) likewise.
        std_mm: (J - 1, 3) standard deviation of each coordinate without the root: `Lifter.output_std`.

    Returns:
        () mean over people, joints (the root is always right and left out) and coordinates.
    """
    return (without_root(predicted_mm - true_mm) / std_mm).square().mean()
