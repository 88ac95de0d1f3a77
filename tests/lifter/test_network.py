"""The lifter's network against the published numbers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import box_from_joints
from hourlift.lifter.inputs import crop_pair, lift_pair, person_pair
from hourlift.lifter.loss import bone_loss, l2_loss, spread_loss
from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.lifter.normalize import ROOT, crop_offsets, denormalize, normalize_rays, person_input

People = Callable[[int], np.ndarray]
SMALL = LifterConfig(width=32, num_blocks=1)


def test_parameters_are_as_published() -> None:
    # 4.29 M for 1024 x 2 blocks, 16 joints in and out (the paper says 4 to 5 million).
    count = sum(parameter.numel() for parameter in Lifter(LifterConfig()).parameters())
    in_layer, out_layer = 32 * 1024 + 1024 + 2048, 1024 * 48 + 48
    assert count == in_layer + 4 * (1024 * 1024 + 1024 + 2048) + out_layer == 4_291_632


def test_the_root_is_zero_and_the_order_is_kept() -> None:
    lifter = Lifter(SMALL).eval()
    lifter.output_mean.copy_(torch.arange(1.0, 17.0)[:, None].expand(16, 3))
    lifter.output_std.zero_()
    joints_mm = lifter(torch.randn(4, 17, 2))
    assert joints_mm.shape == (4, 17, 3)
    assert torch.equal(joints_mm[0, :, 0], torch.arange(17.0)) and (joints_mm[:, ROOT] == 0).all()


def test_the_root_of_the_input_is_not_read() -> None:
    lifter, rays = Lifter(SMALL).eval(), torch.randn(4, 17, 2)
    moved = rays.clone()
    moved[:, ROOT] += 10
    assert torch.equal(lifter(rays), lifter(moved))


def test_nothing_follows_the_residual_sum() -> None:
    lifter = Lifter(SMALL).eval()
    block = lifter.layers[-2]
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.randn(4, SMALL.width)
    assert torch.equal(block(x), x)  # negative values pass: no ReLU after the sum


def test_statistics_standardise_both_sides() -> None:
    lifter = Lifter(SMALL)
    rays, joints_mm = torch.randn(500, 17, 2) * 3 + 1, torch.randn(500, 17, 3) * 200 - 50
    joints_mm[:, 4] = 7.0  # never moves
    lifter.set_statistics(rays, joints_mm)
    standardized = (rays[:, 1:] - lifter.input_mean) / lifter.input_std
    assert standardized.mean().abs() < 1e-5 and abs(standardized.std() - 1) < 1e-3
    assert torch.isfinite(lifter(rays)).all()
    assert set(lifter.state_dict()) >= {"input_mean", "input_std", "output_mean", "output_std"}


def test_loss_counts_standard_deviations() -> None:
    std_mm = torch.full((16, 3), 100.0)
    true_mm = torch.zeros(2, 17, 3)
    predicted_mm = true_mm + 200.0
    assert l2_loss(predicted_mm, true_mm, std_mm).item() == pytest.approx(4.0)
    predicted_mm[:, 1:] = 0.0  # only the root is off, which does not count
    assert l2_loss(predicted_mm, true_mm, std_mm).item() == 0.0


def test_training_pairs_match_numpy(people: People) -> None:
    joints = people(64)
    expected = normalize_rays(joints)
    rays, targets = lift_pair(torch.from_numpy(joints))
    torch.testing.assert_close(rays.float(), torch.from_numpy(expected.rays), atol=1e-6, rtol=0)
    back = torch.from_numpy(denormalize(targets.numpy(), expected.rotation))
    torch.testing.assert_close(back, torch.from_numpy(joints - joints[:, ROOT : ROOT + 1]), atol=1e-8, rtol=0)


def test_training_pairs_with_detections_match_numpy(people: People) -> None:
    joints = torch.from_numpy(people(64))
    generator = torch.Generator().manual_seed(1)
    noise = 0.02 * torch.randn(64, 17, 2, generator=generator, dtype=joints.dtype)
    detections = joints[..., :2] / joints[..., 2:] + noise
    expected = normalize_rays(torch.cat((detections, torch.ones(64, 17, 1)), dim=-1).numpy())
    rays, targets = lift_pair(joints, detections)
    torch.testing.assert_close(rays.float(), torch.from_numpy(expected.rays), atol=1e-6, rtol=0)
    back = torch.from_numpy(denormalize(targets.numpy(), expected.rotation))
    torch.testing.assert_close(back, joints - joints[:, ROOT : ROOT + 1], atol=1e-8, rtol=0)


def test_training_pairs_of_the_reports_normalisation_match_numpy(people: People) -> None:
    joints = torch.from_numpy(people(64))
    exact = joints[..., :2] / joints[..., 2:]
    boxes = box_from_joints(exact.numpy())
    for detections in (None, exact + 0.02 * torch.randn(64, 17, 2, dtype=joints.dtype)):
        offsets, targets = crop_pair(joints, detections)
        expected = crop_offsets((exact if detections is None else detections).numpy(), boxes)
        torch.testing.assert_close(offsets.float(), torch.from_numpy(expected), atol=1e-3, rtol=0)
        torch.testing.assert_close(targets, joints - joints[:, ROOT : ROOT + 1])


def test_the_network_learns_a_toy_mapping(people: People) -> None:
    torch.manual_seed(0)
    lifter = Lifter(LifterConfig(width=64, num_blocks=1, dropout=0.0))
    rays, joints_mm = lift_pair(torch.from_numpy(people(256)).float())
    lifter.set_statistics(rays, joints_mm)
    optimizer = torch.optim.Adam(lifter.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = l2_loss(lifter(rays), joints_mm, lifter.output_std)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


PERSON = replace(SMALL, channels=4, spread=True)


def person_inputs(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    seen = torch.randn(count, 17, 4, generator=generator)
    seen[..., 2] = torch.rand(count, 17, generator=generator) * 0.9 + 0.1
    seen[..., 3] = 0.2 + 0.3 * torch.rand(count, 1, generator=generator)
    return seen


@pytest.mark.parametrize("missing", [[], [5], [ROOT], [ROOT, 1, 4, 12]])
def test_person_pairs_are_the_geometry_of_prediction(missing: list[int], people: People) -> None:
    people_mm, camera = people(6), Camera(fx=900, fy=900, cx=320, cy=240, image_wh=(640, 480))
    confidence = np.random.default_rng(0).uniform(0.1, 1, (6, 17))
    confidence[:, missing] = 0
    read, lifted = person_input(camera.project(people_mm), confidence, camera)
    mm = torch.from_numpy(people_mm)
    seen, target = person_pair(
        mm, mm[..., :2] / mm[..., 2:], torch.from_numpy(confidence), torch.tensor([True] * 5 + [False])
    )
    assert (seen[5, :, 3] == 0).all()
    np.testing.assert_allclose(seen[..., :3], read[..., :3], atol=2e-5)
    np.testing.assert_allclose(seen[:5, :, 3], read[:5, :, 3], rtol=1e-4)
    back = denormalize(target.numpy(), lifted.rotation)
    np.testing.assert_allclose(back, people_mm - people_mm[:, ROOT : ROOT + 1], atol=1e-6)


def test_pairs_are_made_where_the_joints_are() -> None:
    joints_mm = torch.empty(2, 17, 3, device="meta")  # which takes no part in what is computed elsewhere
    pair = person_pair(
        joints_mm, joints_mm[..., :2], joints_mm[..., 0], torch.empty(2, dtype=torch.bool, device="meta")
    )
    for each in (*pair, *lift_pair(joints_mm), *crop_pair(joints_mm)):
        assert each.device.type == "meta"


def test_what_is_unknown_is_not_read() -> None:
    torch.manual_seed(0)
    lifter, seen = Lifter(PERSON).eval(), person_inputs(4)
    seen[:, 5, 2] = 0
    moved = seen.clone()
    moved[:, 5, :2] += 10
    assert torch.equal(lifter(seen), lifter(moved))
    seen[..., 3] = 0
    assert torch.isfinite(lifter(seen)).all()


def test_the_spread_learns_the_mean_distance_and_teaches_the_joints_nothing() -> None:
    torch.manual_seed(0)
    lifter, seen = Lifter(PERSON).eval(), person_inputs(64)
    answer = lifter(seen)
    assert answer.shape == (64, 17, 4) and (answer[:, ROOT] == 0).all() and (answer[:, 1:, 3] > 0).all()
    truth = answer[..., :3].detach() + torch.randn(64, 17, 3)
    spread_loss(answer[..., 3], answer[..., :3], truth).backward()
    touched = {name.split(".")[0] for name, p in lifter.named_parameters() if p.grad is not None and p.grad.any()}
    assert touched == {"spread"}
    distance = torch.full((1, 17, 3), 10.0)
    spreads = torch.linspace(5, 40, 200)
    losses = [spread_loss(s.expand(1, 17), torch.zeros(1, 17, 3), distance).item() for s in spreads]
    assert spreads[int(np.argmin(losses))].item() == pytest.approx(10 * 3**0.5, abs=0.2)


def test_bones_of_the_right_length_cost_nothing_however_they_turn() -> None:
    std, joints = torch.full((16, 3), 100.0), torch.randn(3, 17, 3, generator=torch.Generator().manual_seed(0)) * 300
    assert bone_loss(joints[..., [1, 2, 0]], joints, std).item() == pytest.approx(0, abs=1e-6)
    assert bone_loss(1.1 * joints, joints, std).item() > 0.1
