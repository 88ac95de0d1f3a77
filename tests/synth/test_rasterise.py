"""Both rasterisers against each other, and against a slow one that is easy to believe."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hourlift.synth.body.parametric import Body
from hourlift.synth.camera.views import ViewConfig, sample_views
from hourlift.synth.core.draw import Draw
from hourlift.synth.pose.mix import PoseMix, sample_rotations
from hourlift.synth.render.rasterise import EMPTY, rasterise, rasterise_torch

SIZE = 24


def scene(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Two heaps of triangles, large and small, some of them behind the camera, outside, or not to be drawn."""
    rng = np.random.default_rng(seed)
    middle, spread = rng.uniform(-8, SIZE + 8, (2, 40, 1, 2)), np.exp(rng.uniform(-1, 3, (2, 40, 1, 1)))
    corners = middle + spread * rng.normal(size=(2, 40, 3, 2))
    nearness = rng.uniform(0.05, 1.0, (2, 40, 3, 1))
    nearness[:, :4, 0] = -1
    screen = np.concatenate([corners, nearness], -1).reshape(2, 120, 3).astype(np.float32)
    faces = np.arange(120, dtype=np.int32).reshape(40, 3)
    return torch.from_numpy(screen), torch.from_numpy(faces), torch.from_numpy(rng.random((2, 40)) < 0.8)


def brute_force(screen: Tensor, faces: Tensor, kept: Tensor, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Nearest triangle of every pixel, and whether that is beyond doubt: no edge and no second one very near."""
    winner = np.full((len(screen), size, size), -1)
    sure = np.ones(winner.shape, bool)
    for b, y, x in np.ndindex(*winner.shape):
        best = -np.inf
        for t in np.flatnonzero(kept[b].numpy()):
            corners = screen[b, faces[t].long()].double().numpy()
            if corners[:, 2].min() <= 0:
                continue
            weights = np.linalg.solve(np.vstack([corners[:, :2].T, np.ones(3)]), [x, y, 1])
            sure[b, y, x] &= np.abs(weights).min() > 1e-4
            nearness = weights @ corners[:, 2]
            if weights.min() >= 0:
                sure[b, y, x] &= abs(nearness - best) > 1e-5
                if nearness > best:
                    best, winner[b, y, x] = nearness, t
    return winner, sure


def test_the_nearest_triangle_wins() -> None:
    arguments = scene(3)
    expected, sure = brute_force(*arguments, SIZE)
    found = rasterise(*arguments, SIZE).numpy()
    assert sure.mean() > 0.95
    assert len(np.unique(expected)) > 15
    np.testing.assert_array_equal(found[sure], expected[sure])


def test_both_answer_the_same() -> None:
    for seed in range(20):
        arguments = scene(seed)
        assert torch.equal(rasterise(*arguments, SIZE), rasterise_torch(*arguments, SIZE))


def test_both_see_the_same_people(body: Body) -> None:
    draw = Draw(1, 2)
    shapes, _ = body.sample_shapes(2, draw.generator)
    people = body.pose(shapes, sample_rotations(body, draw, PoseMix())[0])
    screen = sample_views(draw, people.joints, 64, ViewConfig()).screen(people.vertices)
    kept = torch.ones(2, len(body.faces), dtype=torch.bool)
    seen = rasterise(screen, body.faces, kept, 64)
    assert 0.05 < (seen >= 0).float().mean() < 0.9
    assert torch.equal(seen, rasterise_torch(screen, body.faces, kept, 64))


def test_of_equally_near_ones_the_first_and_pixel_centres_count() -> None:
    corners = torch.tensor([[[0.0, 0.0, 0.5], [4.0, 0.0, 0.5], [0.0, 4.0, 0.5]]])
    faces = torch.tensor([[0, 1, 2], [2, 1, 0]], dtype=torch.int32)  # the same, seen from behind
    seen = rasterise(corners, faces, torch.ones(1, 2, dtype=torch.bool), 6)[0]
    assert seen.tolist() == [[0 if x + y <= 4 else -1 for x in range(6)] for y in range(6)]
    assert rasterise(corners, faces, torch.tensor([[False, True]]), 6)[0].max() == 1
    assert (rasterise(corners, faces, torch.zeros(1, 2, dtype=torch.bool), 6) == -1).all()


SIMULATED = """
import sys
import numpy as np
from hourlift.synth.render.rasterise import EMPTY, _cuda_kernel
with np.load(sys.argv[1]) as scene:
    screen, faces, kept, size = (scene[name] for name in ("screen", "faces", "kept", "size"))
buffer = np.full((len(screen), size, size), EMPTY, np.int64)
_cuda_kernel()[3, 32](screen, faces, kept, buffer)
np.save(sys.argv[2], buffer)
"""


def test_the_kernel_for_gpus_answers_the_same(tmp_path: Path) -> None:
    """In numba's simulator, which rounds as Python does: pixels on an edge may differ."""
    screen, faces, kept = scene(3)
    given, answer = tmp_path / "scene.npz", tmp_path / "buffer.npy"
    np.savez(given, screen=screen, faces=faces, kept=kept, size=SIZE)
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    subprocess.run([sys.executable, "-c", SIMULATED, given, answer], check=True, env=environment)
    buffer = np.load(answer)
    found = np.where(buffer == EMPTY, -1, buffer & 0xFFFFFFFF)
    expected, sure = brute_force(screen, faces, kept, SIZE)
    np.testing.assert_array_equal(found[sure], expected[sure])
