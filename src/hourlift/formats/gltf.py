"""glTF 2.0, binary: all people as skeletons with simple bones as skin, and their motion as animation.

Y is up, the unit is the metre, and z points towards the camera, as the specification requires. Every person is a node
that contains the joints, and a node with a mesh bound to them. Without animation the nodes show the first pose; the
skin is bound to the rig at rest, in a T-pose.
"""

import json
import math
import shutil
import struct
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from hourlift import __version__
from hourlift.arrays import Array
from hourlift.formats.json import PoseFile
from hourlift.formats.rig import PARENTS, RIG, Rig
from hourlift.formats.tracks import frame_times_s, shown_tracks
from hourlift.geometry.skeleton_style import COLOURS, side_of
from hourlift.pose_log import blocks, temporary_file

_GLB, _VERSION, _JSON, _BIN = 0x46546C67, 2, 0x4E4F534A, 0x004E4942
_COMPONENTS = {"uint8": 5121, "uint16": 5123, "float32": 5126}
_TYPES = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_VERTICES, _INDICES = 34962, 34963
_THICKNESS = 0.09  # of a bone's length; limited to this range, metres:
_THICKNESS_M = (0.018, 0.035)
_WAIST = 0.2  # of a bone's length: distance of its thickest point from its joint


def write(path: Path, document: PoseFile) -> None:
    """Write all people. Keys are at the frames' times; an absent person is scaled to 0.

    Raises:
        NoPersonError: there are no people in the document.
        ValueError: a person lacks a joint in all frames, or frames are not in temporal order.
        OSError: the file cannot be written.
    """
    with temporary_file() as binary:
        scene = _Scene(binary, frame_times_s(document))
        for track in shown_tracks(document):
            scene.add_person(f"person {track.person_id}", Rig(track, document.header))
        with path.open("wb") as stream:
            scene.write(stream)


