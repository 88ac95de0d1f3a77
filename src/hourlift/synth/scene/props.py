"""Objects in a scene: boxes, cylinders and ellipsoids with one mesh for all, and furniture made of them.

Every scene has the same slots; empty slots are not drawn. Furniture stands at its own origin on the floor, +z up.
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from hourlift.synth.core.batch import Batch

# Slots. A unit of furniture takes several boxes.
SEAT, FURNITURE, CRATES, BOARDS, PLATFORM, OCCLUDER = (
    range(0, 7), range(7, 22), range(22, 25), range(25, 28), range(28, 29), range(29, 31),
)  # fmt: skip
SEAT_DISCS, POLES, OCCLUDING_POLE = range(31, 34), range(34, 37), range(37, 38)
BALLS, LEAVES = range(38, 41), range(41, 44)
HELD = {"box": range(44, 45), "rod": range(45, 46), "round": range(46, 47)}
"""Objects in people's hands, by shape."""
_SHAPES = ["box"] * 31 + ["rod"] * 7 + ["round"] * 6 + list(HELD)
NUM_PROPS = len(_SHAPES)
PER_UNIT = 5
"""Boxes of a unit of furniture."""


@dataclass(frozen=True, kw_only=True)
class Props(Batch):
    """P props in each of B scenes; world frame, metres.

    Attributes:
        shown: (B, P) bool.
        centre: (B, P, 3).
        half: (B, P, 3) half of the extents along the prop's axes.
        turn: (B, P, 3, 3) rotation from the prop's axes to the world.
        texture: (B, P) index into the atlas.
        repeats: (B, P) textures on a metre; 0 stretches one over each side of the prop.
        tint: (B, P, 3) factors of the texture's colours.
    """

    shown: Tensor
    centre: Tensor
    half: Tensor
    turn: Tensor
    texture: Tensor
    repeats: Tensor
    tint: Tensor


@dataclass(frozen=True)
class PropMesh:
    """The mesh of all slots.

    Attributes:
        vertices: (V, 3), each prop within [-1, 1].
        normals: (V, 3), before the prop is stretched.
        slot: (V,) int64, the prop of a vertex.
        faces: (T, 3) int32.
        face_slot: (T,) int64.
    """

    vertices: Tensor
    normals: Tensor
    slot: Tensor
    faces: Tensor
    face_slot: Tensor

    def placed(self, props: Props) -> tuple[Tensor, Tensor]:
        """World vertices and unit normals, both (B, V, 3)."""
        half = props.half[:, self.slot]
        turn = props.turn[:, self.slot]
        local = self.vertices * half
        normals = torch.nn.functional.normalize(self.normals / half, dim=-1)
        vertices = (turn * local[:, :, None]).sum(-1) + props.centre[:, self.slot]
        return vertices, (turn * normals[:, :, None]).sum(-1)


@cache
def prop_mesh(device: torch.device) -> PropMesh:
    """The mesh on a device."""
    made = {"box": _box(), "rod": _cylinder(12), "round": _ball(12, 8)}
    vertices: list[Tensor] = []
    normals, faces, slot, face_slot, start = [], [], [], [], 0
    for index, shape in enumerate(_SHAPES):
        v, n, f = made[shape]
        vertices.append(v)
        normals.append(n)
        faces.append(f + start)
        slot.append(torch.full((len(v),), index))
        face_slot.append(torch.full((len(f),), index))
        start += len(v)
    joined = [torch.cat(part).to(device) for part in (vertices, normals, slot, faces, face_slot)]
    return PropMesh(joined[0], joined[1], joined[2], joined[3].int(), joined[4])


def _box() -> tuple[Tensor, Tensor, Tensor]:
    vertices: list[Tensor] = []
    normals, faces = [], []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            a, b = torch.zeros(3), torch.zeros(3)
            a[(axis + 1) % 3], b[(axis + 2) % 3] = 1.0, sign
            out = torch.zeros(3)
            out[axis] = sign
            start = len(vertices) * 4
            vertices.append(torch.stack([out - a - b, out + a - b, out + a + b, out - a + b]))
            normals.append(out.expand(4, 3))
            faces.append(torch.tensor([[0, 1, 2], [0, 2, 3]]) + start)
    return torch.cat(vertices), torch.cat(normals), torch.cat(faces)


