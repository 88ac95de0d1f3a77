import numpy as np
import pytest

from hourlift.geometry import H36M17
from hourlift.geometry.bones import bone_lengths, bone_vectors, standing_height, with_bone_lengths


def random_joints(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 300, (frames, 17, 3))


def test_lengths_are_medians_and_alike_on_both_sides() -> None:
    joints = np.zeros((3, 17, 3))
    knee, l_knee = H36M17.indices("r_knee", "l_knee")
    joints[:, knee, 1] = [400, 410, 900]  # the hip is at 0: lengths of the thigh
    joints[:, l_knee, 1] = [420, 430, 440]
    lengths = bone_lengths(joints)
    assert lengths[knee] == lengths[l_knee] == (410 + 430) / 2
    assert lengths[H36M17.root] == 0


def test_only_confident_frames_count_where_there_are_some() -> None:
    joints = np.zeros((3, 17, 3))
    spine, thorax = H36M17.indices("spine", "thorax")
    joints[:, spine:, 1] = np.array([200.0, 500.0, 500.0])[:, None]
    confidence = np.full((3, 17), 0.1)
    confidence[0, [0, spine]] = 0.9
    assert bone_lengths(joints, confidence)[spine] == 200
    assert bone_lengths(joints)[spine] == 500
    assert bone_lengths(joints, confidence)[thorax] == 0  # nobody is sure of it: all frames count


def test_new_lengths_keep_directions() -> None:
    joints = random_joints(20)
    wanted = bone_lengths(joints)
    moved = with_bone_lengths(joints, wanted)
    np.testing.assert_allclose(np.linalg.norm(bone_vectors(moved), axis=-1), np.tile(wanted, (20, 1)), atol=1e-9)
    before, after = bone_vectors(joints)[:, 1:], bone_vectors(moved)[:, 1:]
    cosine = (before * after).sum(-1) / np.linalg.norm(before, axis=-1) / np.linalg.norm(after, axis=-1)
    np.testing.assert_allclose(cosine, 1)
    np.testing.assert_array_equal(moved[:, 0], joints[:, 0])


def test_a_nan_joint_does_not_spread_and_a_nan_length_changes_nothing() -> None:
    joints = random_joints(2)
    hip, knee, ankle = H36M17.indices("l_hip", "l_knee", "l_ankle")
    joints[0, knee] = np.nan
    moved = with_bone_lengths(joints, np.full(17, 100.0))
    assert np.isnan(moved[0, knee]).all()
    np.testing.assert_array_equal(moved[0, ankle], joints[0, ankle])
    assert np.isfinite(np.delete(moved[0], knee, axis=0)).all()
    np.testing.assert_allclose(with_bone_lengths(joints, np.full(17, np.nan))[1], joints[1])
    assert np.isnan(bone_lengths(np.full((4, 17, 3), np.nan))[1:]).all()
    assert not np.isnan(with_bone_lengths(np.zeros((1, 17, 3)), np.full(17, 5.0))).any()  # bones without direction


def test_stature_of_the_generators_people() -> None:
    """The published mean skeleton of docs/synthetic-people.md, whose adults are 1.70 m tall on average."""
    lengths = np.zeros(17)
    lengths[H36M17.indices("l_knee", "l_ankle", "spine", "thorax", "nose", "head")] = [423, 431, 225, 245, 116, 110]
    assert standing_height(lengths) == pytest.approx(1700, rel=0.01)
    assert np.isnan(standing_height(np.full(17, np.nan)))


def test_the_ratios_are_those_of_the_body() -> None:
    torch = pytest.importorskip("torch")
    body = pytest.importorskip("hourlift.synth.body.parametric").Body()
    shapes, true_mm = body.sample_shapes(300, torch.Generator().manual_seed(3))
    rest = torch.eye(3).expand(300, body.num_bones, 3, 3)
    joints_mm = 1000 * body.joints(shapes, rest).numpy()
    found_mm = np.array([standing_height(bone_lengths(person[None])) for person in joints_mm])
    ratio = found_mm / true_mm.numpy()
    assert abs(ratio.mean() - 1) < 0.002
    assert ratio.std() < 0.008
