"""The lifter's input must not depend on the camera, nor on the person's size and place in the image."""

from collections.abc import Callable

import numpy as np
import pytest

from hourlift.geometry.camera import Camera
from hourlift.geometry.crop import Crop, box_from_joints
from hourlift.geometry.skeleton import H36M17
from hourlift.lifter.normalize import (
    ROOT,
    USUAL_LENGTHS,
    crop_offsets,
    denormalize,
    joints_from_offsets,
    normalize_joints,
    normalize_rays,
    person_input,
    with_root,
)

TOLERANCE = 2e-6  # rays are float32 of magnitude about 1


@pytest.fixture
def joints(people: Callable[[int], np.ndarray]) -> np.ndarray:
    return people(5)


def camera(focal: float = 1100.0, center: tuple[float, float] = (500.0, 480.0)) -> Camera:
    return Camera(fx=focal, fy=focal, cx=center[0], cy=center[1], image_wh=(1000, 1000))


def turn(axis: np.ndarray, angle_deg: float) -> np.ndarray:
    """(3, 3) Rodrigues rotation about an axis."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(angle_deg)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def shrink(joints: np.ndarray) -> np.ndarray:
    """The same people at half their size, standing where they stood."""
    root = joints[:, ROOT : ROOT + 1]
    return root + (joints - root) / 2


def test_root_is_the_origin_and_the_mean_length_is_one(joints: np.ndarray) -> None:
    rays = normalize_joints(camera().project(joints), camera()).rays
    assert rays.shape == (5, 17, 2) and rays.dtype == np.float32
    np.testing.assert_array_equal(rays[:, ROOT], 0)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=-1).mean(axis=-1), 1, atol=TOLERANCE)


@pytest.mark.parametrize(
    "other",
    [
        camera(focal=300.0),
        camera(focal=5000.0, center=(-200.0, 3000.0)),
        Camera(fx=900.0, fy=700.0, cx=1.0, cy=2.0, image_wh=(64, 48)),
        Camera(fx=900.0, fy=900.0, cx=500.0, cy=500.0, image_wh=(1000, 1000), distortion=(-0.1, 0.02, 1e-3, -1e-3)),
    ],
    ids=["wide lens", "long lens and a crop", "stretched pixels", "distorting lens"],
)
def test_another_lens_gives_the_same_rays(joints: np.ndarray, other: Camera) -> None:
    expected = normalize_joints(camera().project(joints), camera())
    actual = normalize_joints(other.project(joints), other)
    np.testing.assert_allclose(actual.rays, expected.rays, atol=TOLERANCE)
    np.testing.assert_allclose(actual.rotation, expected.rotation, atol=TOLERANCE)


def test_a_smaller_picture_gives_the_same_rays(joints: np.ndarray) -> None:
    joints_px = camera().project(joints)
    halved = normalize_joints((joints_px + 0.5) / 2 - 0.5, camera().scaled((500, 500)))
    np.testing.assert_allclose(halved.rays, normalize_joints(joints_px, camera()).rays, atol=TOLERANCE)


def test_half_the_person_at_half_the_distance_gives_the_same_rays(joints: np.ndarray) -> None:
    np.testing.assert_allclose(normalize_rays(joints / 2).rays, normalize_rays(joints).rays, atol=TOLERANCE)


def test_half_the_person_at_the_same_place_differs_by_perspective_alone(joints: np.ndarray) -> None:
    # Without perspective the two images would be equal; it fades with the distance.
    differences = []
    for away_mm in (0.0, 20_000.0, 2_000_000.0):
        moved = joints + [0, 0, away_mm]
        differences.append(np.abs(normalize_rays(moved).rays - normalize_rays(shrink(moved)).rays).mean())
    assert differences[0] > differences[1] > differences[2]
    assert differences[2] < 1e-3


def test_a_turn_towards_the_image_centre_gives_the_same_rays(joints: np.ndarray) -> None:
    for person in joints:
        axis = np.cross(person[ROOT], [0, 0, 1])  # a turn about it moves the root along the line to the centre
        expected = normalize_rays(person).rays
        for angle in (-20.0, 5.0, 30.0):
            turned = normalize_rays(person @ turn(axis, angle).T).rays
            np.testing.assert_allclose(turned, expected, atol=TOLERANCE)


def test_any_turn_gives_the_same_rays_up_to_roll(joints: np.ndarray) -> None:
    turned = normalize_rays(joints @ turn(np.array([0.3, 1.0, -0.2]), 17.0).T).rays
    before, after = (rays[..., 0] + 1j * rays[..., 1] for rays in (normalize_rays(joints).rays, turned))
    roll = (after * before.conj()).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(before * roll / np.abs(roll), after, atol=TOLERANCE)


def test_denormalize_turns_back(joints: np.ndarray) -> None:
    rotation = normalize_rays(joints).rotation
    relative = joints - joints[:, ROOT : ROOT + 1]
    virtual = np.einsum("bij,bkj->bki", rotation, relative)
    np.testing.assert_allclose(denormalize(virtual, rotation), relative, atol=1e-9)
    root_virtual = np.einsum("bij,bj->bi", rotation, joints[:, ROOT])
    np.testing.assert_allclose(root_virtual[:, :2], 0, atol=1e-9)


def test_an_unknown_joint_stays_unknown_and_disturbs_no_other(joints: np.ndarray) -> None:
    joints_px = camera().project(joints[0])
    joints_px[5] = np.nan
    rays = normalize_joints(joints_px, camera()).rays
    assert np.isnan(rays[5]).all() and np.isfinite(np.delete(rays, 5, axis=0)).all()
    joints_px[ROOT] = np.nan
    assert np.isnan(normalize_joints(joints_px, camera()).rays).all()


def test_coinciding_joints_have_no_scale() -> None:
    rays = normalize_joints(np.full((17, 2), 321.0), camera()).rays
    np.testing.assert_allclose(rays, 0, atol=1e-6)


def test_a_wrong_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"\(16, 2\)"):
        normalize_joints(np.zeros((16, 2)), camera())


def test_crop_offsets_are_pixels_of_the_crop_and_lead_back(joints: np.ndarray) -> None:
    joints_px = camera().project(joints)
    boxes = box_from_joints(joints_px)
    offsets = crop_offsets(joints_px, boxes)
    assert offsets.dtype == np.float32
    for person, box, offset in zip(joints_px, boxes, offsets, strict=True):
        in_crop = Crop.from_box(box, 256).to_crop(person)
        np.testing.assert_allclose(offset, in_crop - in_crop[ROOT], atol=1e-4)
    np.testing.assert_allclose(joints_from_offsets(offsets, joints_px[:, ROOT], boxes), joints_px, atol=1e-3)
    np.testing.assert_array_equal(crop_offsets(joints_px[0], boxes[0]), offsets[0])


def test_crop_offsets_depend_on_neither_place_nor_size_in_the_picture(joints: np.ndarray) -> None:
    joints_px = camera().project(joints)
    moved = 3.0 * joints_px + [1000.0, -50.0]
    expected = crop_offsets(joints_px, box_from_joints(joints_px))
    np.testing.assert_allclose(crop_offsets(moved, box_from_joints(moved)), expected, atol=1e-3)


def test_crop_offsets_keep_what_is_unknown(joints: np.ndarray) -> None:
    joints_px = camera().project(joints)
    joints_px[:, 5] = np.nan
    offsets = crop_offsets(joints_px, box_from_joints(joints_px))
    assert np.isnan(offsets[:, 5]).all() and np.isfinite(np.delete(offsets, 5, axis=1)).all()
    with pytest.raises(ValueError, match="x0 < x1"):
        crop_offsets(joints_px[0], [5.0, 5.0, 5.0, 5.0])


def test_a_person_is_rays_confidence_and_size(joints: np.ndarray) -> None:
    confidence = np.linspace(0.1, 1, 17)
    expected = normalize_joints(camera().project(joints), camera())
    read, lifted = person_input(camera().project(joints), np.tile(confidence, (5, 1)), camera())
    assert read.shape == (5, 17, 4) and read.dtype == np.float32
    np.testing.assert_array_equal(read[..., :2], expected.rays)
    np.testing.assert_allclose(read[..., 2], np.tile(confidence, (5, 1)), atol=TOLERANCE)
    np.testing.assert_array_equal(lifted.rotation, expected.rotation)
    # Size is the mean tangent of the angle from the root: of the rays turned to the root, before they are scaled.
    turned = np.einsum("bij,bkj->bki", expected.rotation, joints)
    flat = turned[..., :2] / turned[..., 2:]
    size = np.linalg.norm(flat - flat[:, :1], axis=-1).mean(-1)
    np.testing.assert_allclose(read[..., 3], np.tile(size[:, None], (1, 17)), rtol=1e-5)


def test_the_size_is_not_told_where_the_camera_is_a_guess(joints: np.ndarray) -> None:
    guess = Camera.from_fov((1000, 1000))
    read, _ = person_input(guess.project(joints), np.ones((5, 17)), guess)
    assert (read[..., 3] == 0).all() and np.abs(read[..., :2]).max() > 0.5


def test_what_is_unknown_of_a_person_changes_nothing_but_the_scale(joints: np.ndarray) -> None:
    joints_px, confidence = camera().project(joints), np.ones((5, 17))
    joints_px[:, 5] = np.nan
    confidence[:, 9] = 0
    read, lifted = person_input(joints_px, confidence, camera())
    whole, expected = person_input(camera().project(joints), np.ones((5, 17)), camera())
    assert (read[:, [5, 9], :3] == 0).all() and np.isfinite(read).all()
    others = np.delete(np.arange(17), [5, 9])
    scale = whole[:, others, :2] * (whole[:, :1, 3:] / read[:, :1, 3:])
    np.testing.assert_allclose(read[:, others, :2], scale, atol=TOLERANCE)
    np.testing.assert_array_equal(lifted.rotation, expected.rotation)


def test_a_missing_far_joint_does_not_enlarge_the_others(joints: np.ndarray) -> None:
    """People whose joints are as far from the root as usual keep their scale, whatever is missing."""
    assert USUAL_LENGTHS.mean() == pytest.approx(1)
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, (5, 17))
    flat = USUAL_LENGTHS[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    rays = np.concatenate([flat / 10, np.ones((5, 17, 1))], axis=-1)
    rays[:, H36M17.indices("l_ankle", "r_ankle", "spine")] = np.nan
    known = np.isfinite(rays[0, :, 0])
    lifted = normalize_rays(rays)
    np.testing.assert_allclose(lifted.size, 0.1, rtol=1e-6)
    np.testing.assert_allclose(lifted.rays[:, known], flat[:, known], atol=TOLERANCE)


def test_an_unknown_root_is_taken_between_the_hips_or_amid_all_joints(joints: np.ndarray) -> None:
    r_hip, l_hip = H36M17.indices("r_hip", "l_hip")
    rays = camera().unproject(camera().project(joints))
    rays[:, ROOT] = np.nan
    np.testing.assert_allclose(with_root(rays)[:, ROOT], (rays[:, r_hip] + rays[:, l_hip]) / 2)
    rays[:, [r_hip]] = np.nan
    np.testing.assert_allclose(with_root(rays)[:, ROOT], rays[:, l_hip])
    rays[:, [l_hip]] = np.nan
    np.testing.assert_allclose(with_root(rays)[:, ROOT], np.nanmean(rays, axis=1))
    assert np.isnan(with_root(np.full((1, 17, 3), np.nan))[:, ROOT]).all()
