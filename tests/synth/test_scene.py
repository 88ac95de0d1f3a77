"""Places, what stands in them, and how light falls there."""

from dataclasses import fields, replace

import pytest
import torch

from hourlift.data.sample import OCCLUDED, OUTSIDE
from hourlift.synth.body.parametric import Body, PosedBodies
from hourlift.synth.camera.views import ViewConfig, Views, sample_views
from hourlift.synth.core.draw import Draw
from hourlift.synth.generate import Generator, SynthBatch
from hourlift.synth.pose.mix import KINDS, PoseMix, sample_rotations
from hourlift.synth.pose.stance import measure_stance
from hourlift.synth.render.backdrop import FARTHEST_M, floor_depth, see_planes
from hourlift.synth.render.compose import smooth_edges
from hourlift.synth.render.light import sample_lights
from hourlift.synth.render.shadow import contact, lamp_share
from hourlift.synth.scene.config import SceneConfig
from hourlift.synth.scene.layout import FLOOR, PHOTO, Scene, sample_scenes
from hourlift.synth.scene.materials import NUM_MATERIALS, SIDE, Atlas, build_atlas
from hourlift.synth.scene.props import NUM_PROPS, OCCLUDER, PLATFORM, SEAT, SEAT_DISCS, prop_mesh

COUNT, SIZE, TEXTURES = 48, 64, 100
PLACES = SceneConfig(place_share=1.0, hover_share=0.0, platform_share=0.0)


def only(kind: str) -> PoseMix:
    return PoseMix(**{field.name: float(field.name == kind) for field in fields(PoseMix)})


def posed(body: Body, mix: PoseMix) -> tuple[PosedBodies, torch.Tensor, Views]:
    draw = Draw(11, COUNT)
    shapes, _ = body.sample_shapes(COUNT, draw.generator)
    rotations, kind = sample_rotations(body, draw.stream(0), mix)
    people = body.pose(shapes, rotations)
    return people, kind, sample_views(draw.stream(1), people.joints, SIZE, ViewConfig())


@pytest.fixture(scope="module")
def sitting(body: Body) -> tuple[PosedBodies, torch.Tensor, Views]:
    return posed(body, only("sit"))


def scene_of(body: Body, who: tuple[PosedBodies, torch.Tensor, Views], config: SceneConfig = PLACES) -> Scene:
    people, kind, views = who
    return sample_scenes(Draw(5, COUNT), body, people, kind, views, TEXTURES, config)


def test_who_sits_has_a_seat_right_below(body: Body, sitting: tuple[PosedBodies, torch.Tensor, Views]) -> None:
    scene, stance = scene_of(body, sitting), measure_stance(body, sitting[0], sitting[1])
    slots = [*SEAT, *SEAT_DISCS]
    shown, centre, half = scene.props.shown[:, slots], scene.props.centre[:, slots], scene.props.half[:, slots]
    top = centre[..., 2] + half[..., 2]
    touching = shown & ((top - stance.seat_top[:, None]).abs() < 1e-3)
    near = (centre[..., :2] - stance.joints[:, :1, :2]).norm(dim=-1) < 0.35
    assert (touching & near).any(1).all()
    # Only backs, arms and further steps are higher than what one sits on, and none of them is below the pelvis.
    pelvis = (stance.joints[:, :1] - centre)[..., None, :] @ scene.props.turn[:, slots]
    under = (pelvis[..., 0, :2].abs() < half[..., :2]).all(-1)
    assert not (shown & under & (top > stance.seat_top[:, None] + 1e-3)).any()


def test_nobody_else_is_given_a_seat_and_all_stand_on_the_floor(body: Body) -> None:
    who = posed(body, only("stand"))
    scene = scene_of(body, who)
    assert not scene.props.shown[:, [*SEAT, *SEAT_DISCS]].any()
    skin = who[0].vertices[:, body.layer == 0, 2].amin(1)
    assert (skin - scene.floor_m).min() > 0 and (skin - scene.floor_m).max() < 0.02


def test_a_place_holds_camera_and_person(body: Body, sitting: tuple[PosedBodies, torch.Tensor, Views]) -> None:
    people, _, views = sitting
    scene = scene_of(body, sitting)
    there = scene.place != PHOTO
    assert there.float().mean() > 0.7
    held = torch.cat([people.joints, views.eye[:, None]], 1) @ scene.axes.mT
    assert (held > scene.low[:, None])[there].all() and (held < scene.high[:, None])[there].all()


def test_planes_are_seen_where_they_are(body: Body, sitting: tuple[PosedBodies, torch.Tensor, Views]) -> None:
    """A point of the floor, projected, is at the depth that the ray through its pixel finds."""
    _, _, views = sitting
    scene = scene_of(body, sitting)
    planes = see_planes(scene, views)
    pixel = torch.tensor([20.0, 50.0])
    for i, b in enumerate(planes.image.tolist()):
        depth = planes.depth[i, 50, 20]
        ray = torch.cat([(pixel - views.centre[b]) / views.focal[b], torch.ones(1)])
        world = views.eye[b] + views.rotation[b].T @ (ray * depth)
        inside = scene.axes[b] @ world
        distance = torch.stack([(inside - scene.low[b]), (inside - scene.high[b])], 1).abs().flatten()
        tolerance = 2e-3 * max(1.0, float(depth))
        assert distance.min() < tolerance
        assert distance[int(planes.plane[i, 50, 20])] < tolerance
        if planes.plane[i, 50, 20] == FLOOR:
            assert floor_depth(views, scene.floor_m)[b, 50, 20] == pytest.approx(float(depth), rel=1e-3)


