"""Read BVH files, a skeleton and its joint angles over time, as clips of joint positions.

Joints are recognised by their names in the BVH files of CMU, Mixamo, Biovision, Poser and Unreal. Other joints, such as
fingers, are ignored. The file states neither the unit of length nor the vertical axis: `make_clip` estimates them.
Where a joint has position channels, they replace its offset.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hourlift.arrays import Array
from hourlift.data.mocap.clip import LIMBS, MotionClip, TextLines, make_clip, rotation_about

# Canonical joint -> names in use, without side and punctuation, the preferred first; `end` is the end site of a joint.
_MIDDLE = {
    "pelvis": ("hips", "pelvis", "hip", "root"),
    "spine": ("spine", "spine01", "abdomen", "spine1", "chest"),
    "thorax": ("spine3", "spine2", "spine03", "spine02", "upperchest", "chest2", "spine1", "chest"),
    "neck": ("neck", "neck01"),
    "head": ("head",),
    "head_top": ("headtop", "headtopend", "headend"),
}
_SIDED = {
    "hip": ("upleg", "upperleg", "thigh", "hip"),
    "knee": ("leg", "lowerleg", "lowleg", "calf", "shin", "knee"),
    "ankle": ("foot", "ankle"),
    "toe": ("toebase", "ball", "toe", "toes", "toe0", "footend", "ankleend"),
    "clavicle": ("clavicle", "collar", "shoulder"),
    "shoulder": ("arm", "upperarm", "uparm", "shldr", "shoulder"),
    "elbow": ("forearm", "lowerarm", "lowarm", "elbow"),
    "wrist": ("hand", "wrist"),
    "hand": ("handmiddle1", "middle01", "fingerbase", "handend", "wristend"),
}
_SIDES = {"left": "l_", "l": "l_", "right": "r_", "r": "r_"}
_PREFIX = re.compile(r"^(mixamorig\d*|bip0?1|character1)[_ ]?", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_POSITION, _ROTATION = ("Xposition", "Yposition", "Zposition"), ("Xrotation", "Yrotation", "Zrotation")


@dataclass(frozen=True, kw_only=True)
class _Joint:
    name: str
    line: int
    parent: int
    offset: Array
    channels: tuple[str, ...]


def load_bvh(file: Path) -> MotionClip:
    """Read a BVH file.

    Raises:
        ValueError: the file is no BVH file, is truncated or has no frames; numbers are missing or not finite; or the
            legs and arms cannot be identified by the joints' names. The message names the file and the line.
    """
    lines = TextLines(file)
    first = lines.next("HIERARCHY")
    if first[0].upper() != "HIERARCHY":
        raise lines.error(f"this is no BVH file: it begins with {' '.join(first)[:40]!r}, not with HIERARCHY")
    joints = _read_hierarchy(lines)
    known = _known_joints(lines, joints)
    frames, seconds = _read_motion(lines, sum(len(joint.channels) for joint in joints))
    rest, moved = _positions(joints, None)[0], _positions(joints, frames)
    return make_clip(
        file.stem,
        1 / seconds,
        {name: rest[i] for name, i in known.items()},
        {name: moved[:, i] for name, i in known.items()},
    )


def _read_hierarchy(lines: TextLines) -> list[_Joint]:
    joints: list[_Joint] = []
    open_joints: list[int] = []
    while True:
        words = lines.next("the skeleton or MOTION")
        keyword = words[0].upper()
        if keyword == "MOTION":
            if open_joints or not joints:
                raise lines.error(f"{len(open_joints)} joints are still open at MOTION" if joints else "no joints")
            return joints
        if keyword == "}":
            if not open_joints:
                raise lines.error("a } too many")
            open_joints.pop()
        elif keyword in ("ROOT", "JOINT", "END"):
            parent = open_joints[-1] if open_joints else -1
            if parent < 0 and joints:
                raise lines.error("a second skeleton; only files of one person are read")
            name = f"{joints[parent].name} end" if keyword == "END" else " ".join(words[1:]) or "?"
            line = lines.line
            if words[-1] != "{" and lines.next("{") != ["{"]:
                raise lines.error(f"{{ expected after {name}")
            words = lines.next("OFFSET")
            if words[0].upper() != "OFFSET":
                raise lines.error(f"OFFSET expected of {name}")
            offset = lines.numbers(words[1:], 3, "OFFSET")
            channels = () if keyword == "END" else _read_channels(lines)
            open_joints.append(len(joints))
            joints.append(
                _Joint(name=name.removesuffix(" {"), line=line, parent=parent, offset=offset, channels=channels)
            )
        else:
            raise lines.error(f"{words[0][:40]!r} is not part of a skeleton")


def _read_channels(lines: TextLines) -> tuple[str, ...]:
    words = lines.next("CHANNELS")
    if words[0].upper() != "CHANNELS" or len(words) < 2 or not words[1].isdigit():
        raise lines.error("CHANNELS and their number expected")
    channels = tuple(word.capitalize() for word in words[2:])
    if len(channels) != int(words[1]):
        raise lines.error(f"CHANNELS says {words[1]}, but {len(channels)} follow")
    unknown = [channel for channel in channels if channel not in _POSITION + _ROTATION]
    if unknown or len(set(channels)) < len(channels):
        raise lines.error(f"channel {(unknown or channels)[0]} is unknown or given twice")
    return channels


def _read_motion(lines: TextLines, num_channels: int) -> tuple[Array, float]:
    """Read the channels (T, C) of each frame, and the seconds per frame."""
    words = lines.next("Frames:")
    if words[0].lower() != "frames:" or len(words) != 2 or not words[1].isdigit():
        raise lines.error("'Frames:' and their number expected")
    count = int(words[1])
    if count == 0:
        raise lines.error("no frames")
    words = lines.next("Frame Time:")
    if [word.lower() for word in words[:2]] != ["frame", "time:"]:
        raise lines.error("'Frame Time:' expected")
    seconds = float(lines.numbers(words[2:], 1, "Frame Time")[0])
    if seconds <= 0:
        raise lines.error(f"a frame lasts {seconds} seconds")
    rows = [
        lines.numbers(lines.next(f"frame {i + 1} of {count}"), num_channels, f"frame {i + 1}") for i in range(count)
    ]
    if not lines.ended:
        lines.next("")
        raise lines.error(f"more than the {count} frames that were announced")
    return np.stack(rows), seconds


def _positions(joints: list[_Joint], frames: Array | None) -> Array:
    """Return joint positions (T, J, 3) in the file's axes and unit; without frames, the rest pose (T = 1)."""
    count = 1 if frames is None else len(frames)
    turn = np.empty((count, len(joints), 3, 3))
    place = np.empty((count, len(joints), 3))
    column = 0
    for j, joint in enumerate(joints):
        local, offset = np.broadcast_to(np.eye(3), (count, 3, 3)), np.broadcast_to(joint.offset, (count, 3)).copy()
        for channel in joint.channels:
            value = np.zeros(count) if frames is None else frames[:, column]
            column += 1
            axis = "XYZ".index(channel[0])
            if channel in _ROTATION:
                local = local @ rotation_about(axis, value)
            elif frames is not None:
                offset[:, axis] = value
        if joint.parent < 0:
            turn[:, j], place[:, j] = local, offset
        else:
            above = turn[:, joint.parent]
            turn[:, j] = above @ local
            place[:, j] = place[:, joint.parent] + np.einsum("tij,tj->ti", above, offset)
    return place


