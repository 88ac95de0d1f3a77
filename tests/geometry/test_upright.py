import numpy as np
import pytest

from hourlift.geometry.upright import CAMERA_UP, level_rotation, up_of_pitched_camera


def test_a_level_camera_keeps_its_right_and_looks_along_y() -> None:
    np.testing.assert_allclose(level_rotation(CAMERA_UP), [[1, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.mark.parametrize("up", [CAMERA_UP, (0.3, -0.8, -0.2), (-0.1, -2, 0.7), (0, 0, -1)])
def test_it_is_a_rotation_that_brings_up_to_z(up: tuple[float, float, float]) -> None:
    rotation = level_rotation(up)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    np.testing.assert_allclose(rotation @ up / np.linalg.norm(up), [0, 0, 1], atol=1e-12)
    right = rotation @ [1, 0, 0]
    assert right[1] == pytest.approx(0, abs=1e-12) and right[0] > 0, "the camera's right stays right"


def test_a_pitched_camera() -> None:
    """What a camera sees on its axis lies below it when it looks 30 degrees down."""
    ahead = level_rotation(up_of_pitched_camera(30)) @ [0, 0, 1000]
    np.testing.assert_allclose(ahead, [0, 1000 * np.cos(np.pi / 6), -500], atol=1e-9)


@pytest.mark.parametrize("up", [(0, 0, 0), (1, 0, 0), (-2, 0, 0), (0, np.inf, 0), (0, 1)])
def test_what_is_no_up_is_refused(up: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="up must be|on its side"):
        level_rotation(up)
