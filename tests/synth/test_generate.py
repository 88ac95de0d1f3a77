"""Rendered images and what they say about themselves."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from hourlift.data.sample import OUTSIDE, SELF_OCCLUDED, VISIBLE
from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.parts import PARTS, mirrored_parts, triangle_parts
from hourlift.synth.generate import NOWHERE_PX, Generator, SynthBatch, SynthConfig
from hourlift.synth.pose.mix import KINDS

# Of the first people of the fixture `batch`.
PINNED_KINDS = [7, 12, 8, 6, 11, 0, 10, 4]
PINNED_THORAX_PX = [50.46, 3.2, 31.18, 46.31, 46.73, 19.15]
PINNED_WRIST_MM = [-456, 1389, 6205, -1962, 812, 4285, 2217, -1064, 7673]
PINNED_BRIGHTNESS = [103.9, 149.4, 117.1, 124.2]


def with_config(generator: Generator, **changes: object) -> Generator:
    return Generator(replace(generator.config, **changes))


def at_joints(batch: SynthBatch, values: torch.Tensor) -> torch.Tensor:
    """Values (B, S, S) at the joints' pixels (B, 17)."""
    x, y = batch.joints_2d_px.round().long().clamp(0, values.shape[-1] - 1).unbind(-1)
    return values[torch.arange(len(batch))[:, None], y, x]


def test_shapes_and_types(batch: SynthBatch) -> None:
    assert len(batch) == 32
    assert batch.images.shape == (32, 3, 96, 96) and batch.images.dtype == torch.uint8
    assert batch.joints_2d_px.shape == (32, 17, 2) and batch.joints_3d_cam_mm.shape == (32, 17, 3)
    assert batch.mask.shape == (32, 96, 96) and batch.mask.dtype == torch.bool
    assert batch.kind.min() >= 0 and batch.kind.max() < len(KINDS)


def test_the_same_seed_renders_the_same_pictures(generator: Generator, batch: SynthBatch) -> None:
    again, other = generator.render((3, 4), 32), generator.render((3, 5), 32)
    assert all(torch.equal(getattr(again, name), value) for name, value in vars(batch).items())
    assert not torch.equal(other.images, batch.images)


def test_pictures_stay_what_they_were(batch: SynthBatch) -> None:
    """A change that moves these numbers makes other people: weights must be trained anew, or the change undone."""
    thorax, wrist = H36M17.indices("thorax", "l_wrist")
    assert batch.kind[:8].tolist() == PINNED_KINDS
    assert batch.joints_2d_px[:3, thorax].flatten().tolist() == pytest.approx(PINNED_THORAX_PX, abs=0.05)
    assert batch.joints_3d_cam_mm[:3, wrist].flatten().tolist() == pytest.approx(PINNED_WRIST_MM, abs=2)
    assert batch.images[:4].float().mean((1, 2, 3)).tolist() == pytest.approx(PINNED_BRIGHTNESS, abs=0.5)


def test_joints_project_through_the_camera(batch: SynthBatch) -> None:
    flat = batch.joints_3d_cam_mm[..., :2] / batch.joints_3d_cam_mm[..., 2:]
    pixels = batch.focal_px[:, None, None] * flat + batch.centre_px[:, None]
    torch.testing.assert_close(pixels, batch.joints_2d_px, atol=1e-2, rtol=0)


def test_visible_joints_of_the_trunk_lie_on_the_person(batch: SynthBatch) -> None:
    trunk = H36M17.indices("pelvis", "spine", "thorax", "l_hip", "r_hip", "nose")
    on_person, visible = at_joints(batch, batch.mask)[:, trunk], batch.visibility[:, trunk] == VISIBLE
    assert visible.sum() > 30
    assert on_person[visible].all()


