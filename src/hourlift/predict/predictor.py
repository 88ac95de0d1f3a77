"""The main job: a picture in, people in 3D out."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.geometry.camera import Camera, solve_root
from hourlift.geometry.skeleton import H36M17
from hourlift.lifter.normalize import LiftInput, crop_offsets, denormalize, normalize_joints, person_input
from hourlift.pose import Pose, PoseFrame
from hourlift.predict.crowd import CrowdFollower, Locate
from hourlift.predict.detect import Found, find_people
from hourlift.predict.joints import Image, JointEstimator, Joints2D
from hourlift.predict.pipeline import ahead
from hourlift.predict.precision import Precision, Runtime
from hourlift.predict.refine import Refiner, check_scipy
from hourlift.predict.runtime import Model
from hourlift.predict.track import Follower
from hourlift.predict.video import VideoReader

_ASPECT_TOLERANCE = 0.01  # a camera file may round; a portrait picture with a landscape camera is far off


class PosePredictor:
    """Finds people in pictures and lifts them to 3D.

    >>> people = PosePredictor().predict(image_rgb)  # doctest: +SKIP
    >>> people[0].joint("l_wrist").position_mm  # doctest: +SKIP

    Args:
        weights: the hourglass: a shipped model's name or the path of an .onnx file.
        lifter: the lifter, likewise.
        threads: CPU threads of the networks.
        device: "cpu" or "cuda".
        flip_test: also look at every crop mirrored and average: half the speed, a little more accurate.
        turn: look again, at a turned crop, at people whose trunk leans by more than 30 degrees in the picture, and keep
            the surer answer: half the speed for them, more accurate (`hourlift.predict.joints`).
        refine: fit every pose to its 2D joints (`hourlift.predict.refine`); needs SciPy.
        precision: of the hourglass: "fp32", "bf16" or "int8"; None takes the fastest that holds accuracy here.
        runtime: of the hourglass: "onnxruntime" or "openvino"; None as for the precision.

    Attributes:
        choice: the runtime and the precision of the hourglass.

    Raises:
        ValueError: a model is unknown, damaged or of the wrong kind, the device, precision or runtime is not
            available, or SciPy is missing where it is needed.
    """

    def __init__(
        self,
        weights: str | Path = "hourglass-fast",
        lifter: str | Path = "lifter",
        *,
        threads: int = 2,
        device: str = "cpu",
        flip_test: bool = False,
        turn: bool = True,
        refine: bool = False,
        precision: Precision | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        if refine:
            check_scipy()  # now, not after the search for people
        self._refine = refine
        hourglass = Model(weights, "hourglass", threads=threads, device=device, precision=precision, runtime=runtime)
        self.choice = hourglass.choice
        self._joints = JointEstimator(hourglass, flip_test=flip_test, turn=turn)
        # The lifter is small: it gains from int8 alone, which not every lifter comes in.
        lifter_precision: Precision | None = "fp32" if precision in ("fp32", "bf16") else None
        self._lifter = Model(lifter, "lifter", threads=threads, device=device, precision=lifter_precision)

    def predict(
        self,
        image_rgb: Image,
        boxes_xyxy: ArrayLike | None = None,
        camera: Camera | None = None,
        *,
        people: int = 1,
    ) -> list[Pose]:
        """Find and lift the people in a picture.

        Args:
            image_rgb: (H, W, 3) uint8, RGB, upright.
            boxes_xyxy: (N, 4) left, top, right, bottom of each person in pixels; (4,) for one. None searches
                for the most visible people.
            camera: the camera that took the picture; one of the picture at another resolution is scaled. None
                assumes `Camera.from_fov`'s default field of view.
            people: how many to search for at most when there are no boxes.

        Returns:
            One `Pose` a box, in the order of the boxes; without boxes the surest first, or none when nobody is there.

        Raises:
            ValueError: the image is no (H, W, 3) uint8 array, a box is not finite, empty or outside of the
                image, the camera has another aspect ratio, or nobody is asked for.
        """
        image_wh = _checked_image(image_rgb)
        camera = camera_at(camera, image_wh)
        if boxes_xyxy is None:
            found = find_people(
                image_wh, lambda boxes: self._joints.estimate(image_rgb, boxes), _checked_people(people)
            )
            return self._refined(self._lift(found, camera))
        boxes = _checked_boxes(boxes_xyxy, image_wh)
        answers = zip(boxes, *self._joints.estimate(image_rgb, boxes), strict=True)
        return self._refined(self._lift([Found(*answer) for answer in answers], camera))

    def lift(
        self, joints_px: ArrayLike, boxes_xyxy: ArrayLike, image_wh: tuple[int, int], camera: Camera | None = None
    ) -> list[Pose]:
        """Lift people whose 2D joints are known: stage 2 alone.

        Args:
            joints_px: (N, 17, 2) joints in pixels of the picture; NaN is one that nobody knows.
            boxes_xyxy: (N, 4) the people's boxes; a lifter with the report's normalisation needs them.
            image_wh: width and height of the picture.
            camera: as in `predict`.

        Returns:
            One `Pose` a person; confidence is 1, or 0 where a joint is not known.

        Raises:
            ValueError: a box is not finite, empty or outside of the image, or there is not one for everybody.
        """
        joints_px, boxes = np.asarray(joints_px, dtype=np.float64), _checked_boxes(boxes_xyxy, image_wh)
        if joints_px.shape != (len(boxes), H36M17.num_joints, 2):
            raise ValueError(f"joints_px must be (N, {H36M17.num_joints}, 2) for {len(boxes)} boxes: {joints_px.shape}")
        sure = np.ones(H36M17.num_joints)
        people = [Found(box, joints, sure) for box, joints in zip(boxes, joints_px, strict=True)]
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
            box_xyxy: (4,) or (N, 4) where the people are in the first frame, in pixels; None searches for them.
            camera: as in `predict`, for all frames.
            people: as in `follow`.
            locate: as in `follow`.

        Yields:
            Every frame in order, also those with nobody in them.

        Raises:
            ValueError: the file is no video or holds no frame that can be decoded; a box or the camera is wrong;
                several people are to be followed, and scipy is missing.
            OSError: the file does not exist or cannot be read.
        """
        with VideoReader(path) as video, ahead(video) as frames:
            follow = self.follow(box_xyxy, camera, people=people, locate=locate)
            for frame in frames:
                yield follow(frame.index, frame.time_s, frame.image_rgb)

    def follow(
        self,
        box_xyxy: ArrayLike | None = None,
        camera: Camera | None = None,
        *,
        people: int | None = None,
        locate: Locate | None = None,
    ) -> "FrameByFrame":
        """Start to follow people through frames that come from somewhere else than a file.

        Args:
            box_xyxy: (4,) or (N, 4) where the people are in the first frame; None searches for them.
            camera: as in `predict`, for all frames.
            people: how many to follow at most; by default as many as there are boxes, or one.
            locate: gives the boxes of each frame from its number and picture, as a detector or a file of boxes
                does. Nobody is searched for then.

        Returns:
            A function of (index, time_s, image_rgb) that returns the next `PoseFrame`.

        Raises:
            ValueError: nobody is asked for; several people are, and scipy is missing.
        """
        return FrameByFrame(self, box_xyxy, camera, people, locate)

    def _refined(self, people: list[Pose]) -> list[Pose]:
        """Each by itself: a picture has no track."""
        return Refiner()(people) if self._refine else people

    def _lift(self, people: list[Found], camera: Camera, ids: Sequence[int] | None = None) -> list[Pose]:
        """Stage 2 for the people of one picture; without ids they are numbered."""
        if not people:
            return []
        joints_px = np.stack([person.joints_px for person in people])
        confidence = np.stack([person.confidence for person in people])
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
            )
            for i, person in enumerate(people)
        ]

    def _run_lifter(
        self, joints_px: NDArray[np.float64], confidence: NDArray[np.float64], people: list[Found], camera: Camera
    ) -> tuple[list[NDArray[np.float32]], NDArray[np.float64], NDArray[np.bool_]]:
        """The lifter's outputs, the rotation that they are turned back by, and (N, 17) which joints it knew nothing of.

        What the network reads is told by its file; one that does not tell reads rays.
        """
        match self._lifter.contract.get("inputs", "rays"):
            case "person":
                read, lift_input = person_input(joints_px, confidence, camera)
                return self._lifter.run_all(read), lift_input.rotation, read[..., 2] == 0
            case "rays":
                lift_input = normalize_joints(joints_px, camera)
            case _:
                offsets = crop_offsets(joints_px, [person.box_xyxy_px for person in people])
                lift_input = LiftInput(rays=offsets, rotation=np.broadcast_to(np.eye(3), (len(people), 3, 3)))
        # A ray that the camera's distortion cannot explain is NaN; one such joint must not spoil the others,
        # so the network sees it at the root and its confidence says that it is a guess.
        unknown = np.asarray(np.isnan(lift_input.rays).any(axis=-1))
        rays = np.where(unknown[..., None], np.float32(0), lift_input.rays)
        return self._lifter.run_all(rays), lift_input.rotation, unknown


