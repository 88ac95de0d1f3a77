"""Z-buffer: the triangle visible in each pixel. This is the only custom kernel of the generator.

The kernel packs depth and triangle into one integer, so that the nearest triangle is a minimum. It is written once, in
numba, for CPUs and NVIDIA GPUs. `rasterise_torch` returns the same in plain torch, on any device with double precision.
"""

import logging
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
import torch
from numba import cuda
from torch import Tensor

# numba's OpenMP layer would reset PyTorch's number of threads in the same process. The workqueue layer does not, but it
# does not support concurrent calls from several Python threads.
numba.config.THREADING_LAYER = "workqueue"  # type: ignore[attr-defined]  # made at run time

EMPTY = torch.iinfo(torch.int64).max
DEPTH_STEPS = 2147483520.0  # largest float32 below 2^31
INDEX_BITS = 32
_INDEX_MASK = (1 << INDEX_BITS) - 1
_CANDIDATES_AT_ONCE = 4_000_000  # pixels that rasterise_torch tests at a time, to limit memory
_CUDA_BLOCK = 128

log = logging.getLogger(__name__)


def rasterise(
    screen: Tensor, faces: Tensor, kept: Tensor, size: int, add: Callable[[Tensor], None] | None = None
) -> Tensor:
    """Find the nearest triangle at every pixel centre.

    Args:
        screen: (B, V, 3) float32, x and y in pixels (centres at integers), nearness 1/z scaled to (0, 1]; nearness
            <= 0 marks a vertex behind the camera, whose triangles are dropped.
        faces: (T, 3) int32.
        kept: (B, T) bool, triangles to draw.
        size: side of the square image in pixels.
        add: draws further triangles, with indices from T on, into the buffer (B, size, size) int64 of keys: depth in
            DEPTH_STEPS, with the index in the lowest INDEX_BITS bits. On the CPU only.

    Returns:
        (B, size, size) int64, index of the triangle or -1; the first one if several are equally near.
    """
    assert add is None or screen.device.type == "cpu"
    if screen.device.type == "cpu":
        most_threads = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]  # made at run time
        numba.set_num_threads(min(torch.get_num_threads(), most_threads))
        buffer = torch.full((len(screen), size, size), EMPTY)
        _rasterise_cpu(screen.contiguous().numpy(), faces.numpy(), kept.numpy(), buffer.numpy())
        if add is not None:
            add(buffer)
        return _triangles(buffer)
    if screen.device.type == "cuda" and (kernel := _cuda_kernel()) is not None:
        return _triangles(_rasterise_cuda(kernel, screen, faces, kept, size))
    return rasterise_torch(screen, faces, kept, size)


def _triangles(buffer: Tensor) -> Tensor:
    return torch.where(buffer == EMPTY, -1, buffer & _INDEX_MASK)


def _triangle_drawer(compiled: Callable[..., Any], put_nearest: Callable[..., None]) -> Callable[..., None]:
    """The kernel's body, which draws a triangle; parameters: a compiler, and a function that stores the smaller key."""

    @compiled
    def draw(screen, faces, buffer, b, t):  # type: ignore[no-untyped-def]
        size = buffer.shape[1]
        ax, ay, az = screen[b, faces[t, 0], 0], screen[b, faces[t, 0], 1], screen[b, faces[t, 0], 2]
        bx, by, bz = screen[b, faces[t, 1], 0], screen[b, faces[t, 1], 1], screen[b, faces[t, 1], 2]
        cx, cy, cz = screen[b, faces[t, 2], 0], screen[b, faces[t, 2], 1], screen[b, faces[t, 2], 2]
        if az <= 0.0 or bz <= 0.0 or cz <= 0.0:
            return
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area == 0.0:
            return
        left = max(int(math.ceil(min(ax, bx, cx))), 0)
        right = min(int(math.floor(max(ax, bx, cx))), size - 1)
        top = max(int(math.ceil(min(ay, by, cy))), 0)
        bottom = min(int(math.floor(max(ay, by, cy))), size - 1)
        inverse = np.float32(1.0) / area
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):  # integers: from here on numba computes in double precision
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
                w = np.float32(1.0) - u - v
                if u < 0.0 or v < 0.0 or w < 0.0:
                    continue
                nearness = u * az + v * bz + w * cz
                if nearness > 1.0:
                    continue
                depth = np.int64((1.0 - nearness) * DEPTH_STEPS)
                put_nearest(buffer, b, y, x, (depth << INDEX_BITS) | t)

    return draw


@numba.njit(inline="always")
def _put_nearest(buffer, b, y, x, key):  # type: ignore[no-untyped-def]
    if key < buffer[b, y, x]:
        buffer[b, y, x] = key


