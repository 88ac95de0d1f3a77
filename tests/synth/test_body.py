"""The body's truths: what posing may and may not change."""

import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import axis_angle
from hourlift.synth.pose.mix import PoseMix, sample_rotations

MIRROR = torch.tensor([-1.0, 1.0, 1.0])
# Bones between heads of bones that follow each other; the others bend with the spine or the collar bone.
RIGID = [(f"{side}_{upper}", f"{side}_{lower}") for side in "lr" for upper, lower in
         (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))]  # fmt: skip
RIGID += [("pelvis", "l_hip"), ("pelvis", "r_hip")]
# The skeleton published for Human3.6M, mm.
HUMAN36M_MM = {
    "l_hip": 133, "l_knee": 443, "l_ankle": 454, "spine": 233, "thorax": 257, "nose": 121, "head": 115,
    "l_shoulder": 151, "l_elbow": 279, "l_wrist": 252,
}  # fmt: skip


def people(body: Body, count: int) -> tuple[Tensor, Tensor]:
    """Coefficients and poses."""
    draw = Draw(7, count)
    shapes, _ = body.sample_shapes(count, draw.generator)
    return shapes, sample_rotations(body, draw, PoseMix())[0]


def at_rest(body: Body, count: int) -> Tensor:
    return torch.eye(3).expand(count, body.num_bones, 3, 3)


def lengths(joints: Tensor, bones: list[tuple[str, str]]) -> Tensor:
    start, end = (H36M17.indices(*names) for names in zip(*bones, strict=True))
    return (joints[:, start] - joints[:, end]).norm(dim=-1)


def test_without_rotation_everybody_is_at_rest(body: Body) -> None:
    shapes, _ = people(body, 4)
    turn, offset = body.forward_kinematics(at_rest(body, 4), body.bone_heads(shapes))
    assert torch.equal(turn, at_rest(body, 4))
    assert offset.abs().max() < 1e-6
    vertices = body.pose(shapes, at_rest(body, 4)).vertices
    # Skinning weights are stored in half precision: they add up to 1 only roughly.
    torch.testing.assert_close(
        vertices, body.mean + torch.einsum("bc,cvd->bvd", shapes, body.components), atol=2e-3, rtol=0
    )


def test_turning_the_root_moves_the_whole_body_rigidly(body: Body) -> None:
    shapes, rotations = people(body, 3)
    quarter = axis_angle(torch.tensor([0.3, -1.0, 2.0]), torch.tensor([1.0, 2.0, -0.5]))
    turned = rotations.clone()
    turned[:, body.bone["root"]] = quarter @ rotations[:, body.bone["root"]]
    before, after = body.joints(shapes, rotations), body.joints(shapes, turned)
    root = body.bone_heads(shapes)[:, body.bone["root"], None]
    torch.testing.assert_close((before - root) @ quarter.mT, after - root, atol=1e-5, rtol=0)


def test_posing_keeps_the_lengths_of_limbs(body: Body) -> None:
    shapes, rotations = people(body, 64)
    rest, posed = body.joints(shapes, at_rest(body, 64)), body.joints(shapes, rotations)
    torch.testing.assert_close(lengths(posed, RIGID), lengths(rest, RIGID), atol=1e-5, rtol=0)


def test_joints_are_those_of_the_skinned_body(body: Body) -> None:
    shapes, rotations = people(body, 8)
    posed = body.pose(shapes, rotations)
    torch.testing.assert_close(body.joints(shapes, rotations), posed.joints, atol=1e-5, rtol=0)
    torch.testing.assert_close(posed.normals.norm(dim=-1), torch.ones(posed.normals.shape[:2]), atol=1e-4, rtol=0)


def test_the_axes_at_rest(body: Body) -> None:
    """+x is the person's left, -y the front, +z up."""
    joints = dict(
        zip(H36M17.joint_names, body.joints(torch.zeros(1, body.people.shape[1]), at_rest(body, 1))[0], strict=True)
    )
    assert joints["l_wrist"][0] > 0.1 > -0.1 > joints["r_wrist"][0]
    assert joints["nose"][1] < joints["pelvis"][1] - 0.03
    assert joints["head"][2] > joints["thorax"][2] > joints["pelvis"][2] > joints["l_knee"][2] > joints["l_ankle"][2]


def test_mirrored_poses_have_mirrored_joints(body: Body) -> None:
    _, rotations = people(body, 16)
    other = [
        body.bone[label[:-1] + {"L": "R", "R": "L"}[label[-1]] if "." in label else label] for label in body.labels
    ]
    mirrored = MIRROR.diag() @ rotations[:, other] @ MIRROR.diag()
    mean = torch.zeros(16, body.people.shape[1])
    joints, reflection = body.joints(mean, rotations), body.joints(mean, mirrored)
    flip = torch.as_tensor(H36M17.flip_permutation)
    torch.testing.assert_close(reflection, joints[:, flip] * MIRROR, atol=2e-3, rtol=0)


def test_statures_are_those_of_people(body: Body) -> None:
    shapes, height_mm = body.sample_shapes(512, torch.Generator().manual_seed(1))
    height = body.pose(shapes[:8], at_rest(body, 8)).vertices[:, body.layer == 0, 2]
    torch.testing.assert_close(1000 * (height.amax(1) - height.amin(1)), height_mm[:8], atol=15, rtol=0)
    assert height_mm.min() >= 1300 and height_mm.max() <= 2050
    adults = body.height_mm[body.adult]
    assert adults.min() >= 1450 and adults.quantile(0.05) < 1550 and adults.quantile(0.95) > 1860
    men, women = (adults[body.male[body.adult] == sex].median() for sex in (True, False))
    assert 60 < men - women < 160
    assert 0.1 < 1 - body.adult.float().mean() < 0.25


def test_bone_ratios_of_adults_are_those_of_human36m(body: Body) -> None:
    adults = body.people[body.adult][:512]
    for rotations in (at_rest(body, 512), people(body, 512)[1]):
        joints = body.joints(adults, rotations)
        edges = [edge for edge in named_edges() if edge[1] in HUMAN36M_MM]
        found = lengths(joints, edges).mean(0)
        published = torch.tensor([float(HUMAN36M_MM[child]) for _, child in edges])
        ratio = (found / found.sum()) / (published / published.sum())
        assert (ratio - 1).abs().max() < 0.03, dict(zip((child for _, child in edges), ratio.tolist(), strict=True))


def named_edges() -> list[tuple[str, str]]:
    names = H36M17.joint_names
    return [(names[parent], names[child]) for parent, child in H36M17.edges]


def test_traits_tell_limbs_apart(body: Body) -> None:
    arm, leg = body.traits.arm, body.traits.leg
    assert ((arm > -1) & (leg > -1)).sum() == 0
    z = body.mean[:, 2]
    assert z[(leg > 1.9)].mean() < z[(leg > 0.9) & (leg < 1.1)].mean() < z[(leg > -1) & (leg < 0.1)].mean()
    assert (z[body.traits.head > 0.9] > z[body.traits.foot > 0.9].max()).all()
