"""People in the world frame: their height, which way is up, and where the floor is.

The camera is assumed not to move. Up is estimated from standing people, who lean slightly forward from their ankles,
and then from the positions of their feet, which are assumed to lie on one floor.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array
from hourlift.errors import UserError
from hourlift.geometry.bones import ANKLE_HEIGHT, bone_lengths, standing_height
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.vectors import unit_or_zero
from hourlift.geometry.world import CAMERA_UP, World, up_of_pitched_camera
from hourlift.pose import PoseSequence
from hourlift.pose_log import by_blocks

Bools = NDArray[np.bool_]

STANDING_LEAN_DEG = 5.3
"""Forward lean of the line from the ankles to the thorax in standing people: 5.3 +- 2.1 degrees over 26 motion capture
clips (experiments/2026-11-tracks)."""
STANDING_S = 0.5
"""Total time that people must have stood, before up is estimated from them."""
STRAIGHT_DEG = 150.0
"""Least angle of one knee, and of one hip against the trunk, in a standing person."""
PLANTED_MM_S = 400.0
"""An ankle slower than this belongs to a foot on the floor."""

_STANDING_SPREAD_DEG = 4.0  # spread of the lean of standing people, with the lifter's errors
_FOOT_SPREAD_MM = 60.0  # spread of the estimated height of feet on the floor
_STEP_S = 0.5  # one sample of a resting foot in each such interval
_ASSUMED_HEIGHT_MM = 1700.0
_L_ANKLE, _R_ANKLE, _THORAX = H36M17.indices("l_ankle", "r_ankle", "thorax")
_L_SIDE, _R_SIDE = H36M17.indices("l_hip", "l_shoulder"), H36M17.indices("r_hip", "r_shoulder")


def with_height(sequence: PoseSequence, height_mm: float) -> PoseSequence:
    """Scale a person and their distance, so that they have this height.

    A child nearby and an adult far away look the same in one image, so the 2D joints still fit.

    Args:
        sequence: the track; its current height is measured from its bones (`geometry.bones.height`).
        height_mm: standing height without shoes.

    Returns:
        The track with `joints_3d_mm` and `root_cam_mm` scaled by one factor; unchanged if its bones are unknown.

    Raises:
        ValueError: the height is not positive.
    """
    if not height_mm > 0:
        raise UserError(f"a height is above 0 mm, got {height_mm}")
    own_mm = standing_height(bone_lengths(sequence.joints_3d_mm, sequence.confidence))
    if not own_mm > 0:
        return sequence
    factor = height_mm / own_mm
    return replace(sequence, joints_3d_mm=sequence.joints_3d_mm * factor, root_cam_mm=sequence.root_cam_mm * factor)


def find_world(sequences: Sequence[PoseSequence], pitch_deg: float | None = None) -> World | None:
    """Estimate the pose of the camera in the world frame.

    Args:
        sequences: tracks from one camera, preferably smoothed.
        pitch_deg: the camera's downward pitch, if known. None estimates it from standing people, and assumes a level
            camera if there are none.

    Returns:
        The world; its source is "given", "feet" or "default". None if all positions in the camera frame are unknown.

    Raises:
        ValueError: the pitch is not between -90 and 90 degrees.
    """
    given = None if pitch_deg is None else up_of_pitched_camera(pitch_deg)
    people = [person for person in map(_Person, sequences) if len(person.ankles_mm)]
    if not people:
        return None
    if given is not None:
        up, source = given, "given"
    elif sum(person.step_s * len(person.ups) for person in people) >= STANDING_S:
        up, source = _level(people, _up_of_standing(people)), "feet"
    else:
        up, source = np.array(CAMERA_UP), "default"
    return World.from_up(up, camera_height_mm=-_floor(people, up), source=source)


class _Person:
    """One track's frames in which the positions of all joints in the camera frame are known.

    Attributes:
        ankles_mm: (N, 2, 3) left and right, in the camera frame.
        planted: (N, 2) whether these are at rest.
        ups: (S, 3) up by the body's orientation, in each frame in which the person stands.
        step_s: seconds per frame.
        ankle_mm: height of the ankles over the floor.
    """

    def __init__(self, sequence: PoseSequence) -> None:
        relative_mm, root_mm = sequence.joints_3d_mm, sequence.root_cam_mm
        known = by_blocks(_is_known, relative_mm, root_mm)
        self.ankles_mm = by_blocks(lambda *at: _known_mm(*at)[:, [_L_ANKLE, _R_ANKLE]], relative_mm, root_mm)
        self.ups = by_blocks(lambda *at: _ups_of_standing(_known_mm(*at)), relative_mm, root_mm)
        self.step_s = 1 / sequence.fps if np.isfinite(sequence.fps) else 0.0
        self.planted = _speed(sequence.times_s[known], self.ankles_mm) < PLANTED_MM_S
        height_mm = standing_height(bone_lengths(relative_mm, np.repeat(known[:, None], H36M17.num_joints, axis=1)))
        self.ankle_mm = ANKLE_HEIGHT * (height_mm if height_mm > 0 else _ASSUMED_HEIGHT_MM)

    def lower_ankles(self, up: Array) -> tuple[Array, Bools]:
        """The lower ankle (N, 3) in each frame, and whether it is planted (N,)."""
        lower = (self.ankles_mm @ up).argmin(axis=1)
        frame = np.arange(len(lower))
        return self.ankles_mm[frame, lower], self.planted[frame, lower]


def _known_mm(relative_mm: NDArray[np.float32], root_mm: NDArray[np.float32]) -> Array:
    """(N, 17, 3) joints in the camera frame, in those frames of (T, 17, 3) and (T, 3) in which all are known."""
    return (relative_mm + root_mm[:, None])[_is_known(relative_mm, root_mm)].astype(np.float64)


def _is_known(relative_mm: NDArray[np.float32], root_mm: NDArray[np.float32]) -> Bools:
    """(T,) whether the positions of all joints in the camera frame are known."""
    return np.asarray(np.isfinite(relative_mm + root_mm[:, None]).all(axis=(1, 2)))


def _stands(joints: Array) -> Bools:
    """Which poses (N, 17, 3) have a straight leg under a straight hip; independent of which way is up."""
    knees = [_angle_deg(joints, f"{side}_hip", f"{side}_knee", f"{side}_ankle") for side in "lr"]
    hips = [_angle_deg(joints, "thorax", "pelvis", f"{side}_knee") for side in "lr"]
    return np.asarray((np.max(knees, axis=0) > STRAIGHT_DEG) & (np.max(hips, axis=0) > STRAIGHT_DEG))


def _up_of_standing(people: Sequence[_Person]) -> Array:
    """(3,) up by the orientation of standing bodies."""
    return unit_or_zero(np.median(np.concatenate([person.ups for person in people]), axis=0))


def _ups_of_standing(joints: Array) -> Array:
    """(S, 3) up by the body's orientation, in those of the poses (N, 17, 3) that stand."""
    joints = joints[_stands(joints)]
    body = unit_or_zero(joints[:, _THORAX] - (joints[:, _L_ANKLE] + joints[:, _R_ANKLE]) / 2)
    to_left = (joints[:, _L_SIDE] - joints[:, _R_SIDE]).sum(axis=1)
    forward = unit_or_zero(np.cross(to_left, body))
    lean = np.radians(STANDING_LEAN_DEG)
    return np.cos(lean) * body - np.sin(lean) * forward


