"""Images to 3D: exact with the marker models, and clear about what it cannot take."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from hourlift import Camera, PosePredictor
from hourlift.geometry.camera import virtual_rotation
from hourlift.geometry.crop import box_from_joints
from hourlift.lifter.normalize import crop_offsets

WH = (640, 480)
PELVIS, HEIGHT = (300.0, 250.0), 300.0


def virtual_joints(pose) -> np.ndarray:
    """(17, 3) the pose in the virtual camera that looks straight at the pelvis."""
    return pose.joints_3d_mm @ virtual_rotation(pose.camera.unproject(pose.joints_2d_px[0])).T


def test_reprojects_onto_the_joints(predictor: PosePredictor, figure) -> None:
    (pose,) = predictor.predict(figure.draw(WH, PELVIS, HEIGHT), figure.box(PELVIS, HEIGHT))
    np.testing.assert_allclose(pose.camera.project(pose.joints_cam_mm), pose.joints_2d_px, atol=0.01)
    assert pose.joints_3d_mm[0].tolist() == [0, 0, 0]
    assert pose.camera.source == "default"
    assert pose.person_id == 0


def test_the_root_is_where_the_size_in_the_picture_says(predictor: PosePredictor, figure) -> None:
    """On the plane that faces the camera: depth = focal length x millimetres / pixels."""
    camera = Camera.from_fov(WH, 50)
    center = (camera.cx, camera.cy)
    (pose,) = predictor.predict(figure.draw(WH, center, HEIGHT), figure.box(center, HEIGHT), camera)
    drawn = figure.joints(center, HEIGHT) - center
    depth_mm = camera.fx * 400 / np.linalg.norm(drawn, axis=-1).mean()
    np.testing.assert_allclose(pose.root_cam_mm, [0, 0, depth_mm], atol=0.01 * depth_mm)


@pytest.mark.parametrize(("pelvis", "height"), [((300, 250), 300), ((320, 240), 150), ((200, 230), 340)])
def test_size_and_place_in_the_frame_do_not_change_the_pose(
    predictor: PosePredictor, figure, pelvis: tuple[float, float], height: float
) -> None:
    """Drawn as the same pose is seen from a camera turned away: at another place, in another size."""
    camera = Camera.from_fov(WH, 60)
    straight = figure.joints((camera.cx, camera.cy), height)
    rotation = virtual_rotation(camera.unproject(pelvis))
    turned_px = camera.project(camera.unproject(straight) @ rotation)
    centred = predictor._joints.estimate(figure.draw(WH, (camera.cx, camera.cy), height), whole_box(straight))
    from hourlift.predict.people.search import Detection

    (at_place,) = predictor._lift([Detection(whole_box(turned_px)[0], turned_px, np.ones(17))], camera)
    (in_middle,) = predictor._lift([Detection(whole_box(straight)[0], straight, np.ones(17))], camera)
    np.testing.assert_allclose(virtual_joints(at_place), virtual_joints(in_middle), atol=0.05)
    np.testing.assert_allclose(centred.joints_px[0], straight, atol=2)


def test_a_lifter_of_the_crop_reads_its_pixels_and_answers_in_the_camera(
    marker_models: tuple[Path, Path], tmp_path: Path, figure
) -> None:
    model = onnx.load(marker_models[1])
    contract = json.loads(model.metadata_props[0].value) | {"inputs": "crop"}
    onnx.helper.set_model_props(model, {"hourlift": json.dumps(contract)})
    onnx.save(model, tmp_path / "crop.onnx")
    of_crop = PosePredictor(marker_models[0], tmp_path / "crop.onnx", threads=1)
    (pose,) = of_crop.predict(figure.draw(WH, PELVIS, HEIGHT), figure.box(PELVIS, HEIGHT))
    offsets = crop_offsets(pose.joints_2d_px, pose.box_xyxy_px)  # the marker lifter multiplies them by 400
    np.testing.assert_allclose(pose.joints_3d_mm[:, :2], 400 * offsets, rtol=1e-3, atol=1)


def test_a_lifter_of_people_is_told_confidence_and_size_and_tells_its_spread(
    marker_models: tuple[Path, Path], tmp_path: Path, figure
) -> None:
    """A stand-in that answers 400 times the rays, and how little confidence and how large a size it was told."""
    columns = {"place": np.diag([400.0, 400, 0, 0])[:, :3], "doubt": np.array([[0.0], [0], [-100], [1000]])}
    nodes = [
        onnx.helper.make_node("MatMul", ["rays", "place"], ["joints_mm"]),
        onnx.helper.make_node("MatMul", ["rays", "doubt"], ["column"]),
        onnx.helper.make_node("Squeeze", ["column", "last"], ["spread_mm"]),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "marker-person",
        [onnx.helper.make_tensor_value_info("rays", onnx.TensorProto.FLOAT, ["B", 17, 4])],
        [
            onnx.helper.make_tensor_value_info("joints_mm", onnx.TensorProto.FLOAT, ["B", 17, 3]),
            onnx.helper.make_tensor_value_info("spread_mm", onnx.TensorProto.FLOAT, ["B", 17]),
        ],
        [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in columns.items()]
        + [onnx.numpy_helper.from_array(np.array([2], np.int64), "last")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    contract = json.loads(onnx.load(marker_models[1]).metadata_props[0].value) | {"inputs": "person"}
    onnx.helper.set_model_props(model, {"hourlift": json.dumps(contract)})
    onnx.save(model, tmp_path / "person.onnx")
    of_people = PosePredictor(marker_models[0], tmp_path / "person.onnx", threads=1)
    joints_px = figure.joints((320.0, 240.0), HEIGHT)
    joints_px[5] = np.nan
    box, known = whole_box(np.delete(joints_px, 5, axis=0)), Camera.from_fov(WH, 50)
    (guessed,), (pose,) = (of_people.lift(joints_px[None], box, WH, camera) for camera in (None, known))
    assert guessed.spread_mm is not None and pose.spread_mm is not None
    others = np.delete(np.arange(17), 5)
    np.testing.assert_allclose(guessed.spread_mm[others], -100)
    offsets = (joints_px - joints_px[0])[others]
    size = np.linalg.norm(offsets, axis=-1).mean() / known.fx
    np.testing.assert_allclose(pose.spread_mm[others] + 100, 1000 * size, rtol=1e-2)
    assert pose.spread_mm[5] == pytest.approx(1000 * size, rel=1e-2) and pose.confidence[5] == 0
    np.testing.assert_allclose(pose.joints_3d_mm[5], 0, atol=1e-5)
    np.testing.assert_allclose(pose.joints_3d_mm[others, :2], 400 * offsets / known.fx / size, rtol=2e-2, atol=2)


def whole_box(joints: np.ndarray) -> np.ndarray:
    return np.concatenate([joints.min(axis=0) - 20, joints.max(axis=0) + 20])[None]


def test_a_box_elsewhere_in_the_frame_gives_the_same_relative_pose(predictor: PosePredictor, figure) -> None:
    poses = []
    for pelvis, height in (((320, 240), 120.0), ((320, 240), 240.0), ((320, 240), 420.0)):
        (pose,) = predictor.predict(figure.draw(WH, pelvis, height), figure.box(pelvis, height))
        poses.append(pose.joints_3d_mm)
    np.testing.assert_allclose(poses[0], poses[1], atol=8)
    np.testing.assert_allclose(poses[2], poses[1], atol=8)


def test_people_come_in_the_order_of_their_boxes(predictor: PosePredictor, figure) -> None:
    image = np.hstack([figure.draw((300, 300), (150, 150), h) for h in (150, 250)])
    boxes = [figure.box((450, 150), 250), figure.box((150, 150), 150)]
    people = predictor.predict(image, boxes)
    assert [p.person_id for p in people] == [0, 1]
    np.testing.assert_allclose([p.box_xyxy_px for p in people], boxes, rtol=1e-6)
    np.testing.assert_allclose(people[1].joints_2d_px, figure.joints((150, 150), 150), atol=1)
    assert predictor.predict(image, np.zeros((0, 4))) == []


def test_a_camera_of_another_resolution_is_scaled(predictor: PosePredictor, figure) -> None:
    image, box = figure.draw(WH, PELVIS, HEIGHT), figure.box(PELVIS, HEIGHT)
    (exact,) = predictor.predict(image, box, Camera.from_fov(WH, 40))
    (scaled,) = predictor.predict(image, box, Camera.from_fov((1280, 960), 40))
    assert scaled.camera.image_wh == WH
    np.testing.assert_allclose(scaled.joints_cam_mm, exact.joints_cam_mm, rtol=1e-4)
    with pytest.raises(ValueError, match="camera is for images of 480 x 640 pixels, but this image is 640 x 480"):
        predictor.predict(image, box, Camera.from_fov((480, 640), 40))


def test_distortion_is_taken_out(predictor: PosePredictor, figure) -> None:
    camera = Camera(fx=600, fy=600, cx=320, cy=240, image_wh=WH, distortion=(-0.2, 0.05, 0.001, -0.001))
    (pose,) = predictor.predict(figure.draw(WH, PELVIS, HEIGHT), figure.box(PELVIS, HEIGHT), camera)
    np.testing.assert_allclose(camera.project(pose.joints_cam_mm), pose.joints_2d_px, atol=0.5)


def test_a_joint_that_no_ray_explains_is_a_guess_and_harms_no_other(predictor: PosePredictor) -> None:
    from hourlift.predict.people.search import Detection

    camera = Camera(fx=300, fy=300, cx=320, cy=240, image_wh=WH, distortion=(-0.4, 0.0, 0.0, 0.0))
    joints = np.random.default_rng(0).uniform(250, 350, (17, 2))
    joints[5] = (4000, 4000)
    (pose,) = predictor._lift([Detection(np.array([0, 0, 1, 1.0]), joints, np.full(17, 0.9))], camera)
    assert pose.confidence[5] == 0
    assert np.isfinite(pose.joints_cam_mm).all()


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (np.zeros((48, 64), np.uint8), r"\(H, W, 3\) array, RGB without alpha, got \(48, 64\)"),
        (np.zeros((48, 64, 4), np.uint8), r"got \(48, 64, 4\)"),
        (np.zeros((48, 64, 3)), "must be uint8, got float64; convert it to 0..255 first"),
        (np.full((48, 64, 3), np.nan), "must be uint8, got float64; NaN in it cannot be shown"),
        (np.zeros((0, 64, 3), np.uint8), "has no pixels"),
        ("photo.jpg", "got str"),
        (None, "got NoneType"),
    ],
)
def test_images_that_are_none(predictor: PosePredictor, image: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        predictor.predict(image)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=complaint):
        predictor.follow()(0, 0.0, image)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("box", "complaint"),
    [
        ([10, 10, np.nan, 40], "not finite"),
        ([10, 10, np.inf, 40], "not finite"),
        ([40, 10, 10, 40], "is empty: it must be left, top, right, bottom"),
        ([10, 10, 10, 40], "is empty"),
        ([700, 10, 800, 40], "lies outside the image, which is 640 x 480"),
        ([-50, -50, -1, -1], "lies outside"),
        ([1, 2, 3], r"shape \(N, 4\) or \(4,\), got \(3,\)"),
        ([[[1, 2, 3, 4]]], r"got \(1, 1, 4\)"),
        (["a", "b", "c", "d"], "a box is four numbers"),
    ],
)
def test_boxes_that_are_none(predictor: PosePredictor, box: object, complaint: str) -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    with pytest.raises(ValueError, match=complaint):
        predictor.predict(image, box)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=complaint):
        predictor.follow(box)(0, 0.0, image)  # type: ignore[arg-type]


def test_own_keypoints_need_no_boxes_and_may_have_a_confidence(
    marker_models: tuple[Path, Path], figure, tmp_path: Path
) -> None:
    lifting = PosePredictor(*marker_models, threads=1)
    joints_px = figure.joints((320.0, 240.0), HEIGHT)[None]
    confidence = np.linspace(0, 1, 17)[None]
    (boxed,) = lifting.lift(joints_px, box_from_joints(joints_px), WH)
    (pose,) = lifting.lift(joints_px, None, WH, confidence=confidence)
    np.testing.assert_array_equal(pose.box_xyxy_px, boxed.box_xyxy_px)
    np.testing.assert_array_equal(pose.joints_3d_mm, boxed.joints_3d_mm)
    np.testing.assert_allclose(pose.confidence, confidence[0], atol=1e-6)
    for wrong in (confidence[0], confidence + 1, confidence * np.nan):
        with pytest.raises(ValueError, match="confidence must be"):
            lifting.lift(joints_px, None, WH, confidence=wrong)
    assert lifting.lift([], None, WH) == []
