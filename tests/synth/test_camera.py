import pytest
import torch
from torch import Tensor

from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.synth.body.parametric import Body
from hourlift.synth.camera.views import NEAREST_M, ViewConfig, Views, sample_views
from hourlift.synth.core.draw import Draw
from hourlift.synth.pose.mix import UPRIGHT, PoseMix, sample_rotations

COUNT, SIZE = 200, 100


def joints_of(body: Body, mix: PoseMix) -> Tensor:
    draw = Draw(11, COUNT)
    shapes, _ = body.sample_shapes(COUNT, draw.generator)
    return body.joints(shapes, sample_rotations(body, draw, mix)[0])


@pytest.fixture(scope="module")
def joints(body: Body) -> Tensor:
    return joints_of(body, PoseMix())


@pytest.fixture(scope="module")
def views(joints: Tensor) -> Views:
    return sample_views(Draw(1, COUNT), joints, SIZE, ViewConfig(truncated_share=0.0))


def test_the_pinhole_is_that_of_geometry(joints: Tensor, views: Views) -> None:
    seen = views.to_camera(joints)
    found = views.project(seen)
    for i in range(0, COUNT, 20):
        focal, (cx, cy) = views.focal[i].item(), views.centre[i].tolist()
        camera = Camera(fx=focal, fy=focal, cx=cx, cy=cy, image_wh=(SIZE, SIZE))
        expected = torch.from_numpy(camera.project(seen[i].numpy())).float()
        torch.testing.assert_close(found[i], expected, atol=1e-3, rtol=1e-5)


def test_camera_axes_are_a_right_handed_frame_with_y_down(joints: Tensor, views: Views) -> None:
    product = views.rotation @ views.rotation.mT
    torch.testing.assert_close(product, torch.eye(3).expand_as(product), atol=1e-5, rtol=0)
    assert torch.linalg.det(views.rotation).min() > 0.999
    up = views.rotation[:, :, 2]  # of the world, in camera axes
    assert (up[:, 1] < 0).all()
    assert views.to_camera(joints)[..., 2].min() > NEAREST_M


def test_moving_the_world_does_not_change_the_view(joints: Tensor, views: Views) -> None:
    shift = torch.tensor([3.0, -4.0, 0.5])
    moved = sample_views(Draw(1, COUNT), joints + shift, SIZE, ViewConfig(truncated_share=0.0))
    torch.testing.assert_close(moved.to_camera(joints + shift), views.to_camera(joints), atol=1e-4, rtol=0)
    torch.testing.assert_close(moved.focal, views.focal, atol=0.05, rtol=1e-4)


def test_the_picture_frames_the_person(joints: Tensor) -> None:
    config = ViewConfig(margin=(1.3, 1.3), shift=0.0, truncated_share=0.0)
    views = sample_views(Draw(1, COUNT), joints, SIZE, config)
    pixels = views.project(views.to_camera(joints))
    low, high = pixels.amin(1), pixels.amax(1)
    torch.testing.assert_close((low + high) / 2, torch.full((COUNT, 2), (SIZE - 1) / 2), atol=1e-3, rtol=0)
    expected = torch.full((COUNT,), SIZE / 1.3 / 1.3)  # the margin, and 15 % on each side of the joints
    torch.testing.assert_close((high - low).amax(1), expected, atol=1e-2, rtol=0)
    cut = sample_views(Draw(1, COUNT), joints, SIZE, ViewConfig(truncated_share=1.0))
    pixels = cut.project(cut.to_camera(joints))
    assert ((pixels < -0.5) | (pixels > SIZE - 0.5)).any(-1).any(-1).float().mean() > 0.5


def test_people_face_the_camera_when_asked_to(body: Body) -> None:
    joints = joints_of(body, UPRIGHT)
    l_hip, r_hip, l_shoulder, r_shoulder = H36M17.indices("l_hip", "r_hip", "l_shoulder", "r_shoulder")

    def left(front_share: float) -> Tensor:
        seen = sample_views(Draw(1, COUNT), joints, SIZE, ViewConfig(front_share=front_share)).to_camera(joints)
        return (seen[:, l_hip] - seen[:, r_hip] + seen[:, l_shoulder] - seen[:, r_shoulder])[:, 0]

    assert (left(1.0) > 0).all()
    assert 0.35 < (left(0.0) > 0).float().mean() < 0.65


def test_what_is_behind_the_camera_has_no_nearness() -> None:
    views = Views(
        rotation=torch.eye(3)[None], eye=torch.zeros(1, 3), focal=torch.tensor([50.0]), centre=torch.zeros(1, 2), size=9
    )
    points = torch.tensor([[[0.0, 0.0, 2 * NEAREST_M], [0.0, 0.0, -1.0], [0.0, 0.0, NEAREST_M / 2]]])
    assert views.screen(points)[0, :, 2].tolist() == [0.5, -1.0, -1.0]


def test_cameras_stand_between_floor_and_ceiling_in_reach_of_the_person(joints: Tensor) -> None:
    config = ViewConfig(height=(0.3, 2.5), extreme_share=0.0, distance=(4.0, 9.0))
    views = sample_views(Draw(4, COUNT), joints, SIZE, config)
    floor = joints[..., 2].amin(1)
    height = views.eye[:, 2] - floor
    assert height.min() > 0.2 and height.max() < 2.5
    distance = (views.eye - (joints.amin(1) + joints.amax(1)) / 2).norm(dim=-1)
    assert distance.min() > 3.99 and distance.max() < 9.01


def test_no_camera_is_inside_a_person(joints: Tensor) -> None:
    views = sample_views(Draw(4, COUNT), joints, SIZE, ViewConfig(distance=(0.1, 0.2)))
    assert (joints - views.eye[:, None]).norm(dim=-1).min() > 0.4
    assert views.to_camera(joints)[..., 2].min() > 0.1


def test_people_are_inside_the_field_of_view_of_the_whole_picture(joints: Tensor) -> None:
    views = sample_views(Draw(4, COUNT), joints, SIZE, ViewConfig(field_of_view=(40, 40), roll_spread=0.0))
    middle = views.to_camera((joints.amin(1) + joints.amax(1))[:, None] / 2)[:, 0]
    angle = torch.rad2deg(torch.atan2(middle[:, 0], middle[:, 2]).abs())
    assert 8.0 < angle.max() < 20.0


def test_level_cameras_do_not_tilt(joints: Tensor) -> None:
    config = ViewConfig(level_share=1.0, roll_spread=0.0, extreme_share=0.0, field_of_view=(100, 100))
    views = sample_views(Draw(4, COUNT), joints, SIZE, config)
    tilt = views.rotation[:, 2, 2].abs()  # of the optical axis against the horizon
    assert (tilt < 1e-5).float().mean() > 0.9


def test_the_studio_has_four_fixed_cameras(joints: Tensor) -> None:
    views = sample_views(Draw(4, COUNT), joints, SIZE, ViewConfig(studio=True))
    assert len(torch.unique((views.rotation * 1e4).round(), dim=0)) == 4
    height = views.eye[:, 2] - joints[..., 2].amin(1)
    assert height.min() > 1.3 and height.max() < 1.6
    horizontal = (views.eye - joints[:, 0])[:, :2].norm(dim=-1)
    assert horizontal.min() > 1.8 and horizontal.max() < 8
