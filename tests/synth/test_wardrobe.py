"""Who wears what, where cloth ends, and what is painted on it."""

from dataclasses import replace

import torch
from torch import Tensor

from hourlift.synth.body.accessories import ACCESSORIES, FIRST_ACCESSORY
from hourlift.synth.body.parametric import Body
from hourlift.synth.clothes.outfit import NO_PRINT, PLAIN
from hourlift.synth.clothes.paint import NOISE_SIDE, noise, noise_table, spread
from hourlift.synth.clothes.wardrobe import (
    EYE,
    HAIR,
    NEVER_Z,
    SKIN,
    SKIRT,
    TIGHTS,
    Outfit,
    SurfacePoints,
    chart,
    colour_points,
    fold_normals,
    sample_outfits,
    surface_points,
    wear,
)
from hourlift.synth.core.draw import Draw

BANK = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def outfits(count: int = 64, **changes: object) -> Outfit:
    """Outfits with some fields set, each to one value for all."""
    outfit = sample_outfits(Draw(4, count), bank_size=3)
    return replace(outfit, **{name: torch.zeros_like(getattr(outfit, name)) + value for name, value in changes.items()})


def plain(count: int = 2, **changes: object) -> Outfit:
    """A shirt and long trousers without anything on them, on people with full hair and no beard."""
    simple = {
        "coat": False, "skirt": -NEVER_Z, "midriff": 0.15, "waist": 0.15, "neck": 0.57, "v_neck": 0.0, "sleeve": 1.9,
        "leg": 1.9, "pattern": PLAIN, "opening": 0.0, "buttons": False, "zip": False, "collar": False, "cuffs": False,
        "pockets": False, "belted": False, "side_stripe": False, "contrast_sleeves": False, "print_place": NO_PRINT,
        "straps": False, "strap": False, "carries": 0.0, "hair_density": 1.0, "bald_above": NEVER_Z, "beard": 0.0,
        "hair_line": 0.81, "glove": NEVER_Z, "blush": 0.05,
    }  # fmt: skip
    return outfits(count, **(simple | changes))


def at_vertices(body: Body, chosen: Tensor) -> SurfacePoints:
    """The chosen vertices of the body at rest as points of person 0."""
    triangle = (chosen[body.faces.long()].all(1)).nonzero()[:, 0]
    corner = body.faces[triangle].T.contiguous()
    weights = torch.tensor([[1.0], [0], [0]]).expand(corner.shape).contiguous()
    person = torch.zeros(len(triangle), dtype=torch.long)
    return surface_points(body, body.mean.T[None], person, corner, weights)


def test_garments_are_cut(body: Body) -> None:
    naked = outfits(8, leg=-1.0, midriff=NEVER_Z, waist=-NEVER_Z, skirt=-NEVER_Z, hair_hem=NEVER_Z, carries=0.0)
    worn, lift = wear(body, naked)
    assert worn[:, (body.layer == SKIN) | (body.layer == EYE)].all()
    assert not worn[:, body.layer > EYE].any()
    assert lift.min() >= 0

    dressed, lift = wear(body, plain(8, sleeve=1.9))
    arms = (body.layer == TIGHTS) & (body.traits.arm > -0.4)
    below_armhole = arms & (body.traits.arm > 0.3)
    assert torch.equal(dressed[:, below_armhole], (body.traits.arm[below_armhole] < 1.9).expand(8, -1))
    assert lift[:, arms][dressed[:, arms]].min() > 0.004 and lift.max() < 0.08


def test_skirts_take_the_place_of_trousers_but_coats_do_not(body: Body) -> None:
    legs = (body.layer == TIGHTS) & (body.traits.leg > -0.5)
    skirted, _ = wear(body, plain(4, skirt=-0.4))
    coated, _ = wear(body, plain(4, skirt=-0.4, coat=True))
    skirt = body.layer == SKIRT
    assert torch.equal(skirted[:, skirt], (chart(body).attributes[skirt, 2] > -0.4).expand(4, -1))
    assert not skirted[:, legs].any() and coated[:, legs].any()


def test_accessories_are_worn_by_those_who_have_them(body: Body) -> None:
    outfit = outfits(64)
    worn, _ = wear(body, outfit)
    for index in range(len(ACCESSORIES)):
        of_it = worn[:, body.layer == FIRST_ACCESSORY + index]
        assert torch.equal(of_it, (outfit.carries[:, index, None] > 0).expand_as(of_it))
    hats = outfit.carries[:, : ACCESSORIES.index("bun")].sum(1)
    assert hats.max() == 1 and hats.min() == 0


def test_no_hair_goes_through_a_hat(body: Body) -> None:
    carries = torch.zeros(len(ACCESSORIES))
    carries[ACCESSORIES.index("helmet")] = 1
    worn, _ = wear(body, plain(2, hair_hem=0.4, carries=carries))
    hair = body.layer == HAIR
    crown = hair & (chart(body).attributes[:, 2] > 0.8)
    assert worn[:, hair].any() and not worn[:, crown].any()


