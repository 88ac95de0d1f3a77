"""Light measured in places."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from hourlift.synth.core.draw import Draw
from hourlift.synth.render.light import sample_lights
from hourlift.synth.render.probes import HEIGHT, WIDTH, Surroundings, directions, lit_by, load_probes


def _folder(path: Path, panorama: np.ndarray) -> Path:
    path.mkdir()
    cv2.imwrite(str(path / "place.hdr"), panorama.astype(np.float32))
    return path


def test_an_even_place_lights_all_sides_alike(tmp_path: Path) -> None:
    probes = load_probes(_folder(tmp_path / "even", np.full((HEIGHT, WIDTH, 3), 0.8)))
    torch.testing.assert_close(probes.ambient[0, 0], torch.ones(3), atol=0.02, rtol=0)
    torch.testing.assert_close(probes.ambient[0, 1:], torch.zeros(3, 3), atol=0.02, rtol=0)
    assert probes.hardness[0] < 0.02


def test_a_lamp_is_found_where_it_is(tmp_path: Path) -> None:
    panorama = np.full((HEIGHT, WIDTH, 3), 0.05)
    panorama[60:64, 100:104] = 4000.0
    probes = load_probes(_folder(tmp_path / "lamp", panorama))
    torch.testing.assert_close(probes.direction[0], directions()[62, 102], atol=0.02, rtol=0)
    assert probes.hardness[0] > 0.5


def test_light_turns_with_the_place(tmp_path: Path) -> None:
    panorama = np.full((HEIGHT, WIDTH, 3), 0.1)
    panorama[:, : WIDTH // 4] = 1.0
    probes = load_probes(_folder(tmp_path / "turned", panorama))
    draw = Draw(0, 3)
    light = sample_lights(draw)
    where = Surroundings(probe=torch.tensor([-1, 0, 0]), yaw=torch.tensor([0.0, 0.0, torch.pi]))
    lit = lit_by(light, probes, where, draw)
    torch.testing.assert_close(lit.direction[0], light.direction[0])
    opposite = torch.tensor([-1.0, -1.0, 1.0])
    torch.testing.assert_close(lit.direction[2], lit.direction[1] * opposite, atol=1e-5, rtol=0)
    strength = lit.sky[2].mean() / lit.sky[1].mean()  # exposures differ
    torch.testing.assert_close(lit.sides[2], -lit.sides[1] * strength, atol=1e-4, rtol=1e-3)


def test_a_folder_without_panoramas_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a folder of panoramas"):
        load_probes(tmp_path)
