"""A person made of coloured discs, and ONNX models that know exactly where each colour is.

With them the whole path from a picture to 3D is tested without trained weights: the hourglass' heatmap of a
joint lights up at the discs of that joint's colour, the higher the larger the disc is in the crop; the lifter
puts the person on a plane that faces the virtual camera.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hourlift.geometry.skeleton import H36M17
from hourlift.predict import PosePredictor

SIZE, HEATMAP = 128, 32
BACKGROUND = (128, 128, 128)
PLANE_MM = 400.0  # mean distance of the lifted joints from the pelvis

# Pure colours at least 127 apart from each other, from the background and from the black around the image.
_LEVELS = np.array(np.meshgrid(*[(0, 128, 255)] * 3)).reshape(3, -1).T
COLOURS = np.array([c for c in _LEVELS if tuple(c) not in {(0, 0, 0), BACKGROUND, (255, 255, 255)}])[:17]

# x right, y down, in heights of the figure, pelvis at zero; the subject's right is on the left.
_FIGURE = {
    "pelvis": (0, 0), "r_hip": (-0.1, 0.04), "r_knee": (-0.14, 0.26), "r_ankle": (-0.2, 0.48),
    "l_hip": (0.1, 0.04), "l_knee": (0.2, 0.24), "l_ankle": (0.24, 0.46), "spine": (0.02, -0.13),
    "thorax": (0, -0.26), "nose": (0.03, -0.38), "head": (0, -0.5), "l_shoulder": (0.14, -0.25),
    "l_elbow": (0.28, -0.17), "l_wrist": (0.4, -0.28), "r_shoulder": (-0.14, -0.25), "r_elbow": (-0.27, -0.13),
    "r_wrist": (-0.38, -0.02),
}  # fmt: skip


@dataclass(frozen=True)
class MarkerFigure:
    """Draws the figure; the discs' radius goes with its height."""

    def joints(self, pelvis_px: tuple[float, float], height_px: float) -> np.ndarray:
        """(17, 2) where the joints are drawn."""
        return np.array([_FIGURE[name] for name in H36M17.joint_names]) * height_px + np.array(pelvis_px)

    def draw(self, image_wh: tuple[int, int], pelvis_px: tuple[float, float], height_px: float) -> np.ndarray:
        """(H, W, 3) picture of the figure on grey."""
        image = np.full((image_wh[1], image_wh[0], 3), BACKGROUND, np.uint8)
        for (x, y), colour in zip(self.joints(pelvis_px, height_px), COLOURS, strict=True):
            center = (round(x * 16), round(y * 16))
            radius = round(0.05 * height_px * 16)
            cv2.circle(image, center, radius, tuple(map(int, colour)), -1, cv2.LINE_AA, shift=4)
        return image

    def box(self, pelvis_px: tuple[float, float], height_px: float) -> np.ndarray:
        """(4,) a box that holds the figure."""
        joints = self.joints(pelvis_px, height_px)
        margin = 0.07 * height_px
        return np.concatenate([joints.min(axis=0) - margin, joints.max(axis=0) + margin])


@pytest.fixture(scope="session")
def figure() -> MarkerFigure:
    return MarkerFigure()


