"""One annotated person in one image."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.data.frame_id import FrameId
from hourlift.errors import UserError
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17

OUTSIDE, OCCLUDED, SELF_OCCLUDED, VISIBLE = range(4)
"""The visibility of a joint: outside the image; hidden by an object; hidden by the person's own body; visible."""
VISIBILITY_NAMES = ("outside", "occluded", "self-occluded", "visible")
"""Their names in files, in the same order."""

_SHAPES = {
    "joints_2d_px": (17, 2),
    "visible": (17,),
    "box_xyxy_px": (4,),
    "joints_3d_cam_mm": (17, 3),
    "visibility": (17,),
    "head_box_xyxy_px": (4,),
    "feet_2d_px": (4, 2),
    "feet_3d_cam_mm": (4, 3),
    "feet_visibility": (4,),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Common form of all data sets, for training and evaluation. None: the data set has no such information.

    Raises:
        ValueError: an array has the wrong shape.
    """

    id: str
    """Unique within its data set. For a video frame, in the form of `data.frame_id`; `frame_id` parses it."""
    image: Path | NDArray[np.uint8]
    """An image file, or pixels (H, W, 3) RGB."""
    joints_2d_px: NDArray[np.float32]
    """(17, 2) Human3.6M-17 joints; NaN if not annotated."""
    visible: NDArray[np.bool_]
    """(17,) False for a joint that is hidden or not annotated."""
    box_xyxy_px: NDArray[np.float32]
    """(4,) the person's box."""
    joints_3d_cam_mm: NDArray[np.float32] | None = None
    """(17, 3) the joints in camera coordinates."""
    camera: Camera | None = None
    """The camera that took the image."""
    image_wh: tuple[int, int] | None = None
    """Size of the image that was annotated; the loaded image must match it."""
    visibility: NDArray[np.uint8] | None = None
    """(17,) the visibility of each joint: OUTSIDE, OCCLUDED, SELF_OCCLUDED or VISIBLE."""
    mask: NDArray[np.bool_] | None = None
    """(H, W) the pixels that show the person."""
    height_mm: float | None = None
    """Body height, from the soles to the crown of the person standing straight."""
    seed: tuple[int, int] | None = None
    """For a synthetic person: seed of the run and number of the image; `synth.samples` can generate it again."""

    head_box_xyxy_px: NDArray[np.float32] | None = None
    """(4,) MPII's box around the head, for PCKh."""
    feet_2d_px: NDArray[np.float32] | None = None
    """(4, 2) `geometry.FOOT_POINTS`: heels and big toes; NaN if not annotated."""
    feet_3d_cam_mm: NDArray[np.float32] | None = None
    """(4, 3) `geometry.FOOT_POINTS` in camera coordinates."""
    feet_visibility: NDArray[np.uint8] | None = None
    """(4,) like `visibility`, for `geometry.FOOT_POINTS`."""

    @property
    def frame_id(self) -> FrameId | None:
        """Subject, action, take, camera and frame, if the id contains them."""
        return FrameId.parse(self.id)

    def __post_init__(self) -> None:
        assert H36M17.num_joints == 17
        for name, shape in _SHAPES.items():
            value = getattr(self, name)
            if value is not None and np.shape(value) != shape:
                raise UserError(f"sample {self.id}: {name} must have the shape {shape}, not {np.shape(value)}")
        if self.mask is not None and self.image_wh is not None and self.mask.shape != self.image_wh[::-1]:
            raise UserError(f"sample {self.id}: mask is {self.mask.shape[::-1]}, not {self.image_wh} (width, height)")

    def load_image(self) -> NDArray[np.uint8]:
        """Read the image's stored pixels (H, W, 3) RGB, without EXIF rotation: data sets annotate the stored pixels.

        Raises:
            ValueError: the file is missing, is no image, or does not have the size given by the annotation.
        """
        if isinstance(self.image, np.ndarray):
            return self.image
        if not self.image.is_file():
            raise UserError(f"{self.image} does not exist, but sample {self.id} is annotated on it")
        image = cv2.imread(str(self.image), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
        if image is None:
            raise UserError(f"{self.image} cannot be read as an image")
        image_wh = (image.shape[1], image.shape[0])
        if self.image_wh not in (None, image_wh):
            raise UserError(
                f"{self.image} is {image_wh}, but the annotation was made on {self.image_wh} (width, height)"
            )
        return image.astype(np.uint8, copy=False)
