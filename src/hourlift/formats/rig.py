"""A skeleton that is posed by rotating its joints, as in animation software, fitted to the joints of a track.

The joints have CMU's names and order, as far as H36M17 determines them:

    Hips ── LHipJoint ── LeftUpLeg ── LeftLeg ── LeftFoot
         ├─ RHipJoint ── RightUpLeg ── RightLeg ── RightFoot
         └─ LowerBack ── Spine ── Spine1 ── Neck ── Head
                                         ├─ LeftShoulder ── LeftArm ── LeftForeArm ── LeftHand
                                         └─ RightShoulder ── RightArm ── RightForeArm ── RightHand

LHipJoint, RHipJoint and LowerBack coincide with Hips, Neck and the shoulders with Spine1. Each bone thus has a separate
rotation, and the estimated joints, which form no rigid hips or chest, are met exactly. Head is H36M17's `nose`.

The rest pose is a T-pose facing z, with y up and every bone at its median length in the track. Hips and Spine1 follow
the line between the hips or shoulders, and the spine. Every other joint makes the smallest rotation from its parent
that aligns its bone: a bone's twist about itself cannot be seen from joints.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hourlift.arrays import Array
from hourlift.errors import UserError
from hourlift.formats.json import Header
from hourlift.formats.tracks import Track
from hourlift.formats.world import to_world, y_up_m
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.vectors import unit_or_zero
from hourlift.pose_log import blocks

_LEFT, _RIGHT, _UP, _DOWN = (1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)


class RigJoint(NamedTuple):
    """A joint of the rig.

    Attributes:
        name: CMU's name.
        parent: name of the parent joint; empty for the root.
        at: the joint of H36M17 at its position.
        aims_at: the joint of H36M17 at the other end of its bone; empty if it has none.
        rest: (3,) direction of the bone at rest.
    """

    name: str
    parent: str
    at: str
    aims_at: str = ""
    rest: tuple[float, float, float] = _UP


def _limb(names: str, parent: str, joints: str, directions: list[tuple[float, float, float]]) -> list[RigJoint]:
    """A chain in which each joint aims at the next one; the last has no bone."""
    chain, at = names.split(), joints.split()
    above = [parent, *chain]
    aims = [*at[1:], ""]
    return [RigJoint(*fields) for fields in zip(chain, above[:-1], at, aims, [*directions, _UP], strict=True)]


_LEG, _ARM = "{0}HipJoint {1}UpLeg {1}Leg {1}Foot", "{0}Shoulder {0}Arm {0}ForeArm {0}Hand"
_LEG_JOINTS, _ARM_JOINTS = "pelvis {0}_hip {0}_knee {0}_ankle", "thorax {0}_shoulder {0}_elbow {0}_wrist"
RIG: tuple[RigJoint, ...] = (
    RigJoint("Hips", "", "pelvis"),
    *_limb(_LEG.format("L", "Left"), "Hips", _LEG_JOINTS.format("l"), [_LEFT, _DOWN, _DOWN]),
    *_limb(_LEG.format("R", "Right"), "Hips", _LEG_JOINTS.format("r"), [_RIGHT, _DOWN, _DOWN]),
    RigJoint("LowerBack", "Hips", "pelvis", "spine"),
    RigJoint("Spine", "LowerBack", "spine", "thorax"),
    RigJoint("Spine1", "Spine", "thorax"),
    RigJoint("Neck", "Spine1", "thorax", "nose"),
    RigJoint("Head", "Neck", "nose", "head"),
    *_limb(_ARM.format("Left"), "Spine1", _ARM_JOINTS.format("l"), [_LEFT, _LEFT, _LEFT]),
    *_limb(_ARM.format("Right"), "Spine1", _ARM_JOINTS.format("r"), [_RIGHT, _RIGHT, _RIGHT]),
)
"""Every joint after its parent."""

PARENTS: tuple[int, ...] = tuple(next((i for i, j in enumerate(RIG) if j.name == joint.parent), -1) for joint in RIG)
"""Index of each joint's parent; -1 for the root, which comes first."""

