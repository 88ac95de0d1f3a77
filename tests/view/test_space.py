import dataclasses
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.skeleton_style import LEFT_RGB, RIGHT_RGB
from hourlift.geometry.world import World, up_of_pitched_camera
from hourlift.pose import Pose
from hourlift.view import space
from hourlift.view.overlay import draw_pose
from hourlift.view.space import SideBySide, SpaceView

MakePerson = Callable[..., Pose]


def pixels_of(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """(N, 2) x, y of the pixels of exactly this colour."""
    return np.argwhere((image == colour).all(axis=-1))[:, ::-1]


def test_it_projects_as_a_pinhole_camera_does() -> None:
    """OpenCV with the same eye: it looks at the middle of the person from the front left and a little above."""
    view = SpaceView((300, 400))
    points = np.random.default_rng(2).normal(size=(50, 3)) * 600
    target = np.array([0, 0, 950.0])
    distance = view._see(target).depth
    yaw, pitch = space._YAW, space._PITCH
    right = np.array([np.cos(yaw), -np.sin(yaw), 0])
    towards_eye = np.array([-np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
    rotation = np.stack([right, -np.cross(towards_eye, right), -towards_eye])
    focal = 200 / np.tan(space._LENS)
    matrix = np.array([[focal, 0, 150], [0, focal, 200], [0, 0, 1]])
    shift = np.array([0, 0, distance]) - rotation @ target
    expected = cv2.projectPoints(points, cv2.Rodrigues(rotation)[0], shift, matrix, None)[0].reshape(-1, 2)
    np.testing.assert_allclose(view._see(points).px, expected, atol=1e-6)


def test_a_person_stands_on_the_floor(person: MakePerson) -> None:
    view = SpaceView((300, 400))
    (body,) = view._stand([person()])
    head, pelvis = H36M17.indices("head", "pelvis")
    assert body[:, 2].min() == pytest.approx(70)
    np.testing.assert_allclose(body[pelvis, :2], 0, atol=1e-6)
    assert body[head, 2] - body[pelvis, 2] == pytest.approx(710)
    image = view.draw([person()])
    left, right = pixels_of(image, LEFT_RGB), pixels_of(image, RIGHT_RGB)
    assert len(left) > 100 and len(right) > 100
    assert right[:, 0].mean() < left[:, 0].mean() - 30, "the person faces the camera"
    ankle = view._see(body[H36M17.index("r_ankle")]).px
    assert np.abs(right - ankle).sum(axis=1).min() < 4


def test_a_camera_that_looks_down_shows_the_same_person_upright(person: MakePerson) -> None:
    turn = np.radians(30)
    down = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    pose = person()
    seen = dataclasses.replace(pose, joints_3d_mm=pose.joints_3d_mm @ down.T)
    level = SpaceView((300, 400)).draw([pose]).astype(int)
    pitched = SpaceView((300, 400), World.from_up(up_of_pitched_camera(30), 1500, "given")).draw([seen]).astype(int)
    assert (np.abs(level - pitched).max(axis=-1) > 40).mean() < 0.002


def test_several_people_stand_where_they_were_seen_or_in_a_row(person: MakePerson) -> None:
    two = [person(root_mm=(-900, 0, 4000)), person(root_mm=(900, 0, 5000), person_id=1)]
    a, b = SpaceView((400, 400))._stand(two)
    np.testing.assert_allclose(b[0] - a[0], [1800, 1000, 0], atol=1e-3)
    lost = dataclasses.replace(two[1], root_cam_mm=np.full(3, np.nan))
    a, b = SpaceView((400, 400))._stand([two[0], lost])
    np.testing.assert_allclose(b[0] - a[0], [1300, 0, 0], atol=1e-3)


def test_everybody_is_in_the_picture_and_the_scale_stays(person: MakePerson) -> None:
    view = SpaceView((400, 400))
    alone = len(pixels_of(view.draw([person()]), LEFT_RGB))
    far = [person(root_mm=(-2500, 0, 4000)), person(root_mm=(2500, 0, 4000), person_id=1)]
    for pose, body in zip(far, view._stand(far), strict=True):
        view._make_room([body, body])
        px = view._see(body).px
        assert (px > 0).all() and (px < 400).all(), pose.person_id
    assert len(pixels_of(view.draw([person()]), LEFT_RGB)) < alone / 2


def test_unknown_joints_and_nobody(person: MakePerson) -> None:
    view = SpaceView((200, 200))
    joints = person().joints_3d_mm.copy()
    joints[H36M17.indices("l_knee", "nose")] = np.nan
    full, partly = view.draw([person()]), view.draw([dataclasses.replace(person(), joints_3d_mm=joints)])
    assert 0 < len(pixels_of(partly, LEFT_RGB)) < len(pixels_of(full, LEFT_RGB))
    empty = view.draw([])
    assert len(pixels_of(empty, LEFT_RGB)) == 0
    nothing = dataclasses.replace(person(), joints_3d_mm=np.full((17, 3), np.nan))
    assert (view.draw([nothing]) == empty).all()


def test_unsure_limbs_are_pale(person: MakePerson) -> None:
    view = SpaceView((200, 200))
    assert len(pixels_of(view.draw([person(confidence=0.2)]), LEFT_RGB)) == 0
    assert (view.draw([person(confidence=0.2)]) != view._floor).any()


@pytest.mark.parametrize(("wh", "width"), [((320, 240), 320 + 216), ((90, 240), 90 + 120), ((200, 240), 200 + 200)])
def test_side_by_side(person: MakePerson, wh: tuple[int, int], width: int) -> None:
    image = np.full((wh[1], wh[0], 3), 60, np.uint8)
    pair = SideBySide(wh)
    both = pair.draw(image, [person()])
    assert both.shape == (wh[1], width, 3) and pair.size_wh == (width, wh[1])
    assert (both[:, : wh[0]] == draw_pose(image, [person()])).all()
    assert len(pixels_of(both[:, wh[0] :], RIGHT_RGB)) > 50