def _known_joints(lines: TextLines, joints: list[_Joint]) -> dict[str, int]:
    """Return the index of each joint by canonical name."""
    names: dict[str, int] = {}
    for i, joint in enumerate(joints):
        names.setdefault(_plain_name(joint.name), i)
    wanted = dict(_MIDDLE)
    for side in ("l_", "r_"):
        wanted |= {side + canonical: tuple(side + o for o in options) for canonical, options in _SIDED.items()}
    found = {
        canonical: next(names[option] for option in options if option in names)
        for canonical, options in wanted.items()
        if any(option in names for option in options)
    }
    for first, same in (("spine", "thorax"), ("l_shoulder", "l_clavicle"), ("r_shoulder", "r_clavicle")):
        if found.get(first) == found.get(same):
            found.pop(same, None)
    lacking = [name for name in LIMBS if name not in found]
    if lacking:
        strange = next((joint for i, joint in enumerate(joints) if i not in found.values()), joints[0])
        raise lines.error(
            f"the joint name {strange.name!r} is unknown, and no joint is known as {', '.join(lacking)}", strange.line
        )
    return found


def _plain_name(name: str) -> str:
    """'mixamorig:LeftUpLeg' -> 'l_upleg'; 'thigh.R' -> 'r_thigh'; 'Spine1' -> 'spine1'."""
    name = _PREFIX.sub("", name.split(":")[-1])
    words = [word.lower() for word in _WORD.findall(name)]
    if words and words[0].startswith(("left", "right")):  # "lefthip"
        side = "left" if words[0].startswith("left") else "right"
        words[:1] = [side, words[0].removeprefix(side)]
    sides = [word for word in words if word in _SIDES]
    if sides:
        words.remove(sides[0])
    return (_SIDES[sides[0]] if sides else "") + "".join(words)
