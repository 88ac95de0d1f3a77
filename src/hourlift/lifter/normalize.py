"""The lifter's input: joints as viewing rays of a virtual camera that looks straight at the person.

A lifter that reads pixels learns its training camera and the person's position in the image. Here the joints become
viewing rays, the camera is rotated virtually until the root (the pelvis) is on its optical axis, and the image of the
rays in that virtual camera is scaled to a mean distance of 1 from the root. Only the pose remains: another focal
length, principal point, crop or resolution of the same view gives the same numbers. So does a camera rotated about its
centre, up to the roll about the optical axis that its rotation implies (none for a rotation that moves the person
straight towards or away from the image centre).

Size is divided away, so it has to be assumed: the lifter's output is in the millimetres of a person of average height
(that of its training data). A child comes out as tall as an adult, in the correct pose.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.errors import UserError
from hourlift.geometry.camera import Camera, virtual_rotation
from hourlift.geometry.crop import Crop
from hourlift.geometry.skeleton import H36M17

InputKind = Literal["rays", "crop", "person"]
"""A lifter's input: rays of `normalize_joints`, with output in the axes of the virtual camera; `crop_offsets`, with
output in camera axes; or `person_input`: rays, their confidence and their size, with output as for rays."""

ROOT = H36M17.index("pelvis")
CROP_SIZE = 256
"""Side of the crop in whose pixels `crop_offsets` are given, independent of the hourglass's input."""
_USUAL = {
    "hip": 0.24, "knee": 1.02, "ankle": 1.795, "spine": 0.54, "thorax": 1.15, "nose": 1.42, "head": 1.7,
    "shoulder": 1.12, "elbow": 0.91, "wrist": 1.01,
}  # fmt: skip
USUAL_LENGTHS = np.array([_USUAL.get(name.split("_")[-1], 0.0) for name in H36M17.joint_names])
"""(17,) mean distance of each joint's normalised ray from the root's, over the training people; mean 1."""
MIN_SCALE = 1e-9  # below it (a millionth of a pixel) all joints coincide, up to rounding


class LiftInput(NamedTuple):
    """Normalised joints, and the way back to the real camera."""

    rays: NDArray[np.float32]
    """(..., 17, 2): x/z and y/z in the virtual camera over their mean length; the root is (0, 0)."""
    rotation: NDArray[np.float64]
    """(..., 3, 3): rotation from camera axes to the virtual camera's."""
    size: NDArray[np.float32] | float = np.nan
    """(...): the mean length that the rays were divided by, the tangent of an angle; NaN for `crop_offsets`."""


def normalize_joints(joints_px: ArrayLike, camera: Camera) -> LiftInput:
    """Convert the joints of people in one camera's image to the lifter's input.

    Args:
        joints_px: (..., 17, 2) Human3.6M-17 joints in pixels. An unknown joint is NaN and stays NaN, without
            effect on the others; an unknown root makes everything NaN.
        camera: the camera that took the image.

    Returns:
        The normalised rays, and the rotation from the camera to the virtual camera.

    Raises:
        ValueError: the array does not hold 17 joints of two coordinates.
    """
    joints_px = np.asarray(joints_px, dtype=np.float64)
    if joints_px.shape[-2:] != (H36M17.num_joints, 2):
        raise UserError(f"joints_px must have the shape (..., {H36M17.num_joints}, 2), not {joints_px.shape}")
    return normalize_rays(camera.unproject(joints_px))


def normalize_rays(rays: ArrayLike) -> LiftInput:
    """Convert viewing rays to the lifter's input.

    Only a ray's direction matters, so 3D joints in camera coordinates are rays, too.

    Args:
        rays: (..., 17, 3) directions in camera axes, z forward, of any length. A joint at a right angle or
            more to the root has no image in the virtual camera and becomes NaN.

    Returns:
        As `normalize_joints`. If all joints coincide, they are not scaled.
    """
    rays = np.asarray(rays, dtype=np.float64)
    rotation = virtual_rotation(rays[..., ROOT, :])
    turned = np.einsum("...ij,...kj->...ki", rotation, rays)
    depth = np.where(turned[..., 2:] > 0, turned[..., 2:], np.nan)
    flat = turned[..., :2] / depth
    flat[..., ROOT, :] *= 0.0  # exactly the axis, without the rotation's rounding; NaN stays NaN
    # The mean length rather than the root mean square: it is more robust to a wrongly detected limb.
    length = np.linalg.norm(flat, axis=-1)
    # If a far joint is missing, the mean of the others is smaller; so it is compared with their usual mean.
    known = np.isfinite(length)
    usual = np.where(known, USUAL_LENGTHS, 0.0).sum(axis=-1)
    scale = np.sum(length, axis=-1, where=known, initial=0.0) / np.where(usual > 0, usual, 1.0)
    flat /= np.where(scale > MIN_SCALE, scale, 1.0)[..., None, None]
    return LiftInput(rays=flat.astype(np.float32), rotation=rotation, size=scale.astype(np.float32))


