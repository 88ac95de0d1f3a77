"""Fit a lifted pose to the 2D joints: a few steps of least squares that make the 3D pose reproject onto them.

The lifter predicts a likely pose. Where 2D joints are certain, the pose can be moved onto their viewing rays. Each bone
keeps one length through a track, and a joint stays close to its lifted position unless the lifter was uncertain of it.
Outliers among the 2D joints are downweighted (Cauchy loss), so that a wrong one does not distort the pose.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from hourlift.arrays import Array
from hourlift.errors import UserError
from hourlift.geometry.bones import bone_lengths
from hourlift.geometry.camera import solve_root
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import Pose

REPROJECTION_MM = 12.0
"""Expected error of a 2D joint of confidence 1, at the person's distance."""
BONE_MM = 8.0
USUAL_SPREAD_MM = 60.0
"""Assumed for a lifter that does not predict its error."""
_ROOT_SHARE = np.array([0.02, 0.02, 0.1])  # expected error of the root, sideways and in depth, over its distance
_LET_GO = 3.0  # reprojection residuals above this are downweighted
_STEPS = 20
_PLACINGS = 5
_REMEMBERED = 150  # latest frames whose bone lengths are used
_MOST_PEOPLE = 64  # people seen last, whose bone lengths are kept
_LEAST_CONFIDENCE = 0.05
_PARENTS, _CHILDREN = (list(ends) for ends in zip(*H36M17.edges, strict=True))


def refine_pose(pose: Pose, lengths_mm: ArrayLike | None = None) -> Pose:
    """Make a pose reproject onto its 2D joints.

    Args:
        pose: as lifted. It is returned unchanged if its root is unknown or fewer than three joints are seen.
        lengths_mm: (17,) the person's bone lengths, as `geometry.bones.bone_lengths` measures them; None takes those of
            the pose.

    Returns:
        The pose with refined joints_3d_mm and root_cam_mm.

    Raises:
        ValueError: SciPy is missing; the message says how to install it.
    """
    optimize = _scipy()
    fit = _Fit.of(pose, bone_lengths(pose.joints_3d_mm[None]) if lengths_mm is None else lengths_mm)
    if fit is None:
        return pose
    solution = optimize.least_squares(
        fit.residuals, fit.start.ravel(), fit.jacobian, loss=fit.loss, method="trf", max_nfev=_STEPS
    )
    joints = solution.x.reshape(-1, 3)
    return replace(pose, joints_3d_mm=joints - joints[H36M17.root], root_cam_mm=joints[H36M17.root])


