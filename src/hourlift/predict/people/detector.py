"""Person detectors of other projects, as ONNX files: images in, boxes out, for all supported output formats.

The names and shapes of the graph's outputs identify the detector's family: how boxes are encoded and whether
non-maximum suppression (NMS) is included. The family determines the input. docs/guides/detectors.md lists files.
"""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array, Image
from hourlift.errors import UserError
from hourlift.formats.coco_boxes import MIN_SCORE
from hourlift.geometry.crop import box_counted_from_corner
from hourlift.predict.models.runtime import open_session

Family = Literal["yolox", "rtmdet", "yolo"]

NMS_IOU = 0.65
"""IoU threshold of non-maximum suppression, if the graph does not include it."""
ASSUMED_SIZE_WH = (640, 640)
"""Input size for graphs that accept images of any size."""

_PERSON = 0  # index of the class in COCO, and the only class of person detectors
_NAMES_OF_PERSON = ("person", "people", "human", "pedestrian")
_STRIDES = (8, 16, 32)
_PADDING = 114  # grey of the padding that all families were trained with


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How an image becomes a network's input.

    Attributes:
        bgr: the channels are in the order blue, green, red.
        mean, scale: (value - mean) / scale, in the order of the channels.
        centred: the image is centred in the input, not in its top-left corner.
    """

    bgr: bool
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    centred: bool = False


PREPARATIONS: Mapping[Family, Preparation] = {
    "yolox": Preparation(bgr=True),
    "rtmdet": Preparation(bgr=True, mean=(103.53, 116.28, 123.675), scale=(57.375, 57.12, 58.395)),
    "yolo": Preparation(bgr=False, scale=(255.0, 255.0, 255.0), centred=True),
}


class Coded(NamedTuple):
    """Boxes (N, 4) xyxy in pixels of the input, and people's scores (N,)."""

    boxes: Array
    scores: Array


class Layout(NamedTuple):
    """How a graph's outputs are read: the family, if certain; whether NMS is included; and the decoder."""

    family: Family | None
    has_nms: bool
    read: Callable[[list[Array]], Coded]


