"""Checkpoints: everything needed to resume a run or to use a network.

A checkpoint is a dictionary of plain data and tensors, so loading one never executes code from it:

    schema: 1
    kind: "hourglass" | "lifter" | "finder"; model_config: the fields of the network's config
    stage: metadata of the stage (`hourlift.training.engine.loop.Stage.meta`)
    train_config: the fields of `hourlift.training.engine.loop.TrainConfig`
    step: updates done; progress: progress of the run, 0 to 1; metrics: results of the last validation
    ema: state of the averaged network, which is the one to use
    model, optimizer: states to resume from; a compact checkpoint has neither
"""

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from hourlift.errors import UserError
from hourlift.finder.network import Finder, FinderConfig
from hourlift.formats.atomic import replacing
from hourlift.formats.guarded import check_size, parsing
from hourlift.hourglass.network import HourglassConfig, StackedHourglass
from hourlift.lifter.network import Lifter, LifterConfig

SCHEMA = 1
MOST_BYTES = 16 * 2**20
"""Size limit of each part of a split checkpoint, as accepted by repositories and mail."""

_TENSORS = ("ema", "model", "optimizer")
Network = StackedHourglass | Lifter | Finder
_NETWORKS: dict[str, Any] = {
    "hourglass": (StackedHourglass, HourglassConfig),
    "lifter": (Lifter, LifterConfig),
    "finder": (Finder, FinderConfig),
}
_LARGEST = {
    "depth": 16,
    "num_stacks": 64,
    "num_blocks": 64,
    "blocks": 64,
}  # limits of these config fields; of all others:
_LARGEST_OTHER = 1 << 16


def describe_model(model: nn.Module) -> dict[str, Any]:
    """Return the network's kind and the fields of its config, from which `load_model` builds it."""
    for kind, (network, _) in _NETWORKS.items():
        if isinstance(model, network):
            return {"kind": kind, "model_config": asdict(model.config)}
    raise TypeError(f"Checkpoints hold one of {', '.join(_NETWORKS)}, not a {type(model).__name__}.")


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically: if the run is killed meanwhile, the previous one remains."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save({"schema": SCHEMA, **state}, file)
        file.flush()
        os.fsync(file.fileno())


