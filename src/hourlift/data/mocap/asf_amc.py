"""Read Acclaim's ASF (a skeleton) and AMC (its angles over time), as published by CMU, as clips of joint positions.

A segment rotates about its start by C M C^-1 in its parent's axes: C is given by its `axis` line, M by the angles of
its `dof` line. In both, the angle named first is applied first. The joint of a segment is its end.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hourlift.arrays import Array
from hourlift.data.mocap.clip import LIMBS, MotionClip, TextLines, make_clip, rotation_about
from hourlift.errors import UserError

CMU_FPS = 120.0
"""An AMC file does not state its frame rate. CMU's were captured at this rate, with few exceptions."""

# Segment of CMU's skeletons -> the joint at its end. The segment `wrist` is the last third of the forearm.
_MIDDLE = {
    "root": "pelvis", "lowerback": "spine", "upperback": "thorax", "thorax": "neck", "lowerneck": "head",
    "upperneck": "head_mid", "head": "head_top",
}  # fmt: skip
_SIDED = {
    "hipjoint": "hip", "femur": "knee", "tibia": "ankle", "foot": "toe", "toes": "toe_tip", "clavicle": "shoulder",
    "humerus": "elbow", "wrist": "wrist", "hand": "hand", "fingers": "hand_end",
}  # fmt: skip
_KNOWN = _MIDDLE | {side + bone: f"{side}_{joint}" for side in "lr" for bone, joint in _SIDED.items()}
_DOFS = ("rx", "ry", "rz", "tx", "ty", "tz")


@dataclass(kw_only=True)
class _Segment:
    """Direction times length of a bone at rest, its local axes C, its degrees of freedom; the parent is an index."""

    name: str
    line: int
    offset: Array = field(default_factory=lambda: np.zeros(3))
    axes: Array = field(default_factory=lambda: np.eye(3))
    dof: tuple[str, ...] = ()
    parent: int = -1


@dataclass(kw_only=True)
class _Skeleton:
    unit_m: float | None
    degrees: bool
    segments: list[_Segment]


def load_amc(amc: Path, asf: Path | None = None, fps: float = CMU_FPS) -> MotionClip:
    """Read an AMC file with its skeleton.

    Args:
        amc: The angles.
        asf: The skeleton. Default: the file of the same name beside it, else of the same subject (02.asf for
            02_01.amc), else the only one in the folder.
        fps: Frames per second; the file does not state it.

    Raises:
        ValueError: either file is invalid (the message names the file and the line), or the skeleton is missing.
    """
    asf = asf or _skeleton_of(amc)
    skeleton = _read_asf(asf)
    index = {segment.name: i for i, segment in enumerate(skeleton.segments)}
    known = {joint: index[name] for name, joint in _KNOWN.items() if name in index}
    for side in "lr":  # without a wrist segment the forearm ends with the radius
        if f"{side}_wrist" not in known and f"{side}radius" in index:
            known[f"{side}_wrist"] = index[f"{side}radius"]
    lacking = [joint for joint in LIMBS if joint not in known]
    if lacking:
        strange = next((s for s in skeleton.segments if s.name not in _KNOWN), skeleton.segments[0])
        raise UserError(
            f"{asf}:{strange.line}: the bone name {strange.name!r} is unknown, and no bone ends at {', '.join(lacking)}"
        )
    frames = _read_amc(amc, skeleton)
    rest = _ends(skeleton, {})
    moved = _ends(skeleton, frames)
    return make_clip(
        amc.stem,
        fps,
        {joint: rest[0, i] for joint, i in known.items()},
        {joint: moved[:, i] for joint, i in known.items()},
        skeleton.unit_m,
    )


def _skeleton_of(amc: Path) -> Path:
    candidates = [amc.with_suffix(".asf"), amc.with_name(amc.stem.split("_")[0] + ".asf")]
    candidates += [files[0]] if len(files := sorted(amc.parent.glob("*.asf"))) == 1 else []
    for file in candidates:
        if file.is_file():
            return file
    raise UserError(f"{amc}: its skeleton {candidates[0].name} or {candidates[1].name} is not beside it")


def _read_asf(file: Path) -> _Skeleton:
    lines = TextLines(file, comment="#")
    root = _Segment(name="root", line=1, dof=_DOFS)
    segments, unit_m, degrees, section = [root], None, True, ""
    while not lines.ended:
        words = lines.next("a section")
        if words[0].startswith(":"):
            section = words[0].lower()
            if not segments[1:] and section == ":hierarchy":
                raise lines.error("no bones before :hierarchy")
        elif not section:
            raise lines.error(f"this is no ASF file: it begins with {' '.join(words)[:40]!r}")
        elif section == ":units" and words[0] == "length":
            length = lines.numbers(words[1:], 1, "length")[0]
            unit_m = 0.0254 / length if length > 0 else None  # CMU's is inches over this
        elif section == ":units" and words[0] == "angle":
            degrees = words[1:2] != ["rad"]
        elif section == ":root" and words[0] == "order":
            root.line, root.dof = lines.line, tuple(word.lower() for word in words[1:])
            _check_dofs(lines, root)
        elif section == ":bonedata" and words[0] == "begin":
            segments.append(_read_bone(lines, degrees))
        elif section == ":hierarchy" and words[0] not in ("begin", "end"):
            _link(lines, segments, words)
    if not section:
        raise lines.error("this is no ASF file: it is empty")
    loose = [segment for segment in segments[1:] if segment.parent < 0]
    if loose or not segments[1:]:
        name, line = (loose[0].name, loose[0].line) if loose else ("any", lines.line)
        raise lines.error(f"the bone {name} has no place in the :hierarchy; is the file cut off?", line)
    order = _parents_first(segments)
    if len(order) < len(segments):
        raise lines.error("some bones of the :hierarchy do not hang on the root")
    return _Skeleton(unit_m=unit_m, degrees=degrees, segments=segments)


