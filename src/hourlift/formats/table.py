"""All formats by file suffix, and writing and loading by suffix. A format is imported when it is needed."""

import importlib
import importlib.util
import logging
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Literal, NamedTuple

from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.formats.json import PoseFile
from hourlift.formats.tracks import NoPersonError, only, shown_ids

_log = logging.getLogger("hourlift")


class Format(NamedTuple):
    """A file format for poses.

    Attributes:
        suffix: suffix of the files' names.
        module: it has ``write(path, document)``, and ``load(path)`` if the format can be read.
        readable: whether the format can be read.
        for_one: whether a file holds one person.
        needs: a package that `pip install 'hourlift[formats]'` installs.
        max_frames: most frames in a file; more are split into several files.
    """

    suffix: str
    module: str
    readable: bool = False
    for_one: bool = False
    needs: str = ""
    max_frames: int | None = None

    def load_module(self) -> ModuleType:
        """The format's module.

        Raises:
            ValueError: a package is missing; the message says how to install it.
        """
        if self.needs and importlib.util.find_spec(self.needs) is None:
            raise UserError(f"{self.suffix} files need the package {self.needs}: pip install 'hourlift[formats]'")
        return importlib.import_module(f"hourlift.formats.{self.module}")


FormatName = Literal["json", "csv", "npz", "bvh", "trc", "c3d", "glb", "coco"]

FORMATS: dict[FormatName, Format] = {
    "json": Format(".json", "json", readable=True),
    "csv": Format(".csv", "csv"),
    "npz": Format(".npz", "npz", readable=True),
    "bvh": Format(".bvh", "bvh", for_one=True),
    "trc": Format(".trc", "trc"),
    "c3d": Format(".c3d", "c3d", needs="ezc3d", max_frames=65535),
    "glb": Format(".glb", "gltf"),
    "coco": Format(".coco.json", "coco"),
}


def format_of(path: str | Path) -> Format:
    """The format of a file's suffix; the longest suffix that matches.

    Raises:
        ValueError: there is none; the message names all.
    """
    fitting = [f for f in FORMATS.values() if Path(path).name.lower().endswith(f.suffix)]
    if not fitting:
        raise UserError(f"{path}: the name of a file of poses ends in {', '.join(f.suffix for f in FORMATS.values())}")
    return max(fitting, key=lambda f: len(f.suffix))


def load_poses(path: str | Path) -> PoseFile:
    """Read a file of poses that hourlift wrote.

    Raises:
        ValueError: the format cannot be read, or the file is not valid.
        OSError: it cannot be read.
    """
    found = format_of(path)
    if not found.readable:
        readable = " and ".join(f.suffix for f in FORMATS.values() if f.readable)
        raise UserError(f"{path}: {found.suffix} files cannot be read, only written; {readable} files can be read")
    document: PoseFile = found.load_module().load(path)
    return document


def write_poses(path: str | Path, document: PoseFile) -> list[Path]:
    """Write poses in the format of the suffix: all files or none.

    Args:
        path: the file; its folder exists. In a format for one person, several people go to files such as out-3.bvh for
            person 3, instead of out.bvh. What is too long for one file continues in out.part-2.c3d.
        document: the poses.

    Returns:
        The files.

    Raises:
        NoPersonError: there are no people, and the format needs at least one.
        ValueError: the suffix is unknown, a package is missing, or the poses are invalid. The message names
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
        num_frames = len(document.frames)
        if wanted.max_frames is not None and num_frames > wanted.max_frames:
            starts = range(0, num_frames, wanted.max_frames)
            names = [path.name, *(f"{stem}.part-{number}{end}" for number in range(2, len(starts) + 1))]
            files = {
                path.with_name(name): replace(document, frames=document.frames[start : start + wanted.max_frames])
                for name, start in zip(names, starts, strict=True)
            }
            _log.warning(
                "%s: a file of this format holds %d frames; the %d frames are split into %d files, the others are %s",
                *(path, wanted.max_frames, num_frames, len(files), ", ".join(names[1:])),
            )
        for file, poses in dict(files).items():
            try:
                with ExitStack() as attempt:
                    module.write(attempt.enter_context(replacing(file)), poses)
                    stack.enter_context(attempt.pop_all())
            except NoPersonError as error:
                if len(files) == 1:
                    raise
                del files[file]
                _log.warning("%s is not written: %s", file, error)
    except ValueError as error:
        raise type(error)(f"{path}: {error}") from None
    return list(files)
