import cv2
import numpy as np
import pytest

from hourlift.geometry import CROP_MARGIN, Crop, box_from_joints, rescale_points, whole_image_box

RNG = np.random.default_rng(3)


def apply(affine: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ affine[:, :2].T + affine[:, 2]


def test_whole_image_box_reaches_the_outer_pixel_edges():
    np.testing.assert_array_equal(whole_image_box((640, 480)), [-0.5, -0.5, 639.5, 479.5])


def test_box_from_joints_by_hand():
    joints = np.array([[10, 20], [30, 120], [20, 60], [np.nan, 5]])
    np.testing.assert_allclose(box_from_joints(joints), [10 - 5, 20 - 15, 30 + 5, 120 + 15])  # 5 % of the height wins
    np.testing.assert_allclose(box_from_joints([[0, 0], [100, 100]], growth=0.2), [-20, -20, 120, 120])


def test_box_from_joints_is_batched_and_nan_without_joints():
    joints = np.full((2, 3, 2), np.nan)
    joints[1] = [[0, 0], [10, 20], [5, 5]]
    boxes = box_from_joints(joints)
    assert np.isnan(boxes[0]).all()
    np.testing.assert_allclose(boxes[1], [-1.5, -3, 11.5, 23])


def test_crop_from_box_is_the_square_around_its_centre():
    crop = Crop.from_box([10, 20, 30, 120], 256)
    assert crop.center_px == (20.0, 70.0) and crop.side_px == pytest.approx(100 * CROP_MARGIN) and crop.size == 256


@pytest.mark.parametrize("box", [[0, 0, 0, 0], [10, 0, 5, 20], [0, 0, np.nan, 5], [0, 0, np.inf, 5], [1, 2, 3]])
def test_a_box_that_is_none_is_refused(box: list[float]):
    with pytest.raises(ValueError, match="box"):
        Crop.from_box(box, 256)


def test_affine_sends_the_squares_edges_to_the_crops_edges():
    crop = Crop(center_px=(100.0, 50.0), side_px=80.0, size=256)
    corners = np.array([[60.0, 10.0], [140.0, 90.0]])
    np.testing.assert_allclose(apply(crop.affine, corners), [[-0.5, -0.5], [255.5, 255.5]])
    x = 77.0
    assert crop.affine[0] @ [x, 0, 1] == pytest.approx((x - (100 - 80 / 2)) * 256 / 80 - 0.5)


@pytest.mark.parametrize("turn_rad", [0.0, 0.4, -2.8])
def test_points_go_there_and_back_and_agree_with_the_affine(turn_rad: float):
    crop = Crop(center_px=(321.5, -17.25), side_px=333.0, size=192, turn_rad=turn_rad)
    points = RNG.normal(size=(5, 17, 2)) * 500
    np.testing.assert_allclose(crop.to_crop(points), apply(crop.affine, points), atol=1e-9)
    np.testing.assert_allclose(crop.to_image(crop.to_crop(points)), points, atol=1e-9)
    assert np.isnan(crop.to_crop([np.nan, 1.0])[0])


def test_a_turned_crop_stands_who_leans_upright():
    crop = Crop(center_px=(50.0, 40.0), side_px=100.0, size=100, turn_rad=np.radians(30))
    leaning = np.array([50.0, 40.0]) + 20 * np.array([np.sin(np.radians(30)), -np.cos(np.radians(30))])
    np.testing.assert_allclose(crop.to_crop([[50.0, 40.0], leaning]), [[49.5, 49.5], [49.5, 29.5]], atol=1e-9)


def test_a_crop_of_the_whole_square_image_at_its_size_is_the_image():
    image = RNG.integers(0, 255, (64, 64, 3), np.uint8)
    crop = Crop.from_box(whole_image_box((64, 64)), 64, margin=1.0)
    np.testing.assert_array_equal(cv2.warpAffine(image, crop.affine, (64, 64)), image)


def test_upsampling_twice_agrees_with_cv2_resize():
    """cv2.resize puts pixel centres where the half-pixel rule does; half a pixel off would show at once."""
    ramp = np.add.outer(3.0 * np.arange(32), 5.0 * np.arange(32)).astype(np.float32)
    crop = Crop.from_box(whole_image_box((32, 32)), 64, margin=1.0)
    warped = cv2.warpAffine(ramp, crop.affine, (64, 64), flags=cv2.INTER_LINEAR)
    resized = cv2.resize(ramp, (64, 64), interpolation=cv2.INTER_LINEAR)
    inner = slice(1, -1)  # at the border one repeats the edge, the other fades to black
    np.testing.assert_allclose(warped[inner, inner], resized[inner, inner], atol=0.2)  # warpAffine rounds to 1/32 px
    np.testing.assert_allclose(crop.to_crop([7.0, 9.0]), rescale_points([7.0, 9.0], 2.0))
    # The value at image pixel (7, 9) is found between the four crop pixels around (14.5, 18.5).
    assert resized[18:20, 14:16].mean() == pytest.approx(ramp[9, 7])


def test_a_drawn_dot_is_found_where_to_crop_says():
    image = np.zeros((200, 300), np.float32)
    image[90:93, 140:143] = 1  # centred on (141, 91)
    crop = Crop(center_px=(150.0, 100.0), side_px=50.0, size=256)
    patch = cv2.warpAffine(image, crop.affine, (256, 256), flags=cv2.INTER_LINEAR)
    rows, cols = np.mgrid[:256, :256]
    centroid = np.array([(patch * cols).sum(), (patch * rows).sum()]) / patch.sum()
    np.testing.assert_allclose(centroid, crop.to_crop([141.0, 91.0]), atol=0.1)  # half a pixel would be 0.5


def test_rescale_points_by_hand_and_back():
    np.testing.assert_allclose(rescale_points([[-0.5, -0.5], [255.5, 0.0]], 0.25), [[-0.5, -0.5], [63.5, -0.375]])
    np.testing.assert_allclose(rescale_points([3.0, 3.0], (2.0, 4.0)), [6.5, 13.5])
    points = RNG.normal(size=(4, 2))
    np.testing.assert_allclose(rescale_points(rescale_points(points, 0.25), 4), points)
