"""Quantised 8-bit models: about a third of the run time on processors with 8-bit dot products.

Weights use 7 of the 8 bits: -64 to 64. x86 processors without 8-bit dot products add pairs of byte x weight products in
16 bits. 2 x 255 x 64 fits into 16 bits, 2 x 255 x 127 does not. So results are correct on all processors.

The hourglass:

Static quantisation (Jacob et al., CVPR 2018) as ONNX's QuantizeLinear and DequantizeLinear: weights int8 with one scale
per channel; activations uint8 with scales from the ranges measured on images. Details:

- Most convolutions follow a batch norm that cannot be folded into an earlier convolution, because a sum or a pooling
  comes between. It becomes a depthwise 1 x 1 convolution, which is quantised like any other. Otherwise every activation
  would be converted to float and back.
- The image's bytes are used directly: they are already uint8 with the scale 1/255.
- Operations that are slow in ONNX Runtime with bytes are replaced by others with bit-identical results: the first
  convolution (stride over three channels) and nearest-neighbour upsampling.
- The last convolution stays float: the following softmax would make its quantisation steps visible in the confidence.

The lifter: for one person, the run time is that of loading 4 M weights, which int8 reduces to a quarter. It has few
activations; their range is measured in each run (dynamic quantisation).
"""

import json
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.formats.guarded import parsing
from hourlift.predict import PosePredictor
from hourlift.predict.models.contract import METADATA_KEY, Kind, read_contract
from hourlift.weights import sha256

MAX_MOVED = 0.1
"""Share of clear peaks that may move by more than a cell; above it, the file is not written."""
MAX_SHIFT_MM = 10.0
"""Largest accepted mean distance of an 8-bit lifter's joints from those of the float lifter."""

_CLEAR = 0.2  # lower peaks are noise and may move
_QUANTISED = ("Conv", "Relu", "Add", "MaxPool", "Resize")
_AT_ONCE = 8  # images per run during calibration


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Difference between 8-bit and float heatmaps, on images not used for calibration."""

    mean_difference: float
    """Mean absolute difference of the peaks' heights."""
    moved: float
    """Share of the peaks of at least 0.2 whose cell moved by more than one."""

    def __str__(self) -> str:
        return f"{self.moved:.1%} of the clear joints moved by more than a cell, peaks by {self.mean_difference:.3f}"


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """Result of a quantisation."""

    file: Path
    sha256: str
    size_bytes: int
    agreement: Agreement | float
    """Difference between the 8-bit and the float model; for a lifter, mean distance of the joints in mm."""


def quantise_hourglass(
    source: str | Path, file: str | Path, images: NDArray[np.uint8], checks: NDArray[np.uint8]
) -> Quantised:
    """Write the 8-bit version of an exported hourglass.

    Args:
        source: .onnx file of `export_hourglass`.
        file: file to write; an existing file is replaced atomically.
        images: (N, S, S, 3) crops for calibration.
        checks: (M, S, S, 3) further crops to compare both models.

    Returns:
        The file, its hash and size, and the agreement of the outputs.

    Raises:
        ValueError: the source is no float hourglass of hourlift, or both models differ too much; nothing is written.
        OSError: a file cannot be read or written.
    """
    source, file = Path(source), Path(file)
    contract = float_contract(source, "hourglass")
    with tempfile.TemporaryDirectory() as folder:
        model = _quantised(_with_convolved_norms(_folded(source, Path(folder))), images, Path(folder))
    agreement = _compare(source.read_bytes(), model.SerializeToString(), checks)
    if agreement.moved > MAX_MOVED:
        raise UserError(f"{file} is not written: its joints are too far from those of {source} ({agreement})")
    measured = {"mean_peak_difference": round(agreement.mean_difference, 4), "moved": round(agreement.moved, 4)}
    return _write(model, file, contract | {"made_from": sha256(source), "parity": measured}, agreement)


