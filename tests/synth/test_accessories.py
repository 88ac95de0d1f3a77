"""Accessories are appended to the mesh and follow the body."""

import numpy as np
import pytest
import torch

from hourlift.synth.body.accessories import ACCESSORIES, FIRST_ACCESSORY, with_accessories
from hourlift.synth.body.cache import load_body_arrays
from hourlift.synth.body.parametric import Body
from hourlift.synth.core.rotation import about


@pytest.fixture(scope="module")
def bare_arrays() -> dict[str, np.ndarray]:
    return load_body_arrays()


@pytest.fixture(scope="module")
def arrays(bare_arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return with_accessories(bare_arrays)


def vertices(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    return arrays["mean"][arrays["layer"] == FIRST_ACCESSORY + ACCESSORIES.index(name)]


def test_the_body_stays_as_it_was(arrays: dict[str, np.ndarray], bare_arrays: dict[str, np.ndarray]) -> None:
    count = len(bare_arrays["mean"])
    for name in ("mean", "weights", "layer"):
        np.testing.assert_array_equal(arrays[name][:count], bare_arrays[name])
    np.testing.assert_array_equal(arrays["components"][:, :count], bare_arrays["components"])
    np.testing.assert_array_equal(arrays["faces"][: len(bare_arrays["faces"])], bare_arrays["faces"])


def test_every_accessory_has_triangles_of_its_own_vertices_only(arrays: dict[str, np.ndarray]) -> None:
    layers = arrays["layer"][arrays["faces"]]
    assert arrays["faces"].max() == len(arrays["mean"]) - 1
    assert np.ptp(layers, 1).max() == 0
    drawn = set(layers[:, 0].tolist())
    assert all(FIRST_ACCESSORY + i in drawn for i in range(len(ACCESSORIES)))
    np.testing.assert_allclose(arrays["weights"].astype(np.float32).sum(1), 1, atol=0.01)


def test_accessories_are_where_they_belong(arrays: dict[str, np.ndarray]) -> None:
    skin, eyes = (arrays["mean"][arrays["layer"] == layer] for layer in (0, 1))
    crown, eye_z = skin[:, 2].max(), eyes[:, 2].mean()
    for hat in ("cap", "beanie", "wide_hat", "helmet"):
        assert crown < vertices(arrays, hat)[:, 2].max() < crown + 0.08
        assert vertices(arrays, hat)[:, 2].min() > eye_z - 0.02
    brim = vertices(arrays, "cap")
    assert skin[:, 1].min() - brim[:, 1].min() > -0.2  # in front of the face, not behind the head
    assert brim[:, 1].mean() < vertices(arrays, "beanie")[:, 1].mean()
    assert abs(vertices(arrays, "glasses")[:, 2].mean() - eye_z) < 0.02
    assert vertices(arrays, "glasses")[:, 1].min() < eyes[:, 1].min()
    assert vertices(arrays, "backpack")[:, 1].mean() > 0.1 > -0.1 > vertices(arrays, "belt_bag")[:, 1].mean()


def test_a_hat_turns_with_the_head(body: Body) -> None:
    rotations = torch.eye(3).expand(2, body.num_bones, 3, 3).clone()
    rotations[1, body.bone["head"]] = about(2, torch.tensor([1.0]))[0]
    posed = body.pose(torch.zeros(2, body.components.shape[0]), rotations).vertices
    hat = body.layer == FIRST_ACCESSORY + ACCESSORIES.index("helmet")
    pack = body.layer == FIRST_ACCESSORY + ACCESSORIES.index("backpack")
    head = body.bone_mean[body.bone["head"]]
    expected = (posed[0, hat] - head) @ about(2, torch.tensor([1.0]))[0].T + head
    assert (posed[1, hat] - expected).norm(dim=-1).max() < 0.02
    torch.testing.assert_close(posed[1, pack], posed[0, pack])
