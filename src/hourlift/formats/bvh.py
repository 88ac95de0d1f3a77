"""BVH: a skeleton at rest, and the angles of its joints frame by frame, of one person.

Y is up, and the unit is the metre. The root's OFFSET is zero, so that its position channels are its place whether a
reader adds the two or not. Rotations are of column vectors in the order of the channels: "Yrotation Zrotation
Xrotation" is Ry Rz Rx.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hourlift.arrays import Array
from hourlift.formats.json import PoseFile
from hourlift.formats.rig import PARENTS, RIG, Rig
from hourlift.formats.tracks import even_frames, shown_in, somebody
from hourlift.pose_log import blocks

# Hands and feet are not found; what stands in for them gives the last bones a length and feet a direction. Metres.
_STAND_IN = {
    "LeftFoot": (0.0, 0.0, 0.15),
    "RightFoot": (0.0, 0.0, 0.15),
    "LeftHand": (0.1, 0.0, 0.0),
    "RightHand": (-0.1, 0.0, 0.0),
}
_TRUNK_AND_LEGS, _ARMS = "YZX", "ZXY"


def write(path: Path, document: PoseFile) -> None:
    """Write one person's motion.

    Frames come at an even rate. Where the person is not there, the last pose is held, at the start the first.

    Args:
        path: the file.
        document: poses of one person.

    Raises:
        NoPersonError: nobody is in the document.
        ValueError: a joint is known in no frame, or frames are not in order of time.
        OSError: the file cannot be written.
    """
    (track,) = somebody(document)
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

    The middle angle is the one at whose +-90 degrees the others cannot be told apart: it is the one that a joint uses
    least. An arm hangs at 90 degrees about z and reaches forward at 90 about y; a thigh is at 90 about x on a chair.
    """
    return _ARMS if "Arm" in name or "Hand" in name or name.endswith("Shoulder") else _TRUNK_AND_LEGS


def _hierarchy(rig: Rig, i: int, depth: int) -> list[str]:
    """The lines of a joint and of all that hangs on it."""
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
    """(T, channels) the root's place, metres, and joints' degrees without jumps by a whole turn, block by block."""
    last, added = np.zeros((2, 3 * len(RIG)))  # angles of the frame before, and what their unwrapping added
    for motion in rig.motion():
        turns = [_euler_deg(motion.rotations[:, i], rotation_order(joint.name)) for i, joint in enumerate(RIG)]
        angles = np.concatenate(turns, axis=1)
        unwrapped = added + np.unwrap(np.concatenate([last[None], angles]), period=360.0, axis=0)[1:]
        last, added = angles[-1], unwrapped[-1] - angles[-1]
        yield np.concatenate([motion.root_m, unwrapped], axis=1)


def _euler_deg(rotation: Array, order: str) -> Array:
    """Angles (T, 3) about three axes in the order XYZ, YZX or ZXY, whose rotations make a rotation (T, 3, 3)."""
    i, j, k = ("XYZ".index(axis) for axis in order)
    sine = np.clip(rotation[:, i, k], -1.0, 1.0)
    first = np.arctan2(-rotation[:, j, k], rotation[:, k, k])
    last = np.arctan2(-rotation[:, i, j], rotation[:, i, i])
    # At a middle of +-90 degrees only the sum or difference of the others is there: all of it goes to the first.
    locked = np.abs(sine) > 1 - 1e-9
    first = np.where(locked, np.arctan2(rotation[:, k, j], rotation[:, j, j]), first)
    return np.degrees(np.stack([first, np.arcsin(sine), np.where(locked, 0.0, last)], axis=-1))