def _level(people: Sequence[_Person], up: Array) -> Array:
    """(3,) up, turned so that planted feet lie on one level as far as they are better evidence than the bodies.

    Least squares over the two small rotations, with outlying feet downweighted (Cauchy loss) and ``up`` as the prior.
    """
    first = up
    sideways = unit_or_zero(np.cross(first, [0.0, 0.0, 1.0] if abs(first[2]) < 0.9 else [1.0, 0.0, 0.0]))
    turns = np.stack([sideways, np.cross(first, sideways)])
    prior = np.eye(2) / np.radians(_STANDING_SPREAD_DEG) ** 2
    for _ in range(4):
        feet, weights = _planted_feet(people, up)
        if len(feet) < 2:
            return first
        heights = feet @ up
        weights = weights / (1 + ((heights - np.median(heights)) / _FOOT_SPREAD_MM) ** 2)
        offset = (feet - np.average(feet, axis=0, weights=weights)) / _FOOT_SPREAD_MM
        slopes = offset @ turns.T
        normal = (slopes.T * weights) @ slopes + prior
        up = unit_or_zero(first + np.linalg.solve(normal, -(slopes.T * weights) @ (offset @ first)) @ turns)
    return up


def _planted_feet(people: Sequence[_Person], up: Array) -> tuple[Array, Array]:
    """Lower ankles (N, 3) at rest, moved down by their height over the floor, and their weights (N,)."""
    feet, weights = [], []
    for person in people:
        ankles, planted = person.lower_ankles(up)
        feet.append(ankles[planted] - person.ankle_mm * up)
        weights.append(np.full(int(planted.sum()), person.step_s / _STEP_S))
    return np.concatenate(feet), np.concatenate(weights)


def _floor(people: Sequence[_Person], up: Array) -> float:
    """Height of the floor along ``up``, from the camera: where feet rest, otherwise at the lowest feet."""
    feet, _ = _planted_feet(people, up)
    if len(feet):
        return float(np.median(feet @ up))
    lowest = [person.lower_ankles(up)[0] @ up - person.ankle_mm for person in people]
    return float(np.quantile(np.concatenate(lowest), 0.1))


def _speed(times_s: Array, points: Array) -> Array:
    """Speeds (N, M) of points (N, M, 3); infinite for a single frame, where they are unknown."""
    if len(points) < 2:
        return np.full(points.shape[:-1], np.inf)
    step = np.maximum(np.gradient(times_s), 1e-6)
    return np.linalg.norm(np.gradient(points, axis=0), axis=-1) / step[:, None]


def _angle_deg(joints: Array, start: str, middle: str, end: str) -> Array:
    """Angle (N,) at a joint between two others."""
    a, b, c = H36M17.indices(start, middle, end)
    cosine = (unit_or_zero(joints[:, a] - joints[:, b]) * unit_or_zero(joints[:, c] - joints[:, b])).sum(axis=-1)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
