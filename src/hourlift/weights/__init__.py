"""The trained models that ship with hourlift.

Each is an ONNX file with a model card of the same name (``.md``). ``manifest.json`` lists them:

    {"hourglass-fast": {"file": "hourglass-fast.onnx", "sha256": "...", "kind": "hourglass"}}

and may hold text for `hourlift models`: "what", "accuracy", "licence" and "training_data".

A network may have a twin with 8-bit arithmetic, made by `hourlift quantise`: "hourglass-fast.int8".
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from hourlift.errors import UserError

HOURGLASS, LIFTER = "hourglass-accurate", "lifter"
"""The default models of predictions."""
PAGE_HOURGLASS = "hourglass-fast"
"""The models of the web page: WebAssembly is several times slower."""
FINDER = "finder"
"""The model that finds people, if it ships."""
KINDS = ("hourglass", "lifter", "finder")
_WORDS = ("what", "accuracy", "licence", "training_data")
_FOLDER = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Model:
    """One entry of the manifest. Missing texts are ""."""

    name: str
    file: Path
    sha256: str
    kind: str
    what: str = ""
    accuracy: str = ""
    licence: str = ""
    training_data: str = ""


def manifest(folder: Path = _FOLDER) -> dict[str, Model]:
    """Read the list of models by name.

    Args:
        folder: the folder of manifest.json and the files.

    Raises:
        ValueError: if the manifest is missing or not as described above.
    """
    file = folder / "manifest.json"
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))
        models = {
            name: Model(
                name=name,
                file=folder / entry["file"],
                sha256=entry["sha256"],
                kind=entry["kind"],
                **{key: str(entry.get(key, "")) for key in _WORDS},
            )
            for name, entry in entries.items()
        }
    except FileNotFoundError as error:
        raise UserError(f"{file} is missing; is hourlift installed completely?") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file} is not a valid list of models: {error!r}") from error
    for model in models.values():
        if model.kind not in KINDS:
            raise UserError(f"{file}: {model.name!r} has the unknown kind {model.kind!r}; kinds are {KINDS}")
    return models


def path(name: str | Path, folder: Path = _FOLDER) -> Path:
    """Find a model's file and check that it is unchanged.

    Args:
        name: a name in the manifest, or the path of another ``.onnx`` file, which is not checked.
        folder: the folder of manifest.json and the files.

    Returns:
        The ONNX file.

    Raises:
        ValueError: if there is no such model, or if its file is missing or has changed since it was shipped.
    """
    if Path(name).suffix.lower() == ".onnx":
        if not Path(name).is_file():
            raise UserError(f"{name} does not exist")
        return Path(name)
    models = manifest(folder)
    model = models.get(str(name))
    if model is None:
        raise UserError(f"there is no model {str(name)!r}; the models are {', '.join(models)}, or an .onnx file")
    if not model.file.is_file():
        raise UserError(f"{model.file} is missing; reinstall hourlift")
    if sha256(model.file) != model.sha256:
        raise UserError(f"{model.file} is damaged: its SHA-256 is not the one in the manifest; reinstall hourlift")
    return model.file


def int8_name(name: str | Path) -> str:
    """The name of a model's 8-bit twin: "x" -> "x.int8", a path "x.onnx" -> "x.int8.onnx"."""
    name = str(name)
    return f"{name[: -len('.onnx')]}.int8.onnx" if name.lower().endswith(".onnx") else f"{name}.int8"


def is_twin(name: str | Path) -> bool:
    """Whether a name or path is that of an 8-bit twin."""
    return str(name).endswith((".int8", ".int8.onnx"))


def int8_twin(name: str | Path, folder: Path = _FOLDER) -> Path | None:
    """The file of a model's 8-bit twin, checked as `path` does; None if it has none."""
    twin = int8_name(name)
    exists = Path(twin).is_file() if twin.endswith(".onnx") else twin in manifest(folder)
    return path(twin, folder) if exists else None


def sha256(file: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