def quantise_lifter(source: str | Path, file: str | Path, people: Sequence[Sample]) -> Quantised:
    """Write the 8-bit version of an exported lifter.

    Args:
        source: .onnx file of `export_lifter`.
        file: file to write; an existing file is replaced atomically.
        people: people whose 2D joints are lifted for comparison; people with unknown joints are skipped.

    Returns:
        The file, its hash and size, and the mean distance of the joints in mm.

    Raises:
        ValueError: the source is no float lifter of hourlift, or both models differ too much; nothing is written.
        OSError: a file cannot be read or written.
    """
    from onnxruntime import quantization

    source, file = Path(source), Path(file)
    contract = float_contract(source, "lifter")
    with tempfile.TemporaryDirectory() as folder, _quiet():
        before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(_folded(source, Path(folder)), before)
        quantization.quantize_dynamic(
            before,
            after,
            op_types_to_quantize=["Gemm", "MatMul"],
            per_channel=True,
            weight_type=quantization.QuantType.QInt8,
            reduce_range=True,
        )
        model = onnx.load(after)
        contract["made_from"] = sha256(source)
        written = _write(model, after, contract, 0.0)
        shift_mm = float(np.mean([np.linalg.norm(a - b, axis=-1) for a, b in _lifted((source, written.file), people)]))
    if not shift_mm <= MAX_SHIFT_MM:  # negated so that NaN fails
        raise UserError(f"{file} is not written: its joints are {shift_mm:.1f} mm from those of {source} on average")
    return _write(model, file, contract | {"parity": {"mean_shift_mm": round(shift_mm, 2)}}, shift_mm)


def _lifted(lifters: Iterable[Path], people: Sequence[Sample]) -> Iterator[tuple[NDArray, ...]]:
    """Return the joints (17, 3) of each person from each lifter, in mm relative to the pelvis."""
    predictors = [PosePredictor(lifter=lifter, precision="fp32") for lifter in lifters]  # never the 8-bit version
    for sample in people:
        if sample.image_wh is not None and np.isfinite(sample.joints_2d_px).all():
            arguments = (sample.joints_2d_px[None], sample.box_xyxy_px[None], sample.image_wh, sample.camera)
            yield tuple(predictor.lift(*arguments)[0].joints_3d_mm for predictor in predictors)


def _write(model: onnx.ModelProto, file: Path, contract: dict[str, Any], agreement: Agreement | float) -> Quantised:
    """Write a quantised model with its metadata atomically."""
    del model.metadata_props[:]
    helper.set_model_props(model, {METADATA_KEY: json.dumps(contract | {"precision": "int8"})})
    content = model.SerializeToString()
    with replacing(file) as temporary:
        temporary.write_bytes(content)
    return Quantised(file=file, sha256=sha256(file), size_bytes=len(content), agreement=agreement)


def float_contract(source: Path, kind: Kind | None = None) -> dict[str, Any]:
    """Return the metadata of a float model.

    Raises:
        ValueError: the file has another format.
    """
    with parsing(source, "ONNX model"):
        properties = {prop.key: prop.value for prop in onnx.load(source).metadata_props}
    contract = read_contract(source, properties.get(METADATA_KEY), kind)
    if contract.get("precision", "fp32") != "fp32":
        raise UserError(f"{source}: this {contract['kind']} is already quantised")
    return contract


