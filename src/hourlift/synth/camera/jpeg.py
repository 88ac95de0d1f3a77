"""Loss of JPEG compression, batched and on the device: colour transform, 8x8 DCT, and libjpeg's quantisation.

Nothing is encoded to bytes, because Huffman coding is lossless. Differences from libjpeg are below one level on
average: libjpeg rounds between the steps, which is omitted here.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

# ITU-T T.81, tables K.1 (luminance) and K.2 (chrominance).
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
) + (99,) * 32  # fmt: skip

RGB_TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168735892, -0.331264108, 0.5], [0.5, -0.418687589, -0.081312411]])
"""JFIF's transform of RGB in [0, 1] to luma in [0, 1] and to colour differences in [-0.5, 0.5]."""
YCC_TO_RGB = torch.tensor([[1.0, 0.0, 1.402], [1.0, -0.344136286, -0.714136286], [1.0, 1.772, 0.0]])


def quantisation_tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """Steps (B, 64) of the luma and of the chroma coefficients for libjpeg's qualities (B,) from 1 to 100."""
    quality = quality.clamp(1, 100)
    percent = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)[:, None]
    luma, chroma = (
        ((table * percent + 50) / 100).floor().clamp(1, 255)
        for table in torch.tensor([_LUMA, _CHROMA], dtype=percent.dtype, device=percent.device)
    )
    return luma, chroma


def compress(ycc: Tensor, quality: Tensor) -> Tensor:
    """Simulate a JPEG file with halved chroma (4:2:0).

    Args:
        ycc: (B, 3, H, W): luma in [0, 1], and colour differences in [-0.5, 0.5] (`RGB_TO_YCC`).
        quality: (B,) integers from 1 to 100, as in libjpeg.

    Returns:
        The compressed images in the same form.
    """
    height, width = ycc.shape[2:]
    padded = pad(ycc, (0, -width % 16, 0, -height % 16), mode="replicate") if height % 16 or width % 16 else ycc
    luma_steps, chroma_steps = quantisation_tables(quality.to(ycc))
    luma = _quantise(padded[:, :1] - 0.5, luma_steps) + 0.5  # levels are shifted to lie around zero
    chroma = _quantise(_halved(padded[:, 1:]), chroma_steps)
    chroma = interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)  # libjpeg's "fancy" upsampling
    return torch.cat([luma, chroma], 1)[..., :height, :width]


def _halved(planes: Tensor) -> Tensor:
    """Means of 2x2 pixels; on a CPU several times faster than avg_pool2d."""
    rows = planes[:, :, ::2] + planes[:, :, 1::2]
    return (rows[..., ::2] + rows[..., 1::2]).mul_(0.25)


def _quantise(planes: Tensor, steps: Tensor) -> Tensor:
    """Planes (B, C, H, W) around zero whose 8x8 DCT coefficients are rounded to multiples of the steps (B, 64)."""
    count, channels, height, width = planes.shape
    blocks = planes.view(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4).reshape(count, -1, 64)
    dct = _dct_matrix().to(planes)
    steps = steps[:, None] / 255
    rounded = (blocks @ dct.T).div_(steps).round_().mul_(steps) @ dct
    return rounded.view(count, channels, height // 8, width // 8, 8, 8).transpose(3, 4).reshape(planes.shape)


def _dct_matrix() -> Tensor:
    """The orthonormal DCT-II of 8x8 blocks as a matrix (64, 64): coefficient (v, u) of pixel (y, x)."""
    k, x = torch.arange(8.0)[:, None], torch.arange(8.0)
    one = torch.cos((2 * x + 1) * k * math.pi / 16) / 2
    one[0] /= math.sqrt(2)
    return torch.kron(one, one)