_draw_triangle = _triangle_drawer(numba.njit(inline="always"), _put_nearest)


@numba.njit(parallel=True, cache=True, nogil=True)
def _rasterise_cpu(screen, faces, kept, buffer):  # type: ignore[no-untyped-def]
    for b in numba.prange(buffer.shape[0]):
        for t in range(faces.shape[0]):
            if kept[b, t]:
                _draw_triangle(screen, faces, buffer, b, t)


@cache
def _cuda_kernel() -> Any:
    """The kernel for NVIDIA GPUs, one thread per triangle; None, with one log message, if numba has no CUDA."""
    if not cuda.is_available():
        log.warning("numba finds no CUDA compiler: rasterising in PyTorch, which is much slower")
        return None

    @cuda.jit(device=True)
    def put_nearest(buffer, b, y, x, key):  # type: ignore[no-untyped-def]
        cuda.atomic.min(buffer, (b, y, x), key)  # type: ignore[attr-defined]

    draw_triangle = _triangle_drawer(cuda.jit(device=True), put_nearest)

    @cuda.jit
    def kernel(screen, faces, kept, buffer):  # type: ignore[no-untyped-def]
        i = cuda.grid(1)  # type: ignore[attr-defined]
        b, t = i // faces.shape[0], i % faces.shape[0]
        if b < buffer.shape[0] and kept[b, t]:
            draw_triangle(screen, faces, buffer, b, t)

    return kernel


def _rasterise_cuda(kernel: Any, screen: Tensor, faces: Tensor, kept: Tensor, size: int) -> Tensor:
    buffer = torch.full((len(screen), size, size), EMPTY, device=screen.device)
    stream = cuda.external_stream(torch.cuda.current_stream(screen.device).cuda_stream)
    blocks = -(-kept.numel() // _CUDA_BLOCK)
    arrays = [cuda.as_cuda_array(tensor.contiguous()) for tensor in (screen, faces, kept, buffer)]
    kernel[blocks, _CUDA_BLOCK, stream](*arrays)
    return buffer


def rasterise_torch(screen: Tensor, faces: Tensor, kept: Tensor, size: int) -> Tensor:
    """`rasterise` in plain torch: triangles are grouped by the window that holds them, keys scattered with a minimum.

    It rounds like the kernel: edges in single precision, per-pixel values in double.
    """
    device = screen.device
    buffer = torch.full((len(screen) * size * size,), EMPTY, dtype=torch.int64, device=device)
    x, y, z = screen[:, faces.long()].unbind(-1)  # each (B, T, 3)
    left, right = x.amin(-1).ceil().clamp(min=0), x.amax(-1).floor().clamp(max=size - 1)
    top, bottom = y.amin(-1).ceil().clamp(min=0), y.amax(-1).floor().clamp(max=size - 1)
    area = (x[..., 1] - x[..., 0]) * (y[..., 2] - y[..., 0]) - (y[..., 1] - y[..., 0]) * (x[..., 2] - x[..., 0])
    drawn = kept & (right >= left) & (bottom >= top) & (area != 0) & (z.amin(-1) > 0)
    extent = torch.maximum(right - left, bottom - top) + 1
    window = 1
    while window < 2 * size:
        chosen = (drawn & (extent <= window) & (extent > window // 2)).nonzero()
        steps = torch.arange(window, device=device, dtype=torch.float64)
        for part in chosen.split(max(1, _CANDIDATES_AT_ONCE // window**2)):
            b, t = part.unbind(1)
            px = (left[b, t, None, None] + steps[None, None, :]).expand(-1, window, -1).flatten(1)
            py = (top[b, t, None, None] + steps[None, :, None]).expand(-1, -1, window).flatten(1)
            (ax, bx, cx), (ay, by, cy), (az, bz, cz) = (v[b, t, :, None].unbind(1) for v in (x, y, z))
            inverse = 1 / area[b, t, None]
            u = ((bx - px) * (cy - py) - (by - py) * (cx - px)) * inverse
            v = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) * inverse
            w = 1 - u - v
            nearness = u * az + v * bz + w * cz
            inside = (u >= 0) & (v >= 0) & (w >= 0) & (px < size) & (py < size) & (nearness <= 1)
            key = (((1 - nearness) * DEPTH_STEPS).long() << INDEX_BITS) | t[:, None]
            place = (b[:, None] * size + py.long()) * size + px.long()
            buffer.scatter_reduce_(0, place[inside], key[inside], "amin")
        window *= 2
    return _triangles(buffer.view(-1, size, size))
