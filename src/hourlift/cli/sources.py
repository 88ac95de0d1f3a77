"""What the user names on the command line -> the pictures, videos and webcams to work on."""

import glob
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hourlift.predict.images import IMAGE_SUFFIXES
from hourlift.predict.video import VIDEO_SUFFIXES

_WEBCAM = re.compile(r"webcam:(\d+)")
_OWN_OUTPUT = (
    ".overlay",
    ".side-by-side",
)  # pictures and videos that we wrote are no sources when their folder is named


@dataclass(frozen=True, kw_only=True)
class Source:
    """One thing to work on.

    Attributes:
        label: as messages call it: the path, or "webcam:0".
        kind: what it is taken for.
        name: stem of its results' file names, unlike that of any other source of the run.
    """

    label: str
    kind: Literal["photo", "video", "webcam"]
    name: str

    @property
    def webcam_number(self) -> int:
        """Which webcam; only of kind "webcam"."""
        match = _WEBCAM.fullmatch(self.label)
        assert match is not None
        return int(match[1])


def find_sources(arguments: Iterable[str]) -> tuple[list[Source], list[str]]:
    """Expand files, folders, glob patterns and webcams.

    A folder stands for the pictures and videos in it, not in its sub-folders, in order of their names. What is
    named twice is worked on once.

    Args:
        arguments: as typed.

    Returns:
        The sources, and one sentence for every argument that is none.
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
    """Number what would collide: photo, photo-2, photo-3; also where file systems ignore case."""
    taken: set[str] = set()
    names = []
    for stem in stems:
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def _expand(argument: str) -> list[str]:
    """One argument as paths or a webcam.

    Raises:
        ValueError: there is no such file, or the folder holds nothing to work on.
        OSError: the folder cannot be read.
    """
    path = Path(argument)
    if _WEBCAM.fullmatch(argument) or path.is_file():
        return [argument]
    if path.is_dir():
        files = [str(file) for file in sorted(path.iterdir()) if _is_wanted(file)]
        if not files:
            raise ValueError(f"{argument}: there are no pictures or videos in this folder")
        return files
    if path.exists():
        return [argument]  # a device or pipe
    matches = sorted(match for match in glob.glob(argument, recursive=True) if Path(match).is_file())
    if not matches and glob.has_magic(argument):
        raise ValueError(f"{argument}: no file fits this pattern")
    if not matches:
        raise ValueError(f"{argument}: there is no such file or folder")
    return matches


def _is_wanted(file: Path) -> bool:
    """Whether a file of a folder is a picture or video that is not hidden and not our own result."""
    known = file.suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES)
    return known and file.is_file() and not file.name.startswith(".") and Path(file.stem).suffix not in _OWN_OUTPUT


def _kind(label: str) -> Literal["photo", "video", "webcam"]:
    """By the name; what has no known suffix is a video if PyAV can read it."""
    if _WEBCAM.fullmatch(label):
        return "webcam"
    return "photo" if Path(label).suffix.lower() in IMAGE_SUFFIXES else "video"


def _stem(label: str) -> str:
    """The beginning of the results' names."""
    return label.replace(":", "-") if _WEBCAM.fullmatch(label) else Path(label).stem