def test_colours_are_colours_in_every_layer(body: Body) -> None:
    corner = body.faces[::7].T.contiguous()
    count = corner.shape[1]
    person = (torch.arange(count) % 6).sort()[0]
    weights = torch.full((3, count), 1 / 3)
    points = surface_points(body, body.mean.T.repeat(6, 1, 1), person, corner, weights)
    outfit = outfits(6)
    colour = colour_points(outfit, points, BANK)
    assert colour.shape == (3, count) and colour.isfinite().all()
    assert colour.min() >= 0 and colour.max() <= 1
    normal = torch.full((3, count), 3**-0.5)
    bent = fold_normals(outfit, points, normal.clone())
    torch.testing.assert_close(bent.norm(dim=0), torch.ones(count))
    cloth = (points.layer == TIGHTS) | (points.layer == SKIRT)
    assert torch.equal(bent[:, ~cloth], normal[:, ~cloth])
    assert (bent - normal)[:, cloth].norm(dim=0).mean() > 0.02


def test_shirt_and_trousers_meet_at_the_waist(body: Body) -> None:
    points = at_vertices(body, (body.layer == SKIN) & (body.traits.head < 0.1) & (body.traits.foot < 0.1))
    outfit = plain(1, top=torch.tensor([1.0, 0.2, 0.2]), bottom=torch.tensor([0.2, 0.2, 1.0]))
    red, _, blue = colour_points(outfit, points, BANK)
    z, trunk = points.rest[2], (points.arm < -0.5) & (points.leg < -0.5)
    shirt = (trunk & (z > 0.16) & (z < 0.5)) | ((points.arm > 0) & (points.arm < 1.85))
    trousers = (points.leg > 0) & (points.leg < 1.85)
    assert (red[shirt] > 2 * blue[shirt]).all()
    assert (blue[trousers] > 2 * red[trousers]).all()


def test_faces_are_in_front(body: Body) -> None:
    points = at_vertices(body, (body.layer == SKIN) & (body.traits.head > 0.9))
    outfit = plain(1, skin=torch.tensor([0.9, 0.7, 0.6]), hair=torch.tensor([0.1, 0.1, 0.1]))
    colour = colour_points(outfit, points, BANK).mean(0)
    x, y, z = points.rest
    cheek = (y < -0.13) & (z > 0.69) & (z < 0.72) & (x.abs() > 0.02)
    behind = (y > 0) & (z > 0.7)
    assert cheek.sum() > 10 and behind.sum() > 10
    assert colour[cheek].median() > 0.5 > 0.2 > colour[behind].median()
    assert (colour[behind] < 0.3).float().mean() > 0.8


def test_what_hangs_in_front_is_not_behind(body: Body) -> None:
    points = at_vertices(body, (body.layer == TIGHTS) & (body.traits.arm < -0.5) & (body.traits.leg < -0.5))
    z, front = points.rest[2], points.cloth[0] > 0.02
    chest, back = (front & (z > 0.2) & (z < 0.5)), ((points.cloth[0] < -0.02) & (z > 0.2) & (z < 0.5))
    white, dark = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([0.1, 0.1, 0.1])
    outfit = plain(1, top=dark, inner=white, opening=0.05)
    colour = colour_points(outfit, points, BANK).mean(0)
    assert colour[chest].max() > 0.9 and colour[back].max() < 0.3


def test_rest_coordinates_are_those_of_the_standard_body(body: Body) -> None:
    rest = chart(body).attributes[:, :3]
    skin, eyes = rest[body.layer == SKIN], rest[body.layer == EYE]
    torch.testing.assert_close(skin[:, 2].amin(), torch.tensor(-0.8186), atol=1e-3, rtol=0)
    torch.testing.assert_close(eyes[:, 2].mean(), torch.tensor(0.7566), atol=2e-3, rtol=0)


def test_lengthwise_runs_down_the_limbs(body: Body) -> None:
    points = at_vertices(body, (body.layer == TIGHTS) & (body.traits.leg > 0.3) & (body.traits.leg < 1.8))
    assert points.lengthwise[2].abs().median() > 0.9


def test_outfits_vary() -> None:
    outfit = sample_outfits(Draw(1, 400), bank_size=5)
    assert len(set(outfit.pattern.flatten().tolist())) == 9
    assert 0.05 < (outfit.midriff == NEVER_Z).float().mean() < 0.3
    assert 0.1 < (outfit.beard.amax(1) > 0).float().mean() < 0.4
    assert outfit.skin.mean(1).max() > 0.75 and outfit.skin.mean(1).min() < 0.3
    assert outfit.cloth.max() == 4 and outfit.print_image.max() == 4
    assert (outfit.carries.mean(0) > 0).all()


def test_noise_repeats_and_has_zero_mean() -> None:
    table = noise_table(torch.device("cpu"))
    assert table.shape == (4, NOISE_SIDE**2)
    assert table.mean(1).abs().max() < 0.02
    place = torch.arange(0, 1, 1 / 64)
    assert torch.equal(noise(place, 1 - place), noise(place + 4, 5 - place))
    assert not torch.equal(noise(place, 1 - place), noise(place + 0.5, 1 - place))


def test_spreading_is_indexing() -> None:
    table = torch.arange(12.0).view(3, 4)
    person = torch.tensor([0, 0, 2, 3, 3, 3])
    assert torch.equal(spread(table, person), table[:, person])
