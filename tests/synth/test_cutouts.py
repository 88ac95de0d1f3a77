"""Cutouts of photographs before people, and images that show the upper part of a person."""

from dataclasses import replace

import torch

from hourlift.data.sample import OUTSIDE, VISIBLE
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17
from hourlift.synth.camera.views import ViewConfig
from hourlift.synth.generate import Generator, SynthBatch

_COUNT = 24


def _render(generator: Generator, **changes: object) -> SynthBatch:
    before = generator.config
    try:
        generator.config = replace(before, **changes)
        return generator.render((8, 8), _COUNT)
    finally:
        generator.config = before


def test_cutouts_hide_people_and_their_joints(generator: Generator) -> None:
    scene = generator.config.scene
    plain = _render(generator, scene=replace(scene, cutout_share=0.0))
    covered = _render(generator, scene=replace(scene, cutout_share=1.0))
    assert (covered.mask & ~plain.mask).sum() == 0
    assert covered.mask.sum() < 0.9 * plain.mask.sum()
    assert (covered.visibility == VISIBLE).sum() < (plain.visibility == VISIBLE).sum()
    assert torch.equal(covered.joints_2d_px, plain.joints_2d_px)


def test_the_upper_part_has_heads_and_no_feet(generator: Generator) -> None:
    views = ViewConfig(truncated_share=1.0, upper_share=1.0, extreme_share=0.0, roll_spread=0.0, shift=0.0)
    upper = _render(generator, views=views)
    standing = upper.joints_2d_px[:, H36M17.index("head"), 1] < upper.joints_2d_px[:, H36M17.index("pelvis"), 1]
    ankles = upper.visibility[standing][:, H36M17.indices("l_ankle", "r_ankle")] == OUTSIDE
    heads = upper.visibility[standing, H36M17.index("head")] == OUTSIDE
    assert heads.float().mean() < 0.2 < 0.6 < ankles.float().mean()


def test_feet_lie_beyond_the_ankles(batch: SynthBatch) -> None:
    feet = batch.feet_3d_cam_mm
    for side in "lr":
        ankle = batch.joints_3d_cam_mm[:, H36M17.index(f"{side}_ankle")]
        heel, toe = (feet[:, FOOT_POINTS.index(f"{side}_{point}")] for point in ("heel", "big_toe"))
        assert ((heel - ankle).norm(dim=-1) < 130).all()
        length = (toe - heel).norm(dim=-1)
        assert ((length > 170) & (length < 330)).all()
        torch.testing.assert_close((toe - ankle).norm(dim=-1) < length + 60, torch.ones(len(feet), dtype=torch.bool))
    seen = batch.feet_visibility != OUTSIDE
    assert (batch.feet_2d_px[seen] > -1).all() and (batch.feet_2d_px[seen] < batch.images.shape[-1]).all()
