from pathlib import Path

import torch

from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import RAD, axis_angle, rotation_vector
from hourlift.synth.pose.prior import PRIOR_FILE, PosePrior, pose_vectors, sample_prior, without_heading


def flexion(body: Body, rotations: torch.Tensor, chain: tuple[str, str, str]) -> torch.Tensor:
    """Signed flexion (B,) in degrees of the hinge about the person's left at a knee."""
    heads = body.bone_mean
    first = heads[body.bone[chain[1]]] - heads[body.bone[chain[0]]]
    second = rotations[:, body.bone[chain[1]]] @ (heads[body.bone[chain[2]]] - heads[body.bone[chain[1]]])
    cross = torch.linalg.cross(first.expand_as(second), second)
    return torch.atan2(cross[:, 0], second @ first) / RAD


def test_poses_are_rotations_and_repeat(body: Body) -> None:
    rotations = sample_prior(body, Draw(3, 64))
    assert rotations.shape == (64, body.num_bones, 3, 3)
    torch.testing.assert_close(rotations @ rotations.mT, torch.eye(3).expand_as(rotations), atol=1e-5, rtol=0)
    assert torch.equal(rotations, sample_prior(body, Draw(3, 64)))


def test_knees_do_not_bend_backwards(body: Body) -> None:
    rotations = sample_prior(body, Draw(4, 4000))
    for side in (".L", ".R"):
        angle = flexion(body, rotations, ("upperleg01" + side, "lowerleg01" + side, "foot" + side))
        assert angle.min() > -1 and angle.max() < 156
        assert 15 < angle.median() < 50 and (angle > 90).float().mean() > 0.03


def test_left_and_right_are_alike(body: Body) -> None:
    rotations = sample_prior(body, Draw(5, 8000))
    for bone in ("upperleg01", "upperarm01", "lowerarm01"):
        left, right = (rotation_vector(rotations[:, body.bone[bone + side]]).norm(dim=-1) for side in (".L", ".R"))
        torch.testing.assert_close(left.quantile(0.5), right.quantile(0.5), atol=0.06, rtol=0)


def test_temperature_spreads(body: Body) -> None:
    spread = [
        PosePrior.load().draw(Draw(6, 3000), temperature).std(0).square().sum().sqrt() for temperature in (0, 0.5, 1.0)
    ]
    assert spread[0] < spread[1] < spread[2]


def test_the_file_is_small_and_holds_averages(tmp_path: Path) -> None:
    assert PRIOR_FILE.stat().st_size < 300_000
    prior = PosePrior.load()
    torch.testing.assert_close(prior.weights.sum(), torch.tensor(1.0), atol=1e-2, rtol=0)
    assert prior.weights.max() < 0.2
    prior.save(tmp_path / "again.npz")
    again = PosePrior.load(tmp_path / "again.npz")
    assert all(torch.equal(getattr(prior, name), getattr(again, name)) for name in ("means", "factors", "low", "basis"))


def test_heading_is_the_turn_about_the_vertical(body: Body) -> None:
    lean = axis_angle(torch.tensor([[1.0, 0.4, 0.0]]), torch.tensor([0.7]))
    turn = axis_angle(torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([2.5]))
    torch.testing.assert_close(without_heading(turn @ lean), lean, atol=1e-5, rtol=0)
    rotations = torch.eye(3).repeat(1, body.num_bones, 1, 1)
    rotations[:, body.bone["root"]] = turn @ lean
    vector = pose_vectors(body, rotations, ["root"])
    torch.testing.assert_close(vector[0, 0], 0.7 * torch.tensor([1.0, 0.4, 0.0]) / 1.16**0.5, atol=1e-5, rtol=0)
