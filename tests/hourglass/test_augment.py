"""What happens to a joint must happen to the pixel under it."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from hourlift.geometry.skeleton import H36M17
from hourlift.hourglass.augment import AugmentConfig, augment, trunk_tilt

SIZE = 64
NOTHING = AugmentConfig(flip=0.0)
WARPS = {
    "flip": AugmentConfig(flip=1.0),
    "rotation": replace(NOTHING, rotation_deg=20),
    "any rotation": replace(NOTHING, any_rotation=1.0),
    "zoom": replace(NOTHING, zoom=(0.7, 1.4)),
    "shift": replace(NOTHING, shift=0.1),
    "all": AugmentConfig(flip=0.5, rotation_deg=20, any_rotation=0.3, zoom=(0.8, 1.3), shift=0.08),
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int = 6) -> tuple[Tensor, Tensor]:
    """Pictures and joints inside of them."""
    generator = seeded(5)
    images = torch.randint(0, 256, (count, 3, SIZE, SIZE), dtype=torch.uint8, generator=generator)
    return images, torch.rand(count, 17, 2, generator=generator) * (SIZE - 1)


def test_nothing_changes_nothing() -> None:
    images, joints = noise()
    changed_images, moved, known = augment(images, joints, SIZE, NOTHING, seeded())
    torch.testing.assert_close(changed_images, images / 255, atol=2e-4, rtol=0)
    torch.testing.assert_close(moved, joints, atol=1e-4, rtol=0)
    assert known.all()


def test_half_the_size_is_the_same_picture_smaller() -> None:
    images, joints = noise()
    smooth = torch.nn.functional.avg_pool2d(images.float(), 9, 1, 4)
    changed_images, moved, _ = augment(smooth.to(torch.uint8), joints, SIZE // 2, NOTHING, seeded())
    torch.testing.assert_close(moved, (joints + 0.5) / 2 - 0.5, atol=1e-4, rtol=0)
    torch.testing.assert_close(
        changed_images, torch.nn.functional.avg_pool2d(smooth.to(torch.uint8).float(), 2) / 255, atol=0.02, rtol=0
    )


@pytest.mark.parametrize("config", WARPS.values(), ids=WARPS.keys())
@pytest.mark.parametrize("size", [SIZE, 48])
def test_a_marker_goes_where_its_joint_goes(config: AugmentConfig, size: int) -> None:
    """Each image shows a spot under one joint, far from the border; its centre of mass is found again."""
    count = 30
    joint = torch.arange(count) % 17
    joints = torch.full((count, 17, 2), SIZE / 2)
    place = 24 + 16 * torch.rand(count, 2, generator=seeded(1))
    joints[torch.arange(count), joint] = place
    axis = torch.arange(SIZE)
    square = (axis[None, :, None] - place[:, 1, None, None]) ** 2 + (axis[None, None, :] - place[:, 0, None, None]) ** 2
    spot = (255 * torch.exp(-square / (2 * 2.0**2))).round().to(torch.uint8)
    changed_images, moved, known = augment(spot[:, None].expand(-1, 3, -1, -1), joints, size, config, seeded(2))
    assert known.all()
    answer = torch.arange(size, dtype=torch.float32)
    mass = changed_images[:, 0]
    total = mass.sum((1, 2))
    centre = torch.stack([(mass.sum(1) * answer).sum(1), (mass.sum(2) * answer).sum(1)], -1) / total[:, None]
    flipped = torch.as_tensor(H36M17.flip_permutation)[joint]
    aims = torch.stack([moved[torch.arange(count), joint], moved[torch.arange(count), flipped]], 1)
    whole = (moved > 8).all(-1).all(-1) & (moved < size - 9).all(-1).all(-1)  # spots that the border does not cut
    miss = (centre[:, None] - aims).norm(dim=-1).amin(1)
    assert whole.sum() > count / 3
    assert miss[whole].max() < 0.15


def test_a_flip_exchanges_left_and_right() -> None:
    images, joints = noise()
    changed_images, moved, _ = augment(images, joints, SIZE, AugmentConfig(flip=1.0), seeded())
    torch.testing.assert_close(changed_images, images.flip(-1) / 255, atol=2e-4, rtol=0)
    left, right = H36M17.index("l_wrist"), H36M17.index("r_wrist")
    torch.testing.assert_close(moved[:, left, 0], SIZE - 1 - joints[:, right, 0], atol=1e-4, rtol=0)
    torch.testing.assert_close(moved[:, left, 1], joints[:, right, 1], atol=1e-4, rtol=0)


def test_what_the_source_did_not_show_is_unknown_only_inside() -> None:
    """A crop that reaches beyond the image cannot tell whether a joint is there."""
    images, joints = noise(2)
    joints[:, 0] = torch.tensor([-3.0, 30.0])
    joints[:, 1] = torch.tensor([-60.0, 30.0])
    wide = replace(NOTHING, zoom=(0.8, 0.8))  # shows 8 pixels more on every side
    _, moved, known = augment(images, joints, SIZE, wide, seeded())
    assert known.tolist() == [[False] + [True] * 16] * 2
    assert moved[0, 0, 0] > 0 > moved[0, 1, 0]
    _, _, known = augment(images, joints, SIZE, NOTHING, seeded())
    assert known.all()
    _, _, known = augment(images, joints, SIZE, replace(wide, flip=1.0), seeded())
    assert known.tolist() == [[False] + [True] * 16] * 2  # the pelvis has no other side


STRENGTHS = {"photometric": 1.0, "grey": 1.0, "noise": 0.2, "blur": 1.0, "patches": 1.0}


@pytest.mark.parametrize(("name", "strength"), STRENGTHS.items())
def test_what_a_sensor_does_leaves_joints_alone(name: str, strength: float) -> None:
    images, joints = noise()
    config = replace(NOTHING, **{name: strength})
    changed_images, moved, _ = augment(images, joints, SIZE, config, seeded())
    torch.testing.assert_close(moved, joints, atol=1e-4, rtol=0)
    assert changed_images.min() >= 0 and changed_images.max() <= 1
    assert (changed_images - images / 255).abs().amax((1, 2, 3)).min() > 0.01
    if name == "grey":
        torch.testing.assert_close(changed_images[:, 0], changed_images[:, 1])
    if name == "patches":
        changed = ((changed_images - images / 255).abs().amax(1) > 1e-3).float().mean((1, 2))
        assert changed.max() < 0.2


def test_the_same_generator_gives_the_same_answer() -> None:
    images, joints = noise()
    config = AugmentConfig(rotation_deg=20, any_rotation=0.2, zoom=(0.8, 1.5), shift=0.1, **STRENGTHS)
    first, again, other = (augment(images, joints, SIZE, config, seeded(seed)) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


def test_angles_have_their_spread() -> None:
    joints = torch.tensor([[31.5, 31.5], [41.5, 31.5]])[None].repeat(4000, 1, 1)
    joints = torch.cat([joints, joints[:, :1].expand(-1, 15, -1)], 1)
    images = torch.zeros(1, 1, 1, 1, dtype=torch.uint8).expand(4000, 3, SIZE, SIZE)
    _, moved, _ = augment(images, joints, 4, replace(NOTHING, rotation_deg=10), seeded())
    arm = moved[:, 1] - moved[:, 0]
    angle = torch.rad2deg(torch.atan2(arm[:, 1], arm[:, 0]))
    assert angle.std().item() == pytest.approx(10, rel=0.1)
    assert angle.abs().max() < 25.1
    assert math.isclose(arm.norm(dim=-1).mean().item(), 10 * 4 / SIZE, rel_tol=1e-4)


def test_whoever_is_turned_upright_stands_upright() -> None:
    images, joints = noise(50)
    _, moved, _ = augment(images, joints, SIZE, replace(NOTHING, upright=1.0, flip=0.5, zoom=(0.8, 1.2)), seeded())
    torch.testing.assert_close(trunk_tilt(moved), torch.zeros(50), atol=1e-4, rtol=0)
    _, moved, _ = augment(images, joints, SIZE, replace(NOTHING, upright=0.7, rotation_deg=10), seeded())
    upright = trunk_tilt(moved).abs() < math.radians(25.1)
    assert 25 < upright.sum() < 45
    assert trunk_tilt(torch.full((1, 17, 2), math.nan)) == 0