def person_input(joints_px: ArrayLike, confidence: ArrayLike, camera: Camera) -> tuple[NDArray[np.float32], LiftInput]:
    """Convert the joints of people in one camera's image to the input of a lifter of the kind "person".

    Args:
        joints_px: (..., 17, 2) joints in pixels; NaN is unknown.
        confidence: (..., 17) from 0 (unknown, even if it has a position) to 1; all 1 if not available.
        camera: the camera that took the image. If it is a guess (`Camera.source` is "default"), the input does not
            include the person's size.

    Returns:
        (..., 17, 4) float32: the ray's two coordinates, the confidence, and the size, which is the same for all joints.
        An unknown joint has 0 for ray and confidence, an unknown size is 0. Also the normalised joints, with the
        rotation that takes the output back; NaN for people without a joint.
    """
    sure = np.asarray(confidence, dtype=np.float64)
    rays = camera.unproject(joints_px)
    known = (sure > 0)[..., None] & np.isfinite(rays).all(-1, keepdims=True)
    lifted = normalize_rays(with_root(np.where(known, rays, np.nan)))
    known = known & np.isfinite(lifted.rays).all(-1, keepdims=True)
    size = np.broadcast_to(np.asarray(lifted.size)[..., None], sure.shape)
    size = np.where((camera.source != "default") & np.isfinite(size), size, 0.0)
    read = np.concatenate((np.where(known, lifted.rays, 0.0), known * sure[..., None], size[..., None]), axis=-1)
    return read.astype(np.float32), lifted


def with_root(rays: ArrayLike) -> NDArray[np.float64]:
    """Rays (..., 17, 3), z = 1, in which a NaN root is replaced by the mean of the known hips, or of all known joints.

    The lifter's output is still relative to the true root.
    """
    rays = np.asarray(rays, dtype=np.float64)
    root = rays[..., ROOT, :]
    if np.isfinite(root).all():
        return rays
    for others in (rays[..., H36M17.indices("r_hip", "l_hip"), :], rays):
        root = np.where(np.isfinite(root), root, _mean_of_known(others))
    rays = rays.copy()
    rays[..., ROOT, :] = root
    return rays


def _mean_of_known(rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean (..., 3) of the rays (..., N, 3) that are not NaN; NaN if all are."""
    known = np.isfinite(rays).all(-1, keepdims=True)
    count = known.sum(-2)
    total = np.where(known, rays, 0.0).sum(-2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def denormalize(joints_virtual_mm: ArrayLike, rotation: ArrayLike) -> NDArray[np.float64]:
    """Rotate the lifter's output back to the axes of the real camera.

    Args:
        joints_virtual_mm: (..., J, 3) root-relative joints in the virtual camera.
        rotation: (..., 3, 3) from camera to virtual camera, from `normalize_joints`.

    Returns:
        (..., J, 3) root-relative joints in camera axes, the same unit.
    """
    rotation = np.asarray(rotation, dtype=np.float64)
    joints = np.asarray(joints_virtual_mm, dtype=np.float64)
    return np.einsum("...ji,...kj->...ki", rotation, joints)


def crop_offsets(joints_px: ArrayLike, box_xyxy_px: ArrayLike) -> NDArray[np.float32]:
    """The report's input (section 2.2): joints in pixels of the person's 256-pixel crop, minus the root's.

    Args:
        joints_px: (..., 17, 2) joints in pixels of the image. NaN stays NaN; an unknown root makes everything NaN.
        box_xyxy_px: (..., 4) the person's box, from which `Crop.from_box` computes the crop; only its size matters.

    Returns:
        (..., 17, 2); the root is (0, 0).

    Raises:
        ValueError: a box is empty or not finite.
    """
    joints_px = np.asarray(joints_px, dtype=np.float64)
    offsets = (joints_px - joints_px[..., ROOT : ROOT + 1, :]) * _crop_scale(box_xyxy_px)
    return offsets.astype(np.float32)


def joints_from_offsets(offsets: ArrayLike, root_px: ArrayLike, box_xyxy_px: ArrayLike) -> NDArray[np.float64]:
    """Inverse of `crop_offsets`.

    Args:
        offsets: (..., 17, 2) pixels of the crop.
        root_px: (..., 2) the root in pixels of the image.
        box_xyxy_px: (..., 4) as in `crop_offsets`.

    Returns:
        (..., 17, 2) pixels of the image.
    """
    root_px = np.asarray(root_px, dtype=np.float64)[..., None, :]
    return np.asarray(offsets, dtype=np.float64) / _crop_scale(box_xyxy_px) + root_px


def _crop_scale(box_xyxy_px: ArrayLike) -> NDArray[np.float64]:
    """Crop pixels per image pixel of boxes (..., 4), as (..., 1, 1)."""
    boxes = np.asarray(box_xyxy_px, dtype=np.float64)
    scales = [Crop.from_box(box, CROP_SIZE).scale for box in boxes.reshape(-1, 4)]
    return np.reshape(scales, (*boxes.shape[:-1], 1, 1))
