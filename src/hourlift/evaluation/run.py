"""Run the predictor on annotated people."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.geometry.boxes import iou
from hourlift.geometry.camera import Camera
from hourlift.pose import Pose

Predict = Callable[[NDArray[np.uint8], NDArray[np.floating] | None, Camera | None], list[Pose]]
"""`PosePredictor.predict`: image, boxes or None, camera or None -> people."""


Lift = Callable[[NDArray[np.floating], NDArray[np.floating], tuple[int, int], Camera | None], list[Pose]]
"""`PosePredictor.lift`: joints, boxes, width and height of the image, camera or None -> people."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """An annotated person and the prediction for them."""

    sample: Sample
    pose: Pose | None
    """None if no person was found in the image."""
    milliseconds: float
    """Wall-clock time of the prediction: detection or given box, both stages; without reading the image."""

    def without_image(self) -> Self:
        """Return a copy without pixels, which use most of an outcome's memory."""
        if isinstance(self.sample.image, Path):
            return self
        return replace(self, sample=replace(self.sample, image=np.empty((0, 0, 3), np.uint8), mask=None))


def predict_samples(predict: Predict, samples: Iterable[Sample], *, whole_image: bool = False) -> Iterator[Outcome]:
    """Predict every annotated person.

    Args:
        predict: the predictor.
        samples: annotated people. If a sample has no camera, the predictor assumes its default camera.
        whole_image: give only the image, and evaluate the person whose box overlaps the annotated one most, instead of
            giving the annotated box.

    Yields:
        One outcome per sample, in order.

    Raises:
        ValueError: an image cannot be read, or the predictor refuses a box; the message names the sample.
    """
    for sample in samples:
        image = sample.load_image()
        boxes = None if whole_image else sample.box_xyxy_px[None]
        start = time.perf_counter()
        try:
            people = predict(image, boxes, sample.camera)
        except ValueError as error:
            raise UserError(f"sample {sample.id}: {error}") from error
        milliseconds = 1000 * (time.perf_counter() - start)
        yield Outcome(sample=sample, pose=_nearest(people, sample.box_xyxy_px), milliseconds=milliseconds)


def lift_samples(
    lift: Lift, samples: Iterable[Sample], joints_px: Mapping[str, NDArray[np.floating]] | None = None
) -> Iterator[Outcome]:
    """Lift every annotated person from given 2D joints, which evaluates stage 2 alone.

    Args:
        lift: the predictor's lifting method.
        samples: annotated people; their images are not read.
        joints_px: 2D joints (17, 2) by the sample's id. None uses the true joints, also outside the image if the camera
            is known.

    Yields:
        One outcome per sample, in order. If a 2D joint is unknown, the outcome has no person.

    Raises:
        ValueError: `joints_px` has no entry for a sample, or the size of a sample's image is unknown.
    """
    for sample in samples:
        image_wh = sample.image_wh or (sample.camera.image_wh if sample.camera is not None else None)
        if image_wh is None:
            raise UserError(f"sample {sample.id} has neither a camera nor the size of its image")
        joints = _given_joints(sample, joints_px)
        start = time.perf_counter()
        people = lift(joints[None], sample.box_xyxy_px[None], image_wh, sample.camera) if joints is not None else []
        milliseconds = 1000 * (time.perf_counter() - start)
        yield Outcome(sample=sample, pose=people[0] if people else None, milliseconds=milliseconds)


def true_places(sample: Sample) -> NDArray[np.float64]:
    """Return the (17, 2) joints in the image plane, also outside the image if the camera is known."""
    if sample.camera is not None and sample.joints_3d_cam_mm is not None:
        return sample.camera.project(sample.joints_3d_cam_mm)
    return sample.joints_2d_px.astype(np.float64)


def _given_joints(sample: Sample, joints_px: Mapping[str, NDArray[np.floating]] | None) -> NDArray[np.floating] | None:
    if joints_px is None:
        joints: NDArray[np.floating] = true_places(sample)
    elif sample.id in joints_px:
        joints = joints_px[sample.id]
    else:
        raise UserError(f"the joints file has no person {sample.id}: it was made from other or fewer data")
    return joints if np.isfinite(joints).all() else None


def _nearest(people: list[Pose], box_xyxy_px: NDArray[np.floating]) -> Pose | None:
    """Return the person with the largest overlap with the annotated box, however small."""
    if not people:
        return None
    boxes = np.array([person.box_xyxy_px for person in people], dtype=np.float64)
    return people[int(iou(boxes, np.broadcast_to(box_xyxy_px, boxes.shape).astype(np.float64)).argmax())]
