"""Running hourlift's ONNX models: the session and the model file's contract."""

import logging
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from hourlift import weights
from hourlift.errors import UserError
from hourlift.formats.guarded import parsing
from hourlift.predict.models.contract import METADATA_KEY, Kind, check_answer, check_input, read_contract
from hourlift.predict.models.precision import Choice, Precision, Runtime, choose

ort.disable_telemetry_events()  # for programs that import it before hourlift, which turns its reports off

DEVICES = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
MAX_BATCH = 16
"""Larger batches are split: they are no faster on a CPU, and each crop's activations take tens of megabytes."""

_log = logging.getLogger("hourlift")


class Network(Protocol):
    """A loaded model that maps a batch to all its outputs."""

    def __call__(self, batch: NDArray[Any], /) -> list[NDArray[np.float32]]:
        """Run a batch."""
        ...


class Model:
    """One ONNX model of hourlift, ready to run.

    Args:
        name_or_path: a shipped model's name, whose SHA-256 is checked, or the path of an .onnx file.
        kind: the required kind of model.
        threads: CPU threads of one run.
        device: "cpu" or "cuda" (needs the package onnxruntime-gpu instead of onnxruntime).
        precision: "fp32", "bf16" or "int8"; None selects the fastest that keeps accuracy on this machine.
        runtime: "onnxruntime" or "openvino" (needs the package openvino); None selects as for the precision.

    Attributes:
        path: the file.
        contract: the metadata's contract: name, joint_names, input_size, crop_margin, decode, ...
        choice: the runtime and the precision.

    Raises:
        ValueError: there is no such model, its file does not match its hash or is damaged, it is of another
            kind or skeleton, or the device, the precision or the runtime is not available.
    """

    def __init__(
        self,
        name_or_path: str | Path,
        kind: Kind,
        *,
        threads: int = 2,
        device: str = "cpu",
        precision: Precision | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        if threads < 1:
            raise UserError(f"threads must be at least 1, got {threads}")
        self.path = weights.path(name_or_path)
        self.path, self.choice = _pick(name_or_path, self.path, precision, runtime, device)
        session = open_session(self.path, threads, device)
        self.contract = read_contract(self.path, _metadata(self.path, session), kind)
        check_input(self.path, self.contract, session.get_inputs()[0].shape)
        self._kind = kind
        if self.choice.runtime == "openvino":
            self._network: Network = _OpenVino(self.path, threads, self.choice.precision)
        else:
            self._network = _OnnxRuntime(self.path, session)
        _log.info("%s runs as %s on %d threads", self.path.name, self.choice, threads)

    def describe(self) -> dict[str, str]:
        """What results record about the model: `name`, `runtime`, `precision`."""
        return {"name": self.contract.get("name", self.path.stem), **self.choice._asdict()}

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Run the model on a batch (B, ...); B may be 0.

        Returns:
            (B, ...) float32, the model's first output.
        """
        return self.run_all(batch)[0]

    def run_all(self, batch: NDArray[Any]) -> list[NDArray[np.float32]]:
        """As `run`, but return all of the model's outputs."""
        if 0 < len(batch) <= MAX_BATCH:
            return self._run_part(batch)
        starts = range(0, max(len(batch), 1), MAX_BATCH)
        parts = [self._run_part(batch[i : i + MAX_BATCH]) for i in starts]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]

    def _run_part(self, batch: NDArray[Any]) -> list[NDArray[np.float32]]:
        outputs = self._network(batch)
        check_answer(self.path, self._kind, batch, outputs)
        return outputs


class _OnnxRuntime:
    """A session of ONNX Runtime."""

    def __init__(self, path: Path, session: ort.InferenceSession) -> None:
        self._path, self._session = path, session
        self._input = session.get_inputs()[0].name

    def __call__(self, batch: NDArray[Any]) -> list[NDArray[np.float32]]:
        try:
            return list(self._session.run(None, {self._input: batch}))
        except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
            raise UserError(f"{self._path}: this model cannot be run ({_first_line(error)})") from error


