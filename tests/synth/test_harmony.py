"""People before photographs."""

from dataclasses import replace

import torch

from hourlift.synth.camera.views import ViewConfig, sample_views
from hourlift.synth.core.draw import Draw
from hourlift.synth.render.harmony import follow, light_from_bright_side
from hourlift.synth.render.light import sample_lights


def test_only_chosen_pictures_change_and_follow_brightness_and_cast() -> None:
    colour = torch.full((3, 16, 16, 3), 0.5)
    drawn = torch.ones(3, 16, 16, dtype=torch.bool)
    noise = 0.2 * torch.rand(3, 16, 16, 1, generator=torch.Generator().manual_seed(0))
    background = (noise + torch.tensor([[0.02, 0.02, 0.02], [0.5, 0.2, 0.2], [0.3, 0.3, 0.3]])[:, None, None]).clamp(
        0, 1
    )
    seen = follow(colour, drawn, background, torch.tensor([True, True, False]))
    assert torch.equal(seen[2], colour[2])
    assert seen[0].mean() < 0.4
    red, green, blue = seen[1].mean((0, 1))
    assert red > green + 0.05 and abs(green - blue) < 1e-3


def test_the_lamp_is_on_the_bright_side_of_the_picture() -> None:
    draw = Draw(0, 64)
    views = sample_views(draw, torch.randn(64, 17, 3) * 0.3, 32, ViewConfig())
    light = sample_lights(draw)
    background = torch.full((64, 32, 32, 3), 0.5)
    background[:32, :, 16:] = 0.8
    chosen = torch.ones(64, dtype=torch.bool)
    chosen[16:24] = False
    seen = light_from_bright_side(light, background, views, chosen)
    across = (seen.direction * views.rotation[:, 0])[:, :2].sum(1)
    assert (across[:32][chosen[:32]] >= -1e-6).all()
    assert torch.equal(seen.direction[32:], light.direction[32:])  # neither half is brighter
    assert torch.equal(seen.direction[16:24], light.direction[16:24])
    assert torch.allclose(seen.direction.norm(dim=1), torch.ones(64), atol=1e-5)
    assert torch.equal(seen.direction[:, 2], light.direction[:, 2])
    mirrored = light_from_bright_side(replace(light, direction=seen.direction), background, views, chosen)
    assert torch.equal(mirrored.direction, seen.direction)
