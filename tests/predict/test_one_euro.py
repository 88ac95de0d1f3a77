import numpy as np
import pytest

from hourlift import Camera, Pose
from hourlift.pose import PoseFrame
from hourlift.predict.temporal.one_euro import LiveSmoother, OneEuro, pixels_per_mm

CAMERA = Camera.from_fov((640, 480))


def run(smooth: OneEuro, values: np.ndarray, fps: float) -> np.ndarray:
    return np.array([smooth(i / fps, value) for i, value in enumerate(values)])


def test_what_does_not_move_stays() -> None:
    still = np.tile(np.random.default_rng(0).normal(size=(17, 3)), (20, 1, 1))
    np.testing.assert_allclose(run(OneEuro(1.0, 0.5), still, 30), still)


def test_step_response_without_beta_is_a_geometric_series() -> None:
    step = np.concatenate([np.zeros(1), np.ones(12)])[:, None]
    cutoff_hz, fps = 2.0, 25.0
    share = 1 / (1 + fps / (2 * np.pi * cutoff_hz))
    expected = 1 - (1 - share) ** np.arange(13)
    np.testing.assert_allclose(run(OneEuro(cutoff_hz, 0.0), step, fps)[:, 0], expected)


def test_cutoff_is_where_the_power_is_halved() -> None:
    fps = 5000.0
    wave = np.sin(2 * np.pi * 2.0 * np.arange(10000) / fps)[:, None]
    assert run(OneEuro(2.0, 0.0), wave, fps)[5000:].max() == pytest.approx(np.sqrt(0.5), abs=0.005)


def test_the_faster_the_less_it_lags() -> None:
    course = np.arange(60.0)[:, None]
    lags = [float(59 - run(OneEuro(1.0, beta), course, 30)[-1, 0]) for beta in (0.0, 0.1, 1.0)]
    assert lags[0] == pytest.approx(30 / (2 * np.pi), rel=0.01)  # 1 / (2 pi cutoff) seconds behind
    assert lags[0] > 2 * lags[1] > 4 * lags[2] > 0


def test_axes_may_be_turned_and_units_changed() -> None:
    rng = np.random.default_rng(1)
    values, turn = np.cumsum(rng.normal(size=(30, 5, 3)), axis=0), np.linalg.qr(rng.normal(size=(3, 3)))[0]
    expected = run(OneEuro(1.0, 0.5), values, 30)
    np.testing.assert_allclose(run(OneEuro(1.0, 0.5), values @ turn, 30), expected @ turn)
    in_other_unit, smooth = [], OneEuro(1.0, 0.5)
    for i, value in enumerate(values):
        in_other_unit.append(smooth(i / 30, 1000 * value, unit=1000.0))
    np.testing.assert_allclose(np.array(in_other_unit) / 1000, expected)


def test_nan_stays_and_the_point_starts_anew() -> None:
    smooth = OneEuro(0.5, 0.0)
    smooth(0.0, [[0.0, 0.0], [5.0, 5.0]])
    lost = smooth(0.1, [[np.nan, 0.0], [5.0, 5.0]])
    assert np.isnan(lost[0]).all()
    np.testing.assert_allclose(lost[1], 5)
    np.testing.assert_allclose(smooth(0.2, [[90.0, 90.0], [5.0, 5.0]]), [[90, 90], [5, 5]])


def test_a_repeated_time_changes_nothing_and_settings_are_checked() -> None:
    smooth = OneEuro(1.0, 0.0)
    smooth(1.0, [0.0])
    first = smooth(1.1, [1.0])
    np.testing.assert_array_equal(smooth(1.1, [500.0]), first)
    for arguments in ((0.0, 1.0), (1.0, -1.0), (1.0, 1.0, 0.0)):
        with pytest.raises(ValueError, match="cutoffs must be above 0"):
            OneEuro(*arguments)


def pose(shift_mm: float, noise: float = 0.0, seed: int = 0, **changes: object) -> Pose:
    rng = np.random.default_rng(1)
    joints = rng.normal(0, 300, (17, 3))
    joints[0] = 0
    root = np.array([shift_mm, 0, 4000.0])
    jitter = np.random.default_rng(seed).normal(0, 1, (17, 3)) * noise
    fields: dict[str, object] = {
        "joints_2d_px": CAMERA.project(joints + root + jitter),
        "confidence": np.full(17, 0.8),
        "joints_3d_mm": joints + jitter,
        "root_cam_mm": root * (1 + noise / 1000 * np.random.default_rng(seed + 99).normal()),
        "box_xyxy_px": [0, 0, 10, 10],
        "camera": CAMERA,
    }
    return Pose(**(fields | changes))  # type: ignore[arg-type]


def test_people_tremble_less_and_stay_where_they_are() -> None:
    smooth = LiveSmoother()
    frames = [PoseFrame(index=i, time_s=i / 30, people=[pose(0, 30, i)]) for i in range(90)]
    after = [smooth(frame).people[0] for frame in frames]
    for name in ("joints_2d_px", "joints_3d_mm", "root_cam_mm"):
        raw = np.array([getattr(frame.people[0], name) for frame in frames])[30:]
        calm = np.array([getattr(person, name) for person in after])[30:]
        assert np.diff(calm, 2, axis=0).std() < np.diff(raw, 2, axis=0).std() / 3, name
        np.testing.assert_allclose(calm.mean(axis=0), raw.mean(axis=0), atol=0.03 * np.abs(raw).max())
    np.testing.assert_array_equal(after[7].confidence, frames[7].people[0].confidence)


def test_everybody_has_a_memory_of_their_own_until_they_are_gone_for_long() -> None:
    smooth = LiveSmoother()
    smooth(PoseFrame(index=0, time_s=0.0, people=[pose(0), pose(900, person_id=4)]))
    both = smooth(PoseFrame(index=1, time_s=0.05, people=[pose(900, person_id=4), pose(0)]))
    for person, x_mm in zip(both.people, (900, 0), strict=True):
        np.testing.assert_allclose(person.root_cam_mm, [x_mm, 0, 4000], atol=0.1)
    lagging = smooth(PoseFrame(index=2, time_s=0.2, people=[pose(-600)])).people[0]
    assert -590 < lagging.root_cam_mm[0] < -50
    back = smooth(PoseFrame(index=3, time_s=1.0, people=[pose(600)])).people[0]
    np.testing.assert_allclose(back.root_cam_mm, [600, 0, 4000], atol=0.1)


def test_unknown_places_and_nobody_are_fine() -> None:
    smooth = LiveSmoother()
    assert smooth(PoseFrame(index=0, time_s=0.0)).people == []
    for i in range(3):
        lost = pose(0, root_cam_mm=[np.nan] * 3, joints_3d_mm=np.full((17, 3), np.inf))
        person = smooth(PoseFrame(index=i, time_s=i / 30, people=[lost])).people[0]
        assert np.isnan(person.root_cam_mm).all()
        assert not np.isfinite(person.joints_3d_mm).any()
        assert np.isfinite(person.joints_2d_px).all()


def test_pixels_per_mm() -> None:
    joints = np.random.default_rng(3).normal(0, 300, (5, 17, 3))
    in_picture = 0.25 * joints[..., :2] + 70
    in_picture[:, 4] += 1e4  # one wrong joint
    np.testing.assert_allclose(pixels_per_mm(in_picture, joints), 0.25, rtol=0.2)
    in_picture[2, 1:] = np.nan
    assert np.isnan(pixels_per_mm(in_picture, joints)[2])
    assert np.isnan(pixels_per_mm(np.zeros((17, 2)), np.zeros((17, 3))))
