"""The main job, run over annotated people."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hourlift.data.sample import Sample
from hourlift.geometry.camera import Camera
from hourlift.pose import Pose
from hourlift.predict.detect import iou

Predict = Callable[[NDArray[np.uint8], NDArray[np.floating] | None, Camera | None], list[Pose]]
"""`PosePredictor.predict`: image, boxes or None, camera or None -> people."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """An annotated person and what was found for them."""

    sample: Sample
    pose: Pose | None
    """None when nobody was found in the picture."""
    milliseconds: float
    """Wall clock of the prediction: search or given box, both stages; without reading the picture."""


def predict_samples(predict: Predict, samples: Iterable[Sample], *, whole_image: bool = False) -> Iterator[Outcome]:
    """Predict every annotated person.

    Args:
        predict: the model.
        samples: annotated people. Where a sample does not tell its camera, the predictor assumes its default.
        whole_image: give the picture alone and judge the person found whose box overlaps the annotated one most,
            instead of giving the annotated box.

    Yields:
        One outcome per sample, in order.

    Raises:
        ValueError: for a picture that cannot be read, or a box that the predictor refuses; the message names it.
    """
    for sample in samples:
        image = sample.load_image()
        boxes = None if whole_image else sample.box_xyxy_px[None]
        start = time.perf_counter()
        try:
            people = predict(image, boxes, sample.camera)
        except ValueError as error:
            raise ValueError(f"sample {sample.id}: {error}") from error
        milliseconds = 1000 * (time.perf_counter() - start)
        yield Outcome(sample=sample, pose=_nearest(people, sample.box_xyxy_px), milliseconds=milliseconds)


def _nearest(people: list[Pose], box_xyxy_px: NDArray[np.floating]) -> Pose | None:
    """The person that the annotation is about: most overlap, be it little."""
    if not people:
        return None
    boxes = np.array([person.box_xyxy_px for person in people], dtype=np.float64)
    return people[int(iou(boxes, np.broadcast_to(box_xyxy_px, boxes.shape).astype(np.float64)).argmax())]
