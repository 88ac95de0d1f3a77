"""The user's options about the images and the outputs."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hourlift.formats.table import FormatName
from hourlift.geometry.camera import Camera
from hourlift.pipeline.people_source import PeopleSource
from hourlift.predict.given import camera_at

_log = logging.getLogger("hourlift")


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """The user's knowledge about the images.

    Attributes:
        camera: The camera.
        fov_deg: Alternatively, its field of view along the longer side, degrees.
        boxes_xyxy: (N, 4) people's boxes in pixels, for a video in its first frame.
        seconds: How many seconds of a video or webcam to process.
        height_mm: The people's height.
        pitch_deg: The camera's downward pitch.
        people: How many people to follow, and the source of their boxes.
    """

    camera: Camera | None = None
    fov_deg: float | None = None
    boxes_xyxy: NDArray[np.float64] | None = None
    seconds: float | None = None
    height_mm: float | None = None
    pitch_deg: float | None = None
    people: PeopleSource = field(default_factory=PeopleSource)

    def say_doubts(self) -> None:
        """Warn of an implausible camera."""
        camera = self.camera or (None if self.fov_deg is None else Camera.from_fov((1000, 1000), self.fov_deg))
        for doubt in [] if camera is None else camera.doubts():
            _log.warning("the camera given: %s", doubt)

    @property
    def knows_world(self) -> bool:
        """Whether height or pitch is known, which the world frame needs."""
        return self.height_mm is not None or self.pitch_deg is not None

    def camera_for(self, image_wh: tuple[int, int], from_file: Camera | None = None) -> Camera:
        """The given camera, else one with the given field of view, else the file's, else the default."""
        if self.camera is not None:
            return camera_at(self.camera, image_wh)
        if self.fov_deg is not None:
            return Camera.from_fov(image_wh, self.fov_deg, source="given")
        return from_file or Camera.from_fov(image_wh)


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Which results to write.

    Attributes:
        folder: Folder of the files; None writes no files, only the JSON to standard output and data to Rerun.
        overlay: Images and videos with the skeleton drawn on them.
        page: The page in 3D.
        side_by_side: Images and videos with the pose in 3D beside them.
        json_stdout: Write the JSON to standard output.
        smooth: Smooth people's tracks through a video.
        rerun: Send everything to the viewer Rerun, or into the file `rrd`.
        rrd: That file.
        formats: Files of poses.
        keep: Also return all poses, in memory.
    """

    folder: Path | None
    overlay: bool = True
    page: bool = True
    side_by_side: bool = False
    json_stdout: bool = False
    smooth: bool = False
    rerun: bool = False
    rrd: Path | None = None
    formats: tuple[FormatName, ...] = ("json",)
    keep: bool = False
