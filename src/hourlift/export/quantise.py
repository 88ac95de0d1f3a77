"""A hourglass with 8-bit arithmetic: about a third of the time on processors with 8-bit dot products.

Static quantisation (Jacob et al., CVPR 2018) as ONNX's QuantizeLinear and DequantizeLinear: weights int8, one scale
a channel; activations uint8, scales from the ranges seen on pictures. Three things are particular:

- Before most convolutions stands a batch norm that no convolution before it can take up, because a sum or a pooling
  lies between. It becomes a 1 x 1 convolution of each channel alone, which quantises like any other; left as it is,
  every activation would be turned to float and back for it.
- The picture's bytes are used as they are: they are uint8 with the scale 1/255 already.
- The last convolution stays float: the softmax behind it would turn its steps into those of the confidence.
"""

import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from hourlift.export.onnx_file import METADATA_KEY
from hourlift.formats.atomic import replacing
from hourlift.weights import sha256

MAX_MOVED = 0.1
"""Share of clear peaks that may move by more than a cell; with more, the file is not written."""

_CLEAR = 0.2  # peaks below are noise, which may move
_QUANTISED = ("Conv", "Relu", "Add", "MaxPool", "Resize")
_AT_ONCE = 8  # pictures of a run while calibrating


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How the 8-bit heatmaps differ from the float ones, on pictures that the ranges were not taken from."""

    mean_difference: float
    """Mean absolute difference of the peaks' heights."""
    moved: float
    """Share of the peaks of at least 0.2 whose cell moved by more than one."""


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """What was written."""

    file: Path
    sha256: str
    size_bytes: int
    agreement: Agreement


def quantise_hourglass(
    source: str | Path, file: str | Path, pictures: NDArray[np.uint8], checks: NDArray[np.uint8]
) -> Quantised:
    """Write the 8-bit twin of an exported hourglass.

    Args:
        source: .onnx file of `export_hourglass`.
        file: where to write; an existing file is replaced in one step.
        pictures: (N, S, S, 3) crops that the ranges are taken from.
        checks: (M, S, S, 3) further crops, to compare both on.

    Returns:
        The file, its hash and size, and how far the answers agree.

    Raises:
        ValueError: the source is no hourglass of hourlift in float, or both disagree too much; nothing is written.
        OSError: a file cannot be read or written.
    """
    source, file = Path(source), Path(file)
    contract = float_contract(source)
    with tempfile.TemporaryDirectory() as folder:
        model = _quantised(_prepared(source, Path(folder)), pictures, Path(folder))
    agreement = _compare(source.read_bytes(), model.SerializeToString(), checks)
    if not agreement.moved <= MAX_MOVED:  # negated, so that a NaN does not pass
        raise ValueError(f"{file} is not written: its joints are too far from those of {source} ({agreement})")
    del model.metadata_props[:]
    measured = {"mean_peak_difference": round(agreement.mean_difference, 4), "moved": round(agreement.moved, 4)}
    contract |= {"precision": "int8", "made_from": sha256(source), "parity": measured}
    helper.set_model_props(model, {METADATA_KEY: json.dumps(contract)})
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    with replacing(file) as temporary:
        temporary.write_bytes(content)
    return Quantised(file=file, sha256=sha256(file), size_bytes=len(content), agreement=agreement)


def float_contract(source: Path) -> dict[str, Any]:
    """The metadata of an hourglass in float.

    Raises:
        ValueError: the file is something else.
    """
    try:
        properties = {prop.key: prop.value for prop in onnx.load(source).metadata_props}
    except OSError:
        raise
    except Exception as error:  # protobuf's exceptions share no base class but Exception
        raise ValueError(f"{source}: this is not an ONNX model") from error
    if METADATA_KEY not in properties:
        raise ValueError(f"{source}: this model was not exported by hourlift (its metadata have no {METADATA_KEY!r})")
    contract: dict[str, Any] = json.loads(properties[METADATA_KEY])
    if contract["kind"] != "hourglass":
        raise ValueError(f"{source}: this is a {contract['kind']}; only a hourglass gains from 8 bits")
    if contract.get("precision", "fp32") != "fp32":
        raise ValueError(f"{source}: this hourglass is quantised already")
    return contract


def _prepared(source: Path, folder: Path) -> onnx.ModelProto:
    """The model with its constants folded and its batch norms as convolutions."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "folded.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    model = onnx.load(folder / "folded.onnx")
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
    used = {name for node in nodes for name in node.input}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)
    return model


def _quantised(model: onnx.ModelProto, pictures: NDArray[np.uint8], folder: Path) -> onnx.ModelProto:
    """Take the ranges from pictures and put them into the graph."""
    from onnxruntime import quantization

    name = model.graph.input[0].name

    class Pictures(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self._parts = iter(np.array_split(pictures, max(len(pictures) // _AT_ONCE, 1)))

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            part = next(self._parts, None)
            return None if part is None else {name: part}

    before, after = folder / "float.onnx", folder / "int8.onnx"
    onnx.save(model, before)
    logging.disable(logging.WARNING)  # onnxruntime recommends a preparation that is done already
    try:
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
        )
    finally:
        logging.disable(logging.NOTSET)
    quantised = onnx.load(after)
    _feed_bytes(quantised)
    return quantised


def _feed_bytes(model: onnx.ModelProto) -> None:
    """Replace bytes -> float -> / 255 -> quantised by the bytes themselves."""
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


def _compare(exact: bytes, quantised: bytes, checks: NDArray[np.uint8]) -> Agreement:
    """Run both on the same pictures."""
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
    moved = np.maximum(np.abs(x - exact_x), np.abs(y - exact_y)) > 1
    return Agreement(
        mean_difference=float(np.abs(peaks[0] - peaks[1]).mean()), moved=float(moved[peaks[0] >= _CLEAR].mean())
    )
