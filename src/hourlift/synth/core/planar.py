"""Points as rows of coordinates: (3, N) rather than (N, 3).

On a CPU, whole rows are gathered and multiplied several times faster than triples, and nothing needs transposing.
"""

import torch
from torch import Tensor


def taken(values: Tensor, index: Tensor) -> Tensor:
    """Some columns of values (N,) or (D, N), by index (M,): row by row, which is faster than all at once."""
    if values.ndim == 1:
        return values.index_select(0, index)
    out = torch.empty(len(values), len(index), dtype=values.dtype, device=values.device)
    for row, chosen in zip(values, out, strict=True):
        torch.index_select(row, 0, index, out=chosen)
    return out


def replace(values: Tensor, index: Tensor, by: Tensor) -> None:
    """Writes columns (D, M) to places (M,) of values (D, N)."""
    for row, new in zip(values, by, strict=True):
        row.index_copy_(0, index, new)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Products (N,) of vectors (3, N)."""
    return torch.addcmul(torch.addcmul(a[0] * b[0], a[1], b[1]), a[2], b[2])


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Vectors (3, N) at right angles to two."""
    out = torch.empty_like(a)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        torch.mul(a[j], b[k], out=out[i]).addcmul_(a[k], b[j], value=-1)
    return out


def unit(vectors: Tensor) -> Tensor:
    """Vectors (3, N) of length 1."""
    return vectors * dot(vectors, vectors).clamp_(min=1e-24).rsqrt_()


def image_of(index: Tensor, count: int, size: int) -> Tensor:
    """Images (N,) of ascending places (N,) in flattened pixels (count, size, size)."""
    ends = torch.searchsorted(index, torch.arange(1, count + 1, device=index.device) * size**2)
    return torch.repeat_interleave(ends.diff(prepend=ends.new_zeros(1)), output_size=len(index))


def pixel_of(index: Tensor, image: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Columns and rows (N,), float, of places (N,) in flattened pixels (B, size, size)."""
    place = torch.sub(index, image, alpha=size**2).float()
    row = ((place + 0.5) * (1 / size)).floor_()  # integer division is many times slower
    return torch.sub(place, row, alpha=size), row


def in_batch(corner: Tensor, image: Tensor, vertices: Tensor) -> Tensor:
    """Places (..., N) in flattened vertices (B, D, V) of the first coordinates of corners (..., N) of images (N,)."""
    return corner + image.int() * (vertices.shape[1] * vertices.shape[2])


def at_corner(values: Tensor, corner: Tensor) -> Tensor:
    """Values (D, N) of batches (B, D, V) at places (N,) as `in_batch` has them."""
    flat, count = values.flatten(), values.shape[2]
    out = torch.empty(values.shape[1], len(corner), device=values.device)
    for row, chosen in enumerate(out):
        torch.index_select(flat[row * count :], 0, corner, out=chosen)
    return out


def blend(values: Tensor, corner: Tensor, weights: Tensor) -> Tensor:
    """Interpolates batches (B, D, V) between corners (3, N), as `in_batch` has them, with weights (3, N): (D, N)."""
    mixed = at_corner(values, corner[0]).mul_(weights[0])
    for k in (1, 2):
        mixed.addcmul_(at_corner(values, corner[k]), weights[k])
    return mixed


def put(images: Tensor, index: Tensor, image: Tensor, values: Tensor) -> None:
    """Writes colours (D, N) into images (B, D, S, S) at places (N,) of their flattened pixels (B, S, S)."""
    flat, pixels, channels = images.flatten(), images[0, 0].numel(), images.shape[1]
    place = torch.add(index, image, alpha=(channels - 1) * pixels)
    for channel, row in enumerate(values):
        flat[channel * pixels :].index_copy_(0, place, row)
