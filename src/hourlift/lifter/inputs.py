"""Training pairs for the lifter from 3D joints, in torch, on the joints' device.

The geometry is that of `hourlift.lifter.normalize`, to which the tests compare it.
"""

import torch
from torch import Tensor

from hourlift.geometry.crop import BOX_GROWTH, CROP_MARGIN, MIN_GROWTH
from hourlift.geometry.skeleton import H36M17
from hourlift.lifter.normalize import CROP_SIZE, MIN_SCALE, ROOT, USUAL_LENGTHS

_HIPS = H36M17.indices("r_hip", "l_hip")


def lift_pair(joints_cam_mm: Tensor, detections: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Compute input and target of the lifter.

    Args:
        joints_cam_mm: (B, 17, 3) joints in camera coordinates, all in front of the camera.
        detections: (B, 17, 2) the 2D joints as x/z and y/z in camera axes: the exact
            projection plus the errors to train against. None uses the exact projection.

    Returns:
        rays: (B, 17, 2) normalised, of the joints as detected.
        joints_mm: (B, 17, 3) relative to the true root, axes of the virtual camera that looks at the detected
            root: the output whose rotation back gives the true pose.
    """
    seen = joints_cam_mm[..., :2] / joints_cam_mm[..., 2:] if detections is None else detections
    rays = torch.cat((seen, torch.ones_like(seen[..., :1])), dim=-1)
    rotation = _virtual_rotation(rays[:, ROOT])
    turned = rays @ rotation.mT
    flat = turned[..., :2] / turned[..., 2:]
    flat = flat - flat[:, ROOT : ROOT + 1]
    scale = flat.norm(dim=-1).mean(dim=-1)
    rays = flat / torch.where(scale > MIN_SCALE, scale, 1.0)[:, None, None]
    return rays, (joints_cam_mm - joints_cam_mm[:, ROOT : ROOT + 1]) @ rotation.mT


def person_pair(joints_cam_mm: Tensor, places: Tensor, confidence: Tensor, size_known: Tensor) -> tuple[Tensor, Tensor]:
    """Compute input and target of a lifter that reads the confidence of its 2D joints.

    Args:
        joints_cam_mm: (B, 17, 3) as in `lift_pair`.
        places: (B, 17, 2) as the detections in `lift_pair`; joints with confidence 0 are ignored.
        confidence: (B, 17) in [0, 1]; at least one per person is above 0.
        size_known: (B,) bool: whether the camera, and therefore the person's size, is known.

    Returns:
        seen: (B, 17, 4) as in `normalize.person_input`.
        joints_mm: (B, 17, 3) as in `lift_pair`.
    """
    known = confidence > 0
    rays = torch.cat((places, torch.ones_like(places[..., :1])), dim=-1)
    hips = torch.zeros_like(known)
    hips[:, _HIPS] = known[:, _HIPS]
    among = torch.where(hips.any(1, keepdim=True), hips, known).to(rays)
    stand_in = (rays * among[..., None]).sum(1) / among.sum(1, keepdim=True)
    root = torch.where(known[:, ROOT, None], rays[:, ROOT], stand_in)
    rotation = _virtual_rotation(root)
    turned = rays @ rotation.mT
    known = known & (turned[..., 2] > 0)
    flat = torch.where(known[..., None], turned[..., :2] / turned[..., 2:], 0.0)
    usual = (known * torch.tensor(USUAL_LENGTHS, dtype=flat.dtype, device=flat.device)).sum(1)
    size = flat.norm(dim=-1).sum(1) / torch.where(usual > 0, usual, 1.0)
    flat[:, ROOT] = 0.0
    seen = torch.cat(
        (
            flat / torch.where(size > MIN_SCALE, size, 1.0)[:, None, None],
            torch.where(known, confidence, 0.0)[..., None],
            torch.where(size_known, size, 0.0)[:, None, None].expand(-1, known.shape[1], 1),
        ),
        dim=-1,
    )
    return seen, (joints_cam_mm - joints_cam_mm[:, ROOT : ROOT + 1]) @ rotation.mT


def crop_pair(joints_cam_mm: Tensor, detections: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Compute input and target of a lifter with the report's normalisation.

    Args:
        joints_cam_mm: (B, 17, 3) as in `lift_pair`.
        detections: (B, 17, 2) as in `lift_pair`.

    Returns:
        offsets: (B, 17, 2) joints as detected in pixels of the 256-pixel crop around the true joints, minus the root's.
        joints_mm: (B, 17, 3) relative to the true root, axes of the camera.
    """
    true = joints_cam_mm[..., :2] / joints_cam_mm[..., 2:]
    seen = true if detections is None else detections
    extent = true.amax(1) - true.amin(1)
    box = extent + 2 * torch.maximum(BOX_GROWTH * extent, MIN_GROWTH * extent.amax(-1, keepdim=True))
    scale = CROP_SIZE / (CROP_MARGIN * box.amax(-1))
    offsets = (seen - seen[:, ROOT : ROOT + 1]) * scale[:, None, None]
    return offsets, joints_cam_mm - joints_cam_mm[:, ROOT : ROOT + 1]


def _virtual_rotation(ray: Tensor) -> Tensor:
    """(B, 3) rays -> (B, 3, 3) the smallest rotation that brings each onto +z; see `geometry.camera`."""
    x, y, z = (ray / ray.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = (
        torch.stack((1 - x * x / (1 + z), -x * y / (1 + z), -x), dim=-1),
        torch.stack((-x * y / (1 + z), 1 - y * y / (1 + z), -y), dim=-1),
        torch.stack((x, y, z), dim=-1),
    )
    return torch.stack(rows, dim=-2)
