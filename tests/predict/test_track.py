"""Following, losing and finding again."""

import numpy as np
import pytest

from hourlift import PosePredictor
from hourlift.predict.models.keypoints import Joints2D
from hourlift.predict.people.search import search_boxes
from hourlift.predict.people.track import SEARCH_INTERVAL_S, SLOWEST_SEARCH_INTERVAL_S, Follower

FRAME_S = 0.04


def test_follows_a_moving_person_without_searching(predictor: PosePredictor, figure) -> None:
    follow = predictor.follow()
    for i in range(12):
        pelvis = (150.0 + 12 * i, 200.0 - 3 * i)
        frame = follow(i, i * FRAME_S, figure.draw((640, 400), pelvis, 220 + 4 * i))
        assert (frame.index, frame.time_s) == (i, i * FRAME_S)
        (person,) = frame.people
        np.testing.assert_allclose(person.joints_2d_px, figure.joints(pelvis, 220 + 4 * i), atol=5)


def test_a_jump_is_followed(predictor: PosePredictor, figure) -> None:
    follow = predictor.follow()
    for i, pelvis in enumerate([(150.0, 200.0), (180.0, 210.0), (480.0, 190.0), (490.0, 190.0)]):
        (person,) = follow(i, i * FRAME_S, figure.draw((640, 400), pelvis, 260)).people
        np.testing.assert_allclose(person.joints_2d_px, figure.joints(pelvis, 260), atol=6)


def test_gone_and_back(predictor: PosePredictor, figure) -> None:
    empty = np.full((400, 640, 3), 128, np.uint8)
    there = figure.draw((640, 400), (400, 200), 260)
    follow = predictor.follow()
    shown = [there] * 3 + [empty] * 4 + [there] * 8
    seen = [bool(follow(i, i * FRAME_S, image).people) for i, image in enumerate(shown)]
    assert seen[:7] == [True] * 3 + [False] * 4
    back = seen[7:].index(True)
    assert back * FRAME_S <= SEARCH_INTERVAL_S  # searched now and then, not in every empty frame
    assert all(seen[7 + back :])


def test_a_given_box_holds_somebody_even_if_it_is_hard_to_see(predictor: PosePredictor) -> None:
    empty = np.full((400, 640, 3), 128, np.uint8)
    follow = predictor.follow([100, 100, 300, 300])
    assert len(follow(0, 0.0, empty).people) == 1
    assert follow(1, FRAME_S, empty).people == []


def test_the_first_box_says_whom(predictor: PosePredictor, figure) -> None:
    image = np.full((480, 900, 3), 128, np.uint8)
    image[:, :480] = figure.draw((480, 480), (240, 240), 380)
    image[240:, 660:] = figure.draw((240, 240), (120, 120), 190)
    small = (780.0, 360.0)
    follow = predictor.follow(figure.box(small, 190))
    for i in range(3):
        (person,) = follow(i, i * FRAME_S, image).people
        np.testing.assert_allclose(person.joints_2d_px, figure.joints(small, 190), atol=4)


@pytest.mark.parametrize("no_box", [[], np.zeros((0, 4)), np.zeros(0)])
@pytest.mark.parametrize("people", [None, 2])
def test_without_any_box_nobody_is_in_the_first_frame(
    predictor: PosePredictor, figure, no_box: object, people: int | None
) -> None:
    image = figure.draw((640, 400), (400, 200), 260)
    assert predictor.predict(image, no_box) == []
    assert predictor.lift([], no_box, (640, 400)) == []
    follow = predictor.follow(no_box, people=people)
    assert [len(follow(i, i * FRAME_S, image).people) for i in range(2)] == [0, 1]


def test_frames_lifted_at_once_are_those_lifted_one_by_one(predictor: PosePredictor, figure) -> None:
    empty = np.full((400, 640, 3), 128, np.uint8)
    shots = [figure.draw((640, 400), (150.0 + 9 * i, 200.0), 220) if i != 3 else empty for i in range(6)]
    follow, again = predictor.follow(people=2), predictor.follow(people=2)
    single = [follow(i, i * FRAME_S, image) for i, image in enumerate(shots)]
    together = again.lift([again.find(i, i * FRAME_S, image) for i, image in enumerate(shots)])
    for one, other in zip(single, together, strict=True):
        assert (one.index, one.time_s, len(one.people)) == (other.index, other.time_s, len(other.people))
        for a, b in zip(one.people, other.people, strict=True):
            assert a.person_id == b.person_id
            np.testing.assert_array_equal(a.joints_2d_px, b.joints_2d_px)
            np.testing.assert_allclose(a.joints_3d_mm, b.joints_3d_mm, atol=0.01)
            np.testing.assert_allclose(a.root_cam_mm, b.root_cam_mm, rtol=1e-4)


def test_nobody_costs_little(caplog: pytest.LogCaptureFixture) -> None:
    """30 s at 25 frames a second: crops looked at in an image that stays, and in one that changes all the time."""
    num_crops: dict[str, int] = {}

    def nobody(boxes: np.ndarray, _turns: object = None) -> Joints2D:
        num_crops[name] += len(boxes)
        return Joints2D(np.zeros((len(boxes), 17, 2)), np.zeros((len(boxes), 17)), np.zeros((len(boxes), 17, 4, 4)))

    noise = np.random.default_rng(0).integers(0, 255, (16, 9, 16, 3), np.uint8)
    still = np.full((9, 16, 3), 40, np.uint8)
    for name, images in (("still", [still]), ("moving", list(noise))):
        follower, num_crops[name] = Follower(), 0
        for i in range(750):
            assert follower.step((1600, 900), i * FRAME_S, nobody, images[i % len(images)]) is None
    whole = sum(map(len, search_boxes((1600, 900))))
    assert num_crops["still"] == whole
    assert num_crops["moving"] < 25 * whole  # not 150 times
    assert caplog.text.count("no person found for 10 s") == 1


def test_who_comes_into_an_empty_room_is_found_within_half_a_second(predictor: PosePredictor, figure) -> None:
    empty = np.full((400, 640, 3), 128, np.uint8)
    follow = predictor.follow()
    for i in range(100):
        assert not follow(i, i * FRAME_S, empty).people
    there = figure.draw((640, 400), (400, 200), 260)
    seen = [bool(follow(i, i * FRAME_S, there).people) for i in range(100, 115)]
    assert seen.index(True) * FRAME_S <= SLOWEST_SEARCH_INTERVAL_S