def test_parts_are_where_the_person_is_and_each_has_its_side(generator: Generator, batch: SynthBatch) -> None:
    assert torch.equal(batch.part > 0, batch.mask)
    assert mirrored_parts()[mirrored_parts()].tolist() == list(range(len(PARTS)))
    parts, body = triangle_parts(generator.body), generator.body
    middle = body.mean[body.faces.long()].mean(1)
    for index, name in enumerate(PARTS):
        x, y, _ = middle[parts == index].T
        if name.startswith(("l_", "r_")):
            assert (x > -0.03 if name.startswith("l_") else x < 0.03).float().mean() > 0.98, name  # skirts reach over
        elif name != "background":
            other = middle[parts == index + (1 if name.endswith("front") else -1), 1]
            assert (y.median() < other.median()) == name.endswith("front"), name


def test_a_joint_is_outside_if_and_only_if_the_picture_ends_before_it(generator: Generator) -> None:
    views = replace(generator.config.views, truncated_share=1.0)
    batch = with_config(generator, views=views).render(8, 16)
    outside = ((batch.joints_2d_px < -0.5) | (batch.joints_2d_px > 95.5)).any(-1)
    assert 0.02 < outside.float().mean() < 0.8
    assert torch.equal(batch.visibility == OUTSIDE, outside)


def test_the_far_side_of_a_person_is_hidden(generator: Generator) -> None:
    """Of people seen from the side, the far hip is behind the near one."""
    batch = generator.render(5, 64)
    hips = H36M17.indices("l_hip", "r_hip")
    depth = batch.joints_3d_cam_mm[:, hips, 2]
    sideways = (depth[:, 0] - depth[:, 1]).abs() > 200
    far = depth.argmax(1, keepdim=True)
    state = batch.visibility[:, hips].gather(1, far)[:, 0]
    assert sideways.sum() > 10
    assert (state[sideways] == SELF_OCCLUDED).float().mean() > 0.8
    assert (batch.visibility[:, hips].gather(1, 1 - far)[sideways] == VISIBLE).float().mean() > 0.4


def test_left_out_people_leave_a_picture_and_the_others_as_they_are(generator: Generator, batch: SynthBatch) -> None:
    half = with_config(generator, empty_share=0.5).render((3, 4), 32)
    empty = ~half.mask.flatten(1).any(1)
    assert 6 < empty.sum() < 26
    assert (half.visibility[empty] == OUTSIDE).all()
    assert (half.joints_2d_px[empty] == NOWHERE_PX).all()
    assert torch.equal(half.joints_2d_px[~empty], batch.joints_2d_px[~empty])
    assert torch.equal(
        half.images[~empty][0][:, batch.mask[~empty][0]], batch.images[~empty][0][:, batch.mask[~empty][0]]
    )


def test_shadows_darken_pictures_and_hide_nobody(generator: Generator) -> None:
    lit, plain = generator.render(2, 8), with_config(generator, shadows=False).render(2, 8)
    darker = (plain.images.float() - lit.images.float()).mean((1, 2, 3))
    assert darker.min() > -0.2 and darker.max() > 0.5
    assert torch.equal(lit.mask, plain.mask)


def test_a_folder_without_photos_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no image"):
        Generator(SynthConfig(photos=tmp_path))


def test_a_larger_picture_shows_the_same_people(generator: Generator, batch: SynthBatch) -> None:
    larger = with_config(generator, size=192).render((3, 4), 32)
    torch.testing.assert_close((larger.joints_2d_px + 0.5) / 2 - 0.5, batch.joints_2d_px, atol=1e-2, rtol=0)
    shrunk = torch.nn.functional.avg_pool2d(larger.mask.float()[:, None], 2)[:, 0] > 0.5
    assert (shrunk != batch.mask).float().mean() < 0.02


def test_a_stream_renders_one_batch_after_the_other(generator: Generator) -> None:
    stream = generator.stream(5, 2, first=3)
    for index in (3, 4):
        assert torch.equal(next(stream).images, generator.render((5, index), 2).images)
