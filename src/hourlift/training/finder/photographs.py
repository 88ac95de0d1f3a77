"""Photographs in which some people are annotated, and others may not be."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from hourlift.arrays import Array, Image
from hourlift.data.images.coco import load_coco
from hourlift.data.sample import Sample
from hourlift.finder.decode import PADDING, STRIDE, fit
from hourlift.training.finder.backgrounds import Backgrounds
from hourlift.training.finder.labelled import MIN_SIDE_PX, Labelled, cells
from hourlift.training.people import HELD_OUT_EVERY

_LEAST_LEFT = 0.25  # of an annotated box, within the view
_STRETCH = 4 / 3  # largest change of a photograph's format
_TURNED_SHARE = 0.08  # of photographs on their side or upside down
_SCALES = (0.35, 1.8)  # longer side of the photograph over the side of the input, log-uniform


@dataclass(frozen=True, kw_only=True, eq=False)
class Photograph:
    """A photograph with annotated people.

    Attributes:
        sample: one of its people, for the image.
        boxes: (N, 4) xyxy pixels.
    """

    sample: Sample
    boxes: Array


def load_photographs(folder: Path, *, held_out: bool = False) -> list[Photograph]:
    """Read a data set in COCO's layout.

    Args:
        folder: of the data set.
        held_out: take every tenth photograph by name, which the training leaves out, instead of the others.
    """
    photographs = by_image(load_coco(folder))
    return [each for i, each in enumerate(photographs) if (i % HELD_OUT_EVERY == 0) == held_out]


def by_image(people: Iterable[Sample]) -> list[Photograph]:
    """Collect the people of each photograph, in the order of the photographs' names."""
    groups: dict[str, list[Sample]] = {}
    for person in people:
        groups.setdefault(str(person.image), []).append(person)
    return [
        Photograph(
            sample=groups[name][0], boxes=np.stack([each.box_xyxy_px for each in groups[name]]).astype(np.float64)
        )
        for name in sorted(groups)
    ]


def view(rng: np.random.Generator, photograph: Photograph, backgrounds: Backgrounds, size: int) -> Labelled:
    """A random view of a photograph, as an input of the network.

    Cells within annotated boxes count, and those beside the photograph. Elsewhere there may be people who are not
    annotated, so that nothing is known.

    Args:
        rng: The view is a function of its state.
        photograph: The photograph.
        backgrounds: What is beside the photograph, if it does not fill the input.
        size: Side of the input, pixels.
    """
    image, boxes = _turned(rng, photograph.sample.load_image(), photograph.boxes)
    height, width = image.shape[:2]
    longer = size * math.exp(rng.uniform(math.log(_SCALES[0]), math.log(_SCALES[1])))
    stretch = math.exp(rng.uniform(-0.5, 0.5) * math.log(_STRETCH))
    scale_xy = longer / max(height, width) * np.array([stretch, 1 / stretch])
    seen_wh = np.maximum(np.round(scale_xy * (width, height)), 8).astype(int)
    scale_xy = seen_wh / (width, height)
    method = cv2.INTER_AREA if scale_xy.min() < 1 else cv2.INTER_LINEAR
    image = cv2.resize(image, (int(seen_wh[0]), int(seen_wh[1])), interpolation=method).astype(np.uint8, copy=False)
    boxes = (boxes + 0.5) * np.tile(scale_xy, 2) - 0.5
    aim = boxes[rng.integers(len(boxes))]
    corner = np.array([_corner(rng, int(seen_wh[axis]), size, aim[axis::2]) for axis in range(2)])
    whole = (rng.random() < 0.5) and (seen_wh <= size).all()
    if whole:  # as in prediction
        corner = np.zeros(2, int)
        canvas = np.full((size, size, 3), PADDING, np.uint8)
    else:
        canvas = backgrounds.part(rng, (size, size)).copy()
    low, high = np.maximum(-corner, 0), np.minimum(size - corner, seen_wh)  # the part of the photograph that is seen
    to_low, to_high = low + corner, high + corner
    canvas[to_low[1] : to_high[1], to_low[0] : to_high[0]] = image[low[1] : high[1], low[0] : high[0]]
    window = np.concatenate([to_low - 0.5, to_high - 0.5])
    counted = np.ones((size // STRIDE, size // STRIDE), np.float32)
    counted[cells(window)] = 0
    boxes = boxes + np.tile(corner, 2)
    inside = np.clip(boxes, np.tile(window[:2], 2), np.tile(window[2:], 2))
    sides, whole_sides = inside[:, 2:] - inside[:, :2], boxes[:, 2:] - boxes[:, :2]
    kept = (sides.min(1) >= MIN_SIDE_PX) & (sides.prod(1) >= _LEAST_LEFT * whole_sides.prod(1))
    for box in inside[kept]:
        counted[cells(box)] = 1
    for box in inside[~kept]:
        counted[cells(box)] = 0
    return Labelled(image=canvas, boxes=inside[kept], counted=counted)


def whole(photograph: Photograph, size: int) -> Labelled:
    """The whole photograph as in prediction, for validation; only cells within annotated boxes count."""
    fitted = fit(photograph.sample.load_image(), size)
    canvas = np.full((size, size, 3), PADDING, np.uint8)
    canvas[: fitted.input.shape[0], : fitted.input.shape[1]] = fitted.input
    boxes = (photograph.boxes + 0.5) * np.tile(fitted.scale_xy, 2) - 0.5
    counted = np.zeros((size // STRIDE, size // STRIDE), np.float32)
    for box in boxes:
        counted[cells(box)] = 1
    return Labelled(image=canvas, boxes=boxes, counted=counted)


def _corner(rng: np.random.Generator, seen: int, size: int, aim: Array) -> int:
    """Where the photograph's first pixel is along one axis of the input: the middle of a person stays within it."""
    if seen <= size:
        return int(rng.integers(size - seen + 1))
    middle = float(np.clip(aim.mean(), 0, seen - 1))
    least, most = max(size - seen, math.ceil(8 - middle)), min(0, math.floor(size - 9 - middle))
    return int(rng.integers(min(least, most), max(least, most) + 1))


def _turned(rng: np.random.Generator, image: Image, boxes: Array) -> tuple[Image, Array]:
    """Mirror half of the photographs; turn a few by a quarter or a half."""
    image, boxes = _mirrored(rng, image, boxes)
    quarters = int(rng.integers(1, 4)) if rng.random() < _TURNED_SHARE else 0
    for _ in range(quarters):  # anticlockwise: (x, y) -> (y, width - 1 - x)
        x0, y0, x1, y1 = boxes.T
        boxes = np.stack([y0, image.shape[1] - 1 - x1, y1, image.shape[1] - 1 - x0], axis=1)
        image = np.rot90(image)
    return np.ascontiguousarray(image), boxes


def _mirrored(rng: np.random.Generator, image: Image, boxes: Array) -> tuple[Image, Array]:
    if rng.random() < 0.5:
        return image, boxes
    x0, y0, x1, y1 = boxes.T
    last = image.shape[1] - 1
    return image[:, ::-1], np.stack([last - x1, y0, last - x0, y1], axis=1)
