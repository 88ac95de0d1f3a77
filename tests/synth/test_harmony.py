"""People before photographs."""

import torch

from hourlift.synth.harmony import follow


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
