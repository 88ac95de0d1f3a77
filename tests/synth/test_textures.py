"""Sampling of textures at several sizes."""

import numpy as np
import torch

from hourlift.synth.clothes.textures import LEVELS, PER_TEXTURE, SIDE, Textures, build_levels


def _sampled(image: np.ndarray, u: list[float], v: list[float], level: float, used: np.ndarray | None = None):
    used = np.ones((SIDE, SIDE), bool) if used is None else used
    textures = Textures(build_levels(image, used))
    at = (torch.tensor(u), torch.tensor(v), torch.full((len(u),), level))
    return textures.colours(torch.zeros(len(u), dtype=torch.int64), *at)


def test_every_size_of_a_plain_texture_is_plain() -> None:
    image = np.full((SIDE, SIDE, 4), (51, 102, 204, 255), np.uint8)
    assert build_levels(image, np.ones((SIDE, SIDE), bool)).shape == (PER_TEXTURE, 4)
    for level in (-3.0, 0.0, 2.4, 50.0):
        colour = _sampled(image, [0.1, 0.9, -3.3], [0.2, 0.999, 7.5], level)
        torch.testing.assert_close(colour, torch.tensor([[0.2, 0.4, 0.8]] * 3).T, atol=1e-6, rtol=0)


def test_v_runs_upwards_and_sampling_is_linear() -> None:
    image = np.zeros((SIDE, SIDE, 4), np.uint8)
    image[..., 3] = 255
    image[..., 0] = np.arange(SIDE)[:, None] // 2  # 0 at the top, 255 at the bottom
    rows = torch.tensor([100.25, 300.5])
    colour = _sampled(image, [0.5, 0.5], (1 - (rows + 0.5) / SIDE).tolist(), 0.0)[0] * 255
    below, above = torch.tensor([50.0, 150.0]), torch.tensor([50.0, 150.0])
    torch.testing.assert_close(colour, 0.5 * (below + above), atol=0.51, rtol=0)


def test_what_no_mesh_shows_does_not_bleed_in() -> None:
    image = np.full((SIDE, SIDE, 4), 255, np.uint8)
    image[:, : SIDE // 2, :3] = (10, 20, 30)
    used = np.zeros((SIDE, SIDE), bool)
    used[:, : SIDE // 2] = True
    for level in range(LEVELS):
        colour = _sampled(image, [0.499, 0.51], [0.5, 0.5], float(level), used) * 255
        torch.testing.assert_close(colour, torch.tensor([[10.0, 20.0, 30.0]] * 2).T, atol=1.0, rtol=0)
