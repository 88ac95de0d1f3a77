"""Command-line arguments -> the images, videos and webcams to process."""

import glob
import logging
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hourlift.errors import UserError
from hourlift.formats.json import source_id
from hourlift.formats.text import file_stem, plain
from hourlift.media.images import read_image
from hourlift.media.kinds import kind_of

_log = logging.getLogger("hourlift")
_NAMED_LEFT_OUT = 3  # a few examples of the files
_WEBCAM = re.compile(r"webcam:(\d+)")
_OWN_OUTPUT = (
    ".overlay",
    ".side-by-side",
)  # our own output images and videos are skipped in folders


@dataclass(frozen=True, kw_only=True)
class Source:
    """One source to process.

    Attributes:
        label: its name in messages: the path, or "webcam:0".
        kind: photo, video or webcam.
        name: stem of its results' file names, unique within the run.
    """

    label: str
    kind: Literal["photo", "video", "webcam"]
    name: str

    @property
    def id(self) -> str:
        """An id that distinguishes it from other sources of the same name, also in later runs."""
        return source_id(self.label if self.kind == "webcam" else str(Path(self.label).absolute()))

    @property
    def title(self) -> str:
        """The name stored in results: the file's name without its folder."""
        return self.label if self.kind == "webcam" else plain(Path(self.label).name)

    @property
    def webcam_number(self) -> int:
        """Number of the webcam; only for the kind "webcam"."""
        match = _WEBCAM.fullmatch(self.label)
        assert match is not None
        return int(match[1])


class StillImage:
    """A photo with the interface of a video of one frame.

    Args:
        path: The file.

    Attributes:
        image_rgb: (H, W, 3) uint8, upright.
        image_wh: Its width and height.
        camera: The one that EXIF describes, or the default one.
        damaged: Whether part of the image is made up.

    Raises:
        ValueError, OSError: As `images.read_image`.
    """

    fps: float | None = None
    num_frames = 1
    incomplete: str | None = None

    def __init__(self, path: str | Path) -> None:
        photo = read_image(path)
        self.image_rgb, self.image_wh, self.camera = photo.image_rgb, photo.image_wh, photo.camera()
        self.damaged = photo.damaged


def find_sources(arguments: Iterable[str]) -> tuple[list[Source], list[str]]:
    """Expand files, folders, glob patterns and webcams.

    A folder stands for the images and videos in it, without sub-folders, in order of their names; a warning lists the
    files that are left out. Duplicates are removed.

    Args:
        arguments: as typed.

    Returns:
        The sources, and an error message for every argument that is not one.
    """
    labels: dict[str, None] = {}  # a set that keeps its order
    complaints = []
    for argument in arguments:
        try:
            labels |= dict.fromkeys(_expand(argument))
        except (ValueError, OSError) as error:
            complaints.append(f"{argument}: {error.strerror}" if isinstance(error, OSError) else str(error))
    names = unique_names([_stem(label) for label in labels])
    sources = [Source(label=label, kind=_kind(label), name=name) for label, name in zip(labels, names, strict=True)]
    return sources, complaints


def unique_names(stems: Iterable[str]) -> list[str]:
    """Number colliding names: photo, photo-2, photo-3. Case is ignored, as some file systems do."""
    taken: set[str] = set()
    names = []
    for stem in stems:
        name, number = stem, 1
        while file_key(name) in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(file_key(name))
        names.append(name)
    return names


def file_key(name: str) -> str:
    """Equal for names that some file systems take for the same: of other case, or with composed characters."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _expand(argument: str) -> list[str]:
    """One argument as paths or a webcam.

    Raises:
        ValueError: there is no such file, or the folder holds no images or videos.
        OSError: the folder cannot be read.
    """
    if not argument:
        raise UserError("a source's name is empty")
    path = Path(argument)
    if _WEBCAM.fullmatch(argument) or path.is_file():
        return [argument]
    if path.is_dir():
        return _files_of(path)
    if path.exists():
        return [argument]  # a device or pipe
    matches = sorted(match for match in glob.glob(argument, recursive=True) if Path(match).is_file())
    if not matches and glob.has_magic(argument):
        raise UserError(f"{argument}: no file matches this pattern")
    if not matches:
        raise UserError(f"{argument}: no such file or folder")
    return matches


def _files_of(folder: Path) -> list[str]:
    """The images and videos in a folder; logs which files are left out.

    Raises:
        ValueError: there are none.
        OSError: the folder cannot be read.
    """
    wanted: list[str] = []
    left_out: dict[str, list[str]] = {}
    for file in sorted(folder.iterdir()):
        if file.is_dir():
            reason = "folders in it"
        elif not file.is_file() or kind_of(file) is None:
            reason = "no images or videos"
        elif file.name.startswith("."):
            reason = "hidden"
        elif Path(file.stem).suffix in _OWN_OUTPUT:
            reason = "results of hourlift"
        else:
            wanted.append(str(file))
            continue
        left_out.setdefault(reason, []).append(file.name)
    if left_out:
        _log.warning("%s: left out: %s", folder, "; ".join(f"{r}: {_some(names)}" for r, names in left_out.items()))
    if not wanted:
        raise UserError(f"{folder}: this folder holds no images or videos")
    return wanted


def _some(names: Sequence[str]) -> str:
    """The first few names, and the number of others."""
    more = len(names) - _NAMED_LEFT_OUT
    return ", ".join(names[:_NAMED_LEFT_OUT]) + (f" and {more} more" if more > 0 else "")


def _kind(label: str) -> Literal["photo", "video", "webcam"]:
    """By the first bytes, else by the name; any other file is a video if PyAV can read it."""
    if _WEBCAM.fullmatch(label):
        return "webcam"
    path = Path(label)
    return (kind_of(path) if path.is_file() else None) or "video"


def _stem(label: str) -> str:
    """The stem of the results' names."""
    return label.replace(":", "-") if _WEBCAM.fullmatch(label) else file_stem(Path(label).stem)
