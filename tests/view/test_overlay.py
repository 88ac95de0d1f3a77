import dataclasses
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.skeleton_style import (
    CENTRE_RGB,
    INK_RGB,
    LEFT_INK_RGB,
    LEFT_RGB,
    RIGHT_INK_RGB,
    RIGHT_RGB,
    weight,
)
from hourlift.pose import Pose
from hourlift.view.overlay import draw_pose

GREY = np.full((240, 320, 3), 128, np.uint8)
MakePerson = Callable[..., Pose]


def distance_to_limbs(pose: Pose) -> np.ndarray:
    """(H, W) pixels to the nearest limb's segment."""
    height, width = GREY.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(float)
    nearest = np.full((height, width), np.inf)
    for parent, child in H36M17.edges:
        start, end = pose.joints_2d_px[parent].astype(float), pose.joints_2d_px[child].astype(float)
        along = np.clip(((grid - start) @ (end - start)) / ((end - start) @ (end - start)), 0, 1)
        nearest = np.minimum(nearest, np.linalg.norm(grid - (start + along[..., None] * (end - start)), axis=-1))
    return nearest


def test_pixels_change_near_limbs_and_nowhere_else(person: MakePerson) -> None:
    pose = person()
    drawn = draw_pose(GREY, [pose])
    changed = (drawn != GREY).any(axis=-1)
    distance = distance_to_limbs(pose)
    assert changed[distance < 1].all()
    assert not changed[distance > 6].any()
    assert (GREY == 128).all(), "the image given must stay as it was"


@pytest.mark.parametrize(
    ("joints", "colour"),
    [(("l_hip", "l_knee"), LEFT_RGB), (("r_elbow", "r_wrist"), RIGHT_RGB), (("spine", "thorax"), CENTRE_RGB)],
)
def test_sides_have_their_colours(person: MakePerson, joints: tuple[str, str], colour: tuple[int, int, int]) -> None:
    pose = person()
    x, y = np.round(pose.joints_2d_px[H36M17.indices(*joints)].mean(axis=0)).astype(int)
    np.testing.assert_allclose(draw_pose(GREY, [pose])[y, x], colour, atol=2)


def test_limbs_at_nan_joints_are_left_out(person: MakePerson) -> None:
    pose = person()
    joints = pose.joints_2d_px.copy()
    joints[H36M17.index("l_elbow")] = np.nan
    joints[H36M17.index("r_knee"), 0] = np.inf
    drawn = draw_pose(GREY, [dataclasses.replace(pose, joints_2d_px=joints)])
    for name in ("l_elbow", "l_wrist", "r_knee", "r_ankle"):
        x, y = np.round(pose.joints_2d_px[H36M17.index(name)]).astype(int)
        assert (drawn[y, x] == 128).all(), name
    nothing = dataclasses.replace(pose, joints_2d_px=np.full((17, 2), np.nan))
    assert (draw_pose(GREY, [nothing]) == GREY).all()
    unknown = dataclasses.replace(pose, confidence=np.full(17, np.nan))
    assert (draw_pose(GREY, [unknown]) == GREY).all()


def test_confidence_sets_the_weight(person: MakePerson) -> None:
    changes = [np.abs(draw_pose(GREY, [person(confidence=c)]).astype(int) - 128).sum() for c in (0.0, 0.15, 0.4, 0.9)]
    assert changes[0] == 0
    assert changes == sorted(set(changes))
    assert np.all(np.diff(weight(np.linspace(0.1, 0.6, 9))) > 0)
    assert weight(np.array([np.nan])) == 0
    assert (draw_pose(GREY, [person(confidence=0.5)], min_confidence=0.6) == GREY).all()


def test_width_follows_the_size_of_the_person(person: MakePerson) -> None:
    near, far = (person(root_mm=(0, 0, z)) for z in (2500, 8000))
    inked = [
        (draw_pose(GREY, [pose]) != GREY).any(axis=-1).sum() / np.ptp(pose.joints_2d_px[:, 1]) for pose in (near, far)
    ]
    assert inked[0] > 1.25 * inked[1]


def test_drawing_is_subpixel(person: MakePerson) -> None:
    pose = person()
    moved = dataclasses.replace(pose, joints_2d_px=pose.joints_2d_px + np.float32(0.25))
    assert (draw_pose(GREY, [pose]) != draw_pose(GREY, [moved])).any()


@pytest.mark.parametrize("shift", [300.0, -5000.0, 1e9])
def test_people_outside_the_picture(person: MakePerson, shift: float) -> None:
    pose = person()
    away = dataclasses.replace(pose, joints_2d_px=pose.joints_2d_px + np.float32(shift))
    assert draw_pose(GREY, [away]).shape == GREY.shape
    assert draw_pose(np.zeros((1, 1, 3), np.uint8), [pose]).shape == (1, 1, 3)


def test_nobody_and_many(person: MakePerson) -> None:
    assert (draw_pose(GREY, []) == GREY).all()
    two = draw_pose(GREY, [person(root_mm=(-900, 0, 5000)), person(root_mm=(900, 0, 5000))])
    changed = (two != GREY).any(axis=(0, 2))
    assert changed[:160].any() and changed[160:].any()


@pytest.mark.parametrize("image", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3)), np.zeros((8, 8, 4), np.uint8)])
def test_other_images_are_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        draw_pose(image, [])


def test_ids_are_written_where_there_are_several_people(person: MakePerson) -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    left, right = person(root_mm=(-900, 0, 5000), person_id=3), person(root_mm=(900, 0, 5000), person_id=4)
    both = draw_pose(image, [left, right])
    apart = np.maximum(draw_pose(image, [left]), draw_pose(image, [right]))
    y, x = np.nonzero((both != apart).any(axis=-1))
    head = min(left.joints_2d_px[:, 1].min(), right.joints_2d_px[:, 1].min())
    assert len(y) > 20 and y.max() < head, "only over the heads"
    assert (x < 160).any() and (x > 160).any()
    assert (draw_pose(image, [left, dataclasses.replace(right, confidence=np.zeros(17))]) != 0).any()


# Machado, Oliveira and Fernandes (2009), severity 1: what the red-, green- and blue-blind see, in linear light.
COLOUR_BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("kind", COLOUR_BLIND)
@pytest.mark.parametrize("inks", [(LEFT_RGB, RIGHT_RGB, CENTRE_RGB), (LEFT_INK_RGB, RIGHT_INK_RGB, INK_RGB)])
def test_sides_are_told_apart_by_the_colour_blind(kind: str, inks: tuple[tuple[int, int, int], ...]) -> None:
    rgb = np.array(inks) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = (linear @ np.transpose(COLOUR_BLIND[kind])).clip(0, 1)
    gamma = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = cv2.cvtColor(gamma[None].astype(np.float32), cv2.COLOR_RGB2LAB)[0]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert np.linalg.norm(lab[a] - lab[b]) > 25, "CIELAB; 2.3 is just noticeable side by side"
