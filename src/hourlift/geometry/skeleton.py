"""Skeletons: their joints, how these are connected, and how one set maps onto another.

Left and right are the subject's. Joint indices are used in this module only; elsewhere joints are named.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hourlift.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Skeleton:
    """A named, ordered set of joints that form one tree.

    Attributes:
        name: Short name, e.g. ``"h36m17"``.
        joint_names: Joint names in array order.
        parents: Index of every joint's parent; -1 marks the one root.
        flip_pairs: Pairs of joint indices that are swapped when the image is mirrored.
    """

    name: str
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    flip_pairs: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if len(self.parents) != len(self.joint_names):
            raise UserError(f"{self.name}: {len(self.joint_names)} joints but {len(self.parents)} parents.")
        if self.parents.count(-1) != 1:
            raise UserError(f"{self.name}: exactly one joint must be the root (parent -1).")

    @property
    def num_joints(self) -> int:
        """Number of joints."""
        return len(self.joint_names)

    @property
    def root(self) -> int:
        """Index of the joint without a parent."""
        return self.parents.index(-1)

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """Bones as (parent, child) index pairs."""
        return tuple((parent, child) for child, parent in enumerate(self.parents) if parent >= 0)

    @property
    def flip_permutation(self) -> NDArray[np.intp]:
        """Indices (J,) such that ``joints[..., flip_permutation, :]`` swaps left and right."""
        order = np.arange(self.num_joints)
        for a, b in self.flip_pairs:
            order[[a, b]] = b, a
        return order

    def index(self, name: str) -> int:
        """Index of a joint by name.

        Raises:
            ValueError: The skeleton has no such joint; the message lists its joints.
        """
        if name not in self.joint_names:
            raise UserError(f"{self.name} has no joint {name!r}; it has {', '.join(self.joint_names)}.")
        return self.joint_names.index(name)

    def indices(self, *names: str) -> list[int]:
        """Indices of several joints by name, in the given order.

        Raises:
            ValueError: As ``index``.
        """
        return [self.index(name) for name in names]


def _skeleton(name: str, parent_of: dict[str, str | None]) -> Skeleton:
    """Build a skeleton from {joint: parent}; ``l_x`` and ``r_x`` become flip pairs."""
    names = tuple(parent_of)
    parents = tuple(-1 if parent is None else names.index(parent) for parent in parent_of.values())
    flips = tuple((names.index(n), names.index("l" + n[1:])) for n in names if n.startswith("r_"))
    return Skeleton(name=name, joint_names=names, parents=parents, flip_pairs=flips)


# Human3.6M's 17 of 32 joints. `thorax` is the base of the neck, `head` the middle of the head, at eye level.
H36M17 = _skeleton(
    "h36m17",
    {
        "pelvis": None,
        "r_hip": "pelvis",
        "r_knee": "r_hip",
        "r_ankle": "r_knee",
        "l_hip": "pelvis",
        "l_knee": "l_hip",
        "l_ankle": "l_knee",
        "spine": "pelvis",
        "thorax": "spine",
        "nose": "thorax",
        "head": "nose",
        "l_shoulder": "thorax",
        "l_elbow": "l_shoulder",
        "l_wrist": "l_elbow",
        "r_shoulder": "thorax",
        "r_elbow": "r_shoulder",
        "r_wrist": "r_elbow",
    },
)

MPII16 = _skeleton(
    "mpii16",
    {
        "r_ankle": "r_knee",
        "r_knee": "r_hip",
        "r_hip": "pelvis",
        "l_hip": "pelvis",
        "l_knee": "l_hip",
        "l_ankle": "l_knee",
        "pelvis": None,
        "thorax": "pelvis",
        "upper_neck": "thorax",
        "head_top": "upper_neck",
        "r_wrist": "r_elbow",
        "r_elbow": "r_shoulder",
        "r_shoulder": "thorax",
        "l_shoulder": "thorax",
        "l_elbow": "l_shoulder",
        "l_wrist": "l_elbow",
    },
)

# COCO draws a graph with loops; this is a tree inside it.
COCO17 = _skeleton(
    "coco17",
    {
        "nose": None,
        "l_eye": "nose",
        "r_eye": "nose",
        "l_ear": "l_eye",
        "r_ear": "r_eye",
        "l_shoulder": "nose",
        "r_shoulder": "nose",
        "l_elbow": "l_shoulder",
        "r_elbow": "r_shoulder",
        "l_wrist": "l_elbow",
        "r_wrist": "r_elbow",
        "l_hip": "l_shoulder",
        "r_hip": "r_shoulder",
        "l_knee": "l_hip",
        "r_knee": "r_hip",
        "l_ankle": "l_knee",
        "r_ankle": "r_knee",
    },
)

LSP14 = _skeleton(
    "lsp14",
    {
        "r_ankle": "r_knee",
        "r_knee": "r_hip",
        "r_hip": "neck",
        "l_hip": "neck",
        "l_knee": "l_hip",
        "l_ankle": "l_knee",
        "r_wrist": "r_elbow",
        "r_elbow": "r_shoulder",
        "r_shoulder": "neck",
        "l_shoulder": "neck",
        "l_elbow": "l_shoulder",
        "l_wrist": "l_elbow",
        "neck": None,
        "head_top": "neck",
    },
)

FOOT_POINTS = ("l_heel", "l_big_toe", "r_heel", "r_big_toe")
"""Points on the feet, beside the joints: the back of the heel, and the tip of the big toe, on the skin or the shoe."""

_H36M_PARENTS = {
    name: None if parent < 0 else H36M17.joint_names[parent]
    for name, parent in zip(H36M17.joint_names, H36M17.parents, strict=True)
}
H36M21 = _skeleton("h36m21", {**_H36M_PARENTS, **{point: f"{point[0]}_ankle" for point in FOOT_POINTS}})
"""Human3.6M-17, then FOOT_POINTS."""


def skeleton_of(num_points: int) -> Skeleton:
    """Human3.6M-17, or H36M21 with the feet, by the number of points.

    Raises:
        ValueError: The number is another one.
    """
    for skeleton in (H36M17, H36M21):
        if skeleton.num_joints == num_points:
            return skeleton
    raise UserError(f"{H36M17.num_joints} joints, or {H36M21.num_joints} with the feet, not {num_points}")


SKELETONS: dict[str, Skeleton] = {s.name: s for s in (H36M17, H36M21, MPII16, COCO17, LSP14)}

LIMB_JOINTS: tuple[str, ...] = tuple(
    f"{side}_{joint}" for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist") for side in "rl"
)
"""The 12 limb joints that all skeletons share."""

HEAD_TOP = 1.66
"""The top of the head lies on the line from `thorax` through `head`, at this multiple of the distance from `thorax` to
`head`: mean of 500 of the generator's people, with a standard deviation of 0.03."""

