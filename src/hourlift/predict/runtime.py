"""Running hourlift's ONNX models: the session, and the contract that a model file carries in its metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from hourlift import weights
from hourlift.geometry.skeleton import H36M17

Kind = Literal["hourglass", "lifter"]
DEVICES = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
MAX_BATCH = 16
"""Larger batches are run in parts: no faster on a CPU, and the activations of a crop take tens of megabytes."""

_SCHEMA = 1
_METADATA_KEY = "hourlift"
_REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    "hourglass": ("input_size", "crop_margin", "decode"),
    "lifter": (),
}


class Model:
    """One ONNX model of hourlift, ready to run.

    Args:
        name_or_path: a shipped model's name, whose SHA-256 is checked, or the path of an .onnx file.
        kind: what the model has to be.
        threads: CPU threads of one run.
        device: "cpu" or "cuda" (needs the package onnxruntime-gpu instead of onnxruntime).

    Attributes:
        path: the file.
        contract: the metadata's content: name, joint_names, input_size, crop_margin, decode, ...

    Raises:
        ValueError: there is no such model, its file does not match its hash or is damaged, it is of another
            kind or skeleton, or the device is not available.
    """

    def __init__(self, name_or_path: str | Path, kind: Kind, *, threads: int = 2, device: str = "cpu") -> None:
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self.path = weights.path(name_or_path)
        self._session = open_session(self.path, threads, device)
        self.contract = _read_contract(self.path, self._session, kind)
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Run the model over a batch (B, ...); any B, also 0.

        Returns:
            (B, ...) float32, the model's first output.
        """
        return self.run_all(batch)[0]

    def run_all(self, batch: NDArray[Any]) -> list[NDArray[np.float32]]:
        """As `run`, but all of the model's outputs."""
        starts = range(0, max(len(batch), 1), MAX_BATCH)
        parts = [self._session.run(None, {self._input: batch[i : i + MAX_BATCH]}) for i in starts]
        return [np.concatenate(outputs) for outputs in zip(*parts, strict=True)]


def _provider(device: str) -> str:
    """ONNX Runtime's name of a device."""
    if device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {device!r}")
    if DEVICES[device] not in ort.get_available_providers():
        raise ValueError(f"device {device!r} needs another build of ONNX Runtime: pip install onnxruntime-gpu")
    return DEVICES[device]


def open_session(path: Path, threads: int, device: str) -> ort.InferenceSession:
    """Load a model file.

    Args:
        path: the .onnx file.
        threads: CPU threads of one run.
        device: "cpu" or "cuda".

    Raises:
        ValueError: ONNX Runtime has something against the file or the device; the message names it.
    """
    provider = _provider(device)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Each model has its own threads, and idle ones that spin take the cores from the other model's: on two cores
    # that doubles the time of a prediction.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what matters comes as an exception
    try:
        session = ort.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # ONNX Runtime's exceptions share no base class but Exception
        raise ValueError(f"{path}: this is not a model that can be run ({_first_line(error)})") from error
    if session.get_providers()[0] != provider:
        raise ValueError(f"ONNX Runtime could not start {provider}; are the GPU's driver and libraries installed?")
    return session


def _read_contract(path: Path, session: ort.InferenceSession, kind: Kind) -> dict[str, Any]:
    """Check that the file is one of ours, of this kind and skeleton."""
    text = session.get_modelmeta().custom_metadata_map.get(_METADATA_KEY)
    if text is None:
        raise ValueError(f"{path}: this model was not exported by hourlift (its metadata have no {_METADATA_KEY!r})")
    contract: dict[str, Any] = json.loads(text)
    if contract.get("schema") != _SCHEMA:
        raise ValueError(
            f"{path}: the model's contract is version {contract.get('schema')}, this hourlift reads version {_SCHEMA}"
        )
    if contract.get("kind") != kind:
        raise ValueError(f"{path}: this is a {contract.get('kind')} model, but a {kind} is needed here")
    if tuple(contract.get("joint_names", ())) != H36M17.joint_names:
        raise ValueError(f"{path}: the model's joints are not those of {H36M17.name}")
    missing = [key for key in _REQUIRED[kind] if key not in contract]
    if missing:
        raise ValueError(f"{path}: the model's metadata lack {', '.join(missing)}")
    return contract


def _first_line(error: Exception) -> str:
    """The first line of an exception's text."""
    return (str(error).splitlines() or [type(error).__name__])[0]
