"""Furnish scenes: objects to sit, lie and climb on, furniture and clutter, and occluders."""

import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.camera.views import Views
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, about
from hourlift.synth.pose.stance import Stance
from hourlift.synth.scene import props as slots
from hourlift.synth.scene.config import SceneConfig
from hourlift.synth.scene.held import things_in_hands
from hourlift.synth.scene.materials import FLOORS, NUM_MATERIALS, STUFF, TILE_M, WALLS
from hourlift.synth.scene.props import FURNITURE_BOXES, NUM_PROPS, OPEN_SEATS, PER_UNIT, ROUND_STOOL, SEAT_BOXES, Props

_LEAF_TEXTURES = [STUFF.start + i for i in range(3, len(STUFF), 5)]  # of materials.draw_materials
_HELD, _LOOKS_OF_HELD = range(2)  # of the scenes' streams
_POST, _BOARD, _BAR, _FOLIAGE, _TABLE = range(5)
_TRUNK, _ANKLES = H36M17.indices("spine", "thorax"), H36M17.indices("l_ankle", "r_ankle")


class _Slots:
    """Props under construction."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.shown = torch.zeros(count, NUM_PROPS, dtype=torch.bool)
        self.centre = torch.zeros(count, NUM_PROPS, 3)
        self.half = torch.ones(count, NUM_PROPS, 3)
        self.turn = torch.eye(3).repeat(count, NUM_PROPS, 1, 1)

    def put(self, where: range, shown: Tensor, centre: Tensor, half: Tensor, turn: Tensor) -> None:
        """Fill slots; the tensors are (B, S, ...), or (B, 1, ...) if all slots share them."""
        part = slice(where.start, where.stop)
        self.shown[:, part] = shown & (half > 1e-4).all(-1)
        self.centre[:, part], self.half[:, part], self.turn[:, part] = centre, half.clamp(min=1e-3), turn


def furnish(
    draw: Draw,
    stance: Stance,
    floor: Tensor,
    platform_m: Tensor,
    place: tuple[Tensor, Tensor, Tensor],
    room: Tensor,
    views: Views,
    textures: int,
    config: SceneConfig,
) -> Props:
    """Draw the props of B scenes, on the CPU.

    Args:
        draw: One draw per person.
        stance: Stance of the people.
        floor: (B,) its height, metres.
        platform_m: (B,) height of the platform under the people.
        place: Axes (B, 3, 3), low and high ends (B, 3) of the place; objects beyond them are moved inside.
        room: (B,) bool, whether there are walls to hang things on.
        views: The cameras.
        textures: Number of textures of the atlas.
        config: How much is drawn.
    """
    made = _Slots(draw.count)
    _seat(draw, made, stance, floor)
    _platform(draw, made, stance, floor, platform_m)
    _clutter(draw, made, stance, floor, place, views, draw.chance(config.furnished_share))
    _boards(draw, made, floor, place, room)
    _occluder(draw, made, stance, floor, views, draw.chance(config.occluded_share))
    for shape, thing in things_in_hands(draw.stream(_HELD), stance, config.held_share).items():
        made.put(slots.HELD[shape], *thing)
    looks = _looks(draw, textures, NUM_PROPS - len(slots.HELD))
    texture, repeats, tint = _with_looks_of_held(draw.stream(_LOOKS_OF_HELD), *looks)
    return Props(
        shown=made.shown,
        centre=made.centre,
        half=made.half,
        turn=made.turn,
        texture=texture,
        repeats=repeats,
        tint=tint,
    )


def _turned(angle: Tensor) -> Tensor:
    """Rotations (..., 3, 3) about the vertical by radians (...)."""
    return about(2, angle.flatten() / RAD).view(*angle.shape, 3, 3)


def _seat(draw: Draw, made: _Slots, stance: Stance, floor: Tensor) -> None:
    """A seat under sitting people: it touches the lowest point of buttocks and thighs, its back is behind the trunk."""
    rotation = _turned(stance.heading)
    hips = stance.joints[:, 0]
    local = (stance.joints - hips[:, None]) @ rotation  # x to the side, y to the front
    behind = local[:, _TRUNK, 1].amin(1).clamp(max=0)
    room_for_feet = local[:, _ANKLES, 1].amin(1)
    style = draw.choose([1.0, 2.2, 1.0, 1.4, 0.9, 0.7, 0.8, 0.7])
    style = torch.where(
        (room_for_feet < 0.2) & ~OPEN_SEATS[style], draw.choose([1.0, 2.0, 1.0, 0, 0, 0, 0.8, 0]), style
    )

    height = (stance.seat_top - floor)[:, None]
    x, y, half_x, half_y, bottom, bottom_h, top, top_h, is_back = SEAT_BOXES[style].unbind(-1)  # each (B, 7)
    low, high = bottom + bottom_h * height, top + top_h * height
    y = y + is_back * (behind - 0.03)[:, None] - 0.02
    size = draw.uniform(0.9, 1.25)[:, None]
    half = torch.stack(
        [half_x * size, half_y * torch.where(is_back > 0, 1.0, size.clamp(max=1.1)), (high - low) / 2], -1
    )
    centre = torch.stack([x * size, y * size.clamp(max=1.1), (high + low) / 2], -1)
    leaning = (is_back > 0) & (behind < -0.35)[:, None]  # a person leaning far back has a seat without a back
    origin = torch.cat([hips[:, :2], floor[:, None]], 1)[:, None]
    centre = (rotation[:, None] @ centre[..., None])[..., 0] + origin
    shown = (stance.seated[:, None] & ~leaning & (high > low)).contiguous()
    made.put(slots.SEAT, shown, centre, half, rotation[:, None])

    radius = draw.uniform(0.16, 0.24)
    thick = torch.full_like(radius, 0.03)
    discs = torch.stack(
        [
            torch.stack([radius, radius, thick], -1),
            torch.stack([0.15 * radius, 0.15 * radius, (height[:, 0] / 2 - thick).clamp(min=0.01)], -1),
            torch.stack([0.8 * radius, 0.8 * radius, thick / 3], -1),
        ],
        1,
    )
    level = torch.stack([height[:, 0] - thick, height[:, 0] / 2, thick / 3], 1)
    centre = torch.cat([torch.zeros(draw.count, 3, 2), level[..., None]], -1) + origin
    round_stool = (stance.seated & (style == ROUND_STOOL))[:, None]
    made.put(slots.SEAT_DISCS, round_stool, centre, discs, torch.eye(3).expand(1, 1, 3, 3))


def _platform(draw: Draw, made: _Slots, stance: Stance, floor: Tensor, platform_m: Tensor) -> None:
    """A bed or stage under the whole person, or a block below a raised foot."""
    rotation = _turned(stance.heading)
    local = stance.joints @ rotation
    low, high = local.amin(1)[:, :2], local.amax(1)[:, :2]
    margin = 0.2 + 0.5 * draw.vector(2) ** 2
    lying = platform_m > 0

    foot = stance.soles.argmax(1)
    raised = stance.soles.gather(1, foot[:, None])[:, 0] - floor
    ankles = local[:, _ANKLES]
    ankle = ankles[torch.arange(draw.count), foot]
    apart = (ankles[:, 0, :2] - ankles[:, 1, :2]).norm(dim=-1)
    forward = torch.stack([ankle[:, 0], ankle[:, 1] + 0.06], -1)
    stepping = ~lying & ~stance.seated & (raised > 0.12) & (raised < 0.9) & (apart > 0.36) & draw.chance(0.6)
    stepping = stepping & (ankle[:, 1] > local[:, 0, 1])  # a foot in front; one behind is in the air

    middle = torch.where(lying[:, None], (low + high) / 2, forward)
    half = torch.where(lying[:, None], (high - low) / 2 + margin, 0.16 + 0.06 * draw.vector(2))
    height = torch.where(lying, platform_m, raised)
    centre = (rotation @ torch.cat([middle, torch.zeros(draw.count, 1)], 1)[..., None])[..., 0]
    centre[:, 2] = floor + height / 2
    half = torch.cat([half, height[:, None] / 2], 1)
    made.put(slots.PLATFORM, (lying | stepping)[:, None], centre[:, None], half[:, None], rotation[:, None])


def _clutter(
    draw: Draw,
    made: _Slots,
    stance: Stance,
    floor: Tensor,
    place: tuple[Tensor, Tensor, Tensor],
    views: Views,
    some: Tensor,
) -> None:
    """Furniture, crates, poles and balls anywhere on the floor, except inside the person or in front of them."""
    units = len(slots.FURNITURE) // PER_UNIT
    crates, poles, balls = len(slots.CRATES), len(slots.POLES), len(slots.BALLS)
    total = units + crates + poles + balls
    kind = torch.stack([draw.integer(len(FURNITURE_BOXES)) for _ in range(units)], 1)
    scale = 0.8 + 0.5 * draw.vector(units * 3).view(-1, units, 1, 3)
    boxes = FURNITURE_BOXES[kind] * torch.cat([scale, scale], -1)  # (B, U, 5, 6)
    extent = (boxes[..., :2].abs() + boxes[..., 3:5]).amax(2).norm(dim=-1)

    crate = 0.08 + 0.5 * draw.vector(crates * 3).view(-1, crates, 3) ** 1.5
    pole_radius = (0.02 + 0.25 * draw.vector(poles) ** 2.5)[..., None].expand(-1, -1, 2)
    pole = torch.cat([pole_radius, 0.15 + 1.3 * draw.vector(poles)[..., None] ** 1.5], -1)
    ball = (0.06 + 0.4 * draw.vector(balls)[..., None] ** 2) * (0.8 + 0.5 * draw.vector(balls * 3).view(-1, balls, 3))
    radius = torch.cat([extent, crate[..., :2].norm(dim=-1), pole[..., 0], ball.amax(-1)], 1)

    angle = 6.2832 * draw.vector(total)
    away = stance.reach[:, None] + radius + 0.05 + 3.5 * draw.vector(total) ** 1.7
    spot, clear = _cleared(stance, views, place, angle, away, radius)
    density = draw.uniform(0.15, 0.95)[:, None]
    shown = some[:, None] & clear & (draw.vector(total) < density)

    square = torch.atan2(place[0][:, 0, 1], place[0][:, 0, 0])[:, None]
    yaw = torch.where(
        draw.vector(total) < 0.6, square + 1.5708 * (4 * draw.vector(total)).floor(), 6.2832 * draw.vector(total)
    )
    rotation = _turned(yaw)

    own = rotation[:, :units, None]
    centre = (own @ boxes[..., :3, None])[..., 0]
    centre = centre + torch.cat([spot[:, :units], floor[:, None, None].expand(-1, units, 1)], -1)[:, :, None]
    there = shown[:, :units, None].expand(-1, -1, PER_UNIT)
    made.put(
        slots.FURNITURE, there.flatten(1), centre.flatten(1, 2), boxes[..., 3:].flatten(1, 2),
        own.expand(-1, -1, PER_UNIT, 3, 3).flatten(1, 2),
    )  # fmt: skip
    start = units
    for where, half in ((slots.CRATES, crate), (slots.POLES, pole), (slots.BALLS, ball)):
        part = slice(start, start + len(where))
        centre = torch.cat([spot[:, part], floor[:, None, None] + half[..., 2:]], -1)
        made.put(where, shown[:, part], centre, half, rotation[:, part])
        start += len(where)


def _cleared(
    stance: Stance, views: Views, place: tuple[Tensor, Tensor, Tensor], angle: Tensor, away: Tensor, radius: Tensor
) -> tuple[Tensor, Tensor]:
    """Positions (B, N, 2) near the person, and whether they are free (B, N): not before the person or at the camera."""
    person, eye = stance.joints[:, None, 0, :2], views.eye[:, None, :2]

    def blocks(spot: Tensor) -> Tensor:
        line = person - eye
        share = ((spot - eye) * line).sum(-1) / line.square().sum(-1).clamp(min=1e-6)
        beside = (spot - eye - share[..., None] * line).norm(dim=-1)
        return (share > -0.2) & (share < 1.0) & (beside < radius + stance.reach[:, None] * share.clamp(0, 1))

    offset = away[..., None] * torch.stack([angle.cos(), angle.sin()], -1)
    spot = torch.where(blocks(person + offset)[..., None], person - offset, person + offset)
    axes, low, high = place
    flat = axes[:, :2, :2]
    inside = spot @ flat.mT
    first, last = low[:, None, :2] + radius[..., None], high[:, None, :2] - radius[..., None]
    spot = torch.minimum(torch.maximum(inside, first), torch.maximum(first, last)) @ flat
    free = (spot - person).norm(dim=-1) > stance.reach[:, None] + 0.8 * radius
    near_camera = (spot - eye).norm(dim=-1) < radius + 0.6
    return spot, free & ~blocks(spot) & ~near_camera


def _boards(draw: Draw, made: _Slots, floor: Tensor, place: tuple[Tensor, Tensor, Tensor], room: Tensor) -> None:
    """Images, windows and boards on the walls of rooms."""
    count = len(slots.BOARDS)
    axes, low, high = place
    wall = (4 * draw.vector(count)).long()
    half = torch.stack([0.15 + 0.8 * draw.vector(count) ** 1.5, torch.full((draw.count, count), 0.02),
                        0.15 + 0.6 * draw.vector(count)], -1)  # fmt: skip
    along = draw.vector(count)
    first, last = low[:, None, :2], high[:, None, :2]
    on_x, at_end = wall < 2, (wall % 2).bool()  # on a wall at right angles to the x axis; at its high end
    x = torch.where(
        on_x, torch.where(at_end, last[..., 0], first[..., 0]), first[..., 0] + along * (last - first)[..., 0]
    )
    y = torch.where(
        on_x, first[..., 1] + along * (last - first)[..., 1], torch.where(at_end, last[..., 1], first[..., 1])
    )
    ceiling = (high[:, 2] - floor)[:, None]
    z = floor[:, None] + torch.minimum(0.9 + 1.1 * draw.vector(count), ceiling - half[..., 2] - 0.1)
    yaw = torch.atan2(axes[:, 0, 1], axes[:, 0, 0])[:, None] + torch.where(on_x, 1.5708, 0.0)
    centre = torch.stack([x, y, z - floor[:, None]], -1) @ axes
    centre[..., 2] = z
    made.put(slots.BOARDS, room[:, None] & (draw.vector(count) < 0.6), centre, half, _turned(yaw))


def _occluder(draw: Draw, made: _Slots, stance: Stance, floor: Tensor, views: Views, some: Tensor) -> None:
    """An object on the line from the camera to a joint: a post, a board, a bar, leaves, a table's edge."""
    joint = stance.joints[torch.arange(draw.count), draw.integer(17)]
    line = joint - views.eye
    distance = line.norm(dim=-1)
    share = draw.uniform(0.35, 0.85)
    share = torch.minimum(share, 1 - (0.35 + 0.5 * stance.reach) / distance)  # not within the person
    at = views.eye + share[:, None] * line
    some = some & (share * distance > 0.55)
    seen = share * 0.12 * distance.clamp(max=8)  # metres that appear as large as one or two heads
    seen = torch.minimum(seen, share * 0.45)
    kind = draw.choose([1.0, 1.1, 0.7, 1.0, 0.8])
    is_round = draw.chance(0.5)
    facing = torch.atan2(line[:, 1], line[:, 0]) - 1.5708  # local y along the line of sight
    yaw = _turned(facing + draw.normal(0, 0.4))
    thin, wide, deep = seen * draw.uniform(0.12, 0.5), seen * draw.uniform(0.4, 1.3), seen * draw.uniform(0.05, 0.5)
    above_floor = (at[:, 2] - floor).clamp(min=0.1)
    tall = above_floor + seen * draw.uniform(1, 5)

    tilt = about(1, draw.uniform(-90, 90))
    is_board, is_bar, is_table = kind == _BOARD, kind == _BAR, kind == _TABLE
    half = torch.stack([thin, deep.clamp(min=0.02), tall / 2], -1)
    half = torch.where(is_board[:, None], torch.stack([wide, deep, above_floor / 2], -1), half)
    half = torch.where(is_bar[:, None], torch.stack([thin * 0.6, thin * 0.6, seen * 3], -1), half)
    half = torch.where(is_table[:, None], torch.stack([wide * 2, wide, torch.full_like(wide, 0.02)], -1), half)
    standing = torch.where(is_board, above_floor / 2, tall / 2) + floor
    centre = at.clone()
    centre[:, 2] = torch.where(is_bar | is_table, at[:, 2], standing)
    turn = torch.where(is_bar[:, None, None], yaw @ tilt, yaw)
    foot_half = torch.stack([wide * 0.1, wide * 0.1, above_floor / 2 - 0.01], -1)
    foot = torch.cat([at[:, :2], (floor + above_floor / 2 - 0.02)[:, None]], 1)
    boxes = some & (kind != _FOLIAGE) & ~((kind == _POST) & is_round)
    made.put(
        slots.OCCLUDER, torch.stack([boxes, boxes & is_table], 1), torch.stack([centre, foot], 1),
        torch.stack([half, foot_half], 1), torch.stack([turn, yaw], 1),
    )  # fmt: skip
    column = torch.stack([thin, thin, tall / 2], -1)
    made.put(
        slots.OCCLUDING_POLE,
        (some & (kind == _POST) & is_round)[:, None],
        centre[:, None],
        column[:, None],
        yaw[:, None],
    )
    count = len(slots.LEAVES)
    spread = torch.randn(draw.count, count, 3, generator=draw.generator)
    leaf = seen[:, None, None] * (0.25 + 0.6 * draw.vector(count * 3).view(-1, count, 3))
    centres = at[:, None] + 0.7 * seen[:, None, None] * spread
    made.put(slots.LEAVES, (some & (kind == _FOLIAGE))[:, None], centres, leaf, _turned(6.2832 * draw.vector(count)))


