"""All formats by the end of a file's name, and writing and loading by it. A format is imported when it is needed."""

import importlib
import importlib.util
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

from hourlift.formats.atomic import replacing
from hourlift.formats.json import PoseFile
from hourlift.formats.tracks import only, shown_ids


class Format(NamedTuple):
    """A way to keep poses.

    Attributes:
        suffix: how files' names end.
        module: it has ``write(path, document)``, and ``load(path)`` if the format is read, too.
        readable: whether it is.
        for_one: whether a file holds one person.
        needs: a package that `pip install 'hourlift[formats]'` brings.
    """

    suffix: str
    module: str
    readable: bool = False
    for_one: bool = False
    needs: str = ""

    def load_module(self) -> ModuleType:
        """The module that writes it.

        Raises:
            ValueError: a package is missing; the message says how to install it.
        """
        if self.needs and importlib.util.find_spec(self.needs) is None:
            raise ValueError(f"{self.suffix} files need the package {self.needs}: pip install 'hourlift[formats]'")
        return importlib.import_module(f"hourlift.formats.{self.module}")


FormatName = Literal["json", "csv", "npz", "bvh", "trc", "c3d", "glb", "coco"]

FORMATS: dict[FormatName, Format] = {
    "json": Format(".json", "json", readable=True),
    "csv": Format(".csv", "csv"),
    "npz": Format(".npz", "npz", readable=True),
    "bvh": Format(".bvh", "bvh", for_one=True),
    "trc": Format(".trc", "trc"),
    "c3d": Format(".c3d", "c3d", needs="ezc3d"),
    "glb": Format(".glb", "gltf"),
    "coco": Format(".coco.json", "coco"),
}


def format_of(path: str | Path) -> Format:
    """The format that a file's name ends in, the longest that fits.

    Raises:
        ValueError: there is none; the message names all.
    """
    fitting = [f for f in FORMATS.values() if Path(path).name.lower().endswith(f.suffix)]
    if not fitting:
        raise ValueError(f"{path}: a file of poses ends in {', '.join(f.suffix for f in FORMATS.values())}")
    return max(fitting, key=lambda f: len(f.suffix))


def load_poses(path: str | Path) -> PoseFile:
    """Read a file of poses that hourlift wrote.

    Raises:
        ValueError: the format is none that is read, or the file is not in it.
        OSError: it cannot be read.
    """
    found = format_of(path)
    if not found.readable:
        readable = " and ".join(f.suffix for f in FORMATS.values() if f.readable)
        raise ValueError(f"{path}: {found.suffix} files are written, not read; {readable} files are read")
    document: PoseFile = found.load_module().load(path)
    return document


def write_poses(path: str | Path, document: PoseFile) -> list[Path]:
    """Write poses in the format that the name ends in: all files of it or none.

    Args:
        path: the file; its folder exists. For several people in a format for one, out.bvh becomes out-3.bvh for person
            3, and so on.
        document: the poses.

    Returns:
        The files.

    Raises:
        NobodyError: there is nobody, and the format cannot say so.
        ValueError: the name does not tell a format, a package is missing, or the poses make no sense. The message names
            the file.
        OSError: a file cannot be written.
    """
    with ExitStack() as stack:
        return stage_poses(path, document, stack)


def stage_poses(path: str | Path, document: PoseFile, stack: ExitStack) -> list[Path]:
    """As `write_poses`; the files appear when the stack unwinds without an error."""
    path, wanted = Path(path), format_of(path)
    module = wanted.load_module()
    stem, end = path.name[: -len(wanted.suffix)], path.name[-len(wanted.suffix) :]
    files = {path: document}
    try:
        ids = shown_ids(document) if wanted.for_one else []
        if len(ids) > 1:
            files = {path.with_name(f"{stem}-{person}{end}"): only(document, person) for person in ids}
        for file, poses in files.items():
            module.write(stack.enter_context(replacing(file)), poses)
    except ValueError as error:
        raise type(error)(f"{path}: {error}") from None
    return list(files)
