"""Scenes of no, one or many people: rendered people pasted in front of photographs, in milliseconds each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Image
from hourlift.finder.decode import PADDING, STRIDE
from hourlift.training.finder.backgrounds import Backgrounds
from hourlift.training.finder.cutouts import Cutout
from hourlift.training.finder.labelled import MIN_SIDE_PX, Labelled, cells


@dataclass(frozen=True, kw_only=True)
class SceneMix:
    """Frequency of what happens in scenes.

    Attributes:
        counts: Relative frequency of 0, 1, 2, ... people.
        lengths: Range of a person's length over the scene's longer side, log-uniform.
        group_share: Share of scenes whose people have similar lengths and stand close together.
        tilt_deg: Spread of the angle by which people lean.
        any_angle_share: Share of people turned by any angle.
        occluder_share: Share of people with a part of another image in front of them.
        square_share: Share of square scenes; the others have any format up to 16:9, upright or not.
        least_visible: Share of a person that must be visible; others are neither found nor wrong.
    """

    counts: tuple[float, ...] = (0.22, 0.22, 0.16, 0.12, 0.08, 0.06, 0.05, 0.05, 0.04)
    lengths: tuple[float, float] = (0.06, 1.3)
    group_share: float = 0.5
    tilt_deg: float = 7.0
    any_angle_share: float = 0.12
    occluder_share: float = 0.2
    square_share: float = 0.3
    least_visible: float = 0.2


class _Placed(NamedTuple):
    cutout: Cutout
    length_px: float
    middle_px: tuple[float, float]
    angle_deg: float
    mirrored: bool


def compose(
    rng: np.random.Generator, cutouts: Sequence[Cutout], backgrounds: Backgrounds, mix: SceneMix, size: int
) -> Labelled:
    """Compose a scene.

    Args:
        rng: The scene is a function of its state.
        cutouts: People.
        backgrounds: What is behind them.
        mix: What happens.
        size: Side of the input, pixels; the scene fills its top-left corner, as in prediction.
    """
    scene_wh = _format(rng, mix, size)
    image = backgrounds.part(rng, scene_wh)
    count = int(rng.choice(len(mix.counts), p=np.array(mix.counts) / sum(mix.counts))) if cutouts else 0
    owner = np.zeros(image.shape[:2], np.uint8)  # 0: no person; i + 1: person i
    pasted = []
    for number, person in enumerate(_place(rng, cutouts, count, mix, scene_wh), start=1):
        pasted.append(_paste(rng, image, owner, person, number))
        if rng.random() < mix.occluder_share:
            _occlude(rng, image, owner, person, backgrounds)
    canvas = np.full((size, size, 3), PADDING, np.uint8)
    canvas[: scene_wh[1], : scene_wh[0]] = image
    counted = np.ones((size // STRIDE, size // STRIDE), np.float32)
    boxes = []
    for number, pixels in enumerate(pasted, start=1):
        rows, columns = np.nonzero(owner == number)
        if not len(rows):
            continue
        box = np.array([columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5])
        if (box[2:] - box[:2]).min() >= MIN_SIDE_PX and len(rows) >= mix.least_visible * pixels:
            boxes.append(box)
        else:
            counted[cells(box)] = 0
    return Labelled(image=canvas, boxes=np.array(boxes).reshape(-1, 4), counted=counted)


def _format(rng: np.random.Generator, mix: SceneMix, size: int) -> tuple[int, int]:
    """Width and height of a scene, the longer one `size`."""
    shorter = size if rng.random() < mix.square_share else round(size * rng.uniform(9 / 16, 1))
    return (size, shorter) if rng.random() < 0.6 else (shorter, size)


def _place(
    rng: np.random.Generator, cutouts: Sequence[Cutout], count: int, mix: SceneMix, scene_wh: tuple[int, int]
) -> list[_Placed]:
    """Where people are, the farthest first."""
    size = np.array(scene_wh)
    low, high = (math.log(share * size.max()) for share in mix.lengths)
    group = rng.random() < mix.group_share
    common, middle = rng.uniform(low, high), rng.uniform(0, 1, 2) * size
    people = []
    for index in rng.integers(len(cutouts), size=count) if count else []:
        length = math.exp(common + rng.normal(0, 0.15) if group else rng.uniform(low, high))
        at = middle + rng.normal(0, (0.75, 0.12)) * length if group else rng.uniform(-0.05, 1.05, 2) * size
        if group:
            at = np.where((at < -0.05 * size) | (at > 1.05 * size), rng.uniform(0, 1, 2) * size, at)
        turned = rng.random() < mix.any_angle_share
        angle = rng.uniform(-180, 180) if turned else rng.normal(0, mix.tilt_deg)
        place = (float(at[0]), float(at[1]))
        people.append(_Placed(cutouts[index], length, place, float(angle), bool(rng.random() < 0.5)))
    return sorted(people, key=lambda person: person.length_px)


def _paste(rng: np.random.Generator, image: Image, owner: NDArray[np.uint8], person: _Placed, number: int) -> int:
    """Paste a person into the image, with a brightness nearer to that of the surroundings.

    Returns:
        Pixels of the person, also those outside of the scene.
    """
    colour, alpha = person.cutout
    scale = person.length_px / max(alpha.shape)
    if scale < 0.7:  # first by area, or thin limbs vanish
        to = (max(2, round(alpha.shape[1] * scale)), max(2, round(alpha.shape[0] * scale)))
        colour, alpha = (
            cv2.resize(each, to, interpolation=cv2.INTER_AREA).astype(np.uint8) for each in (colour, alpha)
        )
        scale = 1.0
    height, width = alpha.shape
    whole = round(float((alpha > 127).sum()) * scale**2)
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), person.angle_deg, scale)
    if person.mirrored:
        turn = turn @ np.array([[-1, 0, width - 1], [0, 1, 0], [0, 0, 1]])
    turn[:, 2] += np.array(person.middle_px) - ((width - 1) / 2, (height - 1) / 2)
    corners = turn @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    low = np.clip(np.floor(corners.min(1)), 0, (image.shape[1], image.shape[0])).astype(int)
    high = np.clip(np.ceil(corners.max(1)) + 1, 0, (image.shape[1], image.shape[0])).astype(int)
    part = slice(low[1], high[1]), slice(low[0], high[0])
    if (high > low).all():
        turn[:, 2] -= low
        part_wh = (int(high[0] - low[0]), int(high[1] - low[1]))
        alpha = cv2.warpAffine(alpha, turn, part_wh).astype(np.uint8, copy=False)
        there = cv2.warpAffine(colour, turn, part_wh, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        solid, shown, behind = alpha.astype(np.float32)[..., None] / 255, alpha > 127, image[part].astype(np.float32)
        pull = rng.uniform(0, 0.6)
        brightness = float(there[shown].mean()) if shown.any() else 0.0
        gain = (max(float(behind.mean()), 20.0) / max(brightness, 20.0)) ** pull
        gains = np.clip(gain, 0.4, 2.0) * np.exp(rng.normal(0, (0.06, 0.06, 0.06))).astype(np.float32)
        image[part] = np.clip(behind + solid * (there * gains - behind), 0, 255).astype(np.uint8)
        owner[part][shown] = number
    return whole


def _occlude(
    rng: np.random.Generator, image: Image, owner: NDArray[np.uint8], person: _Placed, backgrounds: Backgrounds
) -> None:
    """Hide a part of a person behind an ellipse or a rectangle of another image."""
    axes = np.maximum(person.length_px * rng.uniform(0.08, 0.35, 2), 2)
    at = np.array(person.middle_px) + rng.uniform(-0.5, 0.5, 2) * person.length_px
    mask = np.zeros(owner.shape, np.uint8)
    x, y = (round(float(value)) for value in at)
    across, down = (round(float(value)) for value in axes)
    if rng.random() < 0.5:
        cv2.ellipse(mask, (x, y), (across, down), float(rng.uniform(0, 180)), 0, 360, 1, -1)
    else:
        cv2.rectangle(mask, (x - across, y - down), (x + across, y + down), 1, -1)
    hidden = mask > 0
    if hidden.any():
        part = _part(hidden)
        height, width = hidden[part].shape
        front = backgrounds.part(rng, (width, height))
        image[part] = np.where(hidden[part][..., None], front, image[part])
        owner[hidden] = 0


def _part(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Rows and columns of the box around a mask."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return slice(y, y + height), slice(x, x + width)