def _read_bone(lines: TextLines, degrees: bool) -> _Segment:
    bone = _Segment(name="", line=lines.line)
    direction, length = np.zeros(3), 0.0
    while (words := lines.next("the end of a bone"))[0] != "end":
        key, values = words[0], words[1:]
        if key == "name" and values:
            bone.name, bone.line = values[0], lines.line
        elif key == "direction":
            direction = lines.numbers(values, 3, "direction")
        elif key == "length":
            length = float(lines.numbers(values, 1, "length")[0])
        elif key == "axis":
            if len(values) != 4 or sorted(values[3].upper()) != ["X", "Y", "Z"]:
                raise lines.error("axis wants three angles and their order, such as XYZ")
            angles = lines.numbers(values[:3], 3, "axis")
            angles = angles if degrees else np.degrees(angles)
            bone.axes = _applied([("XYZ".index(c), angles[i : i + 1]) for i, c in enumerate(values[3].upper())])[0]
        elif key == "dof":
            bone.dof = tuple(value.lower() for value in values)
            _check_dofs(lines, bone)
    if not bone.name:
        raise lines.error("a bone without a name", bone.line)
    bone.offset = direction / max(float(np.linalg.norm(direction)), 1e-12) * length
    return bone


def _check_dofs(lines: TextLines, segment: _Segment) -> None:
    unknown = [dof for dof in segment.dof if dof not in (*_DOFS, "l")]
    if unknown:
        raise lines.error(f"{unknown[0]!r} is no degree of freedom of {segment.name}; known are {', '.join(_DOFS)}")


def _link(lines: TextLines, segments: list[_Segment], words: list[str]) -> None:
    index = {segment.name: i for i, segment in enumerate(segments)}
    for name in words:
        if name not in index:
            raise lines.error(f"the bone {name!r} is not in :bonedata")
    for name in words[1:]:
        segment = segments[index[name]]
        if segment is segments[0] or segment.parent >= 0:
            raise lines.error(f"the bone {name} has two places in the :hierarchy, or goes in a circle")
        segment.parent = index[words[0]]


def _read_amc(file: Path, skeleton: _Skeleton) -> dict[str, Array]:
    """Read the values (T, D) of each segment's degrees of freedom, angles in degrees."""
    lines = TextLines(file, comment="#")
    dofs = {segment.name: segment.dof for segment in skeleton.segments if segment.dof}
    degrees = skeleton.degrees
    while lines.peek()[:1] and lines.peek()[0].startswith(":"):
        keyword = lines.next("a frame")[0].upper()
        degrees = {":DEGREES": True, ":RADIANS": False}.get(keyword, degrees)
    if not lines.peek():
        raise lines.error("no frames")
    values: dict[str, list[Array]] = {name: [] for name in dofs}
    count = 0
    while not lines.ended:
        words = lines.next("a frame's number")
        if len(words) != 1 or not words[0].isdigit():
            raise lines.error(f"{' '.join(words)[:40]!r} stands where the number of frame {count + 1} should be")
        count += 1
        for _ in dofs:
            name, *numbers = lines.next(f"a bone of frame {count}")
            if name not in dofs:
                raise lines.error(f"{name!r} is no moving bone of the skeleton, or frame {count} lacks some")
            if len(values[name]) == count:
                raise lines.error(f"{name} is given twice in frame {count}")
            values[name].append(lines.numbers(numbers, len(dofs[name]), f"{name} in frame {count}"))
    moved = {name: np.stack(rows) for name, rows in values.items()}
    if not degrees:
        for name, dof in dofs.items():
            turning = [i for i, d in enumerate(dof) if d.startswith("r")]
            moved[name][:, turning] = np.degrees(moved[name][:, turning])
    return moved


def _ends(skeleton: _Skeleton, frames: dict[str, Array]) -> Array:
    """Return the ends of the segments, (T, S, 3) in the file's axes and unit; without frames, the rest pose (T = 1)."""
    segments = skeleton.segments
    count = len(frames["root"]) if frames else 1
    turn, end = np.empty((count, len(segments), 3, 3)), np.zeros((count, len(segments), 3))
    for i in _parents_first(segments):
        segment = segments[i]
        values = frames.get(segment.name, np.zeros((count, len(segment.dof))))
        own = _applied([("xyz".index(d[1]), values[:, k]) for k, d in enumerate(segment.dof) if d.startswith("r")])
        own = segment.axes @ own @ segment.axes.T
        if segment.parent < 0:
            turn[:, i] = own
            for k, d in enumerate(segment.dof):
                if d.startswith("t"):
                    end[:, i, "xyz".index(d[1])] = values[:, k]
        else:
            turn[:, i] = turn[:, segment.parent] @ own
            end[:, i] = end[:, segment.parent] + turn[:, i] @ segment.offset
    return end


def _parents_first(segments: list[_Segment]) -> list[int]:
    """Return the indices of the segments connected to the root, parents before their children."""
    order = [0]
    for parent in order:  # grows during the loop
        order += [i for i, segment in enumerate(segments) if segment.parent == parent]
    return order


def _applied(turns: list[tuple[int, Array]]) -> Array:
    """Compose rotations (T, 3, 3) from (axis, degrees (T,)) about fixed axes, the first applied first."""
    rotation = np.eye(3)[None]
    for axis, degrees in turns:
        rotation = rotation_about(axis, degrees) @ rotation
    return rotation
