"""Motions whose truth is known, and readers that share nothing with the code under test.

Every reader returns {joint of H36M17: (T, 3) millimetres in the room, z up}, so that one comparison serves all formats.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hourlift import Camera, Pose
from hourlift.formats.json import Header, PoseFile
from hourlift.geometry.skeleton import H36M17
from hourlift.pose import PoseFrame

FPS = 25.0
CAMERA = Camera(fx=800.0, fy=810.0, cx=319.5, cy=239.5, image_wh=(640, 480), distortion=(0.1, 0.0, 0.0, 0.01))
LENGTHS_MM = dict(
    zip(
        H36M17.joint_names,
        [0, 130, 440, 430, 131, 441, 431, 240, 250, 120, 110, 150, 280, 250, 151, 281, 251],
        strict=True,
    )
)
# Where bones of a person in a T who faces the camera point: x to the right of the image, y down, z away.
T_POSE = {
    "r_hip": (-1, 0, 0), "l_hip": (1, 0, 0), "r_shoulder": (-1, 0, 0), "l_shoulder": (1, 0, 0), "r_elbow": (-1, 0, 0),
    "l_elbow": (1, 0, 0), "r_wrist": (-1, 0, 0), "l_wrist": (1, 0, 0), "r_knee": (0, 1, 0), "l_knee": (0, 1, 0),
    "r_ankle": (0, 1, 0), "l_ankle": (0, 1, 0), "spine": (0, -1, 0), "thorax": (0, -1, 0), "nose": (0, -1, 0),
    "head": (0, -1, 0), "pelvis": (0, 0, 0),
}  # fmt: skip
BVH_JOINTS = {
    "Hips": "pelvis", "LeftUpLeg": "l_hip", "LeftLeg": "l_knee", "LeftFoot": "l_ankle", "RightUpLeg": "r_hip",
    "RightLeg": "r_knee", "RightFoot": "r_ankle", "Spine": "spine", "Spine1": "thorax", "Head": "nose",
    "LeftArm": "l_shoulder", "LeftForeArm": "l_elbow", "LeftHand": "l_wrist", "RightArm": "r_shoulder",
    "RightForeArm": "r_elbow", "RightHand": "r_wrist", "HeadTop_End": "head",
}  # fmt: skip


def joints_of(directions: np.ndarray, lengths_mm: np.ndarray | None = None) -> np.ndarray:
    """(T, 17, 3) joints with the pelvis at zero, of unit vectors (T, 17, 3) from each joint's parent."""
    lengths_mm = np.array(list(LENGTHS_MM.values())) if lengths_mm is None else lengths_mm
    bones = directions * lengths_mm[..., None]
    joints = np.zeros_like(bones)
    for parent, child in sorted(H36M17.edges, key=lambda edge: edge[1]):
        joints[:, child] = joints[:, parent] + bones[:, child]
    return joints


def random_directions(num_frames: int, seed: int) -> np.ndarray:
    """Unit vectors (T, 17, 3) all over the sphere, and along every axis: no pose is stranger."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(num_frames, 17, 3))
    directions[::3] = np.eye(3)[rng.integers(0, 3, directions[::3].shape[:2])]
    directions[::3] *= rng.choice([-1, 1], (*directions[::3].shape[:2], 1))
    return directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def document_of(
    *people: np.ndarray,
    roots_mm: np.ndarray | None = None,
    present: np.ndarray | None = None,
    times_s: np.ndarray | None = None,
    **header: Any,
) -> PoseFile:
    """People's joints (T, 17, 3), each person in the frames where present (P, T) has them."""
    count = len(people[0]) if people else 0
    t = np.arange(count)
    times_s = t / FPS if times_s is None else times_s
    if roots_mm is None:
        roots_mm = np.stack([300 * np.sin(t / 5), 20 * np.cos(t), 4000 + 30.0 * t], axis=-1)
    frames = []
    for i in range(count):
        poses = [
            Pose(
                person_id=p,
                joints_2d_px=np.random.default_rng(100 * i + p).uniform(0, 480, (17, 2)),
                confidence=np.linspace(0.2, 0.9, 17),
                joints_3d_mm=joints[i],
                root_cam_mm=roots_mm[i] + [1000.0 * p, 0, 0],
                box_xyxy_px=[10 + i, 20, 110 + i, 320],
                camera=CAMERA,
            )
            for p, joints in enumerate(people)
            if present is None or present[p, i]
        ]
        frames.append(PoseFrame(index=i, time_s=float(times_s[i]), people=poses))
    fields = {"source": "dance.mp4", "kind": "video", "image_wh": (640, 480), "camera": CAMERA, "fps": FPS}
    return PoseFile(header=Header(**(fields | header)), frames=frames)  # type: ignore[arg-type]


def room_mm(document: PoseFile, person_id: int = 0) -> np.ndarray:
    """(T, 17, 3) the truth: a level camera's x is the room's, z is the room's y, -y is up."""
    places = np.full((len(document.frames), 17, 3), np.nan)
    for i, frame in enumerate(document.frames):
        for pose in frame.people:
            if pose.person_id == person_id:
                x, y, z = (pose.joints_3d_mm + pose.root_cam_mm).astype(np.float64).T
                places[i] = np.stack([x, z, -y], axis=-1)
    return places


def z_up_mm(y_up_m: np.ndarray) -> np.ndarray:
    """Blender's default way from y up, -z forward: (x, -z, y)."""
    x, y, z = np.moveaxis(y_up_m * 1000, -1, 0)
    return np.stack([x, -z, y], axis=-1)


def read_bvh(path: Path) -> dict[str, np.ndarray]:
    import bvhio

    count = bvhio.readAsBvh(str(path)).FrameCount
    tree = bvhio.readAsHierarchy(str(path))
    tip = next(joint.EndSite for joint, _, _ in bvhio.readAsBvh(str(path)).Root.layout() if joint.Name == "Head")
    frames: dict[str, list[Any]] = {}
    for i in range(count):
        tree.loadPose(i)
        for joint, _, _ in tree.layout():
            frames.setdefault(joint.Name, []).append(joint.PositionWorld.to_tuple())
            if joint.Name == "Head":
                frames.setdefault("HeadTop_End", []).append(joint.pointToWorld(tip).to_tuple())
    return {BVH_JOINTS[name]: z_up_mm(np.array(places)) for name, places in frames.items() if name in BVH_JOINTS}


class Glb:
    """A glTF file as pygltflib has it, posed by the specification's rules."""

    def __init__(self, path: Path) -> None:
        from pygltflib import GLTF2

        self.gltf = GLTF2.load(str(path))
        self.blob = self.gltf.binary_blob()

    def array(self, index: int) -> np.ndarray:
        accessor = self.gltf.accessors[index]
        view = self.gltf.bufferViews[accessor.bufferView]
        assert view.byteOffset % 4 == 0
        dtype = {5121: np.uint8, 5123: np.uint16, 5126: np.float32}[accessor.componentType]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}[accessor.type]
        values = np.frombuffer(self.blob, dtype, accessor.count * width, view.byteOffset).reshape(-1, width)
        assert values.nbytes == view.byteLength
        if accessor.min:
            np.testing.assert_array_equal([values.min(0), values.max(0)], np.float32([accessor.min, accessor.max]))
        return values

    def times_s(self) -> np.ndarray:
        return self.array(self.gltf.animations[0].samplers[0].input)[:, 0]

    def global_matrices(self, key: int | None) -> list[np.ndarray]:
        """(4, 4) of every node, at a key of the animation or without it."""
        nodes = self.gltf.nodes
        local = [
            {
                "translation": n.translation or [0, 0, 0],
                "rotation": n.rotation or [0, 0, 0, 1],
                "scale": n.scale or [1] * 3,
            }
            for n in nodes
        ]
        if key is not None:
            (animation,) = self.gltf.animations
            for channel in animation.channels:
                output = self.array(animation.samplers[channel.sampler].output)
                local[channel.target.node][channel.target.path] = output[key]
        matrices: list[Any] = [None] * len(nodes)

        def visit(node: int, above: np.ndarray) -> None:
            matrices[node] = above @ _matrix(**local[node])
            for child in nodes[node].children or []:
                visit(child, matrices[node])

        for root in self.gltf.scenes[self.gltf.scene].nodes:
            visit(root, np.eye(4))
        return matrices

    def joints(self, skin: int = 0) -> dict[str, np.ndarray]:
        keys = range(len(self.times_s())) if self.gltf.animations else [None]
        places = np.array([[matrix[:3, 3] for matrix in self.global_matrices(key)] for key in keys])
        names = {node: self.gltf.nodes[node].name for node in self.gltf.skins[skin].joints}
        return {BVH_JOINTS[name]: z_up_mm(places[:, node]) for node, name in names.items() if name in BVH_JOINTS}


def _matrix(translation: Any, rotation: Any, scale: Any) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    matrix = np.eye(4)
    np.testing.assert_allclose(np.linalg.norm(rotation), 1, atol=1e-6)
    matrix[:3, :3] = Rotation.from_quat(rotation).as_matrix() * scale
    matrix[:3, 3] = translation
    return matrix


def read_glb(path: Path) -> dict[str, np.ndarray]:
    return Glb(path).joints()


def read_trc(path: Path) -> dict[str, np.ndarray]:
    """By OpenSim's description of the format: tabs part cells, an empty cell is unknown."""
    lines = path.read_text(encoding="ascii").split("\n")
    facts = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
    names = [name for name in lines[3].split("\t")[2:] if name]
    *labels, end = lines[4].split("\t")[2:]
    assert end == ""  # as many fields as in the rows, or pandas shifts the columns
    assert labels == [f"{axis}{i + 1}" for i in range(len(names)) for axis in "XYZ"]
    rows = [line.split("\t") for line in lines[6:-1]]
    assert lines[5] == lines[-1] == "" and {len(row) for row in rows} <= {2 + len(labels) + 1}
    assert (len(rows), len(names)) == (int(facts["NumFrames"]), int(facts["NumMarkers"]))
    assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
    np.testing.assert_allclose(
        [float(row[1]) for row in rows], np.arange(len(rows)) / float(facts["DataRate"]), atol=1e-5
    )
    assert facts["Units"] == "m"
    values = np.array([[float(cell or "nan") for cell in row[2:-1]] for row in rows]).reshape(len(rows), -1, 3)
    return {name: z_up_mm(values[:, i]) for i, name in enumerate(names)}


def read_c3d(path: Path) -> dict[str, np.ndarray]:
    import ezc3d

    file = ezc3d.c3d(str(path))
    assert file["parameters"]["POINT"]["UNITS"]["value"] == ["mm"]
    names = file["parameters"]["POINT"]["LABELS"]["value"]
    return {name: file["data"]["points"][:3, i].T for i, name in enumerate(names)}


def read_csv(path: Path) -> dict[str, np.ndarray]:
    joints: dict[str, list[Any]] = {}
    with path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            joints.setdefault(row["joint"], []).append([float(row[f"{axis}_world_mm"] or "nan") for axis in "xyz"])
    return {name: np.array(places) for name, places in joints.items()}


def read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as data:
        world = data["joints_world_mm"]
        return {name: world[0, :, i] for i, name in enumerate(data["joint_names"].tolist())} if len(world) else {}


READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    "bvh": read_bvh,
    "glb": read_glb,
    "trc": read_trc,
    "c3d": read_c3d,
    "csv": read_csv,
    "npz": read_npz,
}


@pytest.fixture(params=list(READERS))
def format_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def truth() -> Any:
    """This module: its functions, for tests that pytest imports without a package."""
    import sys

    return sys.modules[__name__]