class FrameByFrame:
    """People through the frames of a video, as they come; made by `PosePredictor.follow`."""

    def __init__(
        self,
        predictor: PosePredictor,
        box_xyxy: ArrayLike | None,
        camera: Camera | None,
        people: int | None,
        locate: Locate | None,
    ) -> None:
        self._predictor = predictor
        self._first_boxes = box_xyxy
        self._camera = camera
        self._locate = locate
        num_boxes = 0 if box_xyxy is None else np.size(np.asarray(box_xyxy, dtype=object)) // 4
        if people is not None:
            _checked_people(people)
        self._num_people = (people or np.inf) if locate is not None else max(people or 1, num_boxes)
        # One person needs no telling apart, and no scipy.
        is_crowd = self._num_people > 1 or locate is not None
        self._crowd = CrowdFollower(self._num_people, searches=locate is None) if is_crowd else None
        self._follower: Follower | None = None
        self._refiner = Refiner()

    def __call__(self, index: int, time_s: float, image_rgb: Image) -> PoseFrame:
        """Find and lift the people in the next frame.

        Args:
            index: number of the frame.
            time_s: when it is shown, in seconds.
            image_rgb: (H, W, 3) uint8.

        Raises:
            ValueError: as `PosePredictor.predict`.
        """
        (frame,) = self.lift([self.find(index, time_s, image_rgb)])
        return frame

    def find(self, index: int, time_s: float, image_rgb: Image) -> "FoundFrame":
        """Find the people in the next frame: stage 1, where the next frame is looked into depends on. As `__call__`."""
        image_wh = _checked_image(image_rgb)
        camera = camera_at(self._camera, image_wh)
        boxes, self._first_boxes = self._first_boxes, None
        given = None if boxes is None else _checked_boxes(boxes, image_wh)

        def estimate(boxes: NDArray[np.float64], /) -> Joints2D:
            return self._predictor._joints.estimate(image_rgb, boxes)

        if self._crowd is None:
            if self._follower is None:
                self._follower = Follower(None if given is None else given[0])
            found = self._follower.step(image_wh, time_s, estimate)
            named = [] if found is None else [(0, found)]
        else:
            if self._locate is not None:
                given = _located(self._locate, index, image_rgb)
            named = self._crowd.step(given, time_s, image_rgb, estimate)
        return FoundFrame(index, time_s, camera, named)

    def lift(self, frames: Sequence["FoundFrame"]) -> list[PoseFrame]:
        """Lift the people of found frames, in order of time: stage 2, which is cheaper for several frames at once."""
        lifted: list[PoseFrame] = []
        for camera, group in groupby(frames, key=lambda frame: frame.camera):
            together = list(group)
            named = [person for frame in together for person in frame.people]
            poses = iter(self._predictor._lift([found for _, found in named], camera, [name for name, _ in named]))
            for frame in together:
                people = list(islice(poses, len(frame.people)))
                if self._predictor._refine:
                    people = self._refiner(people)
                lifted.append(PoseFrame(index=frame.index, time_s=frame.time_s, people=people))
        return lifted


