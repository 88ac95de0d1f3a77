"""From an image to 3D people."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.geometry.camera import Camera, solve_root
from hourlift.geometry.crop import box_from_joints
from hourlift.geometry.skeleton import H36M17
from hourlift.lifter.normalize import LiftInput, crop_offsets, denormalize, normalize_joints, person_input
from hourlift.media.prefetch import ahead
from hourlift.media.video import VideoReader
from hourlift.pose import Pose, PoseFrame
from hourlift.predict.given import camera_at, checked_boxes, checked_image, checked_people
from hourlift.predict.models.keypoints import JointEstimator
from hourlift.predict.models.precision import Precision, Runtime
from hourlift.predict.models.runtime import Model
from hourlift.predict.people.choose import FindBoxes, open_detector, shipped_finder
from hourlift.predict.people.crowd import Locate
from hourlift.predict.people.follow import FrameByFrame
from hourlift.predict.people.search import Detection, find_people
from hourlift.predict.world.limb_fit import Refiner, check_scipy
from hourlift.weights import HOURGLASS, LIFTER, int8_twin, is_twin

_NONE = np.empty(0, np.float32)


class PosePredictor:
    """Finds people in images and lifts them to 3D.

    >>> people = PosePredictor().predict(image_rgb)  # doctest: +SKIP
    >>> people[0].joint("l_wrist").position_mm  # doctest: +SKIP

    Args:
        weights: the hourglass: name of a shipped model or path of an .onnx file.
        lifter: the lifter, likewise.
        threads: CPU threads of the networks.
        device: "cpu" or "cuda".
        flip_test: also estimate every mirrored crop and average: half the speed, slightly more accurate.
        turn: estimate people whose trunk leans by more than 30 degrees in the image again, in a turned crop, and keep
            the better result: half the speed for them, more accurate (`hourlift.predict.models.keypoints`).
        refine: fit every pose to its 2D joints (`hourlift.predict.world.limb_fit`); needs SciPy.
        precision: of the hourglass: "fp32", "bf16" or "int8"; None selects the fastest that keeps accuracy on this
            machine. The lifter runs in int8 when the hourglass does and the lifter has an 8-bit twin.
        runtime: of the hourglass: "onnxruntime" or "openvino"; None selects as for the precision.
        finder: what finds people where no boxes are given: "shipped", the finder in the package if there is one; path
            of a detector's .onnx file; or None, a search with the hourglass.

    Attributes:
        choice: the runtime and the precision of the hourglass.
        networks: name, runtime and precision of the "hourglass" and the "lifter", as results record them.

    Raises:
        ValueError: a model is unknown, damaged or of the wrong kind, the device, precision or runtime is not
            available, or SciPy is missing where it is needed.
    """

    def __init__(
        self,
        weights: str | Path = HOURGLASS,
        lifter: str | Path = LIFTER,
        *,
        threads: int = 2,
        device: str = "cpu",
        flip_test: bool = False,
        turn: bool = True,
        refine: bool = False,
        precision: Precision | None = None,
        runtime: Runtime | None = None,
        finder: str | Path | None = "shipped",
    ) -> None:
        self._options: dict[str, Any] = {
            "weights": weights,
            "lifter": lifter,
            "threads": threads,
            "device": device,
            "flip_test": flip_test,
            "turn": turn,
            "refine": refine,
            "precision": precision,
            "runtime": runtime,
            "finder": finder,
        }
        if refine:
            check_scipy()  # fail now, not after the search for people
        self._refine = refine
        hourglass = Model(weights, "hourglass", threads=threads, device=device, precision=precision, runtime=runtime)
        self.choice = hourglass.choice
        self._joints = JointEstimator(hourglass, flip_test=flip_test, turn=turn)
        lifter_precision = _lifter_precision(lifter, precision, hourglass.choice.precision)
        self._lifter = Model(lifter, "lifter", threads=threads, device=device, precision=lifter_precision)
        self._find: FindBoxes | None
        if finder == "shipped":
            self._find = shipped_finder(threads=threads, device=device)
        else:
            self._find = None if finder is None else open_detector(finder, threads=threads, device=device)
        self.networks = {"hourglass": hourglass.describe(), "lifter": self._lifter.describe()}

    def __reduce__(self) -> tuple[Any, ...]:
        """A predictor is pickled as its options: the other process loads the networks again."""
        return partial(type(self), **self._options), ()

    def predict(
        self,
        image_rgb: Image,
        boxes_xyxy: ArrayLike | None = None,
        camera: Camera | None = None,
        *,
        people: int | None = None,
    ) -> list[Pose]:
        """Find and lift the people in an image.

        Args:
            image_rgb: (H, W, 3) uint8, RGB, upright.
            boxes_xyxy: (N, 4) left, top, right, bottom of each person in pixels; (4,) for one. None searches
                for the most visible people.
            camera: the camera that took the image; it is scaled if its resolution differs. None assumes the default
                field of view of `Camera.from_fov`.
            people: maximum number of people to find if there are no boxes; None: all that the finder finds, or one by
                a search.

        Returns:
            One `Pose` per box, in the order of the boxes; without boxes, the most confident first; empty if no person
            is found.

        Raises:
            ValueError: the image is not an (H, W, 3) uint8 array, a box is not finite, empty or outside the image,
                the camera has another aspect ratio, or fewer than one person is requested.
        """
        image_wh = checked_image(image_rgb)
        camera = camera_at(camera, image_wh)
        if boxes_xyxy is None and self._find is not None:
            boxes_xyxy = self._find(image_rgb)[: None if people is None else checked_people(people)]
        if boxes_xyxy is None:
            num_people = 1 if people is None else checked_people(people)
            found = find_people(image_wh, partial(self._joints.estimate, image_rgb), num_people)
            return self._refined(self._lift(found, camera))
        boxes = checked_boxes(boxes_xyxy, image_wh)
        answers = zip(boxes, self._joints.estimate(image_rgb, boxes).rows(), strict=True)
        return self._refined(self._lift([Detection(box, *answer) for box, answer in answers], camera))

    def lift(
        self,
        joints_px: ArrayLike,
        boxes_xyxy: ArrayLike | None,
        image_wh: tuple[int, int],
        camera: Camera | None = None,
        *,
        confidence: ArrayLike | None = None,
    ) -> list[Pose]:
        """Lift people whose 2D joints are known: stage 2 alone.

        Args:
            joints_px: (N, 17, 2) joints in pixels of the image; NaN if unknown.
            boxes_xyxy: (N, 4) the people's boxes; None draws them around the joints. Only a lifter with the report's
                normalisation reads them.
            image_wh: width and height of the image.
            camera: as in `predict`.
            confidence: (N, 17) how likely each joint is right, 0 to 1; None trusts all of them.

        Returns:
            One `Pose` per person; the confidence of unknown joints is 0.

        Raises:
            ValueError: a box is not finite, empty or outside the image, or the number of boxes is not that of people.
        """
        joints_px = np.asarray(joints_px, dtype=np.float64)
        if joints_px.size == 0 and np.size([] if boxes_xyxy is None else boxes_xyxy) == 0:
            return []
        if boxes_xyxy is None and joints_px.shape[-2:] == (H36M17.num_joints, 2):
            boxes_xyxy = box_from_joints(joints_px)
        boxes = checked_boxes(() if boxes_xyxy is None else boxes_xyxy, image_wh)
        if joints_px.shape != (len(boxes), H36M17.num_joints, 2):
            raise UserError(f"joints_px must be (N, {H36M17.num_joints}, 2) for {len(boxes)} boxes: {joints_px.shape}")
        scores = np.ones(joints_px.shape[:2]) if confidence is None else np.asarray(confidence, dtype=np.float64)
        if scores.shape != joints_px.shape[:2] or not ((scores >= 0) & (scores <= 1)).all():
            raise UserError(f"confidence must be {joints_px.shape[:2]} numbers from 0 to 1")
        people = [Detection(*person) for person in zip(boxes, joints_px, scores, strict=True)]
        return self._lift(people, camera_at(camera, image_wh))

    def predict_video(
        self,
        path: str | Path,
        box_xyxy: ArrayLike | None = None,
        camera: Camera | None = None,
        *,
        people: int | None = None,
        locate: Locate | None = None,
    ) -> Iterator[PoseFrame]:
        """Follow people through a video, frame by frame.

        Args:
            path: a video file of any codec that PyAV reads; its rotation flag is applied.
            box_xyxy: as in `follow`.
            camera: as in `predict`, for all frames.
            people: as in `follow`.
            locate: as in `follow`.

        Yields:
            Every frame in order, also frames without people.

        Raises:
            ValueError: the file is not a video or has no frame that can be decoded; a box or the camera is invalid;
                several people are requested, and SciPy is missing.
            OSError: the file does not exist or cannot be read.
        """
        with VideoReader(path) as video, ahead(video) as frames:
            follow = self.follow(box_xyxy, camera, people=people, locate=locate)
            for frame in frames:
                yield replace(follow(frame.index, frame.time_s, frame.image_rgb), damaged=frame.damaged)

    def follow(
        self,
        box_xyxy: ArrayLike | None = None,
        camera: Camera | None = None,
        *,
        people: int | None = None,
        locate: Locate | None = None,
    ) -> FrameByFrame:
        """Start to follow people through frames that do not come from a file.

        Args:
            box_xyxy: (4,) or (N, 4) where the people are in the first frame, in pixels; None finds them. With an
                empty array, the first frame has no people, and later ones are searched.
            camera: as in `predict`, for all frames.
            people: maximum number of people to follow; by default the number of boxes, all that the finder finds, or
                one by a search.
            locate: returns the boxes of a frame, given its index and image, as a detector or a file of boxes does.
                Frames are not searched then.

        Returns:
            A function of (index, time_s, image_rgb) that returns the next `PoseFrame`.

        Raises:
            ValueError: fewer than one person is requested; several are, and SciPy is missing.
        """
        if locate is None and box_xyxy is None and self._find is not None:
            find = self._find

            def locate(_index: int, image_rgb: Image, /) -> NDArray[np.float64]:
                return find(image_rgb)

        return FrameByFrame(self._joints.estimate, self._lift, self._refine, box_xyxy, camera, people, locate)

    def _refined(self, people: list[Pose]) -> list[Pose]:
        """Fit each pose independently: an image has no track."""
        return Refiner()(people) if self._refine else people

    def _lift(self, people: list[Detection], camera: Camera, ids: Sequence[int] | None = None) -> list[Pose]:
        """Stage 2 for the people of one image; without ids, numbers from 0."""
        if not people:
            return []
        joints_px = np.stack([person.joints_px for person in people])
        confidence, feet_confidence = np.split(self._confidence(people), [H36M17.num_joints], axis=1)
        lifted, rotation, unknown = self._run_lifter(joints_px, confidence, people, camera)
        joints_mm = denormalize(lifted[0], rotation)
        spread_mm = lifted[1] if len(lifted) > 1 else [None] * len(people)
        confidence = np.where(unknown, 0.0, confidence)
        roots_mm = solve_root(joints_mm, camera.unproject(joints_px), confidence)
        return [
            Pose(
                joints_2d_px=joints_px[i],
                confidence=confidence[i],
                joints_3d_mm=joints_mm[i],
                root_cam_mm=roots_mm[i],
                box_xyxy_px=person.box_xyxy_px.astype(np.float32),
                camera=camera,
                person_id=i if ids is None else ids[i],
                spread_mm=spread_mm[i],
                feet_2d_px=_NONE if person.feet_px is None else person.feet_px.astype(np.float32),
                feet_confidence=_NONE if person.feet_px is None else feet_confidence[i],
            )
            for i, person in enumerate(people)
        ]

    def _confidence(self, people: list[Detection]) -> NDArray[np.float64]:
        """(N, 17), or (N, 21) with the foot points, confidence of each joint of N > 0 people."""
        scores = np.stack([person.scores for person in people])
        heatmaps = [person.heatmaps for person in people if person.heatmaps is not None]
        return self._joints.confidence(scores, np.stack(heatmaps)) if heatmaps else scores

    def _run_lifter(
        self, joints_px: NDArray[np.float64], confidence: NDArray[np.float64], people: list[Detection], camera: Camera
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.float64], NDArray[np.bool_]]:
        """The lifter's outputs, the rotation that undoes its input's, and (N, 17) which joints are unknown.

        The model's contract says what the network reads; the default is rays.
        """
        match self._lifter.contract.get("inputs", "rays"):
            case "person":
                read, lift_input = person_input(joints_px, confidence, camera)
                return self._lifter.run_all(read), lift_input.rotation, read[..., 2] == 0
            case "rays":
                lift_input = normalize_joints(joints_px, camera)
            case "crop":
                offsets = crop_offsets(joints_px, [person.box_xyxy_px for person in people])
                lift_input = LiftInput(rays=offsets, rotation=np.broadcast_to(np.eye(3), (len(people), 3, 3)))
            case inputs:
                raise AssertionError(f"the contract allows the inputs {inputs!r}, which this function does not know")
        # A ray that the distortion model cannot invert is NaN. One such joint must not spoil the others: the network
        # gets the root's ray instead, with a confidence that marks it as unknown.
        unknown = np.asarray(np.isnan(lift_input.rays).any(axis=-1))
        rays = np.where(unknown[..., None], np.float32(0), lift_input.rays)
        return self._lifter.run_all(rays), lift_input.rotation, unknown


def _lifter_precision(lifter: str | Path, asked: Precision | None, hourglass: Precision) -> Precision | None:
    """int8 if the hourglass runs in int8 and the lifter has a twin; bf16 would not be faster."""
    if is_twin(lifter):
        return None
    if hourglass != "int8" or int8_twin(lifter) is None:
        return "fp32"
    return asked
