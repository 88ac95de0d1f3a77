import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from hourlift.geometry import DEFAULT_FOV_DEG, Camera, solve_root, virtual_rotation

RNG = np.random.default_rng(7)
PLAIN = Camera(fx=1145.0, fy=1150.0, cx=512.5, cy=515.0, image_wh=(1000, 1002))
DISTORTIONS = {
    "none": (),
    "four": (-0.2, 0.06, 0.001, -0.002),
    "five (Human3.6M's size)": (-0.207, 0.248, -0.0009, -0.0014, -0.0030),
    "eight": (0.3, -0.1, 0.001, 0.002, 0.02, 0.5, -0.05, 0.01),
}


def distorted(coefficients: tuple[float, ...]) -> Camera:
    return Camera(fx=1145.0, fy=1150.0, cx=512.5, cy=515.0, image_wh=(1000, 1002), distortion=coefficients)


def points_in_view(count: int = 200) -> np.ndarray:
    return RNG.uniform([-900, -900, 2500], [900, 900, 6000], (count, 3))


def test_projection_by_hand():
    camera = Camera(fx=1000.0, fy=500.0, cx=320.0, cy=240.0, image_wh=(640, 480))
    np.testing.assert_allclose(camera.project([[0, 0, 5], [1, 2, 4]]), [[320, 240], [570, 490]])
    np.testing.assert_allclose(camera.unproject([570, 490]), [0.25, 0.5, 1.0])


@pytest.mark.parametrize("coefficients", DISTORTIONS.values(), ids=DISTORTIONS)
def test_project_agrees_with_opencv(coefficients: tuple[float, ...]):
    points = points_in_view()
    want, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), PLAIN.matrix, np.array(coefficients))
    np.testing.assert_allclose(distorted(coefficients).project(points), want.reshape(-1, 2), atol=1e-8)


@pytest.mark.parametrize("coefficients", DISTORTIONS.values(), ids=DISTORTIONS)
def test_unproject_undoes_project(coefficients: tuple[float, ...]):
    camera, points = distorted(coefficients), points_in_view()
    np.testing.assert_allclose(camera.unproject(camera.project(points)), points / points[:, 2:], atol=1e-9)


def test_a_pixel_that_the_distortion_cannot_reach_is_nan():
    camera = distorted((-0.3, 0.0, 0.0, 0.0))  # the radius never exceeds 0.70 in the plane z = 1
    rays = camera.unproject([[512.5 + 0.5 * 1145, 515.0], [512.5 + 0.8 * 1145, 515.0]])
    assert np.isfinite(rays[0]).all() and np.isnan(rays[1, :2]).all()


def test_points_behind_the_camera_and_unknown_points_are_nan():
    points = np.array([[0, 0, -1.0], [1, 1, 0], [np.nan, 0, 1], [0, 0, 1]])
    projected = PLAIN.project(points)
    assert np.isnan(projected[:2]).all() and np.isnan(projected[2, 0]) and np.isfinite(projected[3]).all()


def test_field_of_view_spans_the_pixels_of_the_longer_side():
    camera = Camera.from_fov((640, 480), 90.0)
    assert camera.fx == camera.fy == pytest.approx(320.0)
    left, right = camera.unproject([[-0.5, 239.5], [639.5, 239.5]])  # the outer edges of the image
    np.testing.assert_allclose([left, right], [[-1, 0, 1], [1, 0, 1]], atol=1e-12)
    assert Camera.from_fov((480, 640), 90.0).fx == camera.fx


def test_source_says_whether_the_field_of_view_was_a_guess():
    assert Camera.from_fov((640, 480)).source == "default"
    assert Camera.from_fov((640, 480), DEFAULT_FOV_DEG + 1).source == "given"
    assert Camera.from_fov((640, 480), source="exif").source == "exif"


def test_35mm_focal_length_keeps_the_angle_over_the_diagonal():
    video = Camera.from_focal_35mm((3600, 2400), 50.0)
    assert video.fx == pytest.approx(5000.0)  # 36 mm are 3600 px
    phone = Camera.from_focal_35mm((4000, 3000), 26.0)
    assert 2500 / phone.fx == pytest.approx(math.hypot(18, 12) / 26)
    assert phone.source == "exif"


