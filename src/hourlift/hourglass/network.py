"""The stacked hourglass network.

Newell, Yang, Deng, "Stacked hourglass networks for human pose estimation", ECCV 2016, with the structure of the
authors' PyTorch implementation (pytorch_stacked_hourglass).

Shapes: B images, S input side, W = width, J joints.

    images (B, 3, S, S)
      -> stem: 7x7 stride 2, residual, max-pool, residual, residual      (B, W, S/4, S/4)
      -> num_stacks x:
           hourglass of `depth` halvings                                 (B, W, S/4, S/4)
           residual, 1x1 + batch norm + ReLU: the stack's features       (B, W, S/4, S/4)
           1x1: the stack's heatmaps, linear                             (B, J, S/4, S/4)
           to the next stack: x + 1x1(features) + 1x1(heatmaps)          (B, W, S/4, S/4)
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from hourlift.errors import UserError

STRIDE = 4
"""Input pixels per heatmap pixel."""


@dataclass(frozen=True, kw_only=True)
class HourglassConfig:
    """The shape of the network; width 256 is the paper's (6.6 M parameters at 2 stacks and 16 joints)."""

    num_stacks: int = 2
    width: int = 256
    num_joints: int = 16
    depth: int = 4
    stem_channels: int | None = None
    """Width of the first convolution, the next is twice as wide; None is width / 4, the paper's 64 at width 256."""
    widening: float = 1.0
    """Growth of a hourglass's width with every halving. Our addition; in the paper it is 1, although the smallest maps,
    which encode for example where a person faces, are the cheapest."""
    num_parts: int = 0
    """Additional training outputs: logits of the body part in each cell. Our addition; see loss.part_loss."""

    def __post_init__(self) -> None:
        if min(self.num_stacks, self.num_joints, self.depth) < 1 or self.width < 4 or self.width % 4:
            raise UserError(f"A hourglass needs a width that is a multiple of 4, and other sizes of 1 or more: {self}.")
        if not 1 <= self.widening <= 2:
            raise UserError(f"A hourglass widens by 1 to 2 with every halving, not by {self.widening}.")

    @property
    def size_multiple(self) -> int:
        """The sides of the input are multiples of this: every halving must be exact."""
        return STRIDE * 2**self.depth

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of a hourglass at its 1 + depth sizes, the largest first; multiples of 16 below it."""
        inner = (16 * round(self.width * self.widening**halvings / 16) for halvings in range(1, self.depth + 1))
        return self.width, *(self.width if self.widening == 1 else width for width in inner)


class StackedHourglass(nn.Module):
    """Images -> one list entry per stack, each the heatmaps of all joints; the last entry is the result."""

    def __init__(self, config: HourglassConfig) -> None:
        super().__init__()
        self.config = config
        width, stacks = config.width, range(config.num_stacks)
        first, answers = config.stem_channels or width // 4, config.num_joints + config.num_parts
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 7, stride=2, padding=3),
            nn.BatchNorm2d(first),
            nn.ReLU(inplace=True),
            Residual(first, 2 * first),
            nn.MaxPool2d(2),
            Residual(2 * first, 2 * first),
            Residual(2 * first, width),
        )
        self.hourglasses = nn.ModuleList(Hourglass(config.widths) for _ in stacks)
        self.features = nn.ModuleList(_features(width) for _ in stacks)
        self.heatmaps = nn.ModuleList(nn.Conv2d(width, answers, 1) for _ in stacks)
        self.merge_features = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in stacks[1:])
        self.merge_heatmaps = nn.ModuleList(nn.Conv2d(answers, width, 1) for _ in stacks[1:])

    def hold_idle_biases(self) -> None:
        """Set to zero, and freeze, every bias that a batch norm cancels: all but those of the heatmaps.

        Their gradient is only rounding noise, which Adam scales to full steps. They drift, and with them the means of
        the features that residuals add up: in a long run to hundreds of standard deviations, more than bfloat16's eight
        bits can resolve. The output does not change once the batch norm statistics are estimated again.
        """
        for name, module in self.named_modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None and not name.startswith("heatmaps"):
                nn.init.zeros_(module.bias)
                module.bias.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Predict heatmaps.

        Args:
            images: (B, 3, H, W) RGB in [0, 1]; sides that are multiples of `HourglassConfig.size_multiple`.

        Returns:
            num_stacks tensors (B, J, H/4, W/4), linear: `hourlift.hourglass.loss.activate` defines their meaning.
            In training, parts follow the joints: (B, J + num_parts, H/4, W/4).

        Raises:
            ValueError: A side is not such a multiple.
        """
        multiple = self.config.size_multiple
        if images.shape[-1] % multiple or images.shape[-2] % multiple:
            raise UserError(f"The sides of the input must be multiples of {multiple}, got {tuple(images.shape[-2:])}.")
        x = self.stem(images)
        answers: list[Tensor] = []
        last = self.config.num_stacks - 1
        for stack, hourglass in enumerate(self.hourglasses):
            features = self.features[stack](hourglass(x))
            head = self.heatmaps[stack]
            assert isinstance(head, nn.Conv2d) and head.bias is not None
            if stack < last or self.training:
                answers.append(head(features))
            else:  # parts are for training only
                count = self.config.num_joints
                answers.append(F.conv2d(features, head.weight[:count], head.bias[:count]))
            if stack < last:
                x = x + self.merge_features[stack](features) + self.merge_heatmaps[stack](answers[-1])
        return answers if self.training else [answer[:, : self.config.num_joints] for answer in answers]


class Hourglass(nn.Module):
    """One hourglass: down to 1/2^depth and up again, with a skip at every size (figure 3); widths, largest first."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        width, inner = widths[:2]
        self.skip = Residual(width, width)
        self.down = Residual(width, inner)
        self.inner = Hourglass(widths[1:]) if len(widths) > 2 else Residual(inner, inner)
        self.up = Residual(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, widths[0], h, w) -> the same; sides that are multiples of 2^depth."""
        low = self.up(self.inner(self.down(F.max_pool2d(x, 2))))
        return self.skip(x) + F.interpolate(low, scale_factor=2.0, mode="nearest")


class Residual(nn.Module):
    """Pre-activation bottleneck (figure 4, left); nothing after the sum."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        middle = out_channels // 2
        self.layers = nn.Sequential(
            *_activated(in_channels, middle, kernel=1),
            *_activated(middle, middle, kernel=3),
            *_activated(middle, out_channels, kernel=1),
        )
        self.skip = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, h, w) -> (B, out_channels, h, w)."""
        return self.skip(x) + self.layers(x)


def _activated(in_channels: int, out_channels: int, *, kernel: int) -> tuple[nn.Module, ...]:
    """Batch norm, ReLU, then the convolution."""
    return (
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2),
    )


def _features(width: int) -> nn.Sequential:
    """The layers between a hourglass and its heatmaps: residual, 1x1 convolution, batch norm, ReLU."""
    return nn.Sequential(
        Residual(width, width), nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )
