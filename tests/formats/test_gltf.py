"""glTF: the skin, the animation, and several people, read by pygltflib."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from hourlift.formats.table import write_poses
from hourlift.geometry.skeleton import H36M17


def glb(truth: Any, folder: Path, document: Any) -> Any:
    (file,) = write_poses(folder / "a.glb", document)
    return truth.Glb(file)


def test_the_container(truth: Any, tmp_path: Path) -> None:
    glb(truth, tmp_path, truth.document_of(truth.joints_of(truth.random_directions(3, seed=0))))
    data = (tmp_path / "a.glb").read_bytes()
    magic, version, length, json_length, json_type = struct.unpack_from("<4s4I", data)
    assert (magic, version, length, json_type) == (b"glTF", 2, len(data), 0x4E4F534A)
    document = json.loads(data[20 : 20 + json_length])
    binary_length, binary_type = struct.unpack_from("<2I", data, 20 + json_length)
    assert binary_type == 0x004E4942
    assert 20 + json_length + 8 + binary_length == len(data)
    assert json_length % 4 == binary_length % 4 == 0
    assert document["buffers"] == [{"byteLength": binary_length}]


def test_the_skin_lies_on_the_joints_in_every_frame(truth: Any, tmp_path: Path) -> None:
    document = truth.document_of(truth.joints_of(truth.random_directions(5, seed=1)))
    read = glb(truth, tmp_path, document)
    room_mm = truth.room_mm(document)
    (skin,), (mesh,) = read.gltf.skins, read.gltf.meshes
    attributes = mesh.primitives[0].attributes
    vertices = read.array(attributes.POSITION)
    owners, weights = read.array(attributes.JOINTS_0), read.array(attributes.WEIGHTS_0)
    assert (weights == [255, 0, 0, 0]).all()
    binds = read.array(skin.inverseBindMatrices).reshape(-1, 4, 4).transpose(0, 2, 1)
    for t in range(5):
        matrices = read.global_matrices(t)
        skinned = [
            (matrices[skin.joints[owner]] @ binds[owner] @ [*vertex, 1])[:3]
            for vertex, owner in zip(vertices, owners[:, 0], strict=True)
        ]
        corners = truth.z_up_mm(np.array(skinned)).reshape(16, 6, 3)
        ends = sorted((*corners[i, 0].round(0), *corners[i, 5].round(0)) for i in range(16))
        bones = sorted((*room_mm[t, a].round(0), *room_mm[t, b].round(0)) for a, b in H36M17.edges)
        np.testing.assert_allclose(ends, bones, atol=1.01)


def test_the_mesh_is_closed_and_faces_outward(truth: Any, tmp_path: Path) -> None:
    read = glb(truth, tmp_path, truth.document_of(truth.joints_of(truth.random_directions(2, seed=2))))
    (mesh,) = read.gltf.meshes
    vertices = read.array(mesh.primitives[0].attributes.POSITION).astype(float)
    faces = np.concatenate([read.array(primitive.indices).reshape(-1, 3) for primitive in mesh.primitives])
    assert sorted(faces[:, 0] // 6 * 6 + 5 >= faces.max(axis=1)) == [True] * 128  # each within its bone
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    assert {tuple(edge) for edge in edges} == {(b, a) for a, b in edges}
    for bone in range(16):
        a, b, c = np.moveaxis(vertices[faces[faces[:, 0] // 6 == bone]], 1, 0)
        middle = vertices[6 * bone : 6 * bone + 6].mean(axis=0)
        assert ((np.cross(b - a, c - a) * (a - middle)).sum(axis=-1) > 0).all()


def test_left_and_right_have_their_colours(truth: Any, tmp_path: Path) -> None:
    document = truth.document_of(truth.joints_of(truth.random_directions(2, seed=3)))
    read = glb(truth, tmp_path, document)
    (mesh,) = read.gltf.meshes
    owners = read.array(mesh.primitives[0].attributes.JOINTS_0)[:, 0]
    names = [read.gltf.nodes[node].name for node in read.gltf.skins[0].joints]
    shown = {
        read.gltf.materials[primitive.material].name: {names[i][0] for i in owners[read.array(primitive.indices)[:, 0]]}
        for primitive in mesh.primitives
    }
    assert shown["left"] == {"L"}
    assert shown["right"] == {"R"}
    assert shown["centre"] == {"L", "S", "N", "H"}  # LowerBack, Spine, Neck, Head


def test_keys_are_at_the_frames_own_times(truth: Any, tmp_path: Path) -> None:
    times_s = np.array([5.0, 5.1, 5.5, 5.6])
    document = truth.document_of(truth.joints_of(truth.random_directions(4, seed=4)), times_s=times_s)
    np.testing.assert_allclose(glb(truth, tmp_path, document).times_s(), [0, 0.1, 0.5, 0.6], atol=1e-6)


def test_who_is_not_there_has_no_size(truth: Any, tmp_path: Path) -> None:
    people = [truth.joints_of(truth.random_directions(4, seed=seed)) for seed in (5, 6)]
    document = truth.document_of(*people, present=np.array([[1, 1, 1, 1], [0, 1, 0, 1]], bool))
    read = glb(truth, tmp_path, document)
    assert [read.gltf.nodes[root].name for root in read.gltf.scenes[0].nodes] == [
        *("person 0", "person 0 mesh", "person 1", "person 1 mesh")
    ]
    first, second = read.joints(0), read.joints(1)
    for i, name in enumerate(H36M17.joint_names):
        np.testing.assert_allclose(first[name], truth.room_mm(document, 0)[:, i], atol=0.5)
        np.testing.assert_allclose(second[name][[1, 3]], truth.room_mm(document, 1)[[1, 3], i], atol=0.5)
        assert (second[name][[0, 2]] == 0).all()
    (scale,) = [c for c in read.gltf.animations[0].channels if c.target.path == "scale"]
    assert read.gltf.animations[0].samplers[scale.sampler].interpolation == "STEP"


def test_a_photo_has_no_animation_and_a_video_shows_its_first_pose(truth: Any, tmp_path: Path) -> None:
    joints = truth.joints_of(truth.random_directions(3, seed=7))
    photo = glb(truth, tmp_path, truth.document_of(joints[:1], kind="photo", fps=None))
    assert photo.gltf.animations == []
    video = glb(truth, tmp_path, truth.document_of(joints))
    for still, moving in zip(photo.global_matrices(None), video.global_matrices(None), strict=True):
        np.testing.assert_allclose(still, moving, atol=1e-5)


def test_neighbouring_quaternions_are_neighbours(truth: Any, tmp_path: Path) -> None:
    """Viewers that mix quaternions without a look at their signs would turn the long way round."""
    read = glb(truth, tmp_path, truth.document_of(truth.joints_of(truth.random_directions(30, seed=8))))
    (animation,) = read.gltf.animations
    rotations = [c for c in animation.channels if c.target.path == "rotation"]
    assert len(rotations) == 18
    for channel in rotations:
        quaternions = read.array(animation.samplers[channel.sampler].output)
        assert ((quaternions[1:] * quaternions[:-1]).sum(axis=-1) >= -1e-6).all()
