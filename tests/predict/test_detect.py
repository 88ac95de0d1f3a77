"""Finding the person from nothing but heatmap peaks."""

import numpy as np
import pytest

from hourlift import PosePredictor
from hourlift.geometry.crop import whole_image_box
from hourlift.predict.models.keypoints import Joints2D
from hourlift.predict.people.search import (
    FOUND_CONFIDENCE,
    OKS_FALLOFF,
    SEARCH_SIDES,
    Detection,
    crop_score,
    find_people,
    find_person,
    iou,
    oks,
    person_box,
    search_boxes,
)


@pytest.mark.parametrize(
    ("image_wh", "pelvis", "height"),
    [
        ((640, 480), (320.0, 240.0), 400.0),  # fills the frame
        ((640, 480), (201.3, 250.7), 300.0),
        ((640, 480), (420.0, 110.0), 150.0),  # small, in a corner
        ((1920, 1080), (300.0, 600.0), 300.0),  # a wide frame
        ((600, 1600), (300.0, 1200.0), 350.0),  # a tall one
        ((90, 110), (45.0, 57.0), 75.0),
    ],
)
def test_finds_the_person_anywhere(
    predictor: PosePredictor, figure, image_wh: tuple[int, int], pelvis: tuple[float, float], height: float
) -> None:
    (person,) = predictor.predict(figure.draw(image_wh, pelvis, height))
    np.testing.assert_allclose(person.joints_2d_px, figure.joints(pelvis, height), atol=0.02 * height)
    assert iou(person.box_xyxy_px, figure.box(pelvis, height)) > 0.6


def test_an_empty_scene_holds_nobody(predictor: PosePredictor) -> None:
    assert predictor.predict(np.full((200, 300, 3), 128, np.uint8)) == []
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    assert predictor.predict(noise) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 3), (2, 2, 3)])
def test_the_smallest_images_hold_nobody(predictor: PosePredictor, shape: tuple[int, int, int]) -> None:
    assert predictor.predict(np.full(shape, 128, np.uint8)) == []


def test_of_two_people_the_surer_one_is_found(predictor: PosePredictor, figure) -> None:
    image = np.full((480, 900, 3), 128, np.uint8)
    image[:, :480] = figure.draw((480, 480), (240, 240), 380)
    image[300:, 720:] = figure.draw((180, 180), (90, 90), 140)
    (person,) = predictor.predict(image)
    np.testing.assert_allclose(person.joints_2d_px, figure.joints((240, 240), 380), atol=8)


def test_a_few_people_are_found_one_after_the_other(predictor: PosePredictor, figure) -> None:
    places = {(240, 240): 380, (810, 390): 140, (760, 110): 190}
    image = np.full((480, 900, 3), 128, np.uint8)
    for (x, y), height in places.items():
        half = round(0.58 * height)
        image[y - half : y + half, x - half : x + half] = figure.draw((2 * half, 2 * half), (half, half), height)
    (surest,) = predictor.predict(image)
    for count, expected in ((1, 1), (2, 2), (3, 3), (5, 3)):
        people = predictor.predict(image, people=count)
        assert [person.person_id for person in people] == list(range(expected))
        np.testing.assert_array_equal(people[0].joints_2d_px, surest.joints_2d_px)
        scores = {}
        for person in people:
            errors = {at: np.abs(person.joints_2d_px - figure.joints(at, h)).max() / h for at, h in places.items()}
            place = min(errors, key=lambda at: errors[at])
            assert errors[place] < 0.03
            scores[place] = person.score
        assert len(scores) == expected, "no person is found twice"
    with pytest.raises(ValueError, match="people must be at least 1, got 0"):
        predictor.predict(image, people=0)


def test_nobody_else_in_a_picture_of_one(predictor: PosePredictor, figure) -> None:
    assert len(predictor.predict(figure.draw((640, 480), (420, 240), 300), people=4)) == 1


def answer(joints_px: np.ndarray, peak: float) -> Joints2D:
    """With that peak in all heatmaps."""
    return Joints2D(joints_px, np.full(joints_px.shape[:2], peak), np.zeros((*joints_px.shape[:2], 4, 4), np.float32))


def test_known_people_are_passed_over(predictor: PosePredictor, figure) -> None:
    image = figure.draw((320, 240), (150, 120), 190)

    def estimate(boxes: np.ndarray, _turns_rad: np.ndarray | None = None) -> Joints2D:
        return predictor._joints.estimate(image, boxes)

    (person,) = find_people((320, 240), estimate, 1)
    assert find_people((320, 240), estimate, 2, known=[person]) == []