class _OpenVino:
    """A model compiled by OpenVINO, once for each batch size, as fixed shapes are a fifth faster."""

    def __init__(self, path: Path, threads: int, precision: Precision) -> None:
        import openvino

        self._core = openvino.Core()
        self._model = self._core.read_model(path)
        self._settings = {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        self._by_size: dict[int, Any] = {}

    def __call__(self, batch: NDArray[Any]) -> list[NDArray[np.float32]]:
        if len(batch) == 0:
            return [output[:0] for output in self(np.zeros((1, *batch.shape[1:]), batch.dtype))]
        request = self._by_size.get(len(batch))
        if request is None:
            self._model.reshape(list(batch.shape))
            request = self._core.compile_model(self._model, "CPU", self._settings).create_infer_request()
            self._by_size[len(batch)] = request
        outputs = request.infer({0: batch}, share_inputs=True)
        return [np.array(output, np.float32) for output in outputs.values()]  # the request reuses its own


def _pick(
    name_or_path: str | Path, path: Path, precision: Precision | None, runtime: Runtime | None, device: str
) -> tuple[Path, Choice]:
    """Choose the file and the way to run a model: its 8-bit twin where that is fastest or requested.

    Raises:
        ValueError: as `choose`; or int8 is requested, and the twin was made from another file.
    """
    if weights.is_twin(path):
        if precision not in (None, "int8"):
            raise UserError(f"{path}: this file is a model in int8; for {precision} name the one it was made from")
        return path, choose("int8", runtime, has_int8=True, device=device)
    twin = weights.int8_twin(name_or_path)
    choice = choose(precision, runtime, has_int8=twin is not None, device=device)
    if twin is None or choice.precision != "int8":
        return path, choice
    if _made_from(twin) == weights.sha256(path):
        return twin, choice
    complaint = f"{twin} was made from another {path.name}; run hourlift quantise again"
    if precision == "int8":
        raise UserError(complaint)
    _log.warning("%s; until then it is not used", complaint)
    return path, choose(None, runtime, has_int8=False, device=device)


def _made_from(twin: Path) -> str:
    """SHA-256 of the float model that a twin was made from."""
    contract = read_contract(twin, _metadata(twin, open_session(twin, 1, "cpu", optimised=False)))
    return str(contract.get("made_from", ""))


def _provider(device: str) -> str:
    """ONNX Runtime's execution provider for a device."""
    if device not in DEVICES:
        raise UserError(f"device must be one of {', '.join(DEVICES)}, got {device!r}")
    if DEVICES[device] not in ort.get_available_providers():
        raise UserError(f"device {device!r} needs another build of ONNX Runtime: pip install onnxruntime-gpu")
    return DEVICES[device]


def open_session(path: Path, threads: int, device: str, *, optimised: bool = True) -> ort.InferenceSession:
    """Load a model file.

    Args:
        path: the .onnx file.
        threads: CPU threads of one run.
        device: "cpu" or "cuda".
        optimised: whether to optimise the graph; unnecessary for reading the metadata only.

    Raises:
        ValueError: ONNX Runtime rejects the file or the device; the message names it.
    """
    provider = _provider(device)
    options = ort.SessionOptions()
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Each model has its own threads. Idle threads that spin take cores from the other model, which doubles the time of
    # a prediction on two cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # errors that matter raise exceptions
    try:
        session = ort.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
        raise UserError(f"{path}: this is not a model that can be run ({_first_line(error)})") from error
    if not session.get_inputs() or not session.get_outputs():
        raise UserError(f"{path}: this model has no inputs or no outputs")
    if session.get_providers()[0] != provider:
        raise UserError(f"ONNX Runtime could not start {provider}; are the GPU's driver and libraries installed?")
    return session


def _metadata(path: Path, session: ort.InferenceSession) -> str | None:
    """The file's metadata for hourlift: JSON."""
    with parsing(path, "model of hourlift"):
        text: str | None = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    return text


def _first_line(error: Exception) -> str:
    """The first line of an exception's text."""
    return (str(error).splitlines() or [type(error).__name__])[0]
