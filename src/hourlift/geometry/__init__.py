"""Skeletons, cameras, crops and alignments. NumPy only."""

from hourlift.geometry.align import align_scale, align_similarity, root_relative
from hourlift.geometry.camera import DEFAULT_FOV_DEG, Camera, solve_root, virtual_rotation
from hourlift.geometry.crop import (
    BOX_GROWTH,
    CROP_MARGIN,
    Crop,
    box_from_joints,
    rescale_points,
    whole_image_box,
)
from hourlift.geometry.skeleton import (
    COCO17,
    FOOT_POINTS,
    H36M17,
    H36M21,
    LIMB_JOINTS,
    LSP14,
    MPII16,
    SKELETONS,
    Skeleton,
    map_joints,
)

__all__ = [
    "BOX_GROWTH",
    "COCO17",
    "CROP_MARGIN",
    "DEFAULT_FOV_DEG",
    "H36M17",
    "LIMB_JOINTS",
    "LSP14",
    "MPII16",
    "FOOT_POINTS",
    "H36M21",
    "SKELETONS",
    "Camera",
    "Crop",
    "Skeleton",
    "align_scale",
    "align_similarity",
    "box_from_joints",
    "map_joints",
    "rescale_points",
    "root_relative",
    "solve_root",
    "virtual_rotation",
    "whole_image_box",
]