def _looks(draw: Draw, textures: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Textures (B, P), repeats (B, P) and tints (B, P, 3); the parts of a piece of furniture look alike."""
    shape = (draw.count, count)

    def of(group: range) -> Tensor:
        return group.start + torch.randint(len(group), shape, generator=draw.generator)

    which = draw.vector(count)
    texture = torch.where(which < 0.62, of(STUFF), torch.where(which < 0.8, of(WALLS), of(FLOORS)))
    textured = draw.vector(count) < 0.12
    image = of(range(NUM_MATERIALS, textures))
    tint = draw.vector(count)[..., None] * 0.9 + 0.45
    tint = tint * (1 + 0.25 * (2 * draw.vector(count * 3).view(*shape, 3) - 1))
    units = [slots.FURNITURE[i : i + PER_UNIT] for i in range(0, len(slots.FURNITURE), PER_UNIT)]
    for unit in (slots.SEAT, slots.SEAT_DISCS, slots.LEAVES, *units):
        first, rest = unit.start, slice(unit.start + 1, unit.stop)
        odd = draw.chance(0.3)[:, None]  # legs and back of another kind than the top, but like each other
        texture[:, rest] = torch.where(odd, texture[:, rest.start : rest.start + 1], texture[:, first : first + 1])
        tint[:, rest] = torch.where(odd[..., None], tint[:, rest.start : rest.start + 1], tint[:, first : first + 1])
        textured[:, rest] = textured[:, first : first + 1] & ~odd
    leaves = torch.tensor(_LEAF_TEXTURES)[draw.integer(len(_LEAF_TEXTURES))][:, None]
    bush = (draw.vector(len(slots.BALLS)) < 0.6) | textured[:, slots.BALLS.start : slots.BALLS.stop]
    part = slice(slots.BALLS.start, slots.BALLS.stop)
    texture[:, part] = torch.where(bush, leaves, texture[:, part])
    texture[:, slots.LEAVES.start : slots.LEAVES.stop] = leaves
    textured[:, slots.BALLS.start :] = False
    boards = slice(slots.BOARDS.start, slots.BOARDS.stop)
    textured[:, boards] = True
    tint[:, boards] = tint[:, boards].mean(-1, keepdim=True) + 1.5 * (draw.vector(len(slots.BOARDS)) < 0.2)[..., None]
    texture = torch.where(textured, image, texture)
    repeats = torch.where(textured, 0.0, (0.7 + draw.vector(count)) / TILE_M)
    return texture, repeats, tint


def _with_looks_of_held(draw: Draw, *looks: Tensor) -> list[Tensor]:
    """The same, including held objects: each looks like one of the crates and poles of the scene."""
    like = torch.tensor([*slots.CRATES, *slots.POLES])[draw.integer(len(slots.CRATES) + len(slots.POLES))]
    held = len(slots.HELD)
    return [
        torch.cat([look, look[torch.arange(draw.count), like][:, None].expand(-1, held, *look.shape[2:])], 1)
        for look in looks
    ]
