"""Detectors of every layout, as ONNX files whose answers are written down here."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from hourlift.predict.people.detector import PREPARATIONS, Detector, letterbox

SIDE = 64
CELLS = 8 * 8 + 4 * 4 + 2 * 2  # of strides 8, 16, 32
IMAGE = np.full((SIDE, SIDE, 3), 100, np.uint8)  # fits the input as it is

Outputs = dict[str, np.ndarray]
Save = Callable[..., Path]


def assert_boxes(found: np.ndarray, drawn: list | np.ndarray) -> None:
    """Boxes are those drawn (N, 4), which count from the image's corner; ours count from the first pixel's centre."""
    np.testing.assert_allclose(found, np.array(drawn) - 0.5, atol=1e-4)


def rows(count: int, width: int, filled: dict[int, list[float]]) -> np.ndarray:
    """(1, count, width) zeros but for the first values of some rows."""
    table = np.zeros((1, count, width), np.float32)
    for i, values in filled.items():
        table[0, i, : len(values)] = values
    return table


def yolox_raw() -> Outputs:
    """Offsets in cells and log sizes: cell (2, 1) of stride 8, cell (1, 1) of stride 16, a near twin, and a car."""
    first = [0.5, 0.25, np.log(2), np.log(3), 0.9, 0.8, 0.1]  # centre (20, 10), size (16, 24), score 0.72
    second = [1.0, 1.5, np.log(0.5), np.log(1.5), 0.6, 0.9, 0.0]  # centre (32, 40), size (8, 24), score 0.54
    twin = [-0.4, 0.25, np.log(2), np.log(3), 0.9, 0.7, 0.0]  # the first, a little to the right: 0.63
    car = [0.5, 0.5, np.log(2), np.log(2), 1.0, 0.1, 0.9]
    return {"output": rows(CELLS, 7, {8 + 2: first, 64 + 4 + 1: second, 8 + 3: twin, 30: car})}


FIRST, SECOND = [12, 0, 28, 22], [28, 28, 36, 52]  # the boxes above; the first reaches out of the image


def yolox_decoded() -> Outputs:
    table = rows(
        CELLS, 7, {5: [20, 10, 16, 24, 0.9, 0.8], 9: [21, 10, 16, 24, 0.9, 0.7], 70: [32, 40, 8, 24, 0.6, 0.9]}
    )
    table[0, :, 2:4] = np.where(table[0, :, 2:4] == 0, 4, table[0, :, 2:4])
    return {"output": table}


def yolov5() -> Outputs:
    return {
        "output0": rows(
            3 * CELLS,
            7,
            {200: [20, 10, 16, 24, 0.9, 0.8], 3: [32, 40, 8, 24, 0.6, 0.9], 201: [20, 11, 16, 24, 0.8, 0.8]},
        )
    }


def yolov8() -> Outputs:
    table = rows(CELLS, 6, {5: [20, 10, 16, 24, 0.72], 9: [21, 10, 16, 24, 0.63], 70: [32, 40, 8, 24, 0.54, 0.1]})
    table[0, 71, :6] = [32, 40, 8, 24, 0.1, 0.99]
    return {"output0": np.ascontiguousarray(table.transpose(0, 2, 1))}


def yolov8_of_people() -> Outputs:
    table = rows(CELLS, 5, {5: [20, 10, 16, 24, 0.72], 70: [32, 40, 8, 24, 0.54]})
    return {"output0": np.ascontiguousarray(table.transpose(0, 2, 1))}


def yolov10() -> Outputs:
    return {
        "output0": rows(30, 6, {0: [28, 28, 36, 52, 0.54, 0], 1: [12, -2, 28, 22, 0.72, 0], 2: [1, 1, 30, 30, 0.9, 2]})
    }


def yolov7_end2end() -> Outputs:
    table = [[0, 28, 28, 36, 52, 0, 0.54], [0, 12, -2, 28, 22, 0, 0.72], [0, 1, 1, 30, 30, 2, 0.9]]
    return {"output": np.array(table, np.float32)}


def mmdeploy() -> Outputs:
    dets = rows(3, 5, {0: [1, 1, 30, 30, 0.9], 1: [12, -2, 28, 22, 0.72], 2: [28, 28, 36, 52, 0.54]})
    return {"dets": dets, "labels": np.array([[2, 0, 0]])}


def mmyolo() -> Outputs:
    boxes = rows(4, 4, {0: [12, -2, 28, 22], 1: [28, 28, 36, 52], 2: [0, 0, 60, 60]})
    scores = np.array([[0.72, 0.54, 0.99, 0.0]], np.float32)
    return {
        "num_dets": np.array([[2]]),
        "boxes": boxes,
        "scores": scores,
        "labels": np.array([[0, 0, 0, 0]]),
    }


@pytest.mark.parametrize(
    ("outputs", "name", "family"),
    [
        (yolox_raw(), "net", "yolox"),
        (yolox_decoded(), "net", "yolox"),
        (yolov5(), "net", "yolo"),
        (yolov8(), "net", "yolo"),
        (yolov8_of_people(), "net", "yolo"),
        (yolov10(), "net", "yolo"),
        (yolov7_end2end(), "net", "yolo"),
        (mmdeploy(), "rtmdet_nano", "rtmdet"),
        (mmdeploy(), "YOLOX_m", "yolox"),
        (mmyolo(), "rtmdet_tiny", "rtmdet"),
    ],
)
def test_every_layout_gives_the_same_two_people(
    save_detector: Save, tmp_path: Path, outputs: Outputs, name: str, family: str
) -> None:
    detector = Detector(save_detector(tmp_path / f"{name}.onnx", outputs), threads=1)
    assert detector.family == family
    assert_boxes(detector(IMAGE), [FIRST, SECOND])
    strict = Detector(tmp_path / f"{name}.onnx", min_score=0.6, threads=1)
    assert_boxes(strict(IMAGE), [FIRST])
    assert Detector(tmp_path / f"{name}.onnx", min_score=0.95, threads=1)(IMAGE).shape == (0, 4)


def test_boxes_come_back_in_the_pictures_pixels(save_detector: Save, tmp_path: Path) -> None:
    """An image twice as large and half as high: corner and middle of the input differ."""
    image = np.zeros((SIDE, 2 * SIDE, 3), np.uint8)
    at_corner = Detector(save_detector(tmp_path / "yolox.onnx", mmdeploy()), threads=1)
    assert_boxes(at_corner(image), [[24, 0, 56, 44], [56, 56, 72, 64]])
    centred = Detector(save_detector(tmp_path / "v8.onnx", yolov8()), threads=1)  # 16 rows of grey above
    assert_boxes(centred(image), [[24, 0, 56, 12], [56, 24, 72, 64]])


def test_graphs_of_any_size_get_640_pixels(save_detector: Save, tmp_path: Path) -> None:
    detector = Detector(save_detector(tmp_path / "rtmdet.onnx", mmdeploy(), side="side"), threads=1)
    image = np.zeros((1280, 1280, 3), np.uint8)
    assert_boxes(detector(image), 2 * np.array([FIRST, SECOND]))


def test_each_family_gets_its_own_numbers() -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    image[:] = (255, 51, 0)
    yolox, ratio, offset = letterbox(image, (8, 8), PREPARATIONS["yolox"])
    assert (ratio, offset.tolist()) == (2, [0, 0])
    np.testing.assert_allclose(yolox[0, :, 0, 0], [0, 51, 255])
    np.testing.assert_allclose(yolox[0, :, 7, 0], 114)
    yolo, _, offset = letterbox(image, (8, 8), PREPARATIONS["yolo"])
    assert offset.tolist() == [0, 2]
    np.testing.assert_allclose(yolo[0, :, 2, 0], [1, 0.2, 0])
    np.testing.assert_allclose(yolo[0, :, 0, 0], 114 / 255)
    rtmdet, _, _ = letterbox(image, (8, 8), PREPARATIONS["rtmdet"])
    np.testing.assert_allclose(rtmdet[0, :, 0, 0], [-103.53 / 57.375, (51 - 116.28) / 57.12, (255 - 123.675) / 58.395])


def test_what_is_no_detector(save_detector: Save, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.onnx does not exist"):
        Detector(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ValueError, match=r"text\.onnx: this is not a model"):
        Detector(tmp_path / "text.onnx")
    save_detector(tmp_path / "classes.onnx", {"probs": np.zeros((1, 1000), np.float32)})
    with pytest.raises(ValueError, match=r"classes\.onnx: no known detector has the outputs probs \(1, 1000\)"):
        Detector(tmp_path / "classes.onnx")
    save_detector(tmp_path / "end2end.onnx", mmdeploy())
    with pytest.raises(ValueError, match=r"end2end\.onnx: neither outputs nor name identify.*--detector-family"):
        Detector(tmp_path / "end2end.onnx")
    assert Detector(tmp_path / "end2end.onnx", "rtmdet").family == "rtmdet"


def test_a_model_without_a_picture_as_input(marker_models: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match=r"a detector's input is an image \(1, 3, H, W\), this model has rays"):
        Detector(marker_models[1])


def test_the_files_own_names_say_which_class_is_a_person(save_detector: Save, tmp_path: Path) -> None:
    table = rows(CELLS, 6, {5: [20, 10, 16, 24, 0.1, 0.9], 70: [32, 40, 8, 24, 0.8, 0.1]})
    path = save_detector(tmp_path / "yolo.onnx", {"output0": np.ascontiguousarray(table.transpose(0, 2, 1))}, SIDE)

    def named(names: str) -> Path:
        model = onnx.load(path)
        onnx.helper.set_model_props(model, {"names": names})
        onnx.save(model, tmp_path / "named.onnx")
        return tmp_path / "named.onnx"

    assert_boxes(Detector(path)(IMAGE), [SECOND])
    assert_boxes(Detector(named("{0: 'ball', 1: 'person'}"))(IMAGE), [FIRST])
    assert_boxes(Detector(named("['Person', 'ball']"))(IMAGE), [SECOND])
    assert_boxes(Detector(named("__import__('os')"))(IMAGE), [SECOND])
    with pytest.raises(ValueError, match="none of this detector's classes is a person: ball, dog"):
        Detector(named("{0: 'ball', 1: 'dog'}"))
