"""The finder's network: one look at the whole image, one answer for every cell of 8 pixels.

Shapes: B images of height H and width W.

    images (B, 3, H, W)
      -> stem: 3x3 stride 2, 3x3 stride 2                               (B, C, H/4, W/4)
      -> down to strides 8, 16, 32 and 64: 3x3 stride 2, bottlenecks     (B, 2C, 4C, 7C, 7C)
      -> up again to stride 8: 1x1, nearest neighbour, sum, bottleneck   (B, 2C, H/8, W/8)
      -> 1x1: score (linear), log distances to the four sides           (B, 5, H/8, W/8)

As in CenterNet (Zhou, Wang and Kraehenbuehl, "Objects as points", 2019) a person is the peak at the middle of the box;
as in TTFNet (Liu et al., AAAI 2020) all cells around it answer with the box, which converges faster. Our own: stride 8
instead of 4, for a quarter of the arithmetic, and therefore distances to the sides instead of an offset and a size.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from hourlift.errors import UserError
from hourlift.finder.decode import SIZE_MULTIPLE, STRIDE

_PRIOR = 0.01  # score of every cell before training: most cells are empty
_LOG_SIDE = (-4.0, 5.0)  # range of log(distance / STRIDE): 0.15 to 1187 pixels


@dataclass(frozen=True, kw_only=True)
class FinderConfig:
    """The shape of the network."""

    width: int = 24
    """Channels at stride 4."""
    blocks: int = 2
    """Bottlenecks at each of the strides 8, 16 and 32 on the way down."""

    def __post_init__(self) -> None:
        if self.width < 4 or self.width % 4 or self.blocks < 1:
            raise UserError(f"A finder needs a width that is a multiple of 4, and at least one block: {self}.")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels at strides 8, 16, 32, 64."""
        return 2 * self.width, 4 * self.width, 7 * self.width, 7 * self.width


class Finder(nn.Module):
    """Images -> scores and distances of all cells."""

    def __init__(self, config: FinderConfig) -> None:
        super().__init__()
        self.config = config
        width, widths = config.width, config.widths
        first = max(8, 2 * width // 3 // 8 * 8)
        self.stem = nn.Sequential(_layer(3, first, 3, stride=2), _layer(first, width, 3, stride=2))
        counts = (config.blocks, config.blocks, config.blocks, 1)
        self.down = nn.ModuleList(
            nn.Sequential(_layer(fine, coarse, 3, stride=2), *(Bottleneck(coarse) for _ in range(count)))
            for (fine, coarse), count in zip(pairwise((width, *widths)), counts, strict=True)
        )
        self.merge = nn.ModuleList(_layer(coarse, fine, 1, active=False) for fine, coarse in pairwise(widths))
        self.up = nn.ModuleList(Bottleneck(fine) for fine in widths[:-1])
        self.head = nn.Sequential(Bottleneck(widths[0]), nn.Conv2d(widths[0], 5, 1))
        answer = self.head[-1]
        assert isinstance(answer, nn.Conv2d) and answer.bias is not None
        nn.init.normal_(answer.weight, std=0.01)
        nn.init.zeros_(answer.bias)
        nn.init.constant_(answer.bias[:1], -math.log((1 - _PRIOR) / _PRIOR))
        nn.init.constant_(answer.bias[1:], 1.5)  # 36 pixels: a small person

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Look at images.

        Args:
            images: (B, 3, H, W) RGB in [0, 1]; sides that are multiples of `SIZE_MULTIPLE`.

        Returns:
            Logits of the scores (B, 1, H/8, W/8), and distances (B, 4, H/8, W/8) in pixels from the middle of the cell
            to the left, top, right and bottom side of the box.
        """
        x, seen = self.stem(images), []
        for down in self.down:
            x = down(x)
            seen.append(x)
        for level in reversed(range(len(self.up))):
            coarse = self.merge[level](x)
            x = self.up[level](seen[level] + F.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        answer = self.head(x)
        return answer[:, :1], STRIDE * answer[:, 1:].float().clamp(*_LOG_SIDE).exp()


class Bottleneck(nn.Module):
    """1x1 to half the channels, 3x3, 1x1 back, with a skip; every batch norm folds into the convolution before."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        middle = channels // 2
        self.layers = nn.Sequential(
            _layer(channels, middle, 1), _layer(middle, middle, 3), _layer(middle, channels, 1, active=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) -> the same."""
        return F.relu(x + self.layers(x))


def _layer(in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, active: bool = True) -> nn.Sequential:
    """Convolution, batch norm and, if active, ReLU."""
    convolution = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    layers = [convolution, nn.BatchNorm2d(out_channels)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if active else nn.Sequential(*layers)


assert SIZE_MULTIPLE == STRIDE * 8, "three halvings below the answer's stride"
