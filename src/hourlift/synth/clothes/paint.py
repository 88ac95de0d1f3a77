"""Tools to paint surface points: gathered attributes, soft edges, noise. Colours are (3, N): each channel in a row."""

from functools import lru_cache

import torch
from torch import Tensor

from hourlift.synth.clothes.outfit import Outfit
from hourlift.synth.core.planar import taken

NOISE_SIDE = 256
_NOISE_SEED = 5


class Attributes:
    """Fields of an outfit at N points, gathered at once: `attributes.skin` is (N,), (k, N) or (k, j, N), all float.

    Booleans become 0 and 1: mixing by a float is many times faster than choosing by a mask.
    """

    def __init__(self, outfit: Outfit, names: tuple[str, ...], person: Tensor) -> None:
        fields = [getattr(outfit, name) for name in names]
        rows = spread(torch.cat([field.reshape(len(field), -1).float() for field in fields], 1).T, person)
        start = 0
        for name, field in zip(names, fields, strict=True):
            width = field[0].numel()
            part = rows[start : start + width]
            setattr(self, name, part[0] if field.ndim == 1 else part.view(*field.shape[1:], -1))
            start += width

    def __getattr__(self, name: str) -> Tensor:  # for the type checker: all attributes are tensors
        raise AttributeError(name)


def spread(table: Tensor, person: Tensor) -> Tensor:
    """Columns (D, N) of a table (D, B), for persons (N,) in ascending order."""
    if table.device.type != "cpu":
        return table.index_select(1, person)
    # Runs of the same column: a sixth of the time that gathering takes on a CPU.
    counts = torch.searchsorted(person, torch.arange(table.shape[1] + 1)).diff().tolist()
    return torch.cat([table[:, i : i + 1].expand(-1, count) for i, count in enumerate(counts)], 1)


def mix(colour: Tensor, other: Tensor | float, share: Tensor) -> Tensor:
    """Colours (3, N) moved towards others, (3, N), (N,) or a grey, by shares (N,), which may be bool."""
    end = other if isinstance(other, Tensor) else torch.tensor(other, device=colour.device)
    return torch.lerp(colour, end, share.float())


def frac(value: Tensor) -> Tensor:
    """What is above the next lower integer, in [0, 1)."""
    return value - value.floor()


def ramp(value: Tensor, low: float, high: float) -> Tensor:
    """0 up to `low`, 1 from `high` on, linear between; `low` may be the larger one."""
    return ((value - low) / (high - low)).clamp(0, 1)


def near(value: Tensor, half: Tensor | float, soft: float) -> Tensor:
    """1 where |value| < half, 0 from `soft` farther on, linear between."""
    return ((half + soft - value.abs()) / soft).clamp(0, 1)


@lru_cache(maxsize=4)
def noise_table(device: torch.device) -> Tensor:
    """Tileable noise (4, NOISE_SIDE**2): slopes of folds across and along, smooth blotches and fine grain.

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
    return table.reshape(-1, 4).T.contiguous().to(device)


def noise(across: Tensor, along: Tensor, channels: slice = slice(4)) -> Tensor:
    """Noise (k, N) at places (N,) in repeats of the table; channels as `noise_table` has them."""
    column, row = (frac(across) * NOISE_SIDE).int(), (frac(along) * NOISE_SIDE).int()
    place = (row * NOISE_SIDE + column).clamp(max=NOISE_SIDE**2 - 1)  # a fraction may round to 1
    return taken(noise_table(across.device)[channels], place)