def _cylinder(sides: int) -> tuple[Tensor, Tensor, Tensor]:
    angle = torch.arange(sides) * (2 * torch.pi / sides)
    ring = torch.stack([angle.cos(), angle.sin()], -1)
    flat, zero, one = torch.zeros(sides, 1), torch.zeros(sides, 2), torch.ones(sides, 1)
    low, high = torch.cat([ring, -one], 1), torch.cat([ring, one], 1)
    i = torch.arange(sides)
    j = (i + 1) % sides
    wall = torch.cat([torch.stack([i, j, j + sides], 1), torch.stack([i, j + sides, i + sides], 1)])
    fan = torch.arange(1, sides - 1)
    top = torch.stack([torch.zeros_like(fan), fan, fan + 1], 1) + 3 * sides
    bottom = torch.stack([torch.zeros_like(fan), fan + 1, fan], 1) + 2 * sides
    side = torch.cat([ring, flat], 1)
    vertices = torch.cat([low, high, low, high])
    normals = torch.cat([side, side, torch.cat([zero, -one], 1), torch.cat([zero, one], 1)])
    return vertices, normals, torch.cat([wall, top, bottom])


def _ball(around: int, down: int) -> tuple[Tensor, Tensor, Tensor]:
    """A sphere: rings of vertices from pole to pole, the poles as rings of no size."""
    polar, turn = torch.linspace(0, torch.pi, down + 1), torch.arange(around) * (2 * torch.pi / around)
    sin, cos = polar.sin()[:, None], polar.cos()[:, None].expand(-1, around)
    vertices = torch.stack([sin * turn.cos(), sin * turn.sin(), cos], -1).view(-1, 3)
    i = torch.arange(around)
    j = (i + 1) % around
    faces = []
    for ring in range(down):
        a, b = ring * around, (ring + 1) * around
        faces += [torch.stack([a + i, b + i, b + j], 1), torch.stack([a + i, b + j, a + j], 1)]
    return vertices, vertices, torch.cat(faces)


# Furniture: boxes as (centre x, y, z; half x, y, z), metres; a half of 0 means that there is no such box.
_NONE = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def _legs(x: float, y: float, height: float, thick: float) -> list[tuple[float, ...]]:
    return [(sx * x, sy * y, height / 2, thick, thick, height / 2) for sx in (-1, 1) for sy in (-1, 1)]


FURNITURE_BOXES = torch.tensor(
    [
        [(0, 0, 0.72, 0.6, 0.4, 0.02), *_legs(0.55, 0.35, 0.7, 0.025)],  # table
        [(0, 0, 0.42, 0.45, 0.3, 0.02), *_legs(0.4, 0.25, 0.4, 0.03)],  # low table
        [
            (-0.4, 0, 0.9, 0.015, 0.15, 0.9), (0.4, 0, 0.9, 0.015, 0.15, 0.9),
            (0, 0, 0.15, 0.4, 0.15, 0.015), (0, 0, 0.85, 0.4, 0.15, 0.015), (0, 0, 1.6, 0.4, 0.15, 0.015),
        ],  # shelf
        [
            (-0.9, 0, 0.5, 0.025, 0.025, 0.5), (0.0, 0, 0.5, 0.02, 0.02, 0.5), (0.9, 0, 0.5, 0.025, 0.025, 0.5),
            (0, 0, 1.0, 0.93, 0.03, 0.02), (0, 0, 0.5, 0.9, 0.015, 0.015),
        ],  # railing
        [
            (0, 0, 0.22, 1.0, 0.45, 0.22), (-1.0, 0, 0.45, 0.03, 0.47, 0.45), (-0.72, 0, 0.5, 0.2, 0.36, 0.07),
            (0.2, 0, 0.44, 0.78, 0.47, 0.03), _NONE,
        ],  # bed
        [
            (0, 0, 0.45, 0.5, 0.22, 0.45), (0, 0, 0.91, 0.53, 0.24, 0.015), (-0.25, -0.225, 0.45, 0.22, 0.008, 0.38),
            (0.25, -0.225, 0.45, 0.22, 0.008, 0.38), (0.2, 0, 1.05, 0.13, 0.1, 0.13),
        ],  # cupboard
        [
            (0, 0, 0.2, 0.85, 0.4, 0.2), (0, 0.35, 0.4, 0.85, 0.09, 0.4), (-0.85, 0, 0.28, 0.09, 0.4, 0.28),
            (0.85, 0, 0.28, 0.09, 0.4, 0.28), (0.3, 0.2, 0.5, 0.2, 0.07, 0.16),
        ],  # sofa
        [(0, 0.45 * k, 0.09 * (k + 1), 0.7, 0.15 + 0.08 * k, 0.09 * (k + 1)) for k in range(4)] + [_NONE],  # steps
        [
            (0, 0, 0.44, 0.21, 0.2, 0.02), (-0.19, 0, 0.22, 0.018, 0.18, 0.22), (0.19, 0, 0.22, 0.018, 0.18, 0.22),
            (0, 0.2, 0.72, 0.2, 0.015, 0.14), (0, 0.2, 0.5, 0.02, 0.012, 0.1),
        ],  # chair
        [(0, 0, 1.0, 0.45, 0.03, 1.0), (0.36, -0.04, 0.98, 0.03, 0.03, 0.03), _NONE, _NONE, _NONE],  # door
    ]
)  # fmt: skip
"""(kinds, PER_UNIT, 6)."""

