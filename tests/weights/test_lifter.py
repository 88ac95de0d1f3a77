"""The shipped lifter and the virtual camera: the same person seen otherwise is the same person."""

from collections.abc import Callable

import numpy as np
import pytest

from hourlift import Camera, PosePredictor
from hourlift.geometry.skeleton import H36M17

Lift = Callable[[np.ndarray, Camera], np.ndarray]
NEAR = Camera(fx=900.0, fy=900.0, cx=499.5, cy=499.5, image_wh=(1000, 1000))
FAR = Camera(fx=2100.0, fy=2080.0, cx=130.0, cy=777.0, image_wh=(1000, 1000))
DISTORTING = Camera(
    fx=900.0, fy=900.0, cx=499.5, cy=499.5, image_wh=(1000, 1000), distortion=(-0.05, 0.01, 1e-3, -1e-3)
)


@pytest.fixture(scope="module")
def lift() -> Lift:
    """(N, 17, 3) people in camera axes, mm, and their camera -> root-relative joints as lifted."""
    predictor = PosePredictor(threads=1)

    def lifted(joints_mm: np.ndarray, camera: Camera) -> np.ndarray:
        boxes = np.tile([0.0, 0.0, 999.0, 999.0], (len(joints_mm), 1))
        poses = predictor.lift(camera.project(joints_mm), boxes, (1000, 1000), camera)
        return np.array([pose.joints_3d_mm for pose in poses], dtype=float)

    return lifted


@pytest.fixture(scope="module")
def people() -> np.ndarray:
    """People who stand, bend elbows and knees, and face anywhere, 3.5 m away; (24, 17, 3), camera axes, mm."""
    rng = np.random.default_rng(0)
    joints = np.zeros((24, 17, 3))
    for name, place in {
        "spine": (0, -235, 0),
        "thorax": (0, -490, 0),
        "nose": (0, -600, -40),
        "head": (0, -710, -20),
    }.items():
        joints[:, H36M17.index(name)] = place
    for side, sign in (("l", 1), ("r", -1)):
        thigh, shin, arm, forearm = np.radians(rng.uniform((0, 0, -20, 0), (70, 80, 90, 90), (24, 4))).T
        way = lambda angle: np.stack([0 * angle, np.cos(angle), -np.sin(angle)], axis=-1)  # noqa: E731
        hip, shoulder = np.array([sign * 130, 0, 0]), np.array([sign * 150, -490, 0])
        knee, elbow = hip + 445 * way(thigh), shoulder + 280 * way(arm)
        limb = {"hip": hip, "knee": knee, "ankle": knee + 440 * way(thigh - shin)}
        limb |= {"shoulder": shoulder, "elbow": elbow, "wrist": elbow + 250 * way(arm + forearm)}
        for name, place in limb.items():
            joints[:, H36M17.index(f"{side}_{name}")] = place
    turned = np.stack([person @ turn(angle).T for person, angle in zip(joints, rng.uniform(0, 360, 24), strict=True)])
    return turned + [0, 0, 3500]


def turn(degrees: float) -> np.ndarray:
    """(3, 3) about the vertical."""
    angle = np.radians(degrees)
    return np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])


def difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first - second, axis=-1).mean())


def test_people_are_lifted_at_all(lift: Lift, people: np.ndarray) -> None:
    assert difference(lift(people, NEAR), people - people[:, :1]) < 90


@pytest.mark.parametrize("other", [FAR, DISTORTING], ids=["long lens off-centre", "distorting lens"])
def test_another_lens_or_principal_point_changes_nothing(lift: Lift, people: np.ndarray, other: Camera) -> None:
    assert difference(lift(people, other), lift(people, NEAR)) < 0.1


@pytest.mark.parametrize("degrees", [-20.0, 8.0, 25.0])
def test_a_turn_about_the_cameras_centre_turns_the_answer_with_it(
    lift: Lift, people: np.ndarray, degrees: float
) -> None:
    aside = lift(people @ turn(degrees).T, NEAR) @ turn(degrees)
    assert difference(aside, lift(people, NEAR)) < 0.1


def test_half_the_size_off_centre_through_another_lens_changes_nothing(lift: Lift, people: np.ndarray) -> None:
    wide = Camera(fx=450.0, fy=450.0, cx=700.0, cy=350.0, image_wh=(1000, 1000))
    assert difference(lift(people @ turn(12.0).T, wide) @ turn(12.0), lift(people, NEAR)) < 0.1


def test_twice_as_far_away_changes_little(lift: Lift, people: np.ndarray) -> None:
    """The perspective is another one then, and who is as large in the image may be taller."""
    far = (people + [0, 0, 3500]) @ turn(12.0).T
    assert difference(lift(far, FAR) @ turn(12.0), lift(people, NEAR)) < 20
