"""Ids that stay with people: trajectories of joints whose truth is known."""

import sys
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest

from hourlift.geometry.crop import box_from_joints
from hourlift.geometry.skeleton import H36M17
from hourlift.predict.people.identity import REMEMBER_S, Identities
from hourlift.predict.people.search import Detection

FRAME_S = 1 / 25
WALL = np.full((300, 900, 3), 128, np.uint8)
RED, BLUE = (200, 40, 40), (40, 60, 200)

# x right, y down, in heights: a person who walks to the right, seen from the side.
_WALKER = {
    "pelvis": (0, 0), "r_hip": (0.01, 0.01), "r_knee": (0.09, 0.22), "r_ankle": (0.06, 0.46), "l_hip": (-0.01, 0.01),
    "l_knee": (0.0, 0.24), "l_ankle": (-0.16, 0.42), "spine": (0.01, -0.13), "thorax": (0.02, -0.27),
    "nose": (0.07, -0.38), "head": (0.03, -0.5), "l_shoulder": (0.01, -0.26), "l_elbow": (0.06, -0.1),
    "l_wrist": (0.15, -0.02), "r_shoulder": (0.03, -0.26), "r_elbow": (-0.05, -0.1), "r_wrist": (-0.06, 0.05),
}  # fmt: skip

Where = Callable[[int], tuple[float, float] | None]


def walker(pelvis_px: tuple[float, float], height_px: float = 200, *, leftward: bool = False) -> Detection:
    joints = np.array([_WALKER[name] for name in H36M17.joint_names]) * height_px
    joints = joints * [-1, 1] if leftward else joints
    joints = joints + np.array(pelvis_px)
    return Detection(box_from_joints(joints), joints, np.full(17, 0.8))


def painted(people: Sequence[tuple[Detection, tuple[int, int, int]]]) -> np.ndarray:
    """The wall with people in one colour each, the last in front."""
    image = WALL.copy()
    for person, colour in people:
        for parent, child in H36M17.edges:
            cv2.line(image, *(tuple(map(round, person.joints_px[i])) for i in (parent, child)), colour, 15)
    return image


def run(
    paths: Sequence[Where],
    num_frames: int,
    *,
    colours: Sequence[tuple[int, int, int]] | None = None,
    turned: Sequence[bool] = (False, True),
    hidden: Callable[[int], Sequence[int]] = lambda i: (),
) -> list[dict[int, int]]:
    """Which id each person (by number) got in each frame; the order in which they are shown changes at random."""
    random = np.random.default_rng(0)
    identities = Identities()
    named = []
    for i in range(num_frames):
        people = {
            k: walker(place, leftward=turned[k])
            for k, path in enumerate(paths)
            if (place := path(i)) is not None and k not in hidden(i)
        }
        image = WALL if colours is None else painted([(person, colours[k]) for k, person in people.items()])
        noisy = {k: p._replace(joints_px=p.joints_px + random.normal(0, 1.5, (17, 2))) for k, p in people.items()}
        order = random.permutation(list(noisy)).tolist()
        # The box says where a person was looked for, not where they are; it must not matter.
        fresh = [noisy[k]._replace(box_xyxy_px=np.array([0.0, 0, 900, 300])) for k in order]
        answer = identities.name([], fresh, i * FRAME_S, image)
        assert [person_id for person_id, _ in answer] == sorted(person_id for person_id, _ in answer)
        named.append(
            {order[next(j for j, each in enumerate(fresh) if each is found)]: person_id for person_id, found in answer}
        )
    return named


def assert_stable(named: list[dict[int, int]], num_people: int) -> None:
    ids = {k: {frame[k] for frame in named if k in frame} for k in range(num_people)}
    assert all(len(of_one) == 1 for of_one in ids.values()), ids
    assert len(set.union(*ids.values())) == num_people, ids


def rightward(i: int) -> tuple[float, float]:
    return 150 + 9 * i, 150


def leftward(i: int) -> tuple[float, float]:
    return 750 - 9 * i, 155


def test_two_who_walk_past_each_other() -> None:
    assert_stable(run([rightward, leftward], 66), 2)


@pytest.mark.parametrize("gone", [1, 0])
def test_the_one_behind_is_hidden_for_a_while(gone: int) -> None:
    assert_stable(run([rightward, leftward], 66, hidden=lambda i: [gone] if 28 <= i < 40 else []), 2)


