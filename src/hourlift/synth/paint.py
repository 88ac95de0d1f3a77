"""Tools to paint surface points: gathered attributes, soft edges, noise. Colours are (3, N): each channel in a row."""

from functools import lru_cache

import torch
from torch import Tensor

from hourlift.synth.outfit import Outfit

NOISE_SIDE = 256
_NOISE_SEED = 5


class Attributes:
    """Fields of an outfit at N points, gathered at once: `attributes.skin` is (N,), (k, N) or (k, j, N)."""

    def __init__(self, outfit: Outfit, names: tuple[str, ...], person: Tensor) -> None:
        fields = [getattr(outfit, name) for name in names]
        table = torch.cat(
            [field.flatten(1).float() if field.ndim > 1 else field[:, None].float() for field in fields], 1
        )
        rows = table.T.contiguous().index_select(1, person)
        start = 0
        for name, field in zip(names, fields, strict=True):
            width = field[0].numel()
            part = rows[start : start + width]
            value = part[0] if field.ndim == 1 else part.view(*field.shape[1:], -1)
            setattr(self, name, value > 0.5 if field.dtype == torch.bool else value)
            start += width

    def __getattr__(self, name: str) -> Tensor:  # for the type checker: all attributes are tensors
        raise AttributeError(name)


def mix(colour: Tensor, other: Tensor | float, share: Tensor) -> Tensor:
    """Colours (3, N) moved towards others, (3, N), (N,) or a grey, by shares (N,)."""
    return colour + share.to(colour.dtype) * (other - colour)


def ramp(value: Tensor, low: float, high: float) -> Tensor:
    """0 up to `low`, 1 from `high` on, linear between; `low` may be the larger one."""
    return ((value - low) / (high - low)).clamp(0, 1)


def near(value: Tensor, half: Tensor | float, soft: float) -> Tensor:
    """1 where |value| < half, 0 from `soft` farther on, linear between."""
    return ((half + soft - value.abs()) / soft).clamp(0, 1)


@lru_cache(maxsize=4)
def noise_table(device: torch.device) -> Tensor:
    """Tileable noise (NOISE_SIDE**2, 4): slopes of folds across and along, smooth blotches and fine grain.

    All have zero mean; folds run along the second axis, about four times as long as wide. Slopes have unit variance.
    """
    generator = torch.Generator().manual_seed(_NOISE_SEED)
    frequency = torch.fft.fftfreq(NOISE_SIDE) * NOISE_SIDE
    row, column = frequency[:, None], frequency[None]

    def filtered(spectrum: Tensor) -> Tensor:
        white = torch.fft.fft2(torch.randn(NOISE_SIDE, NOISE_SIDE, generator=generator))
        return white * spectrum

    radius = (row**2 + column**2).sqrt()
    folds = filtered(torch.exp(-(((row - 0) / 4) ** 2) - ((column.abs() - 13) / 8) ** 2) / (1 + 0.02 * radius))
    blotches = filtered(torch.exp(-((radius - 6) ** 2) / 30) + 0.25 * torch.exp(-((radius - 18) ** 2) / 80))
    grain = filtered((radius > 30).float())
    channels = [torch.fft.ifft2(folds * 1j * column), torch.fft.ifft2(folds * 1j * row)]
    channels += [torch.fft.ifft2(blotches), torch.fft.ifft2(grain)]
    table = torch.stack([channel.real for channel in channels], -1)
    table[..., :2] /= table[..., 0].std()
    table[..., 2:] /= table[..., 2:].std((0, 1))
    return table.reshape(-1, 4).to(device)


def noise(across: Tensor, along: Tensor) -> Tensor:
    """Noise (4, N) at places (N,) in repeats of the table; channels as `noise_table` has them."""
    column = ((across % 1) * NOISE_SIDE).long().clamp(max=NOISE_SIDE - 1)
    row = ((along % 1) * NOISE_SIDE).long().clamp(max=NOISE_SIDE - 1)
    return noise_table(across.device).index_select(0, row * NOISE_SIDE + column).T
