"""What the lifter sees: joints as viewing rays of a virtual camera that looks straight at the person.

A lifter fed with pixels learns its training camera and the person's place in the frame. Here the joints
become viewing rays, the camera turns virtually until the root (the pelvis) lies on its optical axis, and the
picture of the rays in that virtual camera is scaled to a mean distance of 1 from the root. What remains is
the pose alone: another focal length, principal point, crop or resolution of the same view gives the same
numbers. A camera turned about its own centre gives them too, up to the roll about the optical axis that its
turn brings with it (none for a turn that moves the person straight towards or away from the image centre).

Size is divided away, so it has to be assumed: the lifter answers in the millimetres of a person of average
stature (that of its training data). A child comes out as tall as an adult, in the right pose.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.geometry.camera import Camera, virtual_rotation
from hourlift.geometry.skeleton import H36M17

ROOT = H36M17.index("pelvis")
MIN_SCALE = 1e-9  # below it (a millionth of a pixel) all joints coincide, up to rounding


class LiftInput(NamedTuple):
    """Normalised joints, and the way back to the real camera."""

    rays: NDArray[np.float32]
    """(..., 17, 2): x/z and y/z in the virtual camera over their mean length; the root is (0, 0)."""
    rotation: NDArray[np.float64]
    """(..., 3, 3): turns camera axes into the virtual camera's."""


def normalize_joints(joints_px: ArrayLike, camera: Camera) -> LiftInput:
    """Turn the joints of people in one camera's picture into the lifter's input.

    Args:
        joints_px: (..., 17, 2) Human3.6M-17 joints in pixels. An unknown joint is NaN and stays NaN, without
            effect on the others; an unknown root makes everything NaN.
        camera: the camera that took the picture.

    Returns:
        The normalised rays, and the rotation from the camera to the virtual camera.

    Raises:
        ValueError: if the array does not hold 17 joints of two coordinates.
    """
    joints_px = np.asarray(joints_px, dtype=np.float64)
    if joints_px.shape[-2:] != (H36M17.num_joints, 2):
        raise ValueError(f"joints_px must have the shape (..., {H36M17.num_joints}, 2), not {joints_px.shape}")
    return normalize_rays(camera.unproject(joints_px))


def normalize_rays(rays: ArrayLike) -> LiftInput:
    """Turn viewing rays into the lifter's input.

    Only a ray's direction counts, so 3D joints in camera coordinates are rays too.

    Args:
        rays: (..., 17, 3) directions in camera axes, z forward, of any length. A joint at a right angle or
            more to the root has no image in the virtual camera and becomes NaN.

    Returns:
        As `normalize_joints`. Joints that all coincide stay so: there is no scale to divide by.
    """
    rays = np.asarray(rays, dtype=np.float64)
    rotation = virtual_rotation(rays[..., ROOT, :])
    turned = np.einsum("...ij,...kj->...ki", rotation, rays)
    depth = np.where(turned[..., 2:] > 0, turned[..., 2:], np.nan)
    flat = turned[..., :2] / depth
    flat[..., ROOT, :] *= 0.0  # exactly the axis, without the rounding of the turn; NaN stays NaN
    # The mean length rather than the root mean square: one wrongly detected limb disturbs it less.
    length = np.linalg.norm(flat, axis=-1)
    known = np.isfinite(length)
    scale = np.sum(length, axis=-1, where=known, initial=0.0) / np.maximum(known.sum(axis=-1), 1)
    flat /= np.where(scale > MIN_SCALE, scale, 1.0)[..., None, None]
    return LiftInput(rays=flat.astype(np.float32), rotation=rotation)


def denormalize(joints_virtual_mm: ArrayLike, rotation: ArrayLike) -> NDArray[np.float64]:
    """Turn the lifter's answer back into the axes of the real camera.

    Args:
        joints_virtual_mm: (..., J, 3) root-relative joints in the virtual camera.
        rotation: (..., 3, 3) from camera to virtual camera, of `normalize_joints`.

    Returns:
        (..., J, 3) root-relative joints in camera axes, the same unit.
    """
    rotation = np.asarray(rotation, dtype=np.float64)
    joints = np.asarray(joints_virtual_mm, dtype=np.float64)
    return np.einsum("...ji,...kj->...ki", rotation, joints)