def _folded(source: Path, folder: Path) -> onnx.ModelProto:
    """Return the model with folded constants, so that weights are float32 initializers."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "folded.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "folded.onnx")


def _with_convolved_norms(model: onnx.ModelProto) -> onnx.ModelProto:
    """Turn every batch norm into a depthwise 1 x 1 convolution, in place."""
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    nodes = []
    for node in model.graph.node:
        if node.op_type != "BatchNormalization":
            nodes.append(node)
            continue
        gain, shift, mean, variance = (values[name].astype(np.float64) for name in node.input[1:5])
        epsilon = next((item.f for item in node.attribute if item.name == "epsilon"), 1e-5)
        scale = gain / np.sqrt(variance + epsilon)
        names = [f"{node.output[0]}.weight", f"{node.output[0]}.bias"]
        for name, value in zip(names, (scale[:, None, None, None], shift - mean * scale), strict=True):
            model.graph.initializer.append(numpy_helper.from_array(value.astype(np.float32), name))
        inputs = [node.input[0], *names]
        nodes.append(helper.make_node("Conv", inputs, node.output, f"{node.name}.conv", group=len(scale)))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    _drop_unused(model)
    return model


def _drop_unused(model: onnx.ModelProto) -> None:
    """Remove constants that no node reads."""
    used = {name for node in model.graph.node for name in node.input}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)


def _quantised(model: onnx.ModelProto, images: NDArray[np.uint8], folder: Path) -> onnx.ModelProto:
    """Calibrate ranges on images and insert them into the graph."""
    from onnxruntime import quantization

    name = model.graph.input[0].name

    class Pictures(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._parts = iter(np.array_split(images, max(len(images) // _AT_ONCE, 1)))

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            part = next(self._parts, None)
            return None if part is None else {name: part}

    before, after = folder / "float.onnx", folder / "int8.onnx"
    onnx.save(model, before)
    with _quiet():
        quantization.quantize_static(
            before,
            after,
            Pictures(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED),
            nodes_to_exclude=[[node.name for node in model.graph.node if node.op_type == "Conv"][-1]],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            reduce_range=True,
        )
    quantised = onnx.load(after)
    _feed_bytes(quantised)
    _fold_pixels(quantised)
    _double_by_copies(quantised)
    del quantised.graph.value_info[:]  # the old shapes are invalid
    _drop_unused(quantised)
    return quantised


def _feed_bytes(model: onnx.ModelProto) -> None:
    """Replace the chain bytes -> float -> / 255 -> quantised by the bytes."""
    graph = model.graph
    made_by = {output: node for node in graph.node for output in node.output}
    quantise = next(node for node in graph.node if node.op_type == "QuantizeLinear")
    divide = made_by[quantise.input[0]]
    cast = made_by[divide.input[0]]
    assert (divide.op_type, cast.op_type) == ("Div", "Cast"), "the export's first nodes have changed"
    for node in graph.node:
        if quantise.output[0] in node.input:
            names = ["bytes.scale", "bytes.zero"]
            graph.initializer.append(numpy_helper.from_array(np.array(1 / 255, np.float32), names[0]))
            graph.initializer.append(helper.make_tensor(names[1], TensorProto.UINT8, [], [0]))
            node.input[:] = [cast.input[0], *names]
    for node in (cast, divide, quantise):
        graph.node.remove(node)


def _fold_pixels(model: onnx.ModelProto) -> None:
    """Convert the first convolution, 7 x 7 with stride 2, to 4 x 4 with stride 1 over 2 x 2 pixels as 12 channels.

    Three channels leave most of a vector register empty. A kernel of 8 x 8 whose first row and column are zero
    gives the same sums.
    """
    graph = model.graph
    values = {tensor.name: tensor for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    conv = next(node for node in graph.node if node.op_type == "Conv")
    to_planes = made_by[made_by[conv.input[0]].input[0]]
    side = graph.input[0].type.tensor_type.shape.dim[1].dim_value
    kernel = values[made_by[conv.input[1]].input[0]]
    weights = numpy_helper.to_array(kernel)
    assert to_planes.op_type == "Transpose" and weights.shape[1:] == (3, 7, 7), "the export's first layer has changed"
    padded = np.pad(weights, ((0, 0), (0, 0), (1, 0), (1, 0)))
    folded = padded.reshape(-1, 3, 4, 2, 4, 2).transpose(0, 3, 5, 1, 2, 4).reshape(-1, 12, 4, 4)
    kernel.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(folded), kernel.name))
    for item in conv.attribute:
        changed = {"kernel_shape": [4, 4], "pads": [2, 2, 1, 1], "strides": [1, 1]}
        if item.name in changed:
            item.CopyFrom(helper.make_attribute(item.name, changed[item.name]))
    half = side // 2
    image, planes = to_planes.input[0], to_planes.output[0]
    nodes = _chain(
        graph,
        "pixels",
        (image, planes),
        ("Reshape", [-1, half, 2, half, 6]),
        ("Beside", (2, 4)),  # like Transpose and Reshape, but faster
        ("Reshape", [-1, half, half, 12]),
        ("Transpose", [0, 3, 1, 2]),
    )
    _replace(graph, [to_planes], nodes)


def _double_by_copies(model: onnx.ModelProto) -> None:
    """Upsample maps by copying columns, then rows, instead of looking up every byte."""
    graph = model.graph
    known = onnx.shape_inference.infer_shapes(model).graph.value_info
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in known}
    made_by = {output: node for node in graph.node for output in node.output}
    for resize in [node for node in graph.node if node.op_type == "Resize"]:
        _, channels, height, width = shapes[resize.input[0]]
        (quantise,) = (node for node in graph.node if resize.output[0] in node.input)
        dequantise = made_by[resize.input[0]]
        assert quantise.op_type == "QuantizeLinear", "what is doubled is not in bytes"
        nodes = _chain(
            graph,
            resize.name,
            (dequantise.input[0], quantise.output[0]),
            ("Transpose", [0, 2, 3, 1]),
            ("Concat", 3),
            ("Reshape", [-1, height, 1, 2 * width * channels]),
            ("Concat", 2),
            ("Reshape", [-1, 2 * height, 2 * width, channels]),
            ("Transpose", [0, 3, 1, 2]),
        )
        _replace(graph, [resize, dequantise, quantise], nodes)


def _chain(graph: onnx.GraphProto, name: str, ends: tuple[str, str], *steps: tuple[str, Any]) -> list[onnx.NodeProto]:
    """Build a chain of nodes, each with its parameter: shape, order of the axes, or axis to double.

    For "Beside": the axis that is split in two, and the axis on which the second half is appended to the first.
    """
    values = [ends[0], *(f"{name}.{i}" for i in range(1, len(steps))), ends[1]]
    nodes = []
    for (kind, how), value, output in zip(steps, values, values[1:], strict=False):
        inputs, attributes = [value], {}
        match kind:
            case "Reshape":
                inputs.append(f"{output}.shape")
                graph.initializer.append(numpy_helper.from_array(np.array(how, np.int64), inputs[1]))
            case "Transpose":
                attributes["perm"] = how
            case "Concat":
                inputs.append(value)
                attributes["axis"] = how
            case "Beside":
                cut, attributes["axis"] = how
                inputs, kind = [f"{output}.first", f"{output}.second"], "Concat"
                graph.initializer.append(numpy_helper.from_array(np.ones(2, np.int64), f"{output}.one"))
                nodes.append(helper.make_node("Split", [value, f"{output}.one"], inputs, f"{output}.Split", axis=cut))
        nodes.append(helper.make_node(kind, inputs, [output], f"{output}.{kind}", **attributes))
    return nodes


def _replace(graph: onnx.GraphProto, old: Sequence[onnx.NodeProto], new: Sequence[onnx.NodeProto]) -> None:
    """Replace nodes by others at the position of the first one, so that the order stays topological."""
    nodes, place = list(graph.node), list(graph.node).index(old[0])
    nodes[place : place + 1] = new
    del graph.node[:]
    graph.node.extend(node for node in nodes if node not in old[1:])


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence onnxruntime's recommendation of preprocessing that was already done."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _compare(exact: bytes, quantised: bytes, checks: NDArray[np.uint8]) -> Agreement:
    """Run both models on the same images."""
    heatmaps = []
    for model in (exact, quantised):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        parts = np.array_split(checks, max(len(checks) // _AT_ONCE, 1))
        heatmaps.append(np.concatenate([session.run(None, {name: part})[0] for part in parts]))
    width = heatmaps[0].shape[-1]
    cells = [maps.reshape(*maps.shape[:2], -1) for maps in heatmaps]
    (exact_y, exact_x), (y, x) = (np.divmod(maps.argmax(axis=-1), width) for maps in cells)
    peaks = [maps.max(axis=-1) for maps in cells]
    moved, clear = np.maximum(np.abs(x - exact_x), np.abs(y - exact_y)) > 1, peaks[0] >= _CLEAR
    return Agreement(
        mean_difference=float(np.abs(peaks[0] - peaks[1]).mean()), moved=float(moved[clear].sum() / max(clear.sum(), 1))
    )