# How a joint missing in the source is computed: a weighted sum of the first group whose joints the source all has.
# Approximate: annotators of different data sets click on different points.
_SUMS: dict[str, tuple[dict[str, float], ...]] = {
    "pelvis": ({"l_hip": 0.5, "r_hip": 0.5},),
    "thorax": ({"l_shoulder": 0.5, "r_shoulder": 0.5},),
    "spine": (
        {"pelvis": 0.5, "thorax": 0.5},
        {"l_hip": 0.25, "r_hip": 0.25, "l_shoulder": 0.25, "r_shoulder": 0.25},
    ),
    "head": (
        {"head_top": 0.5, "upper_neck": 0.5},
        {"head_top": 0.5, "neck": 0.5},
        {"l_eye": 0.5, "r_eye": 0.5},
    ),
    "head_top": ({"head": HEAD_TOP, "thorax": 1 - HEAD_TOP},),
    "neck": ({"upper_neck": 1.0},),
    "upper_neck": ({"neck": 1.0},),
}


def map_joints(joints: ArrayLike, source: Skeleton, target: Skeleton) -> NDArray[np.floating]:
    """Reorder joints from one skeleton to another.

    A joint of the same name is copied. Others are documented sums: pelvis = mid-hips, thorax = mid-shoulders,
    spine = midpoint of those two, head = midpoint of neck and top of the head, or of the eyes; head_top = on the line
    through thorax and head (`HEAD_TOP`); LSP's neck = MPII's upper_neck. A joint that the source does not determine is
    NaN.

    Args:
        joints: (..., source joints, D) array, any unit and frame. NaN is passed on, also into means.
        source: Skeleton of ``joints``.
        target: Skeleton of the result.

    Returns:
        (..., target joints, D), the float type of ``joints`` (float64 for integers).

    Raises:
        ValueError: The joint axis does not match ``source``.
    """
    joints = np.asarray(joints)
    if joints.ndim < 2 or joints.shape[-2] != source.num_joints:
        raise UserError(f"{source.name} needs an array (..., {source.num_joints}, D), got shape {joints.shape}.")
    dtype = joints.dtype if np.issubdtype(joints.dtype, np.floating) else np.float64
    mapped = np.full((*joints.shape[:-2], target.num_joints, joints.shape[-1]), np.nan, dtype)
    for i, name in enumerate(target.joint_names):
        for group in ({name: 1.0}, *_SUMS.get(name, ())):
            if set(group) <= set(source.joint_names):
                picked = joints[..., source.indices(*group), :]
                mapped[..., i, :] = np.einsum("...jd,j->...d", picked, np.array(list(group.values()), dtype))
                break
    return mapped