# What Hips and Spine1 follow: a line from right to left, and one that points up.
_TRUNK = {
    "Hips": (("r_hip", "l_hip"), ("pelvis", "spine")),
    "Spine1": (("r_shoulder", "l_shoulder"), ("spine", "thorax")),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class RigMotion:
    """Poses of a rig in consecutive frames, y up.

    Attributes:
        root_m: (T, 3) position of Hips, metres.
        rotations: (T, R, 3, 3) each joint's rotation relative to its parent.
    """

    root_m: Array
    rotations: Array


class Rig:
    """A rig fitted to a person's joints, in the world frame of the document's header.

    Bones keep their directions in every frame and get their median length. A joint's error is at most the sum of the
    length differences from the pelvis to it. An unknown joint keeps its last known position relative to the pelvis;
    before the first known one, it has the first.

    Args:
        track: the person; their position is known in some frame.
        header: the document's header.

    Attributes:
        person_id: the person's id.
        offsets_m: (R, 3) each joint's position relative to its parent at rest; zero for the root.
        tips_m: (R, 3) the other end of each joint's bone, relative to the joint, at rest; zero if it has none.
        present: (T,) False where the person is absent: the pose is the last known one.

    Raises:
        ValueError: a joint is known in no frame.
    """

    def __init__(self, track: Track, header: Header) -> None:
        self._track, self._header = track, header
        self.person_id = track.person_id
        self.present = np.zeros(len(track), bool)
        self._first_mm = np.full((H36M17.num_joints + 1, 3), np.nan)  # first known ones, as in `_places_mm`
        lengths_mm = np.full((len(RIG), len(track)), np.nan)
        for part in blocks(len(track)):
            places = self._places_mm(part)
            known = np.asarray(np.isfinite(places).all(axis=-1))
            self.present[part] = known[:, :-1].any(axis=-1)
            found = known.any(axis=0) & np.isnan(self._first_mm).any(axis=-1)
            self._first_mm[found] = places[known.argmax(axis=0)[found], found]
            for i, joint in enumerate(RIG):
                if joint.aims_at:
                    start, end = H36M17.indices(joint.at, joint.aims_at)
                    lengths_mm[i, part] = np.linalg.norm(places[:, end] - places[:, start], axis=-1)
        if np.isnan(self._first_mm[:-1]).any():
            names = ", ".join(np.array(H36M17.joint_names)[np.isnan(self._first_mm[:-1]).any(axis=-1)])
            raise UserError(f"person {track.person_id}: a skeleton needs all joints, but no frame has {names}")
        lengths_m = np.array([_median_of_known(of_bone) / 1000 for of_bone in lengths_mm])
        tips = self.tips_m = lengths_m[:, None] * [joint.rest for joint in RIG]
        self.offsets_m = np.array(
            [tips[p] if p >= 0 and joint.at != RIG[p].at else np.zeros(3) for joint, p in _family()]
        )

    def motion(self) -> Iterator[RigMotion]:
        """All frames, block by block."""
        facing = self._first_facing()
        for joints_m in self._joints_m():
            turned = _world_rotations(joints_m, facing)
            facing = {joint.name: turn[-1] for joint, turn in zip(RIG, turned, strict=True) if joint.name in _TRUNK}
            back = [turn.transpose(0, 2, 1) for turn in turned]
            local = [turn if parent < 0 else back[parent] @ turn for turn, parent in zip(turned, PARENTS, strict=True)]
            yield RigMotion(root_m=joints_m[:, H36M17.root], rotations=np.stack(local, axis=1))

    def rest_joints_m(self) -> Array:
        """(R, 3) the joints at rest, with Hips at the origin."""
        places: list[Array] = []
        for offset, parent in zip(self.offsets_m, PARENTS, strict=True):
            places.append(offset if parent < 0 else places[parent] + offset)
        return np.stack(places)

    def _places_mm(self, part: slice) -> Array:
        """(T, 18, 3) the joints relative to the pelvis, followed by the pelvis's position, in the camera frame."""
        sequence = self._track[part]
        return np.concatenate([sequence.joints_3d_mm, sequence.root_cam_mm[:, None]], axis=1).astype(np.float64)

    def _joints_m(self) -> Iterator[Array]:
        """(T, 17, 3) joints in the world frame with y up, block by block; unknown ones are held."""
        before = self._first_mm
        for part in blocks(len(self._track)):
            places = _held(self._places_mm(part), before)
            before = places[-1]
            yield y_up_m(to_world(places[:, :-1] + places[:, -1:], self._header))

    def _first_facing(self) -> dict[str, Array]:
        """The first known rotation (3, 3) of each joint of the trunk; the identity if there is none."""
        first: dict[str, Array] = {}
        for joints_m in self._joints_m():
            for name, (across, up) in _TRUNK.items():
                turns = _facing(_line(joints_m, *across), _line(joints_m, *up))
                known = np.isfinite(turns).all(axis=(1, 2))
                if known.any():
                    first.setdefault(name, turns[known.argmax()])
            if len(first) == len(_TRUNK):
                break
        return {name: np.eye(3) for name in _TRUNK} | first


def _family() -> list[tuple[RigJoint, int]]:
    """Each joint with its parent's index."""
    return list(zip(RIG, PARENTS, strict=True))


def _median_of_known(lengths: Array) -> float:
    """Zero if none is known."""
    known = lengths[np.isfinite(lengths)]
    return float(np.median(known)) if len(known) else 0.0


def _world_rotations(joints: Array, before: dict[str, Array]) -> list[Array]:
    """(T, 3, 3) global rotation of each joint of the rig from its rest pose.

    Args:
        joints: (T, 17, 3) in a frame with y up.
        before: (3, 3) rotations of the trunk's joints in the frame before.
    """
    turned: list[Array] = []
    for joint, parent in _family():
        if joint.name in _TRUNK:
            across, up = _TRUNK[joint.name]
            turns = _facing(_line(joints, *across), _line(joints, *up))
            turned.append(_held(turns.reshape(-1, 1, 9), before[joint.name].reshape(1, 9)).reshape(-1, 3, 3))
        elif joint.aims_at:
            rest = turned[parent] @ np.array(joint.rest)
            turned.append(_smallest_turn(rest, _line(joints, joint.at, joint.aims_at)) @ turned[parent])
        else:
            turned.append(turned[parent])
    return turned


def _line(joints: Array, start: str, end: str) -> Array:
    """(T, 3) vectors from one joint to another."""
    return joints[:, H36M17.index(end)] - joints[:, H36M17.index(start)]


def _facing(left: Array, up: Array) -> Array:
    """Rotations (T, 3, 3) whose x is along ``left`` (T, 3) and whose y is as close to ``up`` (T, 3) as possible.

    NaN where the two are parallel, or one is zero.
    """
    x = _direction(left)
    y = _direction(up - (up * x).sum(-1, keepdims=True) * x)
    rotation = np.stack([x, y, np.cross(x, y)], axis=-1)
    rotation[np.linalg.norm(np.cross(x, y), axis=-1) < 0.5] = np.nan
    return rotation


def _smallest_turn(start: Array, end: Array) -> Array:
    """Rotations (T, 3, 3) that bring unit vectors (T, 3) onto the directions of others (T, 3); identity for a zero."""
    end = _direction(end)
    end = np.where((end == 0).all(-1, keepdims=True), start, end)
    middle = _direction(start + end)
    # For half a turn any perpendicular axis will do: one from the coordinate axis farthest from the direction.
    aside = _direction(np.cross(start, np.eye(3)[np.abs(start).argmin(-1)]))
    middle = np.where((middle == 0).all(-1, keepdims=True), aside, middle)
    return _half_turn(middle) @ _half_turn(start)  # two half turns rotate by twice the angle between their axes


def _half_turn(axis: Array) -> Array:
    """Rotations (T, 3, 3) by 180 degrees about unit vectors (T, 3)."""
    return 2 * axis[:, :, None] * axis[:, None, :] - np.eye(3)


def _held(values: Array, before: Array) -> Array:
    """Values (T, J, D), non-finite ones replaced by the last finite ones, at the start by ``before`` (J, D)."""
    known = np.isfinite(values).all(axis=-1)
    last = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], -1), axis=0)[..., None]
    return np.where(last < 0, before, np.take_along_axis(values, np.maximum(last, 0), axis=0))


def _direction(vectors: Array) -> Array:
    """Vectors (T, 3) of length 1; zero for those that are unknown or too short to have a direction."""
    return np.nan_to_num(unit_or_zero(vectors))
