"""The report's strategies against closed forms, and its policies by their frequencies."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hourlift.geometry.crop import box_from_joints
from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass import policies
from hourlift.hourglass.policies import STRATEGIES, Augmented, Policy, Strategy, apply_policy, draw_strategies, padding
from hourlift.hourglass.warp import Draws

SIZE = 64
MIDDLE = (SIZE - 1) / 2


def always(*strategies: Strategy) -> Policy:
    return Policy(strategies=strategies, choice="each", probability=1.0)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def people(count: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Images with a bright dot under the left wrist, joints in the middle half of them, all visible."""
    generator = seeded(4)
    joints = 20 + 24 * torch.rand(count, 17, 2, generator=generator)
    place = joints[:, H36M17.index("l_wrist")]
    axis = torch.arange(SIZE)
    square = (axis[None, :, None] - place[:, 1, None, None]) ** 2 + (axis[None, None] - place[:, 0, None, None]) ** 2
    dots = (255 * torch.exp(-square / (2 * 2.0**2))).round().to(torch.uint8)
    return dots[:, None].expand(-1, 3, -1, -1), joints, torch.ones(count, 17, dtype=torch.bool)


def apply(policy: Policy, count: int = 40, seed: int = 0) -> tuple[Augmented, Tensor]:
    images, joints, visible = people(count)
    return apply_policy(images, joints, visible, policy, seeded(seed)), joints


def centres(images: Tensor) -> Tensor:
    """Centre of mass (B, 2) of each image."""
    mass, axis = images[:, 0], torch.arange(SIZE, dtype=torch.float32)
    return torch.stack([mass.sum(1) @ axis, mass.sum(2) @ axis], -1) / mass.sum((1, 2))[:, None]


@pytest.mark.parametrize(
    "policy", [always("flip"), always("rotation"), always("shift"), always("scale"), policies.NONE, always(*STRATEGIES)]
)
def test_a_dot_stays_under_its_joint(policy: Policy) -> None:
    policy = replace(policy, patch=(0.0, 0.0))  # no patch hides the dot
    changed, _ = apply(policy)
    wrist = H36M17.indices("l_wrist", "r_wrist")["flip" in policy.strategies]
    aim = changed.joints_px[:, wrist]
    whole = ((aim > 8) & (aim < SIZE - 9)).all(-1)
    assert whole.sum() > 20
    assert (centres(changed.images) - aim)[whole].abs().max() < 0.1


def test_flip_is_the_mirror_image_with_left_and_right_exchanged() -> None:
    images, joints, visible = people()
    visible[:, H36M17.index("r_knee")] = False
    changed = apply_policy(images, joints, visible, always("flip"), seeded())
    torch.testing.assert_close(changed.images, images.flip(-1) / 255, atol=2e-4, rtol=0)
    left, right = H36M17.indices("l_knee", "r_knee")
    torch.testing.assert_close(changed.joints_px[:, left, 0], SIZE - 1 - joints[:, right, 0], atol=1e-4, rtol=0)
    assert not changed.visible[:, left].any() and changed.visible[:, right].all()


def test_flipping_twice_is_the_identity() -> None:
    images, joints, visible = people()
    once = apply_policy(images, joints, visible, always("flip"), seeded())
    bytes_again = (once.images * 255).round().to(torch.uint8)
    twice = apply_policy(bytes_again, once.joints_px, once.visible, always("flip"), seeded(1))
    torch.testing.assert_close(twice.images, images / 255, atol=2e-4, rtol=0)
    torch.testing.assert_close(twice.joints_px, joints, atol=2e-4, rtol=0)
    assert torch.equal(twice.visible, visible)


def test_rotation_turns_about_the_middle_by_no_more_than_its_range() -> None:
    changed, joints = apply(replace(always("rotation"), rotation_deg=20), count=400)
    before, after = joints - MIDDLE, changed.joints_px - MIDDLE
    torch.testing.assert_close(after.norm(dim=-1), before.norm(dim=-1), atol=1e-3, rtol=0)
    turn = (before[..., 0] * after[..., 1] - before[..., 1] * after[..., 0]).sum(1)
    angle = torch.rad2deg(torch.atan2(turn, (before * after).sum((1, 2))))
    assert angle.abs().max() < 20.01 and angle.min() < -15 and angle.max() > 15
    assert angle.std().item() == pytest.approx(20 / math.sqrt(3), rel=0.1)  # even in the range


def test_scale_is_about_the_middle_and_within_its_range() -> None:
    changed, joints = apply(replace(always("scale"), scale=(0.5, 2.0)), count=400)
    before, after = joints - MIDDLE, changed.joints_px - MIDDLE
    factor = (before * after).sum((1, 2)) / before.square().sum((1, 2))
    torch.testing.assert_close(after, before * factor[:, None, None], atol=1e-3, rtol=0)
    assert 0.5 <= factor.min() < 0.55 and 1.8 < factor.max() <= 2.0
    assert factor.log().mean().abs() < 0.08  # as often smaller as larger


