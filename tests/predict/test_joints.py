"""Crops cut to the fraction of a pixel, and joints that come back to where they were drawn."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from hourlift.geometry.crop import Crop
from hourlift.geometry.skeleton import H36M17
from hourlift.predict.models.keypoints import JointEstimator, cut_out
from hourlift.predict.models.runtime import Model
from hourlift.predict.people.track import Follower


def centroid(image: np.ndarray) -> np.ndarray:
    """(2,) brightness-weighted mean place of an image's pixels, x, y."""
    mass = image.astype(np.float64).sum(axis=-1)
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(mass * x).sum(), (mass * y).sum()]) / mass.sum()


def blob(image_wh: tuple[int, int], center: tuple[float, float], sigma: float) -> np.ndarray:
    """A soft white spot with its centre anywhere."""
    x = np.exp(-((np.arange(image_wh[0]) - center[0]) ** 2) / (2 * sigma**2))
    y = np.exp(-((np.arange(image_wh[1]) - center[1]) ** 2) / (2 * sigma**2))
    return np.repeat(np.round(255 * y[:, None, None] * x[None, :, None]), 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("side", [40.0, 64.0, 129.7, 200.0, 333.3, 700.0])
@pytest.mark.parametrize("center", [(150.0, 120.0), (151.37, 99.81), (20.25, 230.5)])
@pytest.mark.parametrize("turn_rad", [0.0, 2.0])
def test_a_crop_puts_every_point_where_its_affine_says(
    side: float, center: tuple[float, float], turn_rad: float
) -> None:
    point = (center[0] + 0.07 * side, center[1] - 0.04 * side)
    image = blob((800, 700), (point[0] + 300, point[1] + 200), sigma=0.05 * side)
    crop = Crop(center_px=(center[0] + 300, center[1] + 200), side_px=side, size=64, turn_rad=turn_rad)
    expected = crop.to_crop((point[0] + 300, point[1] + 200))
    np.testing.assert_allclose(centroid(cut_out(image, [crop], 64)[0]), expected, atol=0.06)


def test_strong_shrinking_does_not_alias() -> None:
    board = (np.indices((900, 900)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    crop = Crop(center_px=(450, 450), side_px=768, size=64)
    np.testing.assert_allclose(cut_out(board, [crop], 64)[0], 127.5, atol=1)


def test_outside_of_the_image_is_black() -> None:
    image = np.full((50, 80, 3), 200, np.uint8)
    crops = [Crop(center_px=(0, 0), side_px=40, size=64), Crop(center_px=(500, -300), side_px=60, size=64)]
    corner, beyond = cut_out(image, crops, 64)
    assert (corner[:30, :30] == 0).all()
    assert (corner[34:, 34:] == 200).all()
    assert not beyond.any()


def test_images_wider_than_opencv_can_warp() -> None:
    image = np.zeros((8, 40_000, 3), np.uint8)
    image[:, 39_000:39_100] = 255
    crop = Crop(center_px=(20_000, 4), side_px=40_000, size=256)
    assert cut_out(image, [crop], 256)[0].any()


@pytest.fixture(scope="module")
def hourglass(marker_models: tuple[Path, Path]) -> Model:
    return Model(marker_models[0], "hourglass", threads=1)


@pytest.mark.parametrize(
    ("image_wh", "pelvis", "height"),
    [
        ((640, 480), (320.0, 240.0), 400.0),
        ((640, 480), (201.3, 250.7), 300.0),
        ((1920, 1080), (1500.0, 700.0), 160.0),
        ((4000, 3000), (2500.0, 1700.0), 2000.0),
        ((100, 120), (50.0, 62.0), 80.0),
        ((640, 480), (620.0, 240.0), 300.0),  # part of the crop, though no joint of this half, is outside
    ],
)
def test_joints_come_back_at_the_pixels_where_they_are(
    hourglass: Model, figure, image_wh: tuple[int, int], pelvis: tuple[float, float], height: float
) -> None:
    image = figure.draw(image_wh, pelvis, height)
    joints, peaks, *_ = JointEstimator(hourglass).estimate(image, figure.box(pelvis, height)[None])
    inside = (figure.joints(pelvis, height) < np.array(image_wh) - 0.06 * height).all(axis=-1)
    crop_pixel = 1.2 * height / 128
    np.testing.assert_allclose(joints[0][inside], figure.joints(pelvis, height)[inside], atol=0.4 * crop_pixel)
    assert peaks[0][inside].min() > 0.4
    assert peaks.max() <= 1
    outside = (figure.joints(pelvis, height) > np.array(image_wh) + 0.06 * height).any(axis=-1)
    assert (peaks[0][outside] < 0.2).all()


def test_many_boxes_are_one_batch(hourglass: Model, figure) -> None:
    image = np.hstack([figure.draw((300, 300), (150, 150), h) for h in (150, 200, 250)])
    pelvises = [((150.0 + 300 * i, 150.0), h) for i, h in enumerate((150, 200, 250))]
    joints, *_ = JointEstimator(hourglass).estimate(image, np.array([figure.box(*p) for p in pelvises]))
    np.testing.assert_allclose(joints, [figure.joints(*p) for p in pelvises], atol=1)
    none = JointEstimator(hourglass).estimate(image, np.zeros((0, 4)))
    assert none.joints_px.shape == (0, 17, 2)
    assert none.scores.shape == (0, 17)


def test_flip_test_averages_with_left_and_right_swapped(hourglass: Model, figure) -> None:
    """The marker network calls the same colour by the same name when mirrored, a real one the same side.

    So a joint on the centre line is found in both views alike; of a pair each joint gets half of its own peak
    and half of its partner's.
    """
    image = figure.draw((300, 300), (150, 150), 250)
    box = figure.box((150, 150), 250)[None]
    plain = JointEstimator(hourglass).estimate(image, box)
    flipped = JointEstimator(hourglass, flip_test=True).estimate(image, box)
    centre = H36M17.indices("pelvis", "spine", "thorax", "nose", "head")
    np.testing.assert_allclose(flipped.joints_px[0, centre], plain.joints_px[0, centre], atol=0.3)
    np.testing.assert_allclose(flipped.scores[0, centre], plain.scores[0, centre], atol=0.03)
    wrists = H36M17.indices("l_wrist", "r_wrist")
    np.testing.assert_allclose(flipped.scores[0, wrists], plain.scores[0, wrists] / 2, atol=0.05)


class KnowsOnlyUpright:
    """The marker network, half as sure of whoever does not stand upright, as one that has seen few others would be."""

    def __init__(self, hourglass: Model) -> None:
        self.path, self.contract, self.batches = hourglass.path, hourglass.contract, list[int]()
        self._run = hourglass.run

    def run_all(self, batch: np.ndarray) -> list[np.ndarray]:
        self.batches.append(len(batch))
        heatmaps = self._run(batch).copy()
        places = heatmaps[:, H36M17.indices("pelvis", "head")].reshape(len(batch), 2, -1).argmax(-1)
        pelvis, head = places.T
        side = heatmaps.shape[-1]
        lean = np.abs(np.arctan2(head % side - pelvis % side, pelvis // side - head // side))
        heatmaps[lean > np.radians(20)] /= 2
        return [heatmaps]


def test_who_leans_is_looked_at_again_upright(hourglass: Model, figure) -> None:
    """Three people side by side: one stands, one lies on the right side of the image, one on the head."""
    standing, pelvis = figure.draw((301, 301), (150, 150), 250), (150.0, 150.0)
    image = np.hstack([standing, np.rot90(standing, -1), np.rot90(standing, 2)])
    joints = figure.joints(pelvis, 250)
    lying = np.stack([300 - joints[:, 1] + 301, joints[:, 0]], -1)
    true = np.stack([joints, lying, [300 + 602, 300] - joints])
    boxes = figure.box(pelvis, 250) + np.array([[0.0], [301.0], [602.0]]) * [1, 0, 1, 0]
    model = KnowsOnlyUpright(hourglass)
    found = JointEstimator(model).estimate(image, boxes)  # type: ignore[arg-type]
    assert model.batches == [3, 2]
    np.testing.assert_allclose(found.joints_px, true, atol=1)
    plain = JointEstimator(model, turn=False).estimate(image, boxes)  # type: ignore[arg-type]
    assert model.batches == [3, 2, 3]
    np.testing.assert_allclose(plain.joints_px, true, atol=1)
    np.testing.assert_allclose(found.scores[1:] / plain.scores[1:], 2, atol=0.4)
    np.testing.assert_array_equal(found.scores[0], plain.scores[0])


def test_the_second_look_must_be_surer(hourglass: Model, figure) -> None:
    image = np.rot90(figure.draw((301, 301), (150, 150), 250), 2).copy()
    box = figure.box((150.0, 150.0), 250)[None]
    model = KnowsOnlyUpright(hourglass)
    model._run = lambda batch: hourglass.run(batch) * (1.0 if len(model.batches) == 1 else 0.3)
    found = JointEstimator(model).estimate(image, box)  # type: ignore[arg-type]
    plain = JointEstimator(hourglass, turn=False).estimate(image, box)
    assert model.batches == [1, 1]
    np.testing.assert_allclose(found.joints_px, plain.joints_px, atol=1e-9)


@pytest.mark.parametrize("quarter_turns", [0, 1, 2])
def test_who_leaned_in_one_frame_is_looked_at_once_in_the_next(hourglass: Model, figure, quarter_turns: int) -> None:
    image = np.rot90(figure.draw((301, 301), (150, 150), 250), quarter_turns).copy()
    model = KnowsOnlyUpright(hourglass)
    estimator = JointEstimator(model)  # type: ignore[arg-type]
    follower = Follower(np.array([10.0, 10, 290, 290]))
    for frame in range(3):
        model.batches.clear()
        found = follower.step((301, 301), frame / 25, partial(estimator.estimate, image))
        assert found is not None
        assert len(model.batches) == 1 + (frame == 0 and quarter_turns > 0)
        true = figure.joints((150.0, 150.0), 250) - 150
        for _ in range(quarter_turns):
            true = np.stack([true[:, 1], -true[:, 0]], -1)
        np.testing.assert_allclose(found.joints_px, true + 150, atol=1)


def test_the_picture_is_left_alone(hourglass: Model, figure) -> None:
    image = figure.draw((300, 300), (150, 150), 250)
    before = image.copy()
    image.setflags(write=False)
    JointEstimator(hourglass).estimate(image, figure.box((150, 150), 250)[None])
    np.testing.assert_array_equal(image, before)
    turned = np.rot90(cv2.flip(image, 0), 2)  # any memory layout will do
    JointEstimator(hourglass).estimate(turned, figure.box((150, 150), 250)[None])