def test_scaled_camera_sees_the_same_rays_in_the_resized_image():
    small = PLAIN.scaled((500, 334))
    edges, small_edges = [[-0.5, -0.5], [999.5, 1001.5]], [[-0.5, -0.5], [499.5, 333.5]]
    np.testing.assert_allclose(small.unproject(small_edges), PLAIN.unproject(edges))


def test_files_round_trip(tmp_path):
    camera = distorted(DISTORTIONS["five (Human3.6M's size)"])
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(camera.to_dict()))
    assert Camera.load(path) == camera
    path = tmp_path / "camera.toml"
    path.write_text("fx = 800\nfy = 810.5\ncx = 320\ncy = 240\nimage_wh = [640, 480]\n")
    assert Camera.load(path) == Camera(fx=800.0, fy=810.5, cx=320.0, cy=240.0, image_wh=(640, 480))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.yaml", "", "ends in .json or .toml"),
        ("c.json", "{", "c.json: "),
        ("c.toml", "fx = ", "c.toml: "),
        ("c.json", "[1, 2]", "a camera is a table"),
        ("c.json", '{"fx": 1, "focal": 2}', r"missing: \['cx', 'cy', 'fy', 'image_wh'\], unknown: \['focal'\]"),
        ("c.json", '{"fx": null, "fy": 1, "cx": 1, "cy": 1, "image_wh": [2, 2]}', "not a number"),
        ("c.json", '{"fx": 0, "fy": 1, "cx": 1, "cy": 1, "image_wh": [2, 2]}', "focal lengths above 0"),
        ("c.json", '{"fx": 1, "fy": 1, "cx": NaN, "cy": 1, "image_wh": [2, 2]}', "finite numbers"),
        ("c.json", '{"fx": 1, "fy": 1, "cx": 1, "cy": 1, "image_wh": [0, 2]}', "width, height"),
        ("c.json", '{"fx": 1, "fy": 1, "cx": 1, "cy": 1, "image_wh": [2, 2], "distortion": [1]}', "0, 4, 5 or 8"),
    ],
)
def test_a_bad_camera_file_is_one_clear_error(tmp_path, name: str, text: str, message: str):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        Camera.load(tmp_path / name)
    assert name in str(error.value)


@pytest.mark.parametrize("fov", [0, 180, -10, math.nan])
def test_impossible_fields_of_view_are_refused(fov: float):
    with pytest.raises(ValueError, match="between 0 and 180"):
        Camera.from_fov((640, 480), fov)


