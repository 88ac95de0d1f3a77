"""Validation of the user's input: images, boxes, number of people, camera."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.errors import UserError
from hourlift.geometry.camera import Camera

_ASPECT_TOLERANCE = 0.01  # a camera file may be rounded; portrait and landscape differ by far more


def checked_people(people: int) -> int:
    """Check a number of people.

    Raises:
        ValueError: it is below 1.
    """
    if people < 1:
        raise UserError(f"people must be at least 1, got {people}")
    return people


def checked_image(image_rgb: NDArray) -> tuple[int, int]:
    """Check an image and return its width and height.

    Raises:
        ValueError: it is not a valid image.
    """
    if not isinstance(image_rgb, np.ndarray) or image_rgb.ndim != 3 or image_rgb.shape[2] != 3:
        shape = getattr(image_rgb, "shape", type(image_rgb).__name__)
        raise UserError(f"image_rgb must be an (H, W, 3) array, RGB without alpha, got {shape}")
    if image_rgb.dtype != np.uint8:
        hint = "NaN in it cannot be shown" if not _all_finite(image_rgb) else "convert it to 0..255 first"
        raise UserError(f"image_rgb must be uint8, got {image_rgb.dtype}; {hint}")
    if image_rgb.size == 0:
        raise UserError(f"image_rgb has no pixels: its shape is {image_rgb.shape}")
    return image_rgb.shape[1], image_rgb.shape[0]


def _all_finite(array: NDArray) -> bool:
    """Whether an array of any type holds finite numbers only; only floating-point types have others."""
    return not np.issubdtype(array.dtype, np.inexact) or bool(np.isfinite(array).all())


def checked_boxes(boxes_xyxy: ArrayLike, image_wh: tuple[int, int]) -> NDArray[np.float64]:
    """Check boxes and return them as (N, 4): finite, and showing some of the image.

    Raises:
        ValueError: a box is invalid; the message shows it.
    """
    try:
        boxes = np.asarray(boxes_xyxy, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f"a box is four numbers, left, top, right, bottom; got {boxes_xyxy!r}") from None
    if boxes.size == 0:
        return np.zeros((0, 4))
    if boxes.ndim not in (1, 2) or boxes.shape[-1] != 4:
        raise UserError(f"boxes must have the shape (N, 4) or (4,), got {boxes.shape}")
    width, height = image_wh
    for box in boxes.reshape(-1, 4):
        left, top, right, bottom = box.tolist()
        if not all(map(math.isfinite, (left, top, right, bottom))):
            raise UserError(f"box {box.tolist()} holds a value that is not finite")
        if left >= right or top >= bottom:
            raise UserError(f"box {box.tolist()} is empty: it must be left, top, right, bottom in pixels")
        if right - left < 1 or bottom - top < 1:
            raise UserError(
                f"box {box.tolist()} is less than a pixel wide or high; is it in fractions of the image? "
                "It must be in pixels"
            )
        if right <= 0 or bottom <= 0 or left >= width or top >= height:
            raise UserError(f"box {box.tolist()} lies outside the image, which is {width} x {height} pixels")
    return boxes.reshape(-1, 4)


def camera_at(camera: Camera | None, image_wh: tuple[int, int]) -> Camera:
    """The camera at an image's resolution; None gives the default camera.

    Raises:
        ValueError: the camera's aspect ratio differs from the image's.
    """
    if camera is None:
        return Camera.from_fov(image_wh)
    if camera.image_wh == image_wh:
        return camera
    own, given = image_wh[0] / image_wh[1], camera.image_wh[0] / camera.image_wh[1]
    if abs(own / given - 1) > _ASPECT_TOLERANCE:
        raise UserError(
            f"the camera is for images of {camera.image_wh[0]} x {camera.image_wh[1]} pixels, "
            f"but this image is {image_wh[0]} x {image_wh[1]}"
        )
    return camera.scaled(image_wh)
