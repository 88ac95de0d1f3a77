"""What a user knows about the images: the camera, where and how tall people are, how much of a video counts."""

import logging
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hourlift.geometry.camera import Camera
from hourlift.pipeline.people_source import PeopleSource
from hourlift.predict.given import camera_at

_log = logging.getLogger("hourlift")


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """What the user knows about the pictures: the camera, where and how tall people are, how much of a video counts."""

    camera: Camera | None = None
    fov_deg: float | None = None
    boxes_xyxy: NDArray[np.float64] | None = None
    seconds: float | None = None
    stature_mm: float | None = None
    pitch_deg: float | None = None
    where: PeopleSource = field(default_factory=PeopleSource)

    def say_doubts(self) -> None:
        """Warn of a camera that can hardly be."""
        camera = self.camera or (None if self.fov_deg is None else Camera.from_fov((1000, 1000), self.fov_deg))
        for doubt in [] if camera is None else camera.doubts():
            _log.warning("the camera given: %s", doubt)

    @property
    def knows_room(self) -> bool:
        """Whether something is known that puts people in their place in the room."""
        return self.stature_mm is not None or self.pitch_deg is not None

    def camera_for(self, image_wh: tuple[int, int], from_file: Camera | None = None) -> Camera:
        """The camera given, else one of the field of view given, else what the file says, else the default."""
        if self.camera is not None:
            return camera_at(self.camera, image_wh)
        if self.fov_deg is not None:
            return Camera.from_fov(image_wh, self.fov_deg, source="given")
        return from_file or Camera.from_fov(image_wh)