class _Scene:
    """A glTF document under construction, with the specification's names. Its binary part is kept in a file."""

    def __init__(self, binary: IO[bytes], times_s: Array) -> None:
        self._binary = binary
        self._length = 0  # length of the binary part, bytes
        self._roots: list[int] = []
        self._nodes: list[dict[str, Any]] = []
        self._meshes: list[dict[str, Any]] = []
        self._skins: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._views: list[dict[str, Any]] = []
        self._channels: list[dict[str, Any]] = []
        self._samplers: list[dict[str, Any]] = []
        self._times = self._accessor(times_s - times_s[:1], np.float32, bounds=True) if len(times_s) > 1 else None

    def add_person(self, name: str, rig: Rig) -> None:
        """Add a person's joints, mesh, skin and motion."""
        place = rig.rest_joints_m()
        place[:, 1] -= place[:, 1].min()  # at rest the person stands on the origin
        person = self._node(name)
        self._roots.append(person)
        joints: list[int] = []
        for i, joint in enumerate(RIG):
            node = self._node(joint.name, translation=_floats(rig.offsets_m[i]), rotation=[])  # `_add_motion` sets it
            self._nodes[person if i == 0 else joints[PARENTS[i]]].setdefault("children", []).append(node)
            joints.append(node)
        self._add_motion(rig, joints)
        head = next(i for i, joint in enumerate(RIG) if joint.name == "Head")
        joints.append(self._node("HeadTop_End", translation=_floats(rig.tips_m[head])))
        self._nodes[joints[head]]["children"] = joints[-1:]
        if not rig.present.all():
            scale = self._animate(person, "scale", len(rig.present), (3,), interpolation="STEP")
            self._fill(scale, 0, np.repeat(rig.present[:, None], 3, axis=1).astype(np.float32))
        self._roots.append(self._node(f"{name} mesh", mesh=self._mesh(rig, place), skin=len(self._skins)))
        bind = np.tile(np.eye(4), (len(joints), 1, 1))
        bind[:, :3, 3] = -np.concatenate([place, place[[head]] + rig.tips_m[head]])
        matrices = self._accessor(bind.transpose(0, 2, 1), np.float32)  # in column-major order
        self._skins.append({"joints": joints, "skeleton": joints[0], "inverseBindMatrices": matrices})

    def _add_motion(self, rig: Rig, joints: list[int]) -> None:
        """Set the joints' nodes to the first pose, and add the motion."""
        count, first = len(rig.present), int(rig.present.argmax())
        turning = [i for i, joint in enumerate(RIG) if joint.aims_at or i in PARENTS]
        turns = {i: self._animate(joints[i], "rotation", count, (4,)) for i in turning}
        place = self._animate(joints[0], "translation", count, (3,))
        before = np.zeros((len(RIG), 4))
        for part, motion in zip(blocks(count), rig.motion(), strict=True):
            quaternions = [_quaternions(motion.rotations[:, i], before[i]) for i in range(len(RIG))]
            before = np.stack([quaternion[-1] for quaternion in quaternions])
            for i, output in turns.items():
                self._fill(output, part.start, quaternions[i].astype(np.float32))
            self._fill(place, part.start, motion.root_m.astype(np.float32))
            if part.start <= first < part.stop:
                for node, quaternion in zip(joints, quaternions, strict=True):
                    self._nodes[node]["rotation"] = _floats(quaternion[first - part.start])
                self._nodes[joints[0]]["translation"] = _floats(motion.root_m[first - part.start])

    def write(self, stream: IO[bytes]) -> None:
        """Write the file."""
        materials = [
            {"name": side, "pbrMetallicRoughness": {"baseColorFactor": _linear(rgb), "metallicFactor": 0.0}}
            for side, rgb in COLOURS.items()
        ]
        document: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": f"hourlift {__version__}"},
            "scene": 0,
            "scenes": [{"nodes": self._roots}],
            "nodes": self._nodes,
            "meshes": self._meshes,
            "materials": materials,
            "skins": self._skins,
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": self._length}],
        }
        if self._channels:
            document["animations"] = [{"name": "motion", "channels": self._channels, "samplers": self._samplers}]
        text = json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + 8 + self._length
        stream.write(struct.pack("<5I", _GLB, _VERSION, length, len(text), _JSON) + text)
        stream.write(struct.pack("<2I", self._length, _BIN))
        self._binary.seek(0)
        shutil.copyfileobj(self._binary, stream)

    def _node(self, name: str, **fields: Any) -> int:
        self._nodes.append({"name": name} | fields)
        return len(self._nodes) - 1

    def _accessor(self, values: NDArray, dtype: type, *, target: int = 0, bounds: bool = False, **fields: Any) -> int:
        """Append (N, ...) values to the binary part."""
        data: NDArray = np.ascontiguousarray(values, dtype)
        if bounds:
            rows = data.reshape(len(data), -1)
            fields = {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()} | fields
        accessor = self._room(data.shape, data.dtype, target, **fields)
        self._fill(accessor, 0, data)
        return accessor

    def _room(self, shape: tuple[int, ...], dtype: np.dtype, target: int = 0, **fields: Any) -> int:
        """Reserve space in the binary part for an accessor with a separate buffer view."""
        num_bytes = math.prod(shape) * dtype.itemsize
        view = {"buffer": 0, "byteOffset": self._length, "byteLength": num_bytes}
        self._views.append(view | ({"target": target} if target else {}))
        self._length += num_bytes + -num_bytes % 4
        self._binary.seek(self._length - 1)
        self._binary.write(bytes(1))
        accessor = {
            "bufferView": len(self._views) - 1,
            "componentType": _COMPONENTS[dtype.name],
            "count": shape[0],
            "type": _TYPES[shape[1:]],
        }
        self._accessors.append(accessor | fields)
        return len(self._accessors) - 1

    def _fill(self, accessor: int | None, start: int, data: NDArray) -> None:
        """Write some of an accessor's values, (N, ...) of its type, starting at index ``start``."""
        if accessor is not None:
            self._binary.seek(self._views[accessor]["byteOffset"] + start * data[0].nbytes)
            self._binary.write(data.astype(data.dtype.newbyteorder("<")).tobytes())

    def _animate(
        self, node: int, path: str, count: int, shape: tuple[int, ...], interpolation: str = "LINEAR"
    ) -> int | None:
        """Animate a node's property by values (count, *shape), to be filled in; a single image has no animation."""
        if self._times is None:
            return None
        output = self._room((count, *shape), np.dtype(np.float32))
        self._samplers.append({"input": self._times, "output": output, "interpolation": interpolation})
        self._channels.append({"sampler": len(self._samplers) - 1, "target": {"node": node, "path": path}})
        return output

    def _mesh(self, rig: Rig, place: Array) -> int:
        """A body of octahedra, one per bone, each bound to the bone's joint; one primitive per side."""
        bones = [i for i, joint in enumerate(RIG) if joint.aims_at and np.any(rig.tips_m[i])]
        corners = np.concatenate([place[i] + _octahedron(rig.tips_m[i]) for i in bones])
        owners = np.repeat(bones, len(_octahedron(np.eye(3)[0])))
        influence = np.zeros((len(owners), 4), np.uint8)
        weight = influence + np.array([255, 0, 0, 0], np.uint8)
        influence[:, 0] = owners
        attributes = {
            "POSITION": self._accessor(corners, np.float32, target=_VERTICES, bounds=True),
            "JOINTS_0": self._accessor(influence, np.uint8, target=_VERTICES),
            "WEIGHTS_0": self._accessor(weight, np.uint8, target=_VERTICES, normalized=True),
        }
        primitives = []
        for material, side in enumerate(COLOURS):
            mine = [n for n, i in enumerate(bones) if side_of(RIG[i].aims_at) == side]
            if mine:
                faces = np.concatenate([6 * n + _FACES for n in mine]).ravel()
                indices = self._accessor(faces, np.uint16, target=_INDICES)
                primitives.append({"attributes": attributes, "indices": indices, "material": material})
        self._meshes.append({"name": "bones", "primitives": primitives})
        return len(self._meshes) - 1


