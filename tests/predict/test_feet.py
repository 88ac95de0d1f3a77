"""Foot points from the image to the results: a marker network that has its feet where hands and ankles are."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hourlift.formats import json as pose_json
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17
from hourlift.pose import Pose, PoseFrame, PoseSequence
from hourlift.pose_log import PoseLog
from hourlift.predict import PosePredictor
from hourlift.predict.models.confidence import EVIDENCE, Calibration
from hourlift.predict.temporal.smooth import smooth_track
from hourlift.view.overlay import draw_pose

INSTEAD = H36M17.indices("l_ankle", "l_wrist", "r_ankle", "r_wrist")  # found as FOOT_POINTS
BOX = ((320.0, 240.0), 300.0)


@pytest.fixture(scope="module")
def with_feet(marker_models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = onnx.load(marker_models[0])
    model.graph.initializer.append(numpy_helper.from_array(np.array(INSTEAD, np.int64), "instead"))
    model.graph.node.append(helper.make_node("Gather", ["heatmaps", "instead"], ["feet"], axis=1))
    model.graph.output.append(helper.make_tensor_value_info("feet", TensorProto.FLOAT, ["B", 4, 32, 32]))
    (contract,) = (entry for entry in model.metadata_props if entry.key == "hourlift")
    contract.value = contract.value.replace("{", '{"foot_points": ["l_heel", "l_big_toe", "r_heel", "r_big_toe"], ', 1)
    path = tmp_path_factory.mktemp("feet") / "with-feet.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture(scope="module")
def predict(with_feet: Path, marker_models: tuple[Path, Path]) -> PosePredictor:
    return PosePredictor(with_feet, marker_models[1], threads=1)


@pytest.mark.parametrize("given", [True, False])
def test_a_pose_has_its_feet(predict: PosePredictor, figure, given: bool) -> None:
    (pose,) = predict.predict(figure.draw((640, 480), *BOX), figure.box(*BOX) if given else None)
    np.testing.assert_allclose(pose.feet_2d_px, pose.joints_2d_px[INSTEAD], atol=0.5)
    assert pose.feet_confidence == pytest.approx(pose.confidence[INSTEAD], abs=0.01)
    toe = pose.joint("l_big_toe")
    assert toe.position_px == pytest.approx(pose.joints_2d_px[H36M17.index("l_wrist")], abs=0.5)
    assert toe.confidence > 0.3 and np.isnan(toe.position_mm).all()


def test_the_joints_are_those_of_the_same_network_without_feet(
    predict: PosePredictor, predictor: PosePredictor, figure
) -> None:
    image, box = figure.draw((640, 480), *BOX), figure.box(*BOX)
    (pose,), (plain,) = predict.predict(image, box), predictor.predict(image, box)
    np.testing.assert_array_equal(pose.joints_2d_px, plain.joints_2d_px)
    np.testing.assert_array_equal(pose.confidence, plain.confidence)
    assert np.isnan(plain.feet_2d_px).all() and not plain.feet_confidence.any()


def test_the_flip_test_exchanges_left_and_right_feet(with_feet: Path, marker_models, figure) -> None:
    # A marker keeps its colour in the mirror, so both looks agree only if left and right are not exchanged in vain:
    # the mirrored look finds the left foot where it is in the mirror, and returns it as the right one.
    flipped = PosePredictor(with_feet, marker_models[1], threads=1, flip_test=True)
    (pose,) = flipped.predict(figure.draw((640, 480), *BOX), figure.box(*BOX))
    np.testing.assert_allclose(pose.feet_2d_px, pose.joints_2d_px[INSTEAD], atol=0.5)


def a_pose(shift: float = 0.0) -> Pose:
    rng = np.random.default_rng(0)
    return Pose(
        joints_2d_px=rng.uniform(100, 400, (17, 2)) + shift,
        confidence=np.ones(17),
        joints_3d_mm=rng.normal(0, 400, (17, 3)),
        root_cam_mm=np.array([0, 0, 4000.0]),
        box_xyxy_px=np.array([80, 80, 420, 420.0]),
        camera=Camera.from_fov((640, 480)),
        feet_2d_px=rng.uniform(300, 420, (4, 2)) + shift,
        feet_confidence=np.array([0.9, 0.8, 0.7, 0.0]),
    )


def test_documents_and_logs_keep_feet(tmp_path: Path) -> None:
    pose = a_pose()
    header = pose_json.Header(source="a", kind="photo", image_wh=(640, 480), camera=pose.camera)
    pose_json.dump(tmp_path / "a.json", header, [PoseFrame(index=0, time_s=0, people=[pose])])
    again = pose_json.load(tmp_path / "a.json").frames[0].people[0]
    logged = PoseLog([PoseFrame(index=0, time_s=0, people=[pose])])[0].people[0]
    for other in (again, logged):
        np.testing.assert_allclose(other.feet_2d_px, pose.feet_2d_px, atol=0.01)
        np.testing.assert_allclose(other.feet_confidence, pose.feet_confidence, atol=0.001)


def test_a_document_from_before_has_none(tmp_path: Path) -> None:
    pose = a_pose()
    header = pose_json.Header(source="a", kind="photo", image_wh=(640, 480), camera=pose.camera)
    text = pose_json.dumps(header, [PoseFrame(index=0, time_s=0, people=[pose])])
    file = tmp_path / "a.json"
    file.write_text(text.replace('"feet_2d_px":[', '"other":['), encoding="utf-8")
    assert np.isnan(pose_json.load(file).frames[0].people[0].feet_2d_px).all()


def test_smoothing_moves_feet_less_and_fills_a_gap() -> None:
    rng = np.random.default_rng(1)
    frames = [PoseFrame(index=i, time_s=i / 30, people=[a_pose(float(rng.normal(0, 2)))]) for i in range(60)]
    track = PoseSequence.from_frames(frames)
    track.feet_2d_px[20:23] = np.nan
    smooth = smooth_track(track)
    assert np.isfinite(smooth.feet_2d_px).all()
    assert not smooth.feet_confidence[20:23].any() and smooth.feet_confidence[30, 0] == pytest.approx(0.9)
    moved = [np.abs(np.diff(feet[25:], axis=0)).mean() for feet in (track.feet_2d_px, smooth.feet_2d_px)]
    assert moved[1] < moved[0] / 3


def test_an_overlay_shows_feet() -> None:
    image, pose = np.zeros((480, 640, 3), np.uint8), a_pose()
    footless = Pose(
        **{name: getattr(pose, name) for name in ("joints_2d_px", "confidence", "joints_3d_mm", "root_cam_mm")},
        box_xyxy_px=pose.box_xyxy_px,
        camera=pose.camera,
    )
    assert (draw_pose(image, [pose]) > 0).sum() > (draw_pose(image, [footless]) > 0).sum()


def test_a_calibration_with_feet_survives_the_metadata() -> None:
    weights = np.random.default_rng(0).normal(size=(21, 1 + len(EVIDENCE))).round(4)
    contract = {"confidence": Calibration(weights=weights).to_contract(), "foot_points": list(FOOT_POINTS)}
    again = Calibration.of_contract(contract)
    assert again is not None
    np.testing.assert_array_equal(again.weights, weights)
    with pytest.raises(ValueError, match="cannot be read"):
        Calibration.of_contract(
            {"confidence": Calibration(weights=weights[:17]).to_contract(), "foot_points": [*FOOT_POINTS]}
        )
