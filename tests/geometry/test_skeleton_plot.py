"""The 3D drawing for notebooks."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest

from hourlift.errors import UserError
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.skeleton_style import LEFT_INK_RGB
from hourlift.pose import Pose, PoseFrame, PoseSequence

FIGURE_MM = np.random.default_rng(3).normal(0, 300, (17, 3)).astype(np.float32)


def pose(joints_mm: np.ndarray = FIGURE_MM) -> Pose:
    known = np.isfinite(joints_mm).all(axis=1)
    return Pose(
        joints_2d_px=np.zeros((17, 2)),
        confidence=known.astype(float),
        joints_3d_mm=joints_mm,
        root_cam_mm=np.full(3, np.nan),
        box_xyxy_px=np.zeros(4),
        camera=Camera.from_fov((64, 64)),
    )


@pytest.fixture(autouse=True)
def no_display() -> Iterator[None]:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def test_up_is_up_scales_are_equal_and_left_is_blue() -> None:
    ax = pose().plot()
    spans = [high - low for low, high in (ax.get_xlim(), ax.get_ylim(), ax.get_zlim())]
    np.testing.assert_allclose(np.array(ax._box_aspect) / spans, ax._box_aspect[0] / spans[0])
    wrist, elbow = H36M17.indices("l_wrist", "l_elbow")
    upward = float(FIGURE_MM[elbow, 1] - FIGURE_MM[wrist, 1])  # the camera's y is down
    drawn = [line for line in ax.lines if np.isclose(np.diff(line.get_data_3d()[2])[0], upward, atol=0.01)]
    assert [tuple(np.round(np.array(line.get_color()) * 255)) for line in drawn] == [LEFT_INK_RGB]
    heights = np.concatenate([line.get_data_3d()[2] for line in ax.lines])
    assert heights.min() == pytest.approx(0, abs=1e-3), "the lowest joint is on the floor"


def test_unknown_joints_are_left_out() -> None:
    joints_mm = FIGURE_MM.copy()
    joints_mm[H36M17.index("l_wrist")] = np.nan
    assert len(pose().plot().lines) - len(pose(joints_mm).plot().lines) == 1
    with pytest.raises(UserError, match="no joint is known"):
        pose(np.full((17, 3), np.nan)).plot()


def test_a_sequence_is_several_people_side_by_side() -> None:
    frames = [PoseFrame(index=i, time_s=i / 10, people=[pose()] if i != 1 else []) for i in range(5)]
    ax = PoseSequence.from_frames(frames).plot(count=4)
    assert [text.get_text() for text in ax.texts] == ["0.0 s", "0.2 s", "0.3 s", "0.4 s"]
    assert len([line for line in ax.lines if line.get_linewidth() > 2]) == 4 * 16
    assert PoseSequence.from_frames(frames).plot(ax=ax) is ax


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(UserError, match=r"pip install 'hourlift\[plots\]'"):
        pose().plot()
