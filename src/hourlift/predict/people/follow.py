"""Following people through a video. Finding them is sequential; lifting them need not be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.arrays import Image
from hourlift.errors import UserError
from hourlift.geometry.camera import Camera
from hourlift.pose import Pose, PoseFrame
from hourlift.predict.given import camera_at, checked_boxes, checked_image, checked_people
from hourlift.predict.models.keypoints import Joints2D
from hourlift.predict.people.crowd import CrowdFollower, Locate
from hourlift.predict.people.search import Detection
from hourlift.predict.people.track import Follower
from hourlift.predict.world.limb_fit import Refiner

Look = Callable[..., Joints2D]
"""`JointEstimator.estimate`: an image, boxes (N, 4) and perhaps turns (N,) -> 2D joints."""
Lift = Callable[[list[Detection], Camera, Sequence[int]], list[Pose]]
"""People of one camera's images, the camera and their ids -> their poses, in the same order."""


@dataclass(frozen=True)
class DetectedFrame:
    """The people in a frame with their ids, not lifted yet."""

    index: int
    time_s: float
    camera: Camera
    people: list[tuple[int, Detection]]
    damaged: bool = False


class FrameByFrame:
    """Follows people through the frames of a video; made by `PosePredictor.follow`.

    Args:
        look: stage 1.
        lift: stage 2.
        refine: whether poses are fitted to their 2D joints, with the bone lengths of earlier frames.
        box_xyxy, camera, people, locate: as in `PosePredictor.follow`.
    """

    def __init__(
        self,
        look: Look,
        lift: Lift,
        refine: bool,
        box_xyxy: ArrayLike | None,
        camera: Camera | None,
        people: int | None,
        locate: Locate | None,
    ) -> None:
        self._look = look
        self._lift = lift
        self._first_boxes = box_xyxy
        self._camera = camera
        self._locate = locate
        num_boxes = 0 if box_xyxy is None else np.size(np.asarray(box_xyxy, dtype=object)) // 4
        if people is not None:
            checked_people(people)
        self._num_people = (people or np.inf) if locate is not None else max(people or 1, num_boxes)
        # One person needs no assignment of ids, and no SciPy.
        is_crowd = self._num_people > 1 or locate is not None
        self._crowd = CrowdFollower(self._num_people, searches=locate is None) if is_crowd else None
        self._follower: Follower | None = None
        self._refiner = Refiner() if refine else None

    def __call__(self, index: int, time_s: float, image_rgb: Image) -> PoseFrame:
        """Find and lift the people in the next frame.

        Args:
            index: number of the frame.
            time_s: time of the frame, seconds.
            image_rgb: (H, W, 3) uint8.

        Raises:
            ValueError: as `PosePredictor.predict`.
        """
        (frame,) = self.lift([self.find(index, time_s, image_rgb)])
        return frame

    def find(self, index: int, time_s: float, image_rgb: Image) -> DetectedFrame:
        """Find the people in the next frame: stage 1, which must run on the frames in order. As `__call__`."""
        image_wh = checked_image(image_rgb)
        camera = camera_at(self._camera, image_wh)
        boxes, self._first_boxes = self._first_boxes, None
        given = None if boxes is None else checked_boxes(boxes, image_wh)
        if given is not None and len(given) == 0 and self._locate is None:
            return DetectedFrame(index, time_s, camera, [])

        estimate = partial(self._look, image_rgb)
        if self._crowd is None:
            if self._follower is None:
                self._follower = Follower(None if given is None else given[0])
            found = self._follower.step(image_wh, time_s, estimate, image_rgb)
            named = [] if found is None else [(0, found)]
        else:
            if self._locate is not None:
                given = _located(self._locate, index, image_rgb)
            named = self._crowd.step(given, time_s, image_rgb, estimate)
        return DetectedFrame(index, time_s, camera, named)

    def lift(self, frames: Sequence[DetectedFrame]) -> list[PoseFrame]:
        """Lift the people of found frames, in temporal order: stage 2, which is cheaper for several frames at once."""
        lifted: list[PoseFrame] = []
        for camera, group in groupby(frames, key=lambda frame: frame.camera):
            together = list(group)
            named = [person for frame in together for person in frame.people]
            poses = iter(self._lift([found for _, found in named], camera, [name for name, _ in named]))
            for frame in together:
                people = list(islice(poses, len(frame.people)))
                if self._refiner is not None:
                    people = self._refiner(people)
                lifted.append(PoseFrame(index=frame.index, time_s=frame.time_s, people=people, damaged=frame.damaged))
        return lifted


def _located(locate: Locate, index: int, image_rgb: Image) -> NDArray[np.float64]:
    """The given boxes of a frame.

    Raises:
        ValueError: they are invalid; the message names the frame.
    """
    try:
        return checked_boxes(locate(index, image_rgb), (image_rgb.shape[1], image_rgb.shape[0]))
    except ValueError as error:
        raise UserError(f"frame {index}: {error}") from None
