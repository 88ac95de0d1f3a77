"""The ways in which fuzzing breaks a file."""

import gzip
import io
import json
import zipfile
from typing import Any

import numpy as np
import onnx


def broken(data: bytes, rng: np.random.Generator) -> bytes:
    """A file with some bytes changed, or a part cut out, doubled or cut off; or the same inside of what it packs."""
    if rng.random() < 0.5:
        for change in (_broken_json, _broken_inside_zip, _broken_inside_gzip, _broken_metadata):
            changed = change(data, rng)
            if changed is not None:
                return changed
    return _broken_bytes(data, rng)


def _broken_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    if not changed:
        return b"\0"
    for place in rng.integers(0, len(changed), rng.integers(0, 8)):
        changed[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256))])
    start, end = sorted(rng.integers(0, len(changed) + 1, 2).tolist())
    match int(rng.integers(5)):
        case 0:
            del changed[start:end]
        case 1:
            changed[start:start] = changed[start:end]
        case 2:
            del changed[end:]
    return bytes(changed)


_ODD: tuple[Any, ...] = (None, True, -1, 0, 10**30, 10**400, 1e300, float("nan"), float("inf"), "", "x", "\0", "\ud800")


def _broken_value(value: Any, rng: np.random.Generator) -> Any:
    """JSON with one value, somewhere in it, changed to an odd one, left out or wrapped."""
    inside = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not inside or rng.random() < 0.1:
        odd: tuple[Any, ...] = (*_ODD, [], {}, [value], {"a": value}, [[[]]])
        return odd[int(rng.integers(len(odd)))]
    place = inside[int(rng.integers(len(inside)))]
    changed = value.copy()
    if rng.random() < 0.1:
        del changed[place]
    else:
        changed[place] = _broken_value(value[place], rng)
    return changed


def _broken_json(data: bytes, rng: np.random.Generator) -> bytes | None:
    if data[:1] not in (b"{", b"["):
        return None
    return json.dumps(_broken_value(json.loads(data), rng)).encode()


def _broken_inside_zip(data: bytes, rng: np.random.Generator) -> bytes | None:
    """One member broken, with the right checksum."""
    if data[:4] != b"PK\x03\x04":
        return None
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        chosen = int(rng.integers(len(old.namelist())))
        for i, name in enumerate(old.namelist()):
            new.writestr(name, _broken_bytes(old.read(name), rng) if i == chosen else old.read(name))
    return out.getvalue()


def _broken_inside_gzip(data: bytes, rng: np.random.Generator) -> bytes | None:
    return gzip.compress(_broken_bytes(gzip.decompress(data), rng)) if data[:2] == b"\x1f\x8b" else None


def _broken_metadata(data: bytes, rng: np.random.Generator) -> bytes | None:
    """An ONNX file whose metadata say something odd."""
    if b'"marker-' not in data:
        return None
    model = onnx.load_from_string(data)
    for prop in model.metadata_props:
        prop.value = json.dumps(_broken_value(json.loads(prop.value), rng))
    return bytes(model.SerializeToString())