# Corners of an octahedron: the joint, four around the waist, the tip. Faces are counter-clockwise seen from outside.
_FACES = np.array([f for a, b in pairwise((1, 2, 3, 4, 1)) for f in ((0, b, a), (5, a, b))])


def _octahedron(tip: Array) -> Array:
    """(6, 3) the vertices of a bone from the origin to ``tip`` (3,), which lies along an axis."""
    length = float(np.linalg.norm(tip))
    along = tip / length
    aside = np.roll(along, 1)
    across = np.cross(along, aside)
    thick = float(np.clip(_THICKNESS * length, *_THICKNESS_M))
    waist = [_WAIST * tip + thick * way for way in (aside, across, -aside, -across)]
    return np.stack([np.zeros(3), *waist, tip])


def _quaternions(rotation: Array, before: Array) -> Array:
    """Unit quaternions (T, 4), x y z w, of rotations (T, 3, 3); consecutive ones lie on the same hemisphere.

    The first is on the hemisphere of ``before`` (4,); zeros if there is none. They are computed from the largest column
    of the outer product q q^T, so that no rotation is ill-conditioned.
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.T for row in rotation.transpose(1, 0, 2))
    outer = np.array([
        [1 + a - e - i, b + d, c + g, h - f],
        [b + d, 1 - a + e - i, f + h, c - g],
        [c + g, f + h, 1 - a - e + i, d - b],
        [h - f, c - g, d - b, 1 + a + e + i],
    ]).transpose(2, 0, 1)  # fmt: skip
    largest = np.einsum("tii->ti", outer).argmax(axis=-1)
    column = np.take_along_axis(outer, largest[:, None, None], axis=2)[..., 0]
    unit = column / np.linalg.norm(column, axis=-1, keepdims=True)
    neighbours = np.concatenate([before[None], unit[:-1]])
    same_side = np.where((unit * neighbours).sum(axis=-1) < 0, -1.0, 1.0)
    return unit * np.cumprod(same_side)[:, None]


def _linear(rgb: tuple[int, int, int]) -> list[float]:
    """An sRGB colour of 0..255 as glTF's linear RGBA (IEC 61966-2-1)."""
    srgb = np.array(rgb) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return [*linear.round(4).tolist(), 1.0]


def _floats(values: Array) -> list[float]:
    return [round(float(value), 7) for value in values]
