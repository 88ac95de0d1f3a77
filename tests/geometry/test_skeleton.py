import numpy as np
import pytest

from hourlift.geometry import COCO17, H36M17, LIMB_JOINTS, LSP14, MPII16, SKELETONS, Skeleton, map_joints
from hourlift.geometry.skeleton import HEAD_TOP


def test_h36m17_is_the_order_that_the_conventions_promise():
    promised = """pelvis r_hip r_knee r_ankle l_hip l_knee l_ankle spine thorax nose head
        l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist"""
    assert H36M17.joint_names == tuple(promised.split())
    assert H36M17.parents == (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_every_skeleton_is_one_tree(skeleton: Skeleton):
    assert len(skeleton.edges) == skeleton.num_joints - 1
    for joint in range(skeleton.num_joints):
        steps = 0
        while joint != skeleton.root:
            joint, steps = skeleton.parents[joint], steps + 1
            assert steps < skeleton.num_joints, "a loop"


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_flip_swaps_exactly_the_sides_and_twice_is_nothing(skeleton: Skeleton):
    mirrored = [skeleton.joint_names[i] for i in skeleton.flip_permutation]
    other = {"l": "r_", "r": "l_"}
    assert mirrored == [other[n[0]] + n[2:] if n[1] == "_" else n for n in skeleton.joint_names]
    assert (skeleton.flip_permutation[skeleton.flip_permutation] == np.arange(skeleton.num_joints)).all()


def test_flipped_bones_are_bones():
    order = H36M17.flip_permutation
    assert {(order[a], order[b]) for a, b in H36M17.edges} == set(H36M17.edges)


def test_an_unknown_joint_is_named_together_with_the_known():
    with pytest.raises(ValueError, match=r"h36m17 has no joint 'tail'; it has pelvis, r_hip"):
        H36M17.index("tail")
    assert H36M17.indices("r_wrist", "pelvis") == [16, 0]


def test_a_skeleton_with_two_roots_is_refused():
    with pytest.raises(ValueError, match="root"):
        Skeleton(name="x", joint_names=("a", "b"), parents=(-1, -1), flip_pairs=())


@pytest.mark.parametrize("source", SKELETONS.values(), ids=lambda s: s.name)
@pytest.mark.parametrize("target", SKELETONS.values(), ids=lambda s: s.name)
def test_map_copies_the_twelve_limb_joints(source: Skeleton, target: Skeleton):
    joints = np.random.default_rng(0).normal(size=(2, source.num_joints, 3)).astype(np.float32)
    mapped = map_joints(joints, source, target)
    assert mapped.shape == (2, target.num_joints, 3) and mapped.dtype == np.float32
    np.testing.assert_array_equal(
        mapped[:, target.indices(*LIMB_JOINTS)], joints[:, source.indices(*LIMB_JOINTS)], strict=True
    )


def test_map_from_coco_uses_the_documented_means():
    joints = np.zeros((17, 2))
    joints[COCO17.indices("l_hip", "r_hip")] = [[2, 10], [4, 10]]
    joints[COCO17.indices("l_shoulder", "r_shoulder")] = [[1, 2], [3, 4]]
    joints[COCO17.indices("l_eye", "r_eye", "nose")] = [[5, 0], [7, 0], [6, 1]]
    mapped = map_joints(joints, COCO17, H36M17)
    got = mapped[H36M17.indices("pelvis", "thorax", "spine", "head", "nose")]
    np.testing.assert_allclose(got, [[3, 10], [2, 3], [2.5, 6.5], [6, 0], [6, 1]])


def test_map_leaves_nan_where_the_source_does_not_say():
    def unknown(source: Skeleton, target: Skeleton) -> set[str]:
        mapped = map_joints(np.ones((source.num_joints, 2)), source, target)
        return {name for name, joint in zip(target.joint_names, mapped, strict=True) if np.isnan(joint).any()}

    assert unknown(MPII16, H36M17) == {"nose"}
    assert unknown(LSP14, H36M17) == {"nose"}
    assert unknown(H36M17, MPII16) == {"upper_neck"}
    assert unknown(H36M17, LSP14) == {"neck"}
    assert unknown(COCO17, LSP14) == {"neck", "head_top"}
    assert unknown(LSP14, MPII16) == set()
    assert unknown(H36M17, H36M17) == set()


def test_map_does_not_average_over_a_missing_hip():
    joints = np.ones((17, 2))
    joints[COCO17.index("l_hip")] = np.nan
    assert np.isnan(map_joints(joints, COCO17, H36M17)[H36M17.index("pelvis")]).all()


def test_map_takes_integers_and_refuses_a_wrong_joint_count():
    assert map_joints(np.ones((14, 2), int), LSP14, H36M17)[0, 0] == 1.0
    with pytest.raises(ValueError, match="lsp14 needs an array"):
        map_joints(np.ones((17, 2)), LSP14, H36M17)


def test_the_head_is_the_middle_of_the_head_in_every_skeleton() -> None:
    mpii, lsp = np.zeros((16, 2)), np.zeros((14, 2))
    mpii[MPII16.indices("head_top", "upper_neck")] = [[0, -10], [0, 10]]
    lsp[LSP14.indices("head_top", "neck")] = [[0, -10], [0, 10]]
    for joints, skeleton in ((mpii, MPII16), (lsp, LSP14)):
        np.testing.assert_allclose(map_joints(joints, skeleton, H36M17)[H36M17.index("head")], [0, 0])
    mine = np.zeros((17, 2))
    mine[H36M17.indices("thorax", "head")] = [[0, 100], [0, 0]]
    np.testing.assert_allclose(map_joints(mine, H36M17, MPII16)[MPII16.index("head_top")], [0, -66])


def test_the_top_of_the_head_is_where_the_generators_people_have_it() -> None:
    torch = pytest.importorskip("torch")
    body = pytest.importorskip("hourlift.synth.body.parametric").Body()
    shapes, _ = body.sample_shapes(64, torch.Generator().manual_seed(0))
    people = body.pose(shapes, torch.eye(3).expand(64, body.num_bones, 3, 3))
    thorax, head = (people.joints[:, H36M17.index(name), 2] for name in ("thorax", "head"))
    top = people.vertices[..., 2].amax(1)
    assert ((top - thorax) / (head - thorax)).mean().item() == pytest.approx(HEAD_TOP, abs=0.02)
