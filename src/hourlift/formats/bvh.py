"""BVH: one person's skeleton in the rest pose, and its joint angles frame by frame.

Y is up, and the unit is the metre. The root's OFFSET is zero, so that its position channels are its position whether a
reader adds the two or not. Rotations are of column vectors in the order of the channels: "Yrotation Zrotation
Xrotation" is Ry Rz Rx.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hourlift.arrays import Array
from hourlift.formats.json import PoseFile
from hourlift.formats.rig import PARENTS, RIG, Rig
from hourlift.formats.tracks import even_frames, shown_in, shown_tracks
from hourlift.pose_log import blocks

# Hands and feet are not estimated; these lengths (metres) end the last bones and give feet a direction.
_STAND_IN = {
    "LeftFoot": (0.0, 0.0, 0.15),
    "RightFoot": (0.0, 0.0, 0.15),
    "LeftHand": (0.1, 0.0, 0.0),
    "RightHand": (-0.1, 0.0, 0.0),
}
_TRUNK_AND_LEGS, _ARMS = "YZX", "ZXY"


def write(path: Path, document: PoseFile) -> None:
    """Write one person's motion.

    Frames have a constant rate. While the person is absent, the last pose is held; before they appear, the first.

    Args:
        path: the file.
        document: the poses of one person.

    Raises:
        NoPersonError: there are no people in the document.
        ValueError: a joint is known in no frame, or frames are not in temporal order.
        OSError: the file cannot be written.
    """
    (track,) = shown_tracks(document)
    rig = Rig(track, document.header)
    shown, fps = even_frames(document)
    with path.open("w", encoding="ascii", newline="\n") as stream:
        stream.write("HIERARCHY\n")
        stream.writelines(f"{line}\n" for line in _hierarchy(rig, 0, 0))
        stream.write(f"MOTION\nFrames: {len(shown)}\nFrame Time: {1 / fps:.9f}\n")
        for part, channels in zip(blocks(len(track)), _channels(rig), strict=True):
            decimals = ["%.5f"] * 3 + ["%.4f"] * (channels.shape[1] - 3)
            np.savetxt(stream, channels[shown_in(shown, part)].round(5) + 0.0, fmt=decimals)


def rotation_order(name: str) -> str:
    """Axes of a joint's three rotations, in the order of its channels.

    The middle angle is that of the least used axis, as the other two are ambiguous when it is +-90 degrees. An arm
    hangs at 90 degrees about z and reaches forward at 90 about y; a thigh is at 90 about x on a chair.
    """
    return _ARMS if "Arm" in name or "Hand" in name or name.endswith("Shoulder") else _TRUNK_AND_LEGS


def _hierarchy(rig: Rig, i: int, depth: int) -> list[str]:
    """The lines of a joint and its descendants."""
    joint, indent = RIG[i], "  " * depth
    rotations = " ".join(f"{axis}rotation" for axis in rotation_order(joint.name))
    channels = f"3 {rotations}" if depth else f"6 Xposition Yposition Zposition {rotations}"
    lines = [
        f"{indent}{'JOINT' if depth else 'ROOT'} {joint.name}",
        f"{indent}{{",
        f"{indent}  OFFSET {_numbers(rig.offsets_m[i])}",
        f"{indent}  CHANNELS {channels}",
    ]
    below = [child for child, parent in enumerate(PARENTS) if parent == i]
    for child in below:
        lines += _hierarchy(rig, child, depth + 1)
    if not below:
        tip = rig.tips_m[i] if joint.aims_at else _STAND_IN[joint.name]
        lines += [f"{indent}  End Site", f"{indent}  {{", f"{indent}    OFFSET {_numbers(tip)}", f"{indent}  }}"]
    return [*lines, f"{indent}}}"]


def _numbers(vector: Array | tuple[float, float, float]) -> str:
    return " ".join(f"{value + 0.0:.6f}" for value in np.round(vector, 6))


def _channels(rig: Rig) -> Iterator[Array]:
    """(T, channels) root position, metres, and joint angles, degrees, without jumps of 360, block by block."""
    last, added = np.zeros((2, 3 * len(RIG)))  # angles of the previous frame, and the offset added by unwrapping
    for motion in rig.motion():
        turns = [_euler_deg(motion.rotations[:, i], rotation_order(joint.name)) for i, joint in enumerate(RIG)]
        angles = np.concatenate(turns, axis=1)
        unwrapped = added + np.unwrap(np.concatenate([last[None], angles]), period=360.0, axis=0)[1:]
        last, added = angles[-1], unwrapped[-1] - angles[-1]
        yield np.concatenate([motion.root_m, unwrapped], axis=1)


def _euler_deg(rotation: Array, order: str) -> Array:
    """Angles (T, 3) about three axes in the order XYZ, YZX or ZXY, that compose to rotations (T, 3, 3)."""
    i, j, k = ("XYZ".index(axis) for axis in order)
    sine = np.clip(rotation[:, i, k], -1.0, 1.0)
    first = np.arctan2(-rotation[:, j, k], rotation[:, k, k])
    last = np.arctan2(-rotation[:, i, j], rotation[:, i, i])
    # At a middle angle of +-90 degrees only the sum or difference of the others is known: the first gets it all.
    locked = np.abs(sine) > 1 - 1e-9
    first = np.where(locked, np.arctan2(rotation[:, k, j], rotation[:, j, j]), first)
    return np.degrees(np.stack([first, np.arcsin(sine), np.where(locked, 0.0, last)], axis=-1))
