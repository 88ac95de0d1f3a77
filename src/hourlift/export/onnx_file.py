"""Write a torch module as an ONNX file: trace, compress the weights, compare with torch, write atomically."""

import json
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.formats.guarded import parsing
from hourlift.predict.models.contract import METADATA_KEY, read_contract
from hourlift.weights import sha256

OPSET = 17  # supported since onnxruntime 1.12
_BLOCK = 32  # weights of a row that share a scale


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Largest absolute difference between torch and ONNX Runtime over all outputs, in the outputs' unit."""

    exact: float
    """With float32 weights: the graph alone."""
    stored: float
    """With the weights as stored in the file."""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """Result of an export."""

    file: Path
    sha256: str
    size_bytes: int
    parity: Parity


def write_onnx(
    graph: nn.Module,
    examples: Tensor,
    file: str | Path,
    *,
    input_name: str,
    output_names: Sequence[str],
    metadata: dict[str, Any],
    tolerance: Parity,
    bytes_from: int | None = None,
    free_axes: Mapping[str, Sequence[int]] | None = None,
) -> Exported:
    """Export a module with one input, check it against torch, and write it.

    Args:
        graph: the module; it is traced in evaluation mode on the CPU.
        examples: (B, ...) inputs for tracing and comparison, B > 1. The batch size of the file is variable.
        file: file to write; an existing file is replaced atomically.
        input_name: name of the input in the file.
        output_names: names of its outputs in the file; a module of several returns a tuple.
        metadata: stored as JSON under the metadata key "hourlift".
        tolerance: largest accepted differences.
        bytes_from: matrices and kernels of at least this many numbers are stored as bytes; None stores all as float16.
        free_axes: axes of inputs and outputs, by name, whose size is variable as well.

    Returns:
        The file, its hash and size, and the differences found.

    Raises:
        ValueError: ONNX Runtime's outputs differ from torch's by more than the tolerance; nothing is written.
        OSError: the file cannot be written.
    """
    file, graph = Path(file), graph.cpu().eval()
    with torch.no_grad():
        answer = graph(examples)
    expected = [output.numpy() for output in (answer if isinstance(answer, tuple) else (answer,))]
    exact = _trace(graph, examples, input_name, output_names, free_axes or {})
    helper.set_model_props(exact, {METADATA_KEY: json.dumps(metadata)})
    onnx.checker.check_model(exact, full_check=True)
    stored = with_small_weights(exact, bytes_from)
    parity = Parity(
        exact=_largest_difference(exact, examples.numpy(), expected),
        stored=_largest_difference(stored, examples.numpy(), expected),
    )
    # Negated so that NaN fails.
    if not (parity.exact <= tolerance.exact and parity.stored <= tolerance.stored):
        raise UserError(
            f"{file} is not written: ONNX Runtime's answers differ from torch's by {parity}, over {tolerance}"
        )
    content = stored.SerializeToString()
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary:
        temporary.write_bytes(content)
    return Exported(file=file, sha256=sha256(file), size_bytes=len(content), parity=parity)


def change_metadata(source: str | Path, file: str | Path, changes: dict[str, Any]) -> str:
    """Write a model with changed metadata. Network and weights stay identical, byte for byte.

    Args:
        source: a model exported by hourlift.
        file: file to write; may be the source.
        changes: new values of keys of the metadata "hourlift".

    Returns:
        SHA-256 of the written file.

    Raises:
        ValueError: the source was not exported by hourlift.
        OSError: a file cannot be read or written.
    """
    file = Path(file)
    with parsing(source, "ONNX model"):
        model = onnx.load(source)
        known = {prop.key: prop.value for prop in model.metadata_props}
    known[METADATA_KEY] = json.dumps(read_contract(Path(source), known.get(METADATA_KEY)) | changes)
    helper.set_model_props(model, known)
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary:
        temporary.write_bytes(model.SerializeToString())
    return sha256(file)


