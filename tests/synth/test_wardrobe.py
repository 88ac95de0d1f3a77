import torch

from hourlift.synth.body import Body
from hourlift.synth.draw import Draw
from hourlift.synth.wardrobe import (
    HAIR,
    NEVER_Z,
    SKIN,
    SKIRT,
    TIGHTS,
    Outfit,
    SurfacePoints,
    colour_points,
    sample_outfits,
    wear,
)


def outfits(count: int = 64, **changes: torch.Tensor) -> Outfit:
    outfit = sample_outfits(Draw(4, count), bank_size=3)
    return Outfit(**{**vars(outfit), **changes})


def test_garments_are_cut(body: Body) -> None:
    count = 8
    naked = outfits(
        count,
        sleeve=torch.full((count,), -1.0),
        leg=torch.full((count,), -1.0),
        neck=torch.zeros(count),
        waist=torch.zeros(count) - NEVER_Z,
        skirt=torch.full((count,), -NEVER_Z),
        bald=torch.ones(count, dtype=torch.bool),
    )
    worn, _ = wear(body, Outfit(**{**vars(naked), "neck": torch.full((count,), -NEVER_Z)}))
    assert not worn[:, (body.layer == TIGHTS) | (body.layer == SKIRT) | (body.layer == HAIR)].any()
    assert worn[:, body.layer == SKIN].all()

    dressed, lift = wear(body, outfits(count, sleeve=torch.full((count,), 1.9), leg=torch.full((count,), 1.9)))
    arms = (body.layer == TIGHTS) & (body.traits.arm > -1)
    assert torch.equal(dressed[:, arms], (body.traits.arm[arms] < 1.9).expand(count, -1))
    assert lift.min() >= 0 and lift.max() < 0.05


def test_skirts_take_the_place_of_trousers(body: Body) -> None:
    skirted, _ = wear(body, outfits(4, skirt=torch.full((4,), -0.4)))
    skirt = body.layer == SKIRT
    assert torch.equal(skirted[:, skirt], (body.mean[skirt, 2] > -0.4).expand(4, -1))
    legs = (body.layer == TIGHTS) & (body.traits.leg > -1)
    assert not skirted[:, legs].any()


def test_colours_are_colours_and_follow_the_person() -> None:
    points = 500
    generator = torch.Generator().manual_seed(0)
    rest = torch.rand(points, 3, generator=generator) * torch.tensor([0.4, 0.3, 1.7]) - torch.tensor([0.2, 0.15, 0.83])
    limb = torch.full((points,), -1.0)
    bank = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8, generator=generator)

    def coloured(person: int) -> torch.Tensor:
        at = SurfacePoints(
            person=torch.full((points,), person),
            layer=torch.full((points,), SKIN),
            rest=rest,
            arm=limb,
            leg=limb,
            head=(rest[:, 2] > 0.64).float(),
            foot=(rest[:, 2] < -0.75).float(),
        )
        return colour_points(outfits(), at, bank)

    first, second = coloured(0), coloured(1)
    assert first.shape == (points, 3)
    assert first.min() >= 0 and first.max() <= 1
    assert not torch.equal(first, second)
    belly = (rest[:, 2] > 0.25) & (rest[:, 2] < 0.45)
    assert not torch.isclose(first[belly], outfits().skin[0]).all()