def test_both_face_us_and_only_motion_tells() -> None:
    assert_stable(
        run([rightward, leftward], 66, turned=(False, False), hidden=lambda i: [1] if 31 <= i < 36 else []), 2
    )


def test_two_who_meet_and_turn_back_are_told_by_their_clothes() -> None:
    def there(i: int) -> tuple[float, float]:
        return 450 - 9 * abs(i - 33), 150

    def back(i: int) -> tuple[float, float]:
        return 450 + 9 * abs(i - 33), 150

    named = run(
        [there, back], 66, colours=(RED, BLUE), turned=(False, False), hidden=lambda i: [0] if 28 <= i < 39 else []
    )
    assert_stable(named, 2)


def test_back_within_a_second_is_the_same_and_later_is_new() -> None:
    def leaves(missing: int) -> Where:
        return lambda i: (max(30, 150 - 10 * i), 150) if i < 15 or i >= 15 + missing else None

    short = run([leaves(22), lambda i: (600, 150)], 60)
    assert_stable(short, 2)
    long = run([leaves(round(REMEMBER_S / FRAME_S) + 5), lambda i: (600, 150)], 60)
    assert [long[i][0] for i in (0, 59)] == [long[0][0], 2]
    assert {frame[1] for frame in long} == {long[0][1]}


def test_somebody_elsewhere_is_somebody_else() -> None:
    named = run([lambda i: (100, 150) if i < 10 else None, lambda i: (800, 150) if i >= 12 else None], 20)
    assert {frame[0] for frame in named[:10]} == {0}
    assert {frame[1] for frame in named[12:]} == {1}


def test_three_in_a_row_each_nearly_take_the_next_ones_place() -> None:
    """Two of them are nearer to where their neighbour was than the neighbour; only all together tell who is who."""
    places = [lambda i, k=k: (200 + 90 * k + 48 * i, 150) for k in range(3)]
    assert_stable(run(places, 6, turned=(False, False, False)), 3)


def test_who_stops_while_hidden_is_known_again() -> None:
    def stops(i: int) -> tuple[float, float]:
        return 100 + 20 * min(i, 12), 150

    assert_stable(run([stops], 50, hidden=lambda i: [0] if 13 <= i < 33 else []), 1)


def test_nothing_is_learnt_of_who_may_be_covered() -> None:
    identities = Identities()
    red = walker((450, 150))
    for i, (blue_x, shade) in enumerate([(800, RED), (800, (190, 45, 45)), (500, (180, 50, 50)), (480, (180, 50, 50))]):
        blue = walker((blue_x, 150))
        dragged = red._replace(joints_px=red.joints_px + [2.0 * i, 0])
        identities.name([], [dragged, blue], i * FRAME_S, painted([(dragged, shade), (blue, BLUE)]))
        person = next(each for each in identities.remembered(i * FRAME_S) if each.person_id == 0)
        learnt = [person.colours.copy(), person.velocity_px_s.copy()]
        if i == 1:
            alone = learnt
            assert person.velocity_px_s[0] > 0
        if i > 1:
            np.testing.assert_array_equal(learnt[0], alone[0])
            np.testing.assert_array_equal(learnt[1], alone[1])
            np.testing.assert_array_equal(person.last.joints_px, dragged.joints_px)


def test_a_look_that_shows_nobody_known_is_nobody() -> None:
    identities = Identities()
    assert [i for i, _ in identities.name([], [walker((150, 150))], 0.0, WALL)] == [0]
    assert identities.name([walker((700, 150))], [], FRAME_S, WALL) == []
    assert [i for i, _ in identities.name([walker((152, 150))], [walker((700, 150))], 2 * FRAME_S, WALL)] == [0, 1]


def test_who_is_missing_keeps_their_place_among_as_many_as_are_followed() -> None:
    identities = Identities()
    first, second, third = (walker((x, 150)) for x in (150, 450, 750))
    ids = [
        identities.name([], people, i * 0.3, WALL, 2)
        for i, people in enumerate([[first, second], [first, third], [first, third], [first, second, third]])
    ]
    assert [[person_id for person_id, _ in frame] for frame in ids] == [[0, 1], [0], [0], [0, 1]]
    after = identities.name([], [first, third], 2.5, WALL, 2)
    assert [person_id for person_id, _ in after] == [2, 3], "all are forgotten"


def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ValueError, match=r"needs the package scipy.*pip install 'hourlift\[track\]'"):
        Identities()
