"""Several people through frames, with boxes and without."""

from collections.abc import Mapping

import numpy as np
import pytest

from hourlift import PosePredictor, PoseSequence
from hourlift.pose import PoseFrame
from hourlift.predict.models.keypoints import Joints2D
from hourlift.predict.people.crowd import CLEAR_CONFIDENCE, CrowdFollower
from hourlift.predict.people.identity import REMEMBER_S

FRAME_S = 0.04
WH = (800, 300)
HEIGHT = 200.0

Places = Mapping[int, tuple[float, float] | None]


def image_of(figure, places: Places) -> np.ndarray:
    """The figures of those who have a place, left or right of each other."""
    image = np.full((WH[1], WH[0], 3), 128, np.uint8)
    for place in places.values():
        if place is not None:
            drawn = figure.draw(WH, place, HEIGHT)
            there = (drawn != 128).any(axis=-1)
            image[there] = drawn[there]
    return image


def assert_followed(frame: PoseFrame, places: Places, figure) -> None:
    """Everybody who is there was found once and goes by their number."""
    there = {number: place for number, place in places.items() if place is not None}
    assert [person.person_id for person in frame.people] == sorted(there), frame.index
    for person in frame.people:
        truth = figure.joints(there[person.person_id], HEIGHT)
        np.testing.assert_allclose(person.joints_2d_px, truth, atol=6)


def test_two_people_and_one_who_comes_later(predictor: PosePredictor, figure) -> None:
    follow = predictor.follow(people=3)
    frames = []
    for i in range(16):
        left, right, late = (120 + 4 * i, 150), (640 + 3 * i, 150), (400 + 2 * i, 160) if i >= 4 else None
        frames.append(follow(i, i * 0.1, image_of(figure, {0: left, 1: right, 2: late})))
        is_left_first = frames[0].people[0].joints_2d_px[0, 0] < 400
        if i < 4 or i > 13:  # newcomers are searched for once a second
            assert_followed(frames[-1], {0 if is_left_first else 1: left, int(is_left_first): right, 2: late}, figure)
    for number in range(3):
        assert PoseSequence.from_frames(frames, number).present[14:].all()


def test_who_leaves_and_returns_within_a_second_keeps_the_id(predictor: PosePredictor, figure) -> None:
    follow = predictor.follow([figure.box((120, 150), HEIGHT), figure.box((600, 150), HEIGHT)])
    for i in range(14):
        places = {0: (120, 150) if i < 3 or i >= 9 else None, 1: (600 + 2 * i, 150)}
        frame = follow(i, i * 0.1, image_of(figure, places))
        if not 9 <= i < 11:
            assert_followed(frame, places, figure)


def test_given_boxes_tell_who_is_there(predictor: PosePredictor, figure) -> None:
    places = {0: (120.0, 150.0), 1: (400.0, 150.0), 2: (660.0, 150.0)}
    image = image_of(figure, places)
    right, left = figure.box(places[2], HEIGHT), figure.box(places[0], HEIGHT)
    shown = {0: [right, left], 1: [left, right], 2: [left], 3: [], 4: [left]}
    follow = predictor.follow(locate=lambda index, _image: np.array(shown[index]).reshape(-1, 4))
    first: list[float] = []
    for i in shown:  # nobody is searched for, and who has no box for a few frames is bridged
        people = {person.person_id: person for person in follow(i, i * FRAME_S, image).people}
        assert sorted(people) == [0, 1]
        pelvises = [people[k].joints_2d_px[0, 0] for k in (0, 1)]
        np.testing.assert_allclose(sorted(pelvises), [120, 660], atol=4)
        first = first or pelvises
        np.testing.assert_allclose(pelvises, first, atol=4)


def test_without_boxes_for_long_nobody_is_there(predictor: PosePredictor, figure) -> None:
    image = image_of(figure, {0: (120.0, 150.0)})
    box = figure.box((120, 150), HEIGHT)[None]
    follow = predictor.follow(locate=lambda index, _image: box if index == 0 else box[:0])
    seen = [bool(follow(i, i * FRAME_S, image).people) for i in range(30)]
    assert seen == [i * FRAME_S <= REMEMBER_S for i in range(30)]


def test_the_surest_boxes_count_and_the_same_person_once(predictor: PosePredictor, figure) -> None:
    places = {0: (120.0, 150.0), 1: (400.0, 150.0), 2: (660.0, 150.0)}
    image = image_of(figure, places)
    boxes = np.array([figure.box(place, HEIGHT) for place in places.values()])
    twice = np.concatenate([boxes, boxes + 3])
    assert len(predictor.follow(locate=lambda _index, _image: twice)(0, 0.0, image).people) == 3
    follow = predictor.follow(people=2, locate=lambda _index, _image: boxes)
    ids = [{p.person_id: p.joints_2d_px[0, 0] for p in follow(i, i * FRAME_S, image).people} for i in range(3)]
    assert [sorted(frame) for frame in ids] == [[0, 1]] * 3
    for frame in ids:
        np.testing.assert_allclose([frame[0], frame[1]], [ids[0][0], ids[0][1]], atol=4)


def test_what_a_box_cannot_be_names_the_frame(predictor: PosePredictor) -> None:
    image = np.zeros((300, 800, 3), np.uint8)
    follow = predictor.follow(locate=lambda _index, _image: np.array([[900.0, 0, 950, 50]]))
    with pytest.raises(ValueError, match=r"frame 7: box .* lies outside the image"):
        follow(7, 0.0, image)
    with pytest.raises(ValueError, match="people must be at least 1, got 0"):
        predictor.follow(people=0)


@pytest.mark.parametrize(("aside", "confidence", "count"), [(60, 0.2, 1), (60, 0.4, 2), (300, 0.2, 2)])
def test_an_unclear_pose_beside_a_clear_one_is_a_part_of_it(
    figure, aside: float, confidence: float, count: int
) -> None:
    """A person half hidden is reported only as far as stage 1 is clear about them."""
    assert 0.2 < CLEAR_CONFIDENCE < 0.4
    places = [(200.0, 150.0), (200.0 + aside, 150.0)]
    boxes = np.array([figure.box(place, HEIGHT) for place in places])
    sure = [0.8, 0.8]

    def estimate(asked: np.ndarray, _turns_rad: np.ndarray | None = None) -> Joints2D:
        near = np.abs(asked[:, None] - boxes).sum(axis=-1).argmin(axis=1)
        joints = np.array([figure.joints(places[k], HEIGHT) for k in near])
        peaks = np.tile([[sure[k]] for k in near], 17).astype(float)
        return Joints2D(joints, peaks, np.zeros((*peaks.shape, 4, 4), np.float32))

    image = np.full((WH[1], WH[0], 3), 128, np.uint8)
    follower = CrowdFollower(2, searches=False)
    assert len(follower.step(boxes, 0.0, image, estimate)) == 2
    sure[1] = confidence
    assert len(follower.step(None, FRAME_S, image, estimate)) == count


def test_nobody_ever(predictor: PosePredictor) -> None:
    follow = predictor.follow(people=2)
    empty = np.full((300, 800, 3), 128, np.uint8)
    assert all(follow(i, i * FRAME_S, empty).people == [] for i in range(8))
