"""Garments fitted to bodies and drawn on them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hourlift.synth.body.parametric import Body
from hourlift.synth.clip import render_clip
from hourlift.synth.clothes import garments as module
from hourlift.synth.clothes.dresser import Dresser
from hourlift.synth.clothes.dressing import SLOTS
from hourlift.synth.clothes.garments import Garments, load_garments
from hourlift.synth.clothes.outfit import sample_outfits
from hourlift.synth.clothes.pieces import BOTTOM, FEMALE, HAIR, TOP
from hourlift.synth.core.draw import Draw
from hourlift.synth.core.rotation import about
from hourlift.synth.generate import Generator, SynthConfig
from hourlift.synth.render.worn import fit, hidden

from .makehuman_assets import SHIRT_BASE, write_assets


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_assets(tmp_path_factory.mktemp("makehuman") / "assets")


@pytest.fixture(scope="module")
def garments(folder: Path, body: Body, tmp_path_factory: pytest.TempPathFactory) -> Garments:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "cache_path", lambda: tmp_path_factory.mktemp("cache") / "body.npz")
        return load_garments(folder, body)


def test_a_suit_becomes_a_shirt_and_trousers(garments: Garments) -> None:
    assert sorted(piece.role for piece in garments.pieces) == [TOP, BOTTOM, HAIR]
    assert {piece.sex for piece in garments.pieces if piece.name == "suit"} == {FEMALE}
    shirt = next(piece for piece in garments.pieces if piece.role == TOP)
    np.testing.assert_allclose(shirt.means, [[200 / 255, 0, 0]], atol=0.01)
    assert len(garments.skins) == 1 and garments.skin_sex.tolist() == [FEMALE]


def test_what_a_piece_hides_is_near_it(garments: Garments, body: Body) -> None:
    shirt, trousers = (next(piece for piece in garments.pieces if piece.role == role) for role in (TOP, BOTTOM))
    assert shirt.hides.any() and trousers.hides.any()
    assert not (shirt.hides & trousers.hides).any()
    assert body.mean[torch.from_numpy(shirt.hides), 2].mean() > body.mean[torch.from_numpy(trousers.hides), 2].mean()


def _dressed(garments: Garments, body: Body, count: int = 3, share: float = 1.0):
    draw = Draw(1, count)
    shapes, _ = body.sample_shapes(count, draw.generator)
    rotations = torch.eye(3).expand(count, body.num_bones, 3, 3).clone()
    outfit = sample_outfits(draw, 4)
    female = torch.ones(count, dtype=torch.bool)
    return shapes, rotations, Dresser(garments, share).dress(draw, outfit, female)


def test_a_vertex_keeps_its_distance_from_the_vertex_it_hangs_on(garments: Garments, body: Body) -> None:
    shapes, rotations, outfit = _dressed(garments, body)
    dressing = replace(outfit.dressing, lift=torch.zeros_like(outfit.dressing.lift))
    people = body.pose(shapes, rotations)
    mesh = fit(people, dressing, garments, body)
    top = int((dressing.piece[0] >= 0).nonzero()[0])
    assert SLOTS[top] == "top"
    on_body = people.vertices[0, body.of_base[list(SHIRT_BASE)]]
    apart = mesh.vertices[0, :, :4].T - on_body
    assert (apart[:, 1] < 0).all()  # forwards
    torch.testing.assert_close(apart[:, [0, 2]], torch.zeros(4, 2), atol=1e-5, rtol=0)


def test_garments_turn_with_the_body(garments: Garments, body: Body) -> None:
    shapes, rotations, outfit = _dressed(garments, body)
    turned = rotations.clone()
    turn = about(2, torch.tensor([70.0, -20.0, 200.0]))
    turned[:, body.bone["root"]] = turn
    before = fit(body.pose(shapes, rotations), outfit.dressing, garments, body)
    after = fit(body.pose(shapes, turned), outfit.dressing, garments, body)
    person = torch.repeat_interleave(before.first_vertex.diff())
    pivot = body.bone_heads(shapes)[:, body.bone["root"]][person]
    expected = torch.einsum("nij,nj->ni", turn[person], before.vertices[0].T - pivot) + pivot
    torch.testing.assert_close(after.vertices[0].T, expected, atol=2e-4, rtol=0)


def test_cut_sleeves_bare_the_arm(garments: Garments, body: Body) -> None:
    _, _, outfit = _dressed(garments, body)
    everything = hidden(
        replace(outfit.dressing, sleeve=torch.full((3,), 9.0), leg=torch.full((3,), 9.0)), garments, body
    )
    cut = hidden(replace(outfit.dressing, sleeve=torch.full((3,), -0.9), leg=torch.full((3,), -0.9)), garments, body)
    limbs = (body.traits.arm > -0.5) | (body.traits.leg > -0.5)
    assert (everything & limbs).any()
    assert not (cut & limbs).any()


def test_nobody_is_dressed_where_the_share_is_zero(garments: Garments, body: Body) -> None:
    _, _, outfit = _dressed(garments, body, share=0.0)
    assert (outfit.dressing.piece == -1).all() and (outfit.dressing.skin == -1).all()


@pytest.fixture(scope="module")
def dressed_generator(folder: Path, garments: Garments) -> Generator:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hourlift.synth.generate.load_garments", lambda *_: garments)
        return Generator(SynthConfig(size=64, assets=folder, dressed_share=1.0))


def test_dressed_people_are_one_of_the_seed(dressed_generator: Generator) -> None:
    first, second = (dressed_generator.render((5, 1), 6) for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert first.mask.any((1, 2)).all()
    assert (first.part[first.mask] > 0).all() and (first.part[~first.mask] == 0).all()


def test_absent_people_wear_nothing(dressed_generator: Generator) -> None:
    config = dressed_generator.config
    try:
        dressed_generator.config = replace(config, empty_share=1.0)
        assert not dressed_generator.render(3, 4).mask.any()
    finally:
        dressed_generator.config = config


def test_a_film_keeps_its_clothes(dressed_generator: Generator) -> None:
    video = render_clip(dressed_generator, 2, 3, fps=30, moving_camera=False)
    assert video.mask.any((1, 2)).all()
    drawn = dressed_generator.outfits(Draw(2, 1), dressed_generator.body.people[:1])
    assert drawn.expand(3).dressing.piece.shape == (3, len(SLOTS))
