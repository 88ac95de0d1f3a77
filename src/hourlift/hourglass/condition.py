"""The same hourglass in numbers that few bits hold: residual sums of mean zero, first features of like ranges.

Batch norm stands before the convolutions here, so nothing keeps the residual sums near zero: in a long training their
means grow to hundreds of standard deviations. Of what is coded in bytes, weights or activations, the mean takes most
then; and bfloat16 has eight bits, so that much of the gradients is rounding. But every sum is read by batch norms, by
convolutions without padding, by pooling and by doubling, all of which pass a constant on. So the mean is taken off
where a sum is made, by the biases of the convolutions before it, and given back to whoever reads it: the answer stays
what it was.

The means come from the network itself: those of a residual's input are the statistics of its first batch norm, and the
mean of what its last convolution reads follows from the batch norm and the ReLU before it, as if normally distributed
(Nagel et al., "Data-free quantization through weight equalization and bias correction", ICCV 2019, section 4.2).

The features behind the first convolution, a hundredfold apart in range, share their scale with who reads them (ibid.,
section 4.1).
"""

import copy
import math

import torch
from torch import Tensor, nn

from hourlift.hourglass.network import Hourglass, Residual, StackedHourglass

_LARGEST_FACTOR = 16.0
_NEVER = 20.0  # standard deviations that no feature is from its mean


@torch.no_grad()
def conditioned(network: StackedHourglass) -> StackedHourglass:
    """A copy whose residual sums have no mean and whose first features are alike in range.

    Args:
        network: with the statistics of batch norm that it is used with; it stays as it is.

    Returns:
        A network whose answers (B, J, H, W) in evaluation mode are the same but for rounding.
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
            told, head = _mean_after_relu(norm), network.heatmaps[stack]
            for merge, mean in (
                (network.merge_features[stack], told),
                (network.merge_heatmaps[stack], _through(head, told) + _bias(head)),
            ):
                added = _through(merge, mean) + _bias(merge)
                _shift(merge, -added)
                taken = taken + added
    return network


def _balance_first(stem: nn.Sequential) -> Tensor:
    """Scale the channels behind the first convolution, and those who read them back.

    Returns:
        (C,) what was taken off them: of a channel that never changes, and that no ReLU cuts, all.
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
    reading.weight.mul_(((reading.running_var + reading.eps) / variance).sqrt() / factor)  # one, but for the clamp
    _statistics(reading).mul_(factor)
    return constant * factor


def _centre_hourglass(hourglass: Hourglass, taken: Tensor) -> Tensor:
    """From what was taken off the input's channels (C,): what is off the output's."""
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
    if isinstance(skip, nn.Conv2d):  # both sides of the sum, or two large means would only cancel in it
        _shift(skip, _through(skip, taken) - beside)
        _shift(last, beside - mean)
    else:
        _shift(last, taken - mean)
    return mean


def _statistics(norm: nn.Module) -> Tensor:
    """(C,) the running mean of a batch norm, to be changed in place."""
    assert isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None
    return norm.running_mean


def _through(layer: nn.Module, constant: Tensor) -> Tensor:
    """What a 1 x 1 convolution, or nothing, makes of a constant (C,), its bias left out."""
    return layer.weight.flatten(1) @ constant if isinstance(layer, nn.Conv2d) else constant


def _bias(layer: nn.Module) -> Tensor | float:
    return layer.bias if isinstance(layer, nn.Conv2d) and layer.bias is not None else 0.0


def _shift(layer: nn.Module, constant: Tensor) -> None:
    assert isinstance(layer, nn.Conv2d) and layer.bias is not None
    layer.bias.add_(constant)


def _mean_after_relu(norm: nn.Module) -> Tensor:
    """(C,) of a batch norm's output after the ReLU, were it normally distributed."""
    assert isinstance(norm, nn.BatchNorm2d)
    spread, middle = norm.weight.abs().clamp_min(1e-6), norm.bias
    ratio = middle / spread
    density = torch.exp(-ratio.square() / 2) / math.sqrt(2 * math.pi)
    return spread * density + middle * torch.special.ndtr(ratio)