# Seats of height h: boxes as (centre x, y; half x, y; bottom a + b h; top c + d h; 1 for a back). The person faces +y.
_NO_BOX = (0, 0, 0, 0, 0, 0, 0, 0, 0)


def _seat_legs(x: float, y: float) -> list[tuple[float, ...]]:
    return [(sx * x, sy * y, 0.018, 0.018, 0, 0, -0.03, 1, 0) for sx in (-1, 1) for sy in (-1, 1)]


SEAT_BOXES = torch.tensor(
    [
        [(0, 0, 0.19, 0.17, -0.04, 1, 0, 1, 0), *_seat_legs(0.16, 0.14), _NO_BOX, _NO_BOX],  # stool
        [
            (0, 0, 0.22, 0.21, -0.035, 1, 0, 1, 0), *_seat_legs(0.2, 0.18),
            (0, -0.22, 0.22, 0.015, 0.15, 1, 0.46, 1, 1), (0, -0.22, 0.02, 0.012, 0, 1, 0.2, 1, 1),
        ],  # chair
        [
            (0, 0, 0.8, 0.18, -0.05, 1, 0, 1, 0), (-0.65, 0, 0.04, 0.15, 0, 0, -0.05, 1, 0),
            (0.65, 0, 0.04, 0.15, 0, 0, -0.05, 1, 0), (0, -0.24, 0.8, 0.02, 0.2, 1, 0.38, 1, 1),
            _NO_BOX, _NO_BOX, _NO_BOX,
        ],  # bench
        [
            (0, -0.06, 0.6, 0.28, 0, 0, 0, 1, 0), (0, -0.3, 0.62, 0.09, 0, 0, 0.42, 1, 1),
            (-0.66, -0.06, 0.08, 0.3, 0, 0, 0.16, 1, 0), (0.66, -0.06, 0.08, 0.3, 0, 0, 0.16, 1, 0),
            _NO_BOX, _NO_BOX, _NO_BOX,
        ],  # sofa
        [(0, -0.05, 0.26, 0.25, 0, 0, 0, 1, 0), *[_NO_BOX] * 6],  # crate
        [
            (0, -0.06, 0.9, 0.26, 0, 0, 0, 1, 0), (0, -0.55, 0.9, 0.24, 0, 0, 0.17, 1, 1),
            (0, -1.0, 0.9, 0.22, 0, 0, 0.34, 1, 1), *[_NO_BOX] * 4,
        ],  # steps
        [_NO_BOX] * 7,  # round stool, of SEAT_DISCS
        [(0, -0.05, 1.8, 0.22, 0, 0, 0, 1, 0), *[_NO_BOX] * 6],  # wall
    ]
)  # fmt: skip
"""(kinds, boxes of SEAT, 9)."""

ROUND_STOOL = 6
OPEN_SEATS = torch.tensor([True, True, True, False, False, False, True, False])
"""Seats with room for the feet below."""
