"""Objects in people's hands: phones, books, bags, cups, sticks, rackets and balls."""

import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import about
from hourlift.synth.pose.stance import Stance

_ELBOWS, _WRISTS = H36M17.indices("l_elbow", "r_elbow"), H36M17.indices("l_wrist", "r_wrist")
_PALM_M = 0.085
"""Distance from the wrist to the middle of the hand, metres."""
_PHONE, _BOOK, _BAG, _CUP, _STICK, _RACKET, _BALL = range(7)
_SHARES = (1.6, 0.8, 1.4, 1.4, 1.0, 0.8, 1.0)
# Half extents in metres: the least, and how much more there may be; the last axis is the long one.
_BOX = {_PHONE: ((0.034, 0.004, 0.07), 0.2), _BOOK: ((0.08, 0.006, 0.11), 0.6), _BAG: ((0.12, 0.05, 0.13), 0.9)}
_ROD = {_CUP: ((0.033, 0.033, 0.045), 0.8), _STICK: ((0.01, 0.01, 0.2), 2.5), _RACKET: ((0.013, 0.013, 0.14), 0.3)}
_ROUND = {_RACKET: ((0.1, 0.006, 0.13), 0.2), _BALL: ((0.033, 0.033, 0.033), 2.6)}


def things_in_hands(draw: Draw, stance: Stance, share: float) -> dict[str, tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Draw the objects that a share of the people hold in one hand.

    Returns:
        For "box", "rod" and "round" what `furnish` puts into a slot: shown (B, 1), centre (B, 1, 3), half (B, 1, 3)
        and turn (B, 1, 3, 3).
    """
    count = draw.count
    some, kind, side = draw.chance(share), draw.choose(list(_SHARES)), draw.integer(2)
    size, rolled = draw.vector(1)[:, :1], about(2, draw.uniform(-180, 180))
    person = torch.arange(count)
    wrist = stance.joints[person, torch.tensor(_WRISTS)[side]]
    elbow = stance.joints[person, torch.tensor(_ELBOWS)[side]]
    along = torch.nn.functional.normalize(wrist - elbow, dim=-1)
    palm = wrist + _PALM_M * along
    down = torch.tensor([0.0, 0.0, -1.0]).expand(count, 3)
    # A handle lies across the palm, turned towards where the forearm points; a cup stays upright, a bag hangs.
    across = _across(along, draw)
    handle = torch.nn.functional.normalize(across + draw.uniform(-0.2, 1.2)[:, None] * along, dim=-1)
    way = torch.where((kind == _CUP)[:, None], -down, handle)
    way = torch.where((kind == _BAG)[:, None], down, way)
    turn = _towards(way) @ rolled

    def sized(table: dict[int, tuple[tuple[float, float, float], float]]) -> Tensor:
        half = torch.zeros(count, 3)
        for thing, (least, more) in table.items():
            half = torch.where((kind == thing)[:, None], torch.tensor(least) * (1 + more * size**1.5), half)
        return half

    box, rod, ball = sized(_BOX), sized(_ROD), sized(_ROUND)
    grip = torch.where((kind == _STICK)[:, None], 0.75 * rod[:, 2:], 0.6 * rod[:, 2:])  # held near its end
    at_rod = palm + torch.where((kind == _CUP)[:, None], 0.0, grip) * way
    at_box = palm + torch.where((kind == _BAG)[:, None], box[:, 2:] + 0.04, 0.3 * box[:, 2:]) * way
    beyond = torch.where((kind == _RACKET)[:, None], 1.6 * rod[:, 2:], 0.0) + 0.9 * ball[:, 2:]
    at_ball = palm + beyond * torch.where((kind == _BALL)[:, None], along, way)

    def slot(half: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return (some & (half[:, 0] > 0))[:, None], centre[:, None], half[:, None], turn[:, None]

    return {"box": slot(box, at_box), "rod": slot(rod, at_rod), "round": slot(ball, at_ball)}


def _across(along: Tensor, draw: Draw) -> Tensor:
    """Random unit vectors (B, 3) at right angles to `along`."""
    other = torch.stack([draw.normal() for _ in range(3)], -1)
    return torch.nn.functional.normalize(torch.linalg.cross(along, other, dim=-1) + 1e-6, dim=-1)


def _towards(way: Tensor) -> Tensor:
    """Rotations (B, 3, 3) whose z axis is `way` (B, 3)."""
    steep = way[:, 2:].abs() > 0.9
    other = torch.where(steep, torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0]))
    x = torch.nn.functional.normalize(torch.linalg.cross(other, way, dim=-1), dim=-1)
    return torch.stack([x, torch.linalg.cross(way, x, dim=-1), way], -1)