@pytest.fixture(scope="session")
def marker_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Paths of the hourglass and the lifter for the figure."""
    folder = tmp_path_factory.mktemp("models")
    hourglass, lifter = folder / "marker-hourglass.onnx", folder / "marker-lifter.onnx"
    onnx.save(marker_hourglass(), hourglass)
    onnx.save(marker_lifter(), lifter)
    return hourglass, lifter


@pytest.fixture(scope="session")
def predictor(marker_models: tuple[Path, Path]) -> PosePredictor:
    return PosePredictor(*marker_models, threads=1)


@pytest.fixture(scope="session")
def save_detector() -> Callable[..., Path]:
    """Writes a detector that gives the same answer to every picture."""
    return _save_detector


def _save_detector(path: Path, outputs: dict[str, np.ndarray], side: int | str = 64) -> Path:
    """Save a graph of images float32 (1, 3, side, side) with these outputs."""
    nodes, tensors = [], []
    for name, value in outputs.items():
        # The answer has to depend on the input, or the runtime folds the graph away.
        tensors.append(numpy_helper.from_array(value, f"{name}_value"))
        kind = TensorProto.INT64 if value.dtype == np.int64 else TensorProto.FLOAT
        nodes += [
            helper.make_node("ReduceMax", ["images"], [f"{name}_max"], keepdims=0),
            helper.make_node("Mul", [f"{name}_max", "zero"], [f"{name}_zero"]),
            helper.make_node("Cast", [f"{name}_zero"], [f"{name}_none"], to=kind),
            helper.make_node("Add", [f"{name}_value", f"{name}_none"], [name]),
        ]
    tensors.append(numpy_helper.from_array(np.float32(0), "zero"))
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, side, side])],
        [
            helper.make_tensor_value_info(
                name, TensorProto.INT64 if value.dtype == np.int64 else TensorProto.FLOAT, value.shape
            )
            for name, value in outputs.items()
        ],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def contract(kind: str, **more: object) -> str:
    """A model's metadata."""
    fields = {"schema": 1, "kind": kind, "name": f"marker-{kind}", "skeleton": "h36m17"}
    return json.dumps(fields | {"joint_names": H36M17.joint_names} | more)


def marker_hourglass() -> onnx.ModelProto:
    """image uint8 (B, S, S, 3) -> heatmaps float32 (B, 17, S/4, S/4)."""
    offsets = np.arange(-4, 5) ** 2
    gauss = np.exp(-(offsets[:, None] + offsets) / (2 * 0.8**2))
    constants = {
        "colours": COLOURS.astype(np.float32)[None, :, :, None, None],  # (1, 17, 3, 1, 1)
        "one": np.float32(1),
        "reach": np.float32(60),
        "axis_joint": np.array([1], np.int64),
        "axis_rgb": np.array([2], np.int64),
        "blur": np.tile((gauss / gauss.sum()).astype(np.float32), (17, 1, 1, 1)),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Unsqueeze", ["planes", "axis_joint"], ["spread"]),
        helper.make_node("Sub", ["spread", "colours"], ["difference"]),
        helper.make_node("Abs", ["difference"], ["absolute"]),
        helper.make_node("ReduceSum", ["absolute", "axis_rgb"], ["distance"], keepdims=0),
        helper.make_node("Div", ["distance", "reach"], ["relative"]),
        helper.make_node("Sub", ["one", "relative"], ["likeness"]),
        helper.make_node("Relu", ["likeness"], ["sharp"]),
        helper.make_node("AveragePool", ["sharp"], ["mask"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["mask", "blur"], ["heatmaps"], pads=[4, 4, 4, 4], group=17),
    ]
    graph = helper.make_graph(
        nodes,
        "marker-hourglass",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["B", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, ["B", 17, HEATMAP, HEATMAP])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return _model(graph, contract("hourglass", input_size=SIZE, crop_margin=1.1, decode="dark"))


def marker_lifter() -> onnx.ModelProto:
    """rays float32 (B, 17, 2) -> joints_mm float32 (B, 17, 3): the rays' pattern on a plane z = 0."""
    spread = np.array([[PLANE_MM, 0, 0], [0, PLANE_MM, 0]], np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["rays", "spread"], ["joints_mm"])],
        "marker-lifter",
        [helper.make_tensor_value_info("rays", TensorProto.FLOAT, ["B", 17, 2])],
        [helper.make_tensor_value_info("joints_mm", TensorProto.FLOAT, ["B", 17, 3])],
        [numpy_helper.from_array(spread, "spread")],
    )
    return _model(graph, contract("lifter"))


def _model(graph: onnx.GraphProto, metadata: str) -> onnx.ModelProto:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    helper.set_model_props(model, {"hourlift": metadata})
    onnx.checker.check_model(model, full_check=True)
    return model