def test_virtual_rotation_is_a_rotation_that_centres_the_ray():
    rays = RNG.normal(size=(100, 3))
    rotation = virtual_rotation(rays)
    np.testing.assert_allclose(
        rotation @ rotation.swapaxes(-1, -2), np.broadcast_to(np.eye(3), (100, 3, 3)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0)
    want = np.zeros((100, 3))
    want[:, 2] = np.linalg.norm(rays, axis=1)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", rotation, rays), want, atol=1e-12)


def test_virtual_rotation_is_the_smallest_one():
    ray = np.array([0.3, -0.4, 1.0])
    angle = math.acos((np.trace(virtual_rotation(ray)) - 1) / 2)
    assert angle == pytest.approx(math.atan2(0.5, 1.0))  # no roll is added to the angle between ray and axis
    np.testing.assert_array_equal(virtual_rotation([0, 0, 2.0]), np.eye(3))


def test_virtual_rotation_turns_with_the_camera_around_its_axis():
    """Rolling the camera rolls the virtual camera: R(S ray) = S R(ray) S^T for every rotation S about z."""
    c, s = math.cos(0.7), math.sin(0.7)
    roll = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    ray = np.array([0.3, -0.4, 1.0])
    np.testing.assert_allclose(virtual_rotation(roll @ ray), roll @ virtual_rotation(ray) @ roll.T, atol=1e-12)


def test_virtual_rotation_of_no_or_a_backward_ray_is_nan():
    assert np.isnan(virtual_rotation([[0, 0, 0], [0, 0, -1], [np.nan, 0, 1]])).all(axis=(1, 2)).all()


def a_person() -> tuple[np.ndarray, np.ndarray]:
    joints = RNG.normal(size=(17, 3)) * [300, 500, 250]
    joints[0] = 0
    return joints, np.array([700.0, -350.0, 4200.0])


def test_solve_root_recovers_a_known_root():
    joints, root = a_person()
    rays = PLAIN.unproject(PLAIN.project(joints + root))
    np.testing.assert_allclose(solve_root(joints, rays, RNG.uniform(0.1, 1, 17)), root, rtol=1e-9)
    np.testing.assert_allclose(solve_root(joints, 3 * rays, np.ones(17)), root, rtol=1e-9)


def test_solve_root_works_on_batches_and_ignores_joints_without_weight_or_value():
    joints, root = a_person()
    rays = PLAIN.unproject(PLAIN.project(joints + root))
    joints, rays, weights = np.stack([joints] * 3), np.stack([rays] * 3), np.ones((3, 17))
    rays[0, 3], weights[0, 3] = [9, 9, 1], 0
    rays[1, 4] = np.nan
    joints[2, 5] = np.nan
    np.testing.assert_allclose(solve_root(joints, rays, weights), np.stack([root] * 3), rtol=1e-9)


def test_solve_root_minimises_the_weighted_residual():
    joints, root = a_person()
    rays, weights = PLAIN.unproject(PLAIN.project(joints + root)), RNG.uniform(0.1, 1, 17)
    rays[:, :2] += RNG.normal(size=(17, 2)) * 0.01

    def residual(t: np.ndarray) -> float:
        p = joints + t
        return float((weights[:, None] * (p[:, :2] - rays[:, :2] * p[:, 2:]) ** 2).sum())

    best = solve_root(joints, rays, weights)
    steps = np.concatenate([np.eye(3), -np.eye(3)])
    assert all(residual(best) < residual(best + step) for step in steps)


def test_solve_root_is_nan_where_the_rays_say_nothing():
    joints, root = a_person()
    rays = PLAIN.unproject(PLAIN.project(joints + root))
    assert np.isnan(solve_root(joints, rays, np.zeros(17))).all(), "nothing seen"
    one_ray = joints + [0, 0, 1e10]  # ten thousand km away all rays are one, but for rounding
    assert np.isnan(solve_root(joints, one_ray, np.ones(17))).all()
    assert np.isnan(solve_root(joints, np.full((17, 3), np.nan), np.ones(17))).all()
    mirrored = rays * [-1, -1, 1]
    assert np.isnan(solve_root(joints, mirrored, np.ones(17))).all(), "fits best behind the camera"


def test_doubts_of_cameras_that_hardly_are() -> None:
    whole = Camera(fx=350, fy=350, cx=199.5, cy=199.5, image_wh=(400, 400))
    assert (
        whole.doubts() == Camera.from_fov((1920, 1080), 12).doubts() == Camera.from_fov((100, 200), 149).doubts() == []
    )
    for doubtful, said in (
        (Camera.from_fov((400, 400), 9), "field of view of 9 degrees"),
        (replace(whole, fx=4.2, fy=4.2), "pixels, not millimetres"),
        (replace(whole, cx=5000.0), "principal point 5000, 199.5 lies outside"),
        (replace(whole, fx=700.0), "differ"),
        (replace(whole, cx=0.5, cy=0.5), "fractions of the image"),
        (replace(whole, distortion=(1000.0, 0.0, 0.0, 0.0)), "distortion 1000, 0, 0, 0 is stronger"),
    ):
        (doubt,) = doubtful.doubts()
        assert said in doubt
    assert Camera.from_dict(whole.to_dict() | {"skew": 0.0}) == whole
    for lens in DISTORTIONS.values():
        assert replace(whole, distortion=lens).doubts() == []
    with pytest.raises(ValueError, match="skew must be 0"):
        Camera.from_dict(whole.to_dict() | {"skew": 2.0})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_with_a_byte_order_mark(tmp_path, encoding: str):
    camera = Camera(fx=350, fy=350, cx=199.5, cy=199.5, image_wh=(400, 400))
    (tmp_path / "a.json").write_text(json.dumps(camera.to_dict()), encoding=encoding)
    assert Camera.load(tmp_path / "a.json") == camera


@pytest.mark.parametrize(
    ("key", "value"),
    [("distortion", "1234"), ("fx", "350"), ("fx", True), ("image_wh", [400.5, 400]), ("image_wh", ["400", "400"])],
)
def test_what_is_no_number_is_not_taken_for_one(key: str, value: object):
    camera = Camera(fx=350, fy=350, cx=199.5, cy=199.5, image_wh=(400, 400))
    with pytest.raises(ValueError, match="number"):
        Camera.from_dict(camera.to_dict() | {key: value})
