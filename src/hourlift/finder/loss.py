"""What the finder is trained for: a peak at the middle of each box, and the box itself around the peak.

Shapes: B images, at most N people each, cells of `STRIDE` pixels: h x w. Boxes are xyxy in input pixels with pixel
centres at integers; a row of NaN is no person.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from hourlift.finder.decode import STRIDE

BOX_WEIGHT = 5.0
"""Weight of the boxes' loss beside that of the scores, as in TTFNet."""
_SPREAD = 0.54 / 6  # standard deviation of a peak over the side of the box, as in TTFNet
_LEAST_SPREAD = 0.35  # the same, least, in cells
_LEAST_SHARE = 0.3  # height of the peak above which a cell answers with the box
_FOCUS, _FORGIVE = 2.0, 4.0  # exponents of CornerNet's focal loss


class Targets(NamedTuple):
    """What the network should answer.

    Attributes:
        peaks: (B, h, w) from 0 to 1; 1 exactly in the cell of a middle.
        boxes: (B, 4, h, w) the box of the person whose peak is highest in this cell.
        shares: (B, h, w) weight of a cell's box: they add up to 1 for each person, and are 0 for other cells.
    """

    peaks: Tensor
    boxes: Tensor
    shares: Tensor


def cell_centres(height: int, width: int, device: torch.device) -> Tensor:
    """(2, h, w) x and y of the middles of cells in input pixels."""
    y, x = torch.meshgrid(
        *(torch.arange(count, device=device, dtype=torch.float32) for count in (height, width)), indexing="ij"
    )
    return (torch.stack([x, y]) + 0.5) * STRIDE - 0.5


def targets(boxes: Tensor, height: int, width: int) -> Targets:
    """Targets of images with boxes (B, N, 4), for maps of h x w cells."""
    known = boxes.isfinite().all(-1)
    boxes = torch.where(known[..., None], boxes, 0.0)
    low, high = boxes[..., :2], boxes[..., 2:]
    middle, size = (low + high) / 2, (high - low).clamp(min=1.0)
    cell = ((middle + 0.5) / STRIDE).floor()  # of the middle
    inside = (cell >= 0).all(-1) & (cell[..., 0] < width) & (cell[..., 1] < height) & known
    spread = (_SPREAD * size / STRIDE).clamp(min=_LEAST_SPREAD)
    x = torch.arange(width, device=boxes.device)[None, None]
    y = torch.arange(height, device=boxes.device)[None, None]
    across = torch.exp(-((x - cell[..., :1]) ** 2) / (2 * spread[..., :1] ** 2))
    down = torch.exp(-((y - cell[..., 1:]) ** 2) / (2 * spread[..., 1:] ** 2))
    each = (down[..., :, None] * across[..., None, :]) * inside[..., None, None]  # (B, N, h, w)
    # Where two peaks meet, the smaller person is the harder one: it keeps its cells.
    area = (size.prod(-1) * inside)[..., None, None]
    near = each > _LEAST_SHARE
    owner = torch.where(near, area, math.inf).argmin(1, keepdim=True)
    owned = near & (torch.arange(boxes.shape[1], device=boxes.device)[None, :, None, None] == owner)
    shares = each * owned
    shares = shares / shares.sum((2, 3), keepdim=True).clamp(min=1e-6)
    chosen = boxes.transpose(1, 2)[..., None, None].expand(-1, -1, -1, height, width)
    index = owner[:, None].expand(-1, 4, -1, -1, -1)
    return Targets(each.amax(1), chosen.gather(2, index)[:, :, 0], shares.sum(1))


def score_loss(logits: Tensor, peaks: Tensor, counted: Tensor) -> Tensor:
    """CornerNet's focal loss of logits (B, 1, h, w) against peaks (B, h, w), divided by the number of people.

    Args:
        logits: of the scores.
        peaks: as in `Targets`.
        counted: (B, h, w) weight of a cell that should be low: 0 where it is unknown whether people are there. A
            person's own cell always counts.
    """
    logits = logits[:, 0].float()
    likely, is_middle = logits.sigmoid(), peaks == 1
    high = -F.logsigmoid(logits) * (1 - likely) ** _FOCUS
    low = -F.logsigmoid(-logits) * likely**_FOCUS * (1 - peaks) ** _FORGIVE * counted
    return torch.where(is_middle, high, low).sum() / is_middle.sum().clamp(min=1)


def box_loss(sides: Tensor, wanted: Targets) -> Tensor:
    """Generalised IoU loss of the boxes that cells answer with, from distances (B, 4, h, w): 0 to 2, per person."""
    height, width = sides.shape[-2:]
    centre = cell_centres(height, width, sides.device)
    low, high = centre - sides[:, :2], centre + sides[:, 2:]
    low_true, high_true = wanted.boxes[:, :2], wanted.boxes[:, 2:]
    area, area_true = (high - low).prod(1), (high_true - low_true).prod(1)
    shared = (torch.minimum(high, high_true) - torch.maximum(low, low_true)).clamp(min=0).prod(1)
    around = (torch.maximum(high, high_true) - torch.minimum(low, low_true)).prod(1).clamp(min=1e-6)
    union = (area + area_true - shared).clamp(min=1e-6)
    loss = 1 - shared / union + (around - union) / around
    return (loss * wanted.shares).sum() / wanted.shares.sum().clamp(min=1)