@dataclass(frozen=True)
class FoundFrame:
    """Who is in a frame, by ids; not lifted yet."""

    index: int
    time_s: float
    camera: Camera
    people: list[tuple[int, Found]]


def _located(locate: Locate, index: int, image_rgb: Image) -> NDArray[np.float64]:
    """The boxes of a frame from outside.

    Raises:
        ValueError: they cannot be; the message names the frame.
    """
    try:
        return _checked_boxes(locate(index, image_rgb), (image_rgb.shape[1], image_rgb.shape[0]))
    except ValueError as error:
        raise ValueError(f"frame {index}: {error}") from None


def _checked_people(people: int) -> int:
    """A number of people.

    Raises:
        ValueError: it is below 1.
    """
    if people < 1:
        raise ValueError(f"people must be at least 1, got {people}")
    return people


def _checked_image(image_rgb: NDArray) -> tuple[int, int]:
    """Width and height of a proper image.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(image_rgb, np.ndarray) or image_rgb.ndim != 3 or image_rgb.shape[2] != 3:
        shape = getattr(image_rgb, "shape", type(image_rgb).__name__)
        raise ValueError(f"image_rgb must be an (H, W, 3) array, RGB without alpha, got {shape}")
    if image_rgb.dtype != np.uint8:
        hint = "NaN in it cannot be shown" if not _all_finite(image_rgb) else "convert it to 0..255 first"
        raise ValueError(f"image_rgb must be uint8, got {image_rgb.dtype}; {hint}")
    if image_rgb.size == 0:
        raise ValueError(f"image_rgb has no pixels: its shape is {image_rgb.shape}")
    return image_rgb.shape[1], image_rgb.shape[0]


def _all_finite(array: NDArray) -> bool:
    """Whether an array of any type holds finite numbers only; what is no float has nothing else."""
    return not np.issubdtype(array.dtype, np.inexact) or bool(np.isfinite(array).all())


def _checked_boxes(boxes_xyxy: ArrayLike, image_wh: tuple[int, int]) -> NDArray[np.float64]:
    """(N, 4) finite boxes that show some of the image.

    Raises:
        ValueError: they do not; the message shows the box.
    """
    try:
        boxes = np.asarray(boxes_xyxy, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"a box is four numbers, left, top, right, bottom; got {boxes_xyxy!r}") from None
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.ndim not in (1, 2) or boxes.shape[-1] != 4:
        raise ValueError(f"boxes must have the shape (N, 4) or (4,), got {boxes.shape}")
    width, height = image_wh
    for box in boxes.reshape(-1, 4):
        left, top, right, bottom = box.tolist()
        if not all(map(math.isfinite, (left, top, right, bottom))):
            raise ValueError(f"box {box.tolist()} holds a value that is not finite")
        if left >= right or top >= bottom:
            raise ValueError(f"box {box.tolist()} is empty: it must be left, top, right, bottom in pixels")
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise ValueError(f"box {box.tolist()} lies outside of the image, which is {width} x {height} pixels")
    return boxes.reshape(-1, 4)


def camera_at(camera: Camera | None, image_wh: tuple[int, int]) -> Camera:
    """The camera at an image's resolution; None is the default camera.

    Raises:
        ValueError: the camera belongs to pictures of another shape.
    """
    if camera is None:
        return Camera.from_fov(image_wh)
    if camera.image_wh == image_wh:
        return camera
    own, given = image_wh[0] / image_wh[1], camera.image_wh[0] / camera.image_wh[1]
    if abs(own / given - 1) > _ASPECT_TOLERANCE:
        raise ValueError(
            f"the camera is one of {camera.image_wh[0]} x {camera.image_wh[1]} pictures, "
            f"but this picture is {image_wh[0]} x {image_wh[1]}"
        )
    return camera.scaled(image_wh)
