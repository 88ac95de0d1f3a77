"""A person made of coloured discs, and ONNX models that know exactly where each colour is; and a browser.

With them the whole path from an image to 3D is tested without trained weights: the hourglass' heatmap of a
joint lights up at the discs of that joint's colour, the higher the larger the disc is in the crop; the lifter
puts the person on a plane that faces the virtual camera.
"""

import base64
import contextlib
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

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
        """(H, W, 3) image of the figure on grey."""
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
    """Writes a detector that gives the same answer to every image."""
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


@pytest.fixture(scope="session")
def save_finder() -> Callable[..., Path]:
    """Writes a finder of hourlift that gives the same answer to every image."""
    return _save_finder


def _save_finder(path: Path, boxes: np.ndarray, scores: np.ndarray, input_wh: tuple[int, int]) -> Path:
    """Save a finder that answers with boxes (N, 4) xyxy in pixels of its input, counted from pixel centres."""
    cells = (input_wh[1] // 8, input_wh[0] // 8)
    likely, sides = np.zeros((1, *cells), np.float32), np.zeros((1, 4, *cells), np.float32)
    for box, score in zip(boxes, scores, strict=True):
        column, row = (int((low + high + 1) // 16) for low, high in zip(box[:2], box[2:], strict=True))
        x, y = 8 * column + 3.5, 8 * row + 3.5
        likely[0, row, column], sides[0, :, row, column] = score, (x - box[0], y - box[1], box[2] - x, box[3] - y)
    values = {"scores": likely, "sides": sides}
    nodes = [
        helper.make_node("Cast", ["image"], ["number"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["number"], ["largest"], keepdims=0),
        helper.make_node("Mul", ["largest", "zero"], ["nothing"]),  # an answer that does not depend on the input folds
        *(helper.make_node("Add", [f"{name}_value", "nothing"], [name]) for name in values),
    ]
    graph = helper.make_graph(
        nodes,
        "finder",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["batch", "height", "width", 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name, value in values.items()],
        [
            numpy_helper.from_array(np.float32(0), "zero"),
            *(numpy_helper.from_array(value, f"{name}_value") for name, value in values.items()),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    helper.set_model_props(model, {"hourlift": contract("finder", input_size=320)})
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


class Browser:
    """A headless Chromium with one tab, spoken to through a pipe (Chrome DevTools Protocol), no driver needed."""

    def __init__(self, process: subprocess.Popen[bytes], write_fd: int, replies: IO[bytes]) -> None:
        self._process = process
        self._write_fd = write_fd
        self._replies = replies
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def _receive(self) -> dict[str, Any]:
        letters = bytearray()
        while (letter := self._replies.read(1)) != b"\0":
            if not letter:
                raise RuntimeError("the browser has ended")
            letters += letter
        return json.loads(letters)

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        left = json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self._write_fd, left) :]
        while (reply := self._receive()).get("id") != number:
            self.events.append(reply)
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]

    def open(
        self, page: Path | str, width: int = 1280, height: int = 760, dark: bool = False, scale: float = 1
    ) -> None:
        self.events.clear()
        mobile = width < 700
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )
        features = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
        self.send(
            "Emulation.setEmulatedMedia", features=[{"name": key, "value": value} for key, value in features.items()]
        )
        self.send("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        reply = self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    def key(self, key: str, shift: bool = False) -> None:
        text = key if len(key) == 1 else ""
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, text=text, modifiers=8 * shift)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        for kind, (x, y) in (("mousePressed", start), ("mouseMoved", end), ("mouseReleased", end)):
            buttons = int(kind != "mouseReleased")
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=buttons, clickCount=1)

    def screenshot(self) -> bytes:
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def complaints(self) -> list[str]:
        """What the console, the page's errors and the browser's log say since the page was opened."""
        kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [json.dumps(event["params"]) for event in self.events if event["method"] in kinds]

    def requests(self) -> list[str]:
        """Addresses that the page asked for."""
        sent = [event for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]


@contextlib.contextmanager
def open_chromium(profile: Path, *more: str) -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip(f"no browser on this machine ({', '.join(names)}): the page is tested as text only")
    from_us, to_us = os.pipe(), os.pipe()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
    read_fd, write_fd = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (from_us[0], to_us[1]))
    # The browser reads descriptor 3 and writes descriptor 4.
    shim = f"import os, sys; os.dup2({read_fd}, 3); os.dup2({write_fd}, 4); os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", shim, program, *options, *more, "about:blank"],
        pass_fds=(read_fd, write_fd),
        stderr=subprocess.DEVNULL,
    )
    os.close(read_fd)
    os.close(write_fd)
    os.close(from_us[0])
    os.close(to_us[1])
    try:
        with os.fdopen(to_us[0], "rb") as replies:
            yield Browser(process, from_us[1], replies)
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(from_us[1])


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="session")
def chromium() -> Callable[..., contextlib.AbstractContextManager[Browser]]:
    """Starts a browser of one's own: chromium(profile folder, more options...)."""
    return open_chromium
