"""The same hourglass with well-conditioned numbers: residual sums of zero mean, first features of similar range.

Batch norm precedes the convolutions here, so nothing keeps the residual sums near zero: in long training their means
grow to hundreds of standard deviations. In 8 bits, weights or activations, most of the range is then used for the mean;
and bfloat16 has eight significant bits, so that many gradients are rounded. But every sum is read by batch norms,
convolutions without padding, pooling and upsampling, all of which preserve a constant. So the mean is subtracted where
a sum is made, in the biases of the convolutions before it, and added back where the sum is read: the output does not
change.

The means come from the network itself: the mean of a residual's input is in the statistics of its first batch norm, and
that of its last convolution's input follows from the preceding batch norm and ReLU, assuming a normal distribution
(Nagel et al., "Data-free quantization through weight equalization and bias correction", ICCV 2019, section 4.2).

The features after the first convolution differ in range a hundredfold; their scale is shared with the layers that read
them (ibid., section 4.1).
"""

import copy
import math

import torch
from torch import Tensor, nn

from hourlift.hourglass.network import Hourglass, Residual, StackedHourglass

_LARGEST_FACTOR = 16.0
_NEVER = 20.0  # no feature is this many standard deviations from its mean


@torch.no_grad()
def conditioned(network: StackedHourglass) -> StackedHourglass:
    """A copy with residual sums of zero mean and first features of similar range.

    Args:
        network: with the batch norm statistics of inference; it is not modified.

    Returns:
        A network whose outputs (B, J, H, W) in evaluation mode are the same except for rounding.
    """
    network = copy.deepcopy(network)
    taken = _balance_first(network.stem)
    in_stem = [layer for layer in network.stem if isinstance(layer, Residual)]
    for residual in in_stem:
        taken = _centre_residual(residual, taken)
    for stack, (hourglass, features) in enumerate(zip(network.hourglasses, network.features, strict=True)):
        assert isinstance(hourglass, Hourglass) and isinstance(features, nn.Sequential)
        last, convolution, norm, _ = features
        assert isinstance(last, Residual)
        off = _centre_residual(last, _centre_hourglass(hourglass, taken))
        _shift(convolution, _through(convolution, off) - _statistics(norm))
        _statistics(norm).zero_()
        if stack < network.config.num_stacks - 1:
            features_mean, head = _mean_after_relu(norm), network.heatmaps[stack]
            for merge, mean in (
                (network.merge_features[stack], features_mean),
                (network.merge_heatmaps[stack], _through(head, features_mean) + _bias(head)),
            ):
                added = _through(merge, mean) + _bias(merge)
                _shift(merge, -added)
                taken = taken + added
    return network


def _balance_first(stem: nn.Sequential) -> Tensor:
    """Scale the channels after the first convolution, and rescale them where they are read.

    Returns:
        (C,) the subtracted constants: all of a channel that is constant and not clipped by the ReLU.
    """
    norm, reader = stem[1], stem[3]
    assert isinstance(norm, nn.BatchNorm2d) and isinstance(reader, Residual) and isinstance(reader.skip, nn.Conv2d)
    constant = (norm.bias - _NEVER * norm.weight.abs()).clamp_min(0)
    norm.bias.sub_(constant)
    features = (norm.bias + 4 * norm.weight.abs()).clamp_min(1e-3)  # about their largest
    weights = reader.skip.weight.abs().amax((0, 2, 3)).clamp_min(1e-6)
    factor = (weights / features).sqrt()
    factor = (factor / factor.median()).clamp(1 / _LARGEST_FACTOR, _LARGEST_FACTOR)
    norm.weight.mul_(factor)
    norm.bias.mul_(factor)
    reader.skip.weight.div_(factor[:, None, None])
    reading = reader.layers[0]
    assert isinstance(reading, nn.BatchNorm2d) and reading.running_var is not None
    variance = reading.running_var + reading.eps
    reading.running_var.copy_((factor.square() * variance - reading.eps).clamp_min(0))
    reading.weight.mul_(((reading.running_var + reading.eps) / variance).sqrt() / factor)  # one, except for the clamp
    _statistics(reading).mul_(factor)
    return constant * factor


def _centre_hourglass(hourglass: Hourglass, taken: Tensor) -> Tensor:
    """The constants subtracted from the output's channels, given those of the input's (C,)."""
    beside = _centre_residual(hourglass.skip, taken)
    low, inner = _centre_residual(hourglass.down, taken), hourglass.inner
    low = _centre_hourglass(inner, low) if isinstance(inner, Hourglass) else _centre_residual(inner, low)
    return beside + _centre_residual(hourglass.up, low)


def _centre_residual(residual: Residual, taken: Tensor) -> Tensor:
    """The same for a residual."""
    norm, last, skip = residual.layers[0], residual.layers[8], residual.skip
    beside = _through(skip, _statistics(norm)) + _bias(skip)
    mean = beside + _through(last, _mean_after_relu(residual.layers[6])) + _bias(last)
    _statistics(norm).sub_(taken)
    if isinstance(skip, nn.Conv2d):  # on both sides of the sum, as two large means could cancel in it
        _shift(skip, _through(skip, taken) - beside)
        _shift(last, beside - mean)
    else:
        _shift(last, taken - mean)
    return mean


def _statistics(norm: nn.Module) -> Tensor:
    """(C,) the running mean of a batch norm, to be modified in place."""
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    return norm.running_mean


def _through(layer: nn.Module, constant: Tensor) -> Tensor:
    """The output of a 1 x 1 convolution, or the identity, for a constant (C,), without its bias."""
    return layer.weight.flatten(1) @ constant if isinstance(layer, nn.Conv2d) else constant


def _bias(layer: nn.Module) -> Tensor | float:
    return layer.bias if isinstance(layer, nn.Conv2d) and layer.bias is not None else 0.0


def _shift(layer: nn.Module, constant: Tensor) -> None:
    assert isinstance(layer, nn.Conv2d) and layer.bias is not None
    layer.bias.add_(constant)


def _mean_after_relu(norm: nn.Module) -> Tensor:
    """(C,) mean of a batch norm's output after the ReLU, assuming a normal distribution."""
    assert isinstance(norm, nn.BatchNorm2d)
    spread, middle = norm.weight.abs().clamp_min(1e-6), norm.bias
    ratio = middle / spread
    density = torch.exp(-ratio.square() / 2) / math.sqrt(2 * math.pi)
    return spread * density + middle * torch.special.ndtr(ratio)
