"""Light and depth of rendered people."""

from dataclasses import replace

import torch
from torch import Tensor

from hourlift.synth.body.parametric import Body, PosedBodies
from hourlift.synth.camera.views import ViewConfig, Views, sample_views
from hourlift.synth.clothes.wardrobe import NEVER_Z, Outfit, sample_outfits
from hourlift.synth.core.draw import Draw
from hourlift.synth.pose.mix import UPRIGHT, sample_rotations
from hourlift.synth.render.backdrop import FARTHEST_M
from hourlift.synth.render.light import Light, sample_lights
from hourlift.synth.render.shade import Layer, render_people

COUNT, SIZE = 6, 80
GREY = torch.full((1, 8, 8, 3), 128, dtype=torch.uint8)


def scene(body: Body) -> tuple[PosedBodies, Views, Outfit, Light]:
    """People in grey, seen from the front."""
    draw = Draw(2, COUNT)
    shapes, _ = body.sample_shapes(COUNT, draw.generator)
    people = body.pose(shapes, sample_rotations(body, draw, UPRIGHT)[0])
    views = sample_views(draw, people.joints, SIZE, ViewConfig(front_share=1.0, truncated_share=0.0))
    outfit = sample_outfits(draw, 1)
    grey = {
        name: torch.full_like(getattr(outfit, name), 0.5) for name in ("skin", "hair", "shoe", "sole", "top", "bottom")
    }
    return people, views, replace(outfit, **grey), sample_lights(draw)


def lit_from(light: Light, direction: Tensor) -> Light:
    """A strong lamp and little else."""
    return replace(
        light,
        direction=torch.nn.functional.normalize(direction, dim=-1),
        lamp=torch.ones(COUNT, 3),
        sky=torch.full((COUNT, 3), 0.1),
        ground=torch.full((COUNT, 3), 0.1),
        shadow=torch.ones(COUNT),
        softness=torch.zeros(COUNT),
        spot=torch.full((COUNT,), FARTHEST_M),
    )


def brightness(layer: Layer) -> Tensor:
    return (layer.colour.mean(-1) * layer.mask).sum((1, 2)) / layer.mask.sum((1, 2))


def test_what_faces_the_lamp_is_bright(body: Body) -> None:
    people, views, outfit, light = scene(body)
    away = views.rotation[:, 2]  # the way the camera looks, in the world
    front = render_people(body, people, outfit, views, lit_from(light, -away), GREY, False)
    back = render_people(body, people, outfit, views, lit_from(light, away), GREY, False)
    assert (brightness(front) > 1.5 * brightness(back)).all()
    assert front.colour.min() >= 0 and front.colour.max() <= 1
    assert torch.equal(front.mask, back.mask)
    right = views.rotation[:, 0]
    layer = render_people(body, people, outfit, views, lit_from(light, right), GREY, False)
    columns = torch.arange(SIZE, dtype=torch.float32)[None, None].expand(COUNT, SIZE, SIZE)
    lit, seen = layer.colour.mean(-1) * layer.mask, layer.mask.float()
    to_the_right = (columns * lit).sum((1, 2)) / lit.sum((1, 2)) - (columns * seen).sum((1, 2)) / seen.sum((1, 2))
    assert to_the_right.mean() > 0.3
    assert (to_the_right > -0.5).all()  # arms and legs may stand in any way


def test_the_inside_of_a_skirt_is_lit_as_its_outside(body: Body) -> None:
    """Seen from below with the lamp at the camera, cloth that is turned away would be black."""
    people, views, outfit, light = scene(body)
    low, middle = people.vertices[..., 2].amin(1), people.joints[:, 0]
    eye = torch.stack([middle[:, 0], middle[:, 1], low - 1.0], -1)
    up = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # looks straight up
    views = replace(views, eye=eye, rotation=up.expand(COUNT, 3, 3), focal=torch.full((COUNT,), 90.0))
    views = replace(views, centre=torch.full((COUNT, 2), SIZE / 2))
    below = lit_from(light, torch.tensor([[0.0, 0.0, -1.0]]).expand(COUNT, 3))
    skirted = replace(outfit, skirt=torch.full((COUNT,), -0.3), leg=torch.full((COUNT,), 0.1))
    bare = replace(skirted, skirt=torch.full((COUNT,), -NEVER_Z))
    with_skirt, without = (render_people(body, people, worn, views, below, GREY, False) for worn in (skirted, bare))
    cloth = with_skirt.mask & ((with_skirt.depth - without.depth).abs() > 0.01)
    assert cloth.sum() > 50
    unlit = 0.16  # what the lamp does not reach: grey under the little light around
    # 0.83; it would be 0.49. The folds turn some of it away from the lamp.
    assert (with_skirt.colour.mean(-1)[cloth] > unlit).float().mean() > 0.75


def test_depth_is_that_of_the_surface(body: Body) -> None:
    people, views, outfit, light = scene(body)
    layer = render_people(body, people, outfit, views, light, GREY, False)
    depth = views.to_camera(people.vertices)[..., 2]
    for i in range(COUNT):
        seen = layer.depth[i][layer.mask[i]]
        assert depth[i].min() - 0.05 < seen.min() and seen.max() < depth[i].max() + 0.05
    assert torch.isinf(layer.depth[~layer.mask]).all()
    assert not layer.shadow.any()


def test_a_shadow_falls_away_from_the_lamp(body: Body) -> None:
    people, views, outfit, light = scene(body)
    for sign in (1.0, -1.0):
        direction = sign * views.rotation[:, 0] + torch.tensor([0.0, 0.0, 0.7])
        layer = render_people(body, people, outfit, views, lit_from(light, direction), GREY, True)
        columns = torch.arange(SIZE, dtype=torch.float32)[None, None].expand(COUNT, SIZE, SIZE)
        shade = (layer.shadow - layer.shadow.flatten(1).median(1).values[:, None, None]).clamp(min=0)
        shade = shade * (layer.shadow > 0.4)
        middle = (columns * shade).sum((1, 2)) / shade.sum((1, 2)).clamp(min=1)
        person = (columns * layer.mask).sum((1, 2)) / layer.mask.sum((1, 2))
        seen = shade.sum((1, 2)) > 30
        assert seen.any()
        assert (sign * (person - middle)[seen] > 0).all()
