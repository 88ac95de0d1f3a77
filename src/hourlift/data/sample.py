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
"""States of a joint: outside of the image; hidden by something else; by the person's own body; seen."""
VISIBILITY_NAMES = ("outside", "occluded", "self-occluded", "visible")
"""What files call them, in that order."""

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
    """What every data set becomes, and what training and evaluation read. None: the data set does not tell.

    Raises:
        ValueError: if an array has the wrong shape.
    """

    id: str
    """Unique within its data set. Of a video's frame: as `data.frame_id` says, which `frame_id` reads."""
    image: Path | NDArray[np.uint8]
    """An image file, or pixels (H, W, 3) RGB."""
    joints_2d_px: NDArray[np.float32]
    """(17, 2) Human3.6M-17 joints; NaN where the data set does not tell."""
    visible: NDArray[np.bool_]
    """(17,) False for a joint that is hidden or not annotated."""
    box_xyxy_px: NDArray[np.float32]
    """(4,) the person's box."""
    joints_3d_cam_mm: NDArray[np.float32] | None = None
    """(17, 3) the joints in camera coordinates."""
    camera: Camera | None = None
    """The camera that took the image."""
    image_wh: tuple[int, int] | None = None
    """The size that the annotation was made for, which the image is held to."""
    visibility: NDArray[np.uint8] | None = None
    """(17,) why a joint is not `visible`: OUTSIDE, OCCLUDED, SELF_OCCLUDED or VISIBLE."""
    mask: NDArray[np.bool_] | None = None
    """(H, W) the pixels that show the person."""
    height_mm: float | None = None
    """Body height, from the soles to the crown of the person standing straight."""
    seed: tuple[int, int] | None = None
    """Of a synthetic person: the seed of the run and the number of the image; `synth.samples` makes it again."""

    head_box_xyxy_px: NDArray[np.float32] | None = None
    """(4,) MPII's box around the head, which PCKh measures by."""
    feet_2d_px: NDArray[np.float32] | None = None
    """(4, 2) `geometry.FOOT_POINTS`: heels and big toes; NaN where the data set does not tell."""
    feet_3d_cam_mm: NDArray[np.float32] | None = None
    """(4, 3) the same in camera coordinates."""
    feet_visibility: NDArray[np.uint8] | None = None
    """(4,) the same as `visibility`."""

    @property
    def frame_id(self) -> FrameId | None:
        """Subject, action, take, camera and frame, where the id tells them."""
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
        """Read the image's stored pixels (H, W, 3) RGB; data sets annotate those, not EXIF's rotation of them.

        Raises:
            ValueError: if the file is missing, is no image, or is not of the size that the annotation states.
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