def split(path: Path, most_bytes: int = MOST_BYTES) -> list[Path]:
    """Split a large file into parts, which `load` joins again; return the resulting files."""
    content = path.read_bytes()
    for part in _parts(path):  # parts of an earlier file
        part.unlink()
    count = -(-len(content) // most_bytes)
    if count <= 1:
        return [path]
    parts = [path.with_name(f"{path.name}.{i + 1}-of-{count}") for i in range(count)]
    for i, part in enumerate(parts):
        with replacing(part) as temporary:
            temporary.write_bytes(content[i * most_bytes : (i + 1) * most_bytes])
    path.unlink()
    return parts


def _open(path: Path) -> BinaryIO:
    """Open a checkpoint's bytes, also if it is split into parts."""
    parts = _parts(path)
    if path.exists() or not parts:
        return path.open("rb")
    return io.BytesIO(b"".join(part.read_bytes() for part in parts))


def _parts(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.*-of-*"), key=lambda part: int(part.suffix[1:].partition("-")[0]))


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint, tensors on the CPU. A checkpoint split by `split` is read by its original name.

    Raises:
        FileNotFoundError: It does not exist.
        ValueError: It is truncated, a part is missing, or it is no hourlift checkpoint.
    """
    with _open(path) as file, parsing(path, "checkpoint of hourlift", reason=False):
        with zipfile.ZipFile(file) as archive:
            check_size(archive)
        file.seek(0)
        state = torch.load(file, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or "schema" not in state:
        raise UserError(f"{path} is not a checkpoint of hourlift.")
    if state["schema"] != SCHEMA:
        raise UserError(f"{path} has the schema {state['schema']}, this version of hourlift reads {SCHEMA}.")
    kind = state.get("kind")
    if not isinstance(kind, str) or kind not in _NETWORKS:
        raise UserError(f"{path} holds a network of the unknown kind {kind!r}.")
    # Fields that are newer than the checkpoint get their defaults.
    state["model_config"] = asdict(_config(path, kind, state.get("model_config")))
    for name in _TENSORS[:2]:
        if name in state and not _is_tensors(state[name]):
            raise UserError(f"{path} is damaged: its {name} holds values other than tensors.")
    if "ema" not in state:
        raise UserError(f"{path} holds no averaged network.")
    return state


def _config(path: Path, kind: str, fields: Any) -> HourglassConfig | LifterConfig | FinderConfig:
    """Return a network's config from a checkpoint.

    Raises:
        ValueError: a field is unknown, has another type, or is larger than in any network.
    """
    known = asdict(_NETWORKS[kind][1]())
    if not isinstance(fields, dict) or not fields.keys() <= known.keys():
        raise UserError(f"{path}: the fields of a {kind}'s config are {', '.join(known)}, not {fields!r}."[:300])
    for name, value in fields.items():
        whole = isinstance(value, int) and 0 <= value <= _LARGEST.get(name, _LARGEST_OTHER)
        share = isinstance(known[name], float) and isinstance(value, float) and 0 <= value <= 2
        if not (whole or share or (value is None and known[name] is None)):
            raise UserError(f"{path}: the {kind}'s {name} is {value!r}."[:300])
    try:
        return _NETWORKS[kind][1](**fields)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error


def _is_tensors(state: Any) -> bool:
    return isinstance(state, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    )


def load_model(path: Path) -> tuple[Network, dict[str, Any]]:
    """Build the network of a checkpoint.

    Args:
        path: A checkpoint, compact or not.

    Returns:
        model: The network with the averaged weights, in evaluation mode, float32, on the CPU.
        meta: Everything in the checkpoint except tensors; see the module.

    Raises:
        FileNotFoundError, ValueError: As for `load`.
    """
    state = load(path)
    network, config = _NETWORKS[state["kind"]]
    ema = state["ema"]
    with torch.device("meta"):  # allocates no memory, whatever sizes the config states
        described = network(config(**state["model_config"]))
    _check_tensors(path, described, ema)
    model = network(config(**state["model_config"]))
    model.load_state_dict(ema)
    return model.eval(), {key: value for key, value in state.items() if key not in _TENSORS}


def save_compact(path: Path, state: Mapping[str, Any]) -> None:
    """Write only the averaged network, with matrices and kernels as float16: an eighth of the size.

    Small tensors stay float32: batch-norm variances and the lifter's millimetres could exceed the range of float16.

    Args:
        path: File to write.
        state: A checkpoint, as taken by `save` or returned by `load`.
    """
    ema = {name: value.half() if _is_kernel(name, value) else value for name, value in state["ema"].items()}
    save(path, {**{key: value for key, value in state.items() if key not in _TENSORS}, "ema": ema})


def warm_start(model: nn.Module, path: Path) -> None:
    """Copy the averaged weights of a checkpoint, compact or not, into a network of the same shape.

    Raises:
        FileNotFoundError, ValueError: As for `load`; also ValueError if the checkpoint's network has another shape.
    """
    state = load(path)
    theirs = {key: state[key] for key in ("kind", "model_config")}
    if theirs != describe_model(model):
        raise UserError(f"{path} holds {theirs}, this run trains {describe_model(model)}.")
    _check_tensors(path, model, state["ema"])
    model.load_state_dict(state["ema"])


def _check_tensors(path: Path, model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Check that a checkpoint's tensors match a network.

    Raises:
        ValueError: a tensor is missing, has another shape, or is not finite.
    """
    wanted = {name: value.shape for name, value in model.state_dict().items()}
    wrong = [
        name for name in wanted.keys() | state.keys() if name not in state or state[name].shape != wanted.get(name)
    ]
    if wrong:
        raise UserError(f"{path} is damaged: {min(wrong)} is missing, unexpected or of another shape.")
    wrong = [name for name, value in state.items() if not torch.isfinite(value).all()]
    if wrong:
        raise UserError(f"{path} is damaged: {min(wrong)} holds a number that is not finite.")


def _is_kernel(name: str, value: Tensor) -> bool:
    return name.endswith("weight") and value.ndim > 1