class Refiner:
    """Refines the people of a video frame by frame, with the bone lengths from each person's latest frames."""

    def __init__(self) -> None:
        self._seen: dict[int, deque[Array]] = {}

    def __call__(self, people: Iterable[Pose]) -> list[Pose]:
        """Refine the people of the next frame."""
        refined = []
        for pose in people:
            lifted = self._seen.setdefault(pose.person_id, deque(maxlen=_REMEMBERED))
            if np.isfinite(pose.joints_3d_mm).all():
                lifted.append(pose.joints_3d_mm.astype(np.float64))
            refined.append(refine_pose(pose, bone_lengths(np.array(lifted)) if lifted else None))
            self._seen[pose.person_id] = self._seen.pop(pose.person_id)  # moved to the end: seen last
        while len(self._seen) > _MOST_PEOPLE:
            del self._seen[next(iter(self._seen))]
        return refined


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fit:
    """One pose's least squares over its joints (17, 3) in the camera frame, mm.

    Each residual is divided by its expected size: 34 of the reprojection, at the person's distance; 16 of the bone
    lengths; 48 of the vectors from the root to each joint and 3 of the root, against the lifted ones.
    """

    start: Array
    plane: Array
    """(17, 2) x/z and y/z of the viewing rays; 0 where the joint is unknown."""
    sharpness: Array
    """(17,) residuals of a reprojection per mm at the person's distance."""
    lengths: Array
    spread: Array

    @classmethod
    def of(cls, pose: Pose, lengths_mm: ArrayLike) -> "_Fit | None":
        rays = pose.camera.unproject(pose.joints_2d_px)
        seen = np.isfinite(rays).all(-1) & (pose.confidence >= _LEAST_CONFIDENCE)
        start = _placed(pose.joints_3d_mm, rays, np.where(seen, pose.confidence, 0.0))
        if seen.sum() < 3 or not np.isfinite(start).all() or start[:, 2].min() <= 0:
            return None
        spread = np.full(H36M17.num_joints, USUAL_SPREAD_MM) if pose.spread_mm is None else pose.spread_mm
        return cls(
            start=start,
            plane=np.where(seen[:, None], rays[:, :2], 0.0),
            sharpness=np.where(seen, np.sqrt(pose.confidence) / REPROJECTION_MM, 0.0),
            lengths=np.asarray(lengths_mm, np.float64)[_CHILDREN],
            spread=np.maximum(np.asarray(spread, np.float64), 1.0),
        )

    @property
    def depth(self) -> float:
        """Expected error of the root, mm."""
        return float(self.start[H36M17.root, 2])

    def residuals(self, x: Array) -> Array:
        joints = x.reshape(-1, 3)
        reprojection = (joints[:, :2] / joints[:, 2:] - self.plane) * (self.depth * self.sharpness)[:, None]
        bones = (np.linalg.norm(joints[_CHILDREN] - joints[_PARENTS], axis=-1) - self.lengths) / BONE_MM
        moved = joints - self.start
        relative = (moved[1:] - moved[:1]) / self.spread[1:, None]
        return np.concatenate([reprojection.ravel(), bones, relative.ravel(), moved[0] / (_ROOT_SHARE * self.depth)])

    def jacobian(self, x: Array) -> Array:
        joints = x.reshape(-1, 3)
        count = len(joints)
        each = np.arange(count)
        reprojection = np.zeros((count, 2, count, 3))
        scale = self.depth * self.sharpness / joints[:, 2]
        reprojection[each, 0, each, 0] = reprojection[each, 1, each, 1] = scale
        reprojection[each, :, each, 2] = -scale[:, None] * joints[:, :2] / joints[:, 2:]
        way = joints[_CHILDREN] - joints[_PARENTS]
        way /= np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9) * BONE_MM
        bones = np.zeros((len(way), count, 3))
        bones[np.arange(len(way)), _CHILDREN] = way
        bones[np.arange(len(way)), _PARENTS] -= way
        relative = np.zeros((count - 1, 3, count, 3))
        for axis in range(3):
            relative[each[:-1], axis, each[1:], axis] = 1 / self.spread[1:]
            relative[each[:-1], axis, 0, axis] = -1 / self.spread[1:]
        root = np.zeros((3, count, 3))
        root[:, 0] = np.diag(1 / (_ROOT_SHARE * self.depth))
        return np.concatenate([part.reshape(-1, x.size) for part in (reprojection, bones, relative, root)])

    def loss(self, squares: Array) -> Array:
        """Cauchy loss for the reprojection, squares for the rest: values and two derivatives, (3, M)."""
        values = np.stack([squares, np.ones_like(squares), np.zeros_like(squares)])
        seen = slice(0, 2 * len(self.plane))
        scaled = squares[seen] / _LET_GO**2
        values[:, seen] = _LET_GO**2 * np.log1p(scaled), 1 / (1 + scaled), -1 / (_LET_GO * (1 + scaled)) ** 2
        return values


def _placed(joints_mm: ArrayLike, rays: Array, confidence: Array) -> Array:
    """Joints (17, 3) moved into the camera frame so that most reproject well; outliers are downweighted iteratively."""
    joints, weights = np.asarray(joints_mm, np.float64), confidence
    placed = joints + solve_root(joints, rays, weights)
    for _ in range(_PLACINGS):
        off_mm = np.linalg.norm(placed[:, :2] - placed[:, 2:] * rays[:, :2], axis=-1)
        weights = confidence / (1 + (off_mm / USUAL_SPREAD_MM) ** 2)
        placed = joints + solve_root(joints, rays, np.nan_to_num(weights))
    return placed


def check_scipy() -> None:
    """Raise the ValueError of `refine_pose` if SciPy is missing."""
    _scipy()


def _scipy() -> ModuleType:
    try:
        from scipy import optimize
    except ModuleNotFoundError:
        raise UserError("refining poses needs SciPy: pip install 'hourlift[refine]'") from None
    return optimize