def with_small_weights(model: onnx.ModelProto, bytes_from: int | None = None) -> onnx.ModelProto:
    """Copy a model with compressed weight matrices, each followed by nodes that restore float32.

    The file has at most half the size. Arithmetic stays float32: ONNX Runtime restores the weights while loading.
    Vectors (biases, batch-norm statistics) are small and stay float32.

    Args:
        model: a model with float32 weights.
        bytes_from: matrices and kernels of at least this many numbers, in rows (one per output) of a multiple of 32,
            become bytes with a float16 scale for every 32 numbers of a row; all others become float16.
    """
    small = onnx.ModelProto()
    small.CopyFrom(model)
    stored: list[TensorProto] = []
    nodes: list[onnx.NodeProto] = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            stored.append(tensor)
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        large = bytes_from is not None and values.size >= bytes_from
        if large and values[0].size % _BLOCK == 0:
            initializers, makers = _as_bytes(values, name)
        else:
            with np.errstate(over="ignore"):  # infinities are found by the comparison with torch
                initializers = [numpy_helper.from_array(values.astype(np.float16), f"{name}.float16")]
            makers = [_to_float32(f"{name}.float16", name)]
        stored += initializers
        nodes += makers
    nodes += model.graph.node
    del small.graph.initializer[:], small.graph.node[:]
    small.graph.initializer.extend(stored)
    small.graph.node.extend(nodes)
    return small


def _as_bytes(weights: NDArray[np.float32], name: str) -> tuple[list[TensorProto], list[onnx.NodeProto]]:
    """Return weights as bytes and scales, and the nodes that multiply them."""
    blocks = weights.reshape(len(weights), -1, _BLOCK)
    scales = (np.abs(blocks).max(axis=-1, keepdims=True) / 127).astype(np.float16)
    scales = np.maximum(scales, np.finfo(np.float16).tiny)
    steps = np.rint(blocks / scales.astype(np.float32)).clip(-127, 127).astype(np.int8)
    initializers = [
        numpy_helper.from_array(steps, f"{name}.int8"),
        numpy_helper.from_array(scales, f"{name}.scale"),
        numpy_helper.from_array(np.array(weights.shape), f"{name}.shape"),
    ]
    return initializers, [
        _to_float32(f"{name}.int8", f"{name}.steps"),
        _to_float32(f"{name}.scale", f"{name}.scale.float32"),
        helper.make_node("Mul", [f"{name}.steps", f"{name}.scale.float32"], [f"{name}.blocks"], name=f"{name}.mul"),
        helper.make_node("Reshape", [f"{name}.blocks", f"{name}.shape"], [name], name=f"{name}.reshape"),
    ]


def _to_float32(source: str, name: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [name], name=f"{name}.cast", to=TensorProto.FLOAT)


def _trace(
    graph: nn.Module,
    examples: Tensor,
    input_name: str,
    output_names: Sequence[str],
    free_axes: Mapping[str, Sequence[int]],
) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The TorchScript exporter is deprecated, but needs only onnx. It also warns about Python conditions, which here
        # check the input's size. The comparison with torch would find any error it makes.
        warnings.simplefilter("ignore")
        file = Path(folder) / "traced.onnx"
        torch.onnx.export(
            graph,
            (examples,),
            file,
            input_names=[input_name],
            output_names=list(output_names),
            dynamic_axes={
                name: {0: "batch"} | {axis: f"{name}_{axis}" for axis in free_axes.get(name, ())}
                for name in (input_name, *output_names)
            },
            opset_version=OPSET,
            dynamo=False,
        )
        return onnx.load(file)


def _largest_difference(model: onnx.ModelProto, examples: NDArray, expected: Sequence[NDArray]) -> float:
    """Compare on the whole batch and on its first item, which also checks that the batch size is variable."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return max(
        float(np.abs(output - wanted[:count]).max())
        for count in (len(examples), 1)
        for output, wanted in zip(session.run(None, {name: examples[:count]}), expected, strict=True)
    )