def test_oks() -> None:
    joints = np.random.default_rng(0).uniform(0, 100, (17, 2))
    person = Detection(np.array([0.0, 0, 50, 200]), joints, np.ones(17))  # of size 100
    aside = person._replace(joints_px=joints + [30, 40])
    similarity = oks([person, aside], [person, aside, person._replace(scores=np.zeros(17))])
    expected = np.exp(-(50**2) / (2 * (OKS_FALLOFF * 100) ** 2))
    np.testing.assert_allclose(similarity, [[1, expected, 0], [expected, 1, 0]])
    wide = oks([person, person], [aside], falloff=np.array([[0.5], [1.0]]))
    np.testing.assert_allclose(wide, np.exp([[-0.5], [-0.125]]))
    half = joints.copy()
    half[:5] += 1000  # five joints are elsewhere, and half as sure
    assert oks([person], [Detection(person.box_xyxy_px, half, np.r_[np.full(5, 0.5), np.ones(12)])]) == pytest.approx(
        12 / 14.5
    )
    assert oks([], [person]).shape == (0, 1)
    assert oks([person], []).shape == (1, 0)


@pytest.mark.parametrize("image_wh", [(640, 480), (480, 640), (1920, 400), (100, 100), (1, 1), (1, 5000)])
def test_search_covers_the_image_in_steps_of_half_a_box(image_wh: tuple[int, int]) -> None:
    levels = list(search_boxes(image_wh))
    np.testing.assert_array_equal(levels[0], whole_image_box(image_wh)[None])
    assert len(levels) == 1 + len(SEARCH_SIDES)
    frame = whole_image_box(image_wh)
    for boxes in levels[1:]:
        assert len(boxes) <= 100
        assert (boxes[:, :2].min(axis=0) <= frame[:2] + 1e-6).all()
        assert (boxes[:, 2:].max(axis=0) >= frame[2:] - 1e-6).all()
        for axis in range(2):
            starts = np.unique(boxes[:, axis])
            side = boxes[0, 2] - boxes[0, 0]
            assert (np.diff(starts) <= side / 2 + 1e-6).all()


def test_missing_joints_widen_the_box() -> None:
    joints = np.random.default_rng(0).uniform(100, 200, (17, 2))
    all_there, half_there = np.ones(17), np.where(np.arange(17) < 9, 1.0, 0.0)
    whole = person_box(joints, all_there)
    np.testing.assert_allclose(whole[2] - whole[0], 1.3 * np.ptp(joints[:, 0]), atol=1)
    np.testing.assert_array_equal(whole, np.rint(whole))
    part = person_box(joints, half_there)
    extent = np.ptp(joints[:9, 0])
    np.testing.assert_allclose(part[2] - part[0], 1.3 * extent * (1 + 0.5 * 8 / 17), atol=1)
    assert np.isnan(person_box(joints, np.zeros(17))).all()
    assert np.isnan(person_box(np.full((17, 2), 50.0), all_there)).all()


def test_fit_punishes_missing_joints() -> None:
    assert crop_score(np.full(17, 0.8)) == pytest.approx(0.8)
    assert crop_score(np.r_[np.full(16, 0.8), 0.0]) == pytest.approx(0.8 * (16 / 17) ** 2)


def test_iou() -> None:
    box = np.array([0.0, 0.0, 10.0, 10.0])
    assert iou(box, box) == 1
    assert iou(box, box + [5, 0, 5, 0]) == pytest.approx(1 / 3)
    assert iou(box, box + 20) == 0
    assert iou(box, np.full(4, np.nan)) == 0


def test_joints_that_all_coincide_lead_nowhere_but_harm_nothing() -> None:
    def estimate(boxes: np.ndarray, _turns_rad: np.ndarray | None = None) -> Joints2D:
        return answer(np.full((len(boxes), 17, 2), 50.0), 0.5)

    found = find_person((640, 480), estimate)
    assert found is not None
    np.testing.assert_array_equal(found.box_xyxy_px, whole_image_box((640, 480)))


def test_a_middling_answer_is_refused_and_the_search_ends() -> None:
    calls = []

    def estimate(boxes: np.ndarray, _turns_rad: np.ndarray | None = None) -> Joints2D:
        calls.append(len(boxes))
        joints = np.random.default_rng(len(calls)).uniform(0, 100, (len(boxes), 17, 2))
        return answer(joints, FOUND_CONFIDENCE - 0.01)

    assert find_person((640, 480), estimate) is None
    assert len(calls) < 30