def test_occluders_hide_joints(generator: Generator) -> None:
    def hidden(share: float) -> float:
        scene = SceneConfig(occluded_share=share, bystander_share=0.0, furnished_share=0.0)
        batch: SynthBatch = Generator(replace(generator.config, scene=scene)).render(3, 48)
        inside = batch.visibility != OUTSIDE
        return float(((batch.visibility == OCCLUDED) & inside).sum() / inside.sum())

    assert hidden(1.0) > hidden(0.0) + 0.1


def test_the_mesh_of_props_is_closed_and_faces_outwards() -> None:
    mesh = prop_mesh(torch.device("cpu"))
    assert mesh.slot.max() == NUM_PROPS - 1
    a, b, c = mesh.vertices[mesh.faces.long()].unbind(1)
    volume = torch.zeros(NUM_PROPS).index_add_(0, mesh.face_slot, (a * torch.linalg.cross(b, c)).sum(-1) / 6)
    assert volume[OCCLUDER.start] == pytest.approx(8.0) and volume[PLATFORM.start] == pytest.approx(8.0)
    assert (volume > 3.0).all()  # a ball of 12 x 8 faces has 3.4 of 4.19


def above_a_plate() -> tuple[Views, torch.Tensor, torch.Tensor]:
    """A camera 4 m over a floor, looking down; a plate of 1 x 1 m floats at 1 m."""
    look_down = torch.tensor([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])[None]
    views = Views(
        rotation=look_down, eye=torch.tensor([[0.0, 0, 4]]), focal=torch.tensor([64.0]),
        centre=torch.full((1, 2), 31.5), size=64,
    )  # fmt: skip
    corners = torch.tensor([[-0.5, -0.5, 1.0], [0.5, -0.5, 1], [0.5, 0.5, 1], [-0.5, 0.5, 1]])[None]
    return views, corners, torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)


def test_a_shadow_lies_where_the_light_does_not_reach() -> None:
    views, corners, faces = above_a_plate()
    floor_seen = torch.full((1, 64, 64), 4.0)  # as if the plate could not be seen
    light = sample_lights(Draw(0, 1))
    slanted = torch.nn.functional.normalize(torch.tensor([[-1.0, 0.0, 1.0]]), dim=-1)
    light = replace(
        light, direction=slanted, shadow=torch.ones(1), softness=torch.zeros(1), spot=torch.full((1,), FARTHEST_M)
    )
    share = lamp_share(
        light, views, floor_seen, (corners, faces, torch.ones(1, 2, dtype=torch.bool)),
        torch.tensor([[0.0, 0, 0.5]]), torch.tensor([2.5]), torch.zeros(1),
    )[0]  # fmt: skip
    # The shadow of the plate at 1 m, lit from -x at 45 degrees, lies 1 m further along +x: from 0.5 to 1.5.
    metre = 64 / 4
    column, row = round(31.5 + 1.0 * metre), 31
    assert share[row, column] < 0.1
    assert share[row, round(31.5 - 0.2 * metre)] > 0.95
    assert share[row, round(31.5 + 1.75 * metre)] > 0.95
    assert share[round(31.5 + 0.8 * metre), column] > 0.95
    half_dark = (share[row] < 0.5).nonzero()[:, 0]
    assert half_dark.min() == pytest.approx(31.5 + 0.5 * metre, abs=1.5)
    assert half_dark.max() == pytest.approx(31.5 + 1.5 * metre, abs=1.5)


def test_the_floor_is_dark_below_what_touches_it() -> None:
    views, corners, _ = above_a_plate()
    high, low = (
        contact(views, corners, torch.zeros(1)),
        contact(views, corners - torch.tensor([0, 0, 1.0]), torch.zeros(1)),
    )
    assert high.max() == 0
    at_corner = round(31.5 + 0.5 * 64 / 4)
    assert low[0, at_corner, at_corner] > 0.02
    assert low[0, 2, 2] == 0


def test_only_edges_are_smoothed() -> None:
    image = torch.zeros(1, 8, 8, 3)
    image[:, :, 4:] = 1.0
    surface = (image[..., 0] > 0.5).to(torch.int8)
    done = smooth_edges(image.clone(), surface, torch.ones(1, 8, 8))[0, 3, :, 0]
    assert done.tolist() == pytest.approx([0, 0, 0, 0.25, 0.75, 1, 1, 1])
    untouched = torch.rand(1, 8, 8, 3)
    assert torch.equal(smooth_edges(untouched.clone(), torch.zeros(1, 8, 8), torch.ones(1, 8, 8)), untouched)


def test_the_atlas_finds_its_textures_at_all_sizes() -> None:
    images = torch.zeros(2, 320, 320, 3, dtype=torch.uint8)
    images[0], images[1, :, 160:] = 102, 255
    atlas: Atlas = build_atlas(0, images)
    assert atlas.count == NUM_MATERIALS + 2
    u = torch.tensor([0.1, 0.9, 5.9, -0.9])
    for footprint in (1e-4, 1 / SIDE, 0.05, 3.0):
        size = torch.full((4,), footprint)
        plain = atlas.colours(torch.full((4,), NUM_MATERIALS), u, u, size)
        assert torch.allclose(plain, torch.tensor(0.4), atol=1e-3)
        halves = atlas.colours(torch.full((4,), NUM_MATERIALS + 1), u, u, size)
        assert torch.allclose(halves[0], torch.tensor([0.0, 1, 1, 0]), atol=1e-3)


def test_kinds_that_scenes_know_exist() -> None:
    assert {"sit", "floor", "kneel", "wild", "prior", "captured"} <= set(KINDS)
