import numpy as np
import pytest

from hourlift.geometry.world import CAMERA_UP, World, up_of_pitched_camera


def test_a_level_camera() -> None:
    world = World.from_up(CAMERA_UP, 1500, "default")
    right_down_away = [[100, 0, 0], [0, 1500, 0], [0, 0, 4000]]
    np.testing.assert_allclose(world.to_world(right_down_away), [[100, 0, 1500], [0, 0, 0], [0, 4000, 1500]], atol=1e-9)
    assert world.pitch_deg == pytest.approx(0)


@pytest.mark.parametrize("pitch_deg", [-30, 12, 89, 90])
def test_a_pitched_camera_sees_the_floor_where_its_axis_meets_it(pitch_deg: float) -> None:
    world = World.from_up(up_of_pitched_camera(pitch_deg), 2000, "given")
    assert world.pitch_deg == pytest.approx(pitch_deg)
    np.testing.assert_allclose(world.to_world([0, 0, 0]), [0, 0, 2000], atol=1e-9)
    ahead = world.to_world([0, 0, 1000])
    pitch = np.radians(pitch_deg)
    np.testing.assert_allclose(ahead, [0, 1000 * np.cos(pitch), 2000 - 1000 * np.sin(pitch)], atol=1e-6)
    np.testing.assert_allclose(world.to_world([1, 0, 0]) - world.to_world([0, 0, 0]), [1, 0, 0], atol=1e-9)


@pytest.mark.parametrize("up", [[1, 0, 0], [0, 1, 0], [0.3, -0.8, 0.5], [0, 0, 1], [0, 0, -1]])
def test_any_direction_can_be_up_and_the_way_back(up: list[float]) -> None:
    world = World.from_up(up, 1234, "feet")
    np.testing.assert_allclose(world.rotation @ world.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(world.rotation) == pytest.approx(1)
    np.testing.assert_allclose(world.rotation @ (np.array(up) / np.linalg.norm(up)), [0, 0, 1], atol=1e-12)
    points = np.random.default_rng(0).normal(0, 1000, (5, 7, 3))
    np.testing.assert_allclose(world.to_camera(world.to_world(points)), points)
    again = World.from_dict(world.to_dict())
    np.testing.assert_allclose(again.to_world(points), world.to_world(points), atol=0.2)
    assert again.source == "feet"


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"rotation": 2 * np.eye(3)}, "must be a rotation"),
        ({"rotation": np.diag([1.0, 1.0, -1.0])}, "must be a rotation"),
        ({"rotation": np.full((3, 3), np.nan)}, "must be a rotation"),
        ({"rotation": np.eye(2)}, r"a \(3, 3\) rotation"),
        ({"origin_cam_mm": [0, np.inf, 0]}, r"a \(3,\) origin"),
        ({"source": "guess"}, "one of given, feet, default, got 'guess'"),
    ],
)
def test_what_is_no_world_is_refused(values: dict[str, object], complaint: str) -> None:
    good = {"rotation": np.eye(3), "origin_cam_mm": [0, 0, 0], "source": "given"}
    with pytest.raises(ValueError, match=complaint):
        World(**(good | values))  # type: ignore[arg-type]


def test_impossible_directions_are_refused() -> None:
    for up in ([0, 0, 0], [np.nan, 0, 1]):
        with pytest.raises(ValueError, match="up must be three finite numbers"):
            World.from_up(up, 0, "given")
    for pitch_deg in (91, np.nan):
        with pytest.raises(ValueError, match="pitch must be between -90"):
            up_of_pitched_camera(pitch_deg)