class Detector:
    """A person detector.

    Args:
        path: the .onnx file; its input is one image (1, 3, H, W).
        family: the preprocessing; None infers it from the outputs and the file's name.
        min_score: boxes with a lower score are dropped.
        threads: CPU threads.
        device: "cpu" or "cuda".

    Raises:
        ValueError: the file is missing or not a model, or its outputs are not those of a known detector.
    """

    def __init__(
        self,
        path: str | Path,
        family: Family | None = None,
        *,
        min_score: float = MIN_SCORE,
        threads: int = 2,
        device: str = "cpu",
    ) -> None:
        self._path = Path(path)
        self._min_score = min_score
        if not self._path.is_file():
            raise UserError(f"{path} does not exist")
        self._session = open_session(self._path, threads, device)
        self._size_wh, self._dtype = self._read_input()
        names = [output.name for output in self._session.get_outputs()]
        outputs = self._infer(np.zeros((1, 3, *self._size_wh[::-1])))
        layout = recognise(names, [output.shape for output in outputs], self._size_wh, self._person())
        if layout is None:
            shapes = ", ".join(f"{name} {output.shape}" for name, output in zip(names, outputs, strict=True))
            raise UserError(f"{path}: no known detector has the outputs {shapes}; see docs/guides/detectors.md")
        self._layout = layout
        self.family = family or layout.family or _family_of_name(self._path)
        self._prepare = PREPARATIONS[self.family]

    def __call__(self, image_rgb: Image) -> Array:
        """Find the people in an image.

        Args:
            image_rgb: (H, W, 3) uint8.

        Returns:
            (N, 4) boxes, xyxy pixels within the image, the most confident first.
        """
        inputs, ratio, offset = letterbox(image_rgb, self._size_wh, self._prepare)
        boxes, scores = self._layout.read([output.astype(np.float64) for output in self._infer(inputs)])
        likely = (scores >= self._min_score) & np.isfinite(boxes).all(axis=-1)
        boxes, scores = boxes[likely], scores[likely]
        order = np.argsort(-scores, kind="stable")
        if not self._layout.has_nms and len(order):
            corner_and_size = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
            order = np.asarray(cv2.dnn.NMSBoxes(corner_and_size.tolist(), scores.tolist(), self._min_score, NMS_IOU))
        height, width = image_rgb.shape[:2]
        boxes = (boxes[order.astype(int)] - np.tile(offset, 2)) / ratio
        boxes = box_counted_from_corner(np.clip(boxes, 0, [width, height, width, height]))
        return boxes[(boxes[:, 2:] - boxes[:, :2] >= 1).all(axis=1)]

    def _person(self) -> int:
        """The class index of people, by the class names in the file; without names, COCO's.

        Raises:
            ValueError: there are several classes, and none is a person.
        """
        try:
            value = ast.literal_eval(
                self._session.get_modelmeta().custom_metadata_map["names"]
            )  # as Ultralytics has it
            names = dict(value) if isinstance(value, dict) else dict(enumerate(value))
            classes = {str(name).strip().lower(): int(number) for number, name in names.items()}
        except (KeyError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            return _PERSON
        known = [classes[name] for name in _NAMES_OF_PERSON if name in classes]
        if not known and len(classes) > 1:
            raise UserError(f"{self._path}: none of this detector's classes is a person: {', '.join(classes)}"[:300])
        return known[0] if known else _PERSON

    def _infer(self, inputs: Array) -> list[NDArray[Any]]:
        """All outputs for a batch of one; errors of the runtime become a ValueError."""
        try:
            name = self._session.get_inputs()[0].name
            return [np.asarray(output) for output in self._session.run(None, {name: inputs.astype(self._dtype)})]
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(f"{self._path}: this detector cannot be run ({reason})") from error

    def _read_input(self) -> tuple[tuple[int, int], type[np.generic]]:
        """Width, height and type of the graph's input."""
        inputs = self._session.get_inputs()
        shape = list(inputs[0].shape)
        if len(inputs) != 1 or len(shape) != 4 or shape[1] not in (3, None) and not isinstance(shape[1], str):
            described = ", ".join(f"{each.name} {each.shape}" for each in inputs)
            raise UserError(f"{self._path}: a detector's input is an image (1, 3, H, W), this model has {described}")
        known = all(isinstance(side, int) for side in shape[2:])
        size_wh = (shape[3], shape[2]) if known else ASSUMED_SIZE_WH
        return size_wh, np.float16 if inputs[0].type == "tensor(float16)" else np.float32


def letterbox(image_rgb: Image, size_wh: tuple[int, int], how: Preparation) -> tuple[Array, float, Array]:
    """Fit an image into a network's input, keeping its aspect ratio, with grey padding.

    Args:
        image_rgb: (H, W, 3) uint8.
        size_wh: the input's size.
        how: the family's preprocessing.

    Returns:
        The input (1, 3, H, W), the factor from the image's pixels to the input's, and the (2,) input pixels left of
        and above the image.
    """
    height, width = image_rgb.shape[:2]
    ratio = min(size_wh[0] / width, size_wh[1] / height)
    fitted_wh = (min(max(round(width * ratio), 1), size_wh[0]), min(max(round(height * ratio), 1), size_wh[1]))
    left, top = ((size_wh[i] - fitted_wh[i]) // 2 if how.centred else 0 for i in range(2))
    canvas = np.full((size_wh[1], size_wh[0], 3), _PADDING, np.uint8)
    resized = cv2.resize(image_rgb, fitted_wh, interpolation=cv2.INTER_LINEAR)
    canvas[top : top + fitted_wh[1], left : left + fitted_wh[0]] = resized
    ordered = canvas[..., ::-1] if how.bgr else canvas
    inputs = (ordered - np.array(how.mean)) / np.array(how.scale)
    return inputs.transpose(2, 0, 1)[None], ratio, np.array([left, top], np.float64)


def recognise(
    names: list[str], shapes: list[tuple[int, ...]], size_wh: tuple[int, int], person: int = _PERSON
) -> Layout | None:
    """Find how a graph's outputs are to be read.

    Args:
        names: of the outputs.
        shapes: of the outputs for one image.
        size_wh: of the image.
        person: the class of people.

    Returns:
        The layout, or None if it is not a known one.
    """
    by_name = dict(zip(names, shapes, strict=True))
    order = {name: i for i, name in enumerate(names)}
    if {"dets", "labels"} <= by_name.keys() and by_name["dets"][-1] == 5:  # MMDeploy: RTMDet, YOLOX and others
        return Layout(None, True, lambda out: _read_dets(out[order["dets"]], out[order["labels"]], person))
    if {"num_dets", "boxes", "scores", "labels"} <= by_name.keys():  # MMYOLO's EasyDeploy
        listed = [order[name] for name in ("num_dets", "boxes", "scores", "labels")]
        return Layout(None, True, lambda out: _read_listed([out[i] for i in listed], person))
    shape = shapes[0]
    if len(shape) == 2 and shape[1] == 7:  # YOLOv7 "end2end": image, x0, y0, x1, y1, class, score
        return Layout("yolo", True, lambda out: Coded(out[0][:, 1:5], _of_person(out[0][:, 6], out[0][:, 5], person)))
    if len(shape) != 3 or shape[0] != 1 or min(shape[1:]) < 5:
        return None
    cells = sum((size_wh[0] // stride) * (size_wh[1] // stride) for stride in _STRIDES)
    if shape[1] == cells and shape[2] >= 6:
        return Layout("yolox", False, lambda out: _read_grid(out[0][0], size_wh, person))
    if shape[1] == 3 * cells and shape[2] >= 6:  # YOLOv5, YOLOv7: three anchors a cell, decoded inside
        return Layout("yolo", False, lambda out: _read_rows(out[0][0], person))
    if shape[2] == cells:  # YOLOv8, v9, 11, 12: no objectness, one column a cell
        return Layout("yolo", False, lambda out: Coded(_corners(out[0][0, :4].T), out[0][0, 4 + person]))
    if shape[2] == 6:  # YOLOv10, YOLO26, and exports with nms=True: x0, y0, x1, y1, score, class
        return Layout(
            "yolo", True, lambda out: Coded(out[0][0, :, :4], _of_person(out[0][0, :, 4], out[0][0, :, 5], person))
        )
    return None


def _read_dets(dets: Array, labels: Array, person: int) -> Coded:
    """(1, N, 5) x0, y0, x1, y1, score and (1, N) classes."""
    return Coded(dets[0, :, :4], _of_person(dets[0, :, 4], labels[0], person))


def _read_listed(outputs: list[Array], person: int) -> Coded:
    """The first ``num_dets`` of boxes (1, N, 4), scores (1, N) and classes (1, N)."""
    num_dets, boxes, scores, labels = outputs
    count = int(num_dets.flat[0])
    return Coded(boxes[0, :count], _of_person(scores[0, :count], labels[0, :count], person))


def _read_rows(rows: Array, person: int) -> Coded:
    """(N, 5 + C): centre and size, objectness, scores of classes."""
    return Coded(_corners(rows[:, :4]), rows[:, 4] * rows[:, 5 + person])


def _read_grid(rows: Array, size_wh: tuple[int, int], person: int) -> Coded:
    """YOLOX' (N, 5 + C); in most files, cell offsets and log sizes must be converted to pixels here."""
    if (rows[:, 2:4] > 0).all():  # sizes in pixels; among thousands of log sizes some are negative
        return _read_rows(rows, person)
    grids = []
    for stride in _STRIDES:
        x, y = np.meshgrid(np.arange(size_wh[0] // stride), np.arange(size_wh[1] // stride))
        grids.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1))
    corner_x, corner_y, strides = np.concatenate(grids).T
    centre = (rows[:, :2] + np.stack([corner_x, corner_y], axis=1)) * strides[:, None]
    size = np.exp(rows[:, 2:4]) * strides[:, None]
    return _read_rows(np.concatenate([centre, size, rows[:, 4:]], axis=1), person)


def _corners(centre_and_size: Array) -> Array:
    """(N, 4) cx, cy, width, height -> x0, y0, x1, y1."""
    centre, half = centre_and_size[:, :2], centre_and_size[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _of_person(scores: Array, classes: Array, person: int) -> Array:
    """Scores, 0 for other classes."""
    return np.where(classes == person, scores, 0.0)


def _family_of_name(path: Path) -> Family:
    """The family named in a file's name.

    Raises:
        ValueError: it names none.
    """
    for family in PREPARATIONS:
        if family in path.name.lower():
            return family
    families = ", ".join(PREPARATIONS)
    raise UserError(
        f"{path}: neither outputs nor name identify the detector's family; give --detector-family, one of {families}"
    )
