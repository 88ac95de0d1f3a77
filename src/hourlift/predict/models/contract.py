"""The contract that a model file of hourlift carries in its metadata, as JSON: the model's inputs and outputs."""

from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError
from hourlift.finder.decode import SIZE_MULTIPLE, STRIDE
from hourlift.formats.guarded import is_number, parse_json
from hourlift.geometry.skeleton import FOOT_POINTS, H36M17
from hourlift.predict.models.confidence import Calibration

Kind = Literal["hourglass", "lifter", "finder"]
METADATA_KEY = "hourlift"
MAX_INPUT_SIZE = 2048
"""Largest side of the input of a hourglass or a finder, pixels."""

_SCHEMA = 1
_CHANNELS = {"rays": 2, "crop": 2, "person": 4}
"""Inputs of lifters: numbers per joint, by the contract's "inputs"."""
_DECODE = ("argmax", "quarter", "dark")
_REQUIRED = {"hourglass": ("input_size", "crop_margin", "decode"), "finder": ("input_size",)}


def read_contract(path: Path, text: str | None, kind: Kind | None = None) -> dict[str, Any]:
    """Check that a model was exported by hourlift, is of the given kind, and uses our skeleton if it knows joints.

    Args:
        path: the model's file.
        text: its metadata for hourlift; None if it has none.
        kind: the required kind; None accepts all.

    Returns:
        name, joint_names, input_size, crop_margin, decode, foot_points (if it finds them), ...

    Raises:
        ValueError: a check fails, or a value is missing or invalid; the message names the file.
    """
    if text is None:
        raise UserError(f"{path}: this model was not exported by hourlift (its metadata has no {METADATA_KEY!r})")
    contract = parse_json(text, path)
    if not isinstance(contract, dict):
        raise UserError(f"{path}: the model's contract is not a JSON object")
    if contract.get("schema") != _SCHEMA:
        raise UserError(
            f"{path}: the model's contract is version {contract.get('schema')}, this hourlift reads version {_SCHEMA}"
        )
    if contract.get("kind") not in (get_args(Kind) if kind is None else (kind,)):
        raise UserError(f"{path}: this is a {contract.get('kind')} model, but a {kind or 'known one'} is needed here")
    if contract["kind"] != "finder" and contract.get("joint_names") != list(H36M17.joint_names):
        raise UserError(f"{path}: the model's joints are not those of {H36M17.name}")
    required = _REQUIRED.get(contract["kind"], ())
    missing = [key for key in required if key not in contract]
    if missing:
        raise UserError(f"{path}: the model's metadata lacks {', '.join(missing)}")
    wrong = [key for key, fits in _fits(contract).items() if not fits]
    if wrong:
        raise UserError(f"{path}: the model's {wrong[0]} is {contract[wrong[0]]!r}"[:300])
    try:
        Calibration.of_contract(contract)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    return contract


def _fits(contract: dict[str, Any]) -> dict[str, bool]:
    """Whether each value is valid."""
    fits = {"name": isinstance(contract.get("name", ""), str)}
    if contract["kind"] == "lifter":
        inputs = contract.get("inputs", "rays")
        return fits | {"inputs": isinstance(inputs, str) and inputs in _CHANNELS}
    size = contract["input_size"]
    fits["input_size"] = isinstance(size, int) and is_number(size, 1, MAX_INPUT_SIZE)
    if contract["kind"] == "finder":
        return fits | {"input_size": fits["input_size"] and size % SIZE_MULTIPLE == 0}
    return fits | {
        "crop_margin": is_number(contract["crop_margin"], 0.1, 10),
        "decode": contract["decode"] in _DECODE,
        "foot_points": contract.get("foot_points", list(FOOT_POINTS)) == list(FOOT_POINTS),
    }


def check_input(path: Path, contract: dict[str, Any], shape: list[Any]) -> None:
    """Check that a graph's input matches the contract.

    Args:
        path: the model's file.
        contract: as `read_contract` returns it.
        shape: shape of the graph's input; a dynamic dimension is None or text.

    Raises:
        ValueError: it does not match.
    """
    wanted: tuple[int | str, ...]
    if contract["kind"] == "hourglass":
        wanted = (contract["input_size"], contract["input_size"], 3)
    elif contract["kind"] == "finder":
        wanted = ("H", "W", 3)
    else:
        wanted = (H36M17.num_joints, _CHANNELS[contract.get("inputs", "rays")])
    sides = shape[1:]
    if len(sides) != len(wanted) or any(isinstance(n, int) and n != m for n, m in zip(sides, wanted, strict=True)):
        raise UserError(f"{path}: the model's input is {shape}, not (B, {', '.join(map(str, wanted))})")


def check_answer(path: Path, kind: Kind, batch: NDArray[Any], outputs: list[NDArray[Any]]) -> None:
    """Check that a model's outputs have the shapes of its kind and are finite.

    Args:
        path: the model's file.
        kind: kind of the model.
        batch: (B, ...) what the model read.
        outputs: heatmaps (B, 17, H, H) and, for some hourglasses, feet (B, 4, H, H); joints (B, 17, 3) in mm and, for
            some lifters, their spread (B, 17) in mm; or a finder's scores (B, h, w) and sides (B, 4, h, w), for cells
            of 8 pixels.

    Raises:
        ValueError: they do not.
    """
    answer, count = outputs[0], len(batch)
    person = (count, H36M17.num_joints)
    if kind == "hourglass":
        fits = answer.ndim == 4 and answer.shape[:2] == person and answer.shape[2] == answer.shape[3] > 1
        feet = (count, len(FOOT_POINTS), *answer.shape[2:])
        fits = fits and len(outputs) <= 2 and all(output.shape == feet for output in outputs[1:])
    elif kind == "finder":
        cells = (batch.shape[1] // STRIDE, batch.shape[2] // STRIDE)
        fits = [output.shape for output in outputs] == [(count, *cells), (count, 4, *cells)]
    else:
        fits = answer.shape == (*person, 3) and all(output.shape == person for output in outputs[1:])
    if not fits or any(output.dtype != np.float32 for output in outputs):
        found = ", ".join(f"{output.dtype} {output.shape}" for output in outputs)
        raise UserError(f"{path}: the {kind} answers with {found} for a batch of {count}"[:300])
    if not all(np.isfinite(output).all() for output in outputs):
        raise UserError(f"{path}: the {kind} answers with what is no finite number")