def test_shift_moves_everything_alike_and_nobody_out() -> None:
    changed, joints = apply(always("shift"), count=400)
    moved = changed.joints_px - joints
    assert (moved - moved[:, :1]).abs().max() < 1e-4
    box = torch.from_numpy(box_from_joints(changed.joints_px.numpy()))
    assert box.min() >= -0.5 - 1e-3 and box.max() <= SIZE - 0.5 + 1e-3
    assert box[:, 0].min() < 2 and box[:, 2].max() > SIZE - 3  # all of the padding is used
    assert changed.known.all() and changed.visible.all()


def test_padding_is_the_room_around_the_persons_box() -> None:
    joints = torch.full((3, 17, 2), torch.nan)
    joints[0, 0], joints[0, 1] = torch.tensor([10.0, 20.0]), torch.tensor([30.0, 60.0])
    joints[1, 0], joints[1, 1] = torch.tensor([-5.0, 5.0]), torch.tensor([70.0, 5.0])
    before, after = padding(joints, 100)
    assert before[0].tolist() == pytest.approx([10 - 3 + 0.5, 20 - 6 + 0.5])
    assert after[0].tolist() == pytest.approx([99.5 - 33, 99.5 - 66])
    assert before[1, 0] == 0  # a joint is outside already
    assert before[2].tolist() == after[2].tolist() == [0, 0]  # nobody annotated


def test_occlusion_is_one_black_or_white_rectangle_and_hides_joints() -> None:
    images = torch.full((400, 3, SIZE, SIZE), 128, dtype=torch.uint8)
    _, joints, visible = people(400)
    policy = replace(always("occlusion"), patch=(0.2, 0.5))
    changed = apply_policy(images, joints, visible, policy, seeded())
    torch.testing.assert_close(changed.joints_px, joints, atol=1e-4, rtol=0)
    covered = (changed.images[:, 0] - 128 / 255).abs() > 0.1
    rows, columns = covered.any(2), covered.any(1)
    assert torch.equal(covered, rows[:, :, None] & columns[:, None])  # a rectangle
    for sides in (rows.sum(1), columns.sum(1)):
        assert sides.min() >= 0.2 * SIZE - 1 and sides.max() <= 0.5 * SIZE + 1 and sides.float().std() > 4
    value = torch.stack([image[0][mask].unique() for image, mask in zip(changed.images, covered, strict=True)])
    assert set(value.flatten().tolist()) == {0.0, 1.0}
    assert value.mean().item() == pytest.approx(0.5, abs=0.1)
    under = joints.round().long()
    hidden = covered[torch.arange(400)[:, None], under[..., 1], under[..., 0]]
    assert torch.equal(changed.visible, ~hidden) and hidden.any()
    assert changed.known.all()  # a hidden joint is still learned


def test_nothing_is_the_identity() -> None:
    changed, joints = apply(policies.NONE)
    torch.testing.assert_close(changed.images, people()[0] / 255, atol=2e-4, rtol=0)
    torch.testing.assert_close(changed.joints_px, joints, atol=1e-4, rtol=0)


def counts(policy: Policy, count: int = 20_000) -> Tensor:
    """How many of the strategies change each image, and of each in how many images, as shares."""
    drawn = draw_strategies(policy, Draws(count, torch.device("cpu"), seeded()))
    return torch.stack([drawn[name] for name in STRATEGIES], 1)


@pytest.mark.parametrize(
    ("policy", "strategies"),
    [
        (policies.FRS, {"flip", "rotation", "shift"}),
        (policies.FRSO, {"flip", "rotation", "shift", "occlusion"}),
        (policies.FRSOS, set(STRATEGIES)),
        (policies.FULL, set(STRATEGIES)),
        (policies.FINAL, {"flip", "rotation", "occlusion"}),
    ],
)
def test_half_the_pictures_get_one_strategy_each_as_often(policy: Policy, strategies: set[str]) -> None:
    drawn = counts(policy)
    assert set(drawn.sum(1).tolist()) == {0, 1}  # never two
    assert drawn.any(1).float().mean().item() == pytest.approx(0.5, abs=0.015)
    for name, share in zip(STRATEGIES, drawn.float().mean(0).tolist(), strict=True):
        assert share == pytest.approx(0.5 / len(strategies) if name in strategies else 0.0, abs=0.012)


def test_overlap_draws_every_strategy_by_itself() -> None:
    drawn = counts(policies.OVERLAP).float()
    assert drawn.mean(0).tolist() == pytest.approx([0.5] * 5, abs=0.015)
    together = drawn.T @ drawn / len(drawn)
    assert together[0, 1:].tolist() == pytest.approx([0.25] * 4, abs=0.015)  # independent
    assert (drawn.sum(1) == 5).float().mean().item() == pytest.approx(1 / 32, abs=0.006)
    assert not counts(policies.NONE, 100).any()


def test_the_same_generator_gives_the_same_answer() -> None:
    first, again, other = (apply(policies.OVERLAP, seed=seed)[0] for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first.images, other.images)


def test_what_is_not_annotated_stays_so() -> None:
    images, joints, visible = people()
    joints[:, 3], visible[:, 3] = torch.nan, False
    changed = apply_policy(images, joints, visible, always("rotation", "scale", "shift"), seeded())
    assert changed.joints_px[:, 3].isnan().all() and not changed.known[:, 3].any() and not changed.visible[:, 3].any()
    rest = [i for i in range(17) if i != 3]
    assert changed.joints_px[:, rest].isfinite().all() and changed.known[:, rest].all()
