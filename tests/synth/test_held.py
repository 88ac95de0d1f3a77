"""Things in people's hands."""

import torch

from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.draw import Draw
from hourlift.synth.pose.mix import PoseMix, sample_rotations
from hourlift.synth.pose.stance import Stance, measure_stance
from hourlift.synth.scene.held import things_in_hands


def _stance(count: int) -> Stance:
    body, draw = Body(), Draw(3, count)
    shapes, _ = body.sample_shapes(count, draw.generator)
    rotations, kind = sample_rotations(body, draw, PoseMix())
    return measure_stance(body, body.pose(shapes, rotations), kind)


def test_things_touch_a_hand_and_only_a_share_of_the_people_have_some() -> None:
    stance = _stance(256)
    things = things_in_hands(Draw(0, 256), stance, 0.5)
    wrists = stance.joints[:, H36M17.indices("l_wrist", "r_wrist")]
    has_some = torch.stack([shown[:, 0] for shown, *_ in things.values()]).any(0)
    assert 0.4 < has_some.float().mean() < 0.6
    nearest = torch.full((256,), torch.inf)
    for shown, centre, half, turn in things.values():
        assert torch.allclose(turn @ turn.mT, torch.eye(3), atol=1e-5)
        local = (turn.mT @ (wrists - centre)[..., None])[..., 0]  # (B, 2, 3)
        outside = (local.abs() - half).clamp(min=0).norm(dim=-1).amin(1)
        nearest = torch.where(shown[:, 0], torch.minimum(nearest, outside), nearest)
    assert nearest[has_some].max() < 0.15


def test_people_hold_nothing_at_a_share_of_nought() -> None:
    things = things_in_hands(Draw(0, 8), _stance(8), 0.0)
    assert not any(shown.any() for shown, *_ in things.values())
