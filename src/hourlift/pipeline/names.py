"""The names of a source's files, chosen so that no source's results replace another's."""

import glob
import logging
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from pathlib import Path

from hourlift.formats.json import read_source_id
from hourlift.formats.table import FORMATS, FormatName
from hourlift.media.sources import Source, file_key
from hourlift.pipeline.options import Outputs

_log = logging.getLogger("hourlift")
_FURTHER_FILES: dict[FormatName, str] = {"bvh": r"-\d+", "c3d": r"\.part-\d+", "coco": r"\.coco"}
"""What may stand between a source's name and the suffix of a file: dance-1.bvh is person 1 of dance."""


def targets(source: Source, outputs: Outputs) -> list[Path]:
    """Every file that may be written for a source."""
    suffixes = [FORMATS[name].suffix for name in outputs.formats]
    suffixes += [".overlay.mp4", ".overlay.jpg", ".overlay.png"] if outputs.overlay else []
    suffixes += [f".side-by-side{suffix}" for suffix in (".mp4", ".jpg", ".png")] if outputs.side_by_side else []
    suffixes += [".html"] if outputs.page else []
    files = [] if outputs.folder is None else [outputs.folder / f"{source.name}{suffix}" for suffix in suffixes]
    return files if outputs.rrd is None else [*files, outputs.rrd]


def with_free_names(sources: Iterable[Source], outputs: Outputs) -> list[Source]:
    """The sources, renamed where files of another source, of this run or in the folder, may have their names.

    Logs each change.
    """
    kept = list(sources)
    taken = {file_key(source.name) for source in kept}
    return [_with_free_name(source, outputs, taken) for source in kept]


def _with_free_name(source: Source, outputs: Outputs, taken: set[str]) -> Source:
    if outputs.folder is None:
        return source
    found, number, owner = source, 1, ""
    others = taken - {file_key(source.name)}
    while (other := _owner(found, outputs, outputs.folder, others)) or (number > 1 and file_key(found.name) in taken):
        number, owner = number + 1, owner or other or ""
        found = replace(source, name=f"{source.name}-{number}")
    taken.add(file_key(found.name))
    if number > 1:
        _log.warning(
            "%s: %s belongs to another source; the results of this one are named %s",
            *(source.label, owner, found.name),
        )
    return found


def _owner(source: Source, outputs: Outputs, folder: Path, taken: Set[str]) -> str | None:
    """The name or file of another source whose files may have the names of this one's; None if there is none."""
    file = folder / f"{source.name}.json"
    if _is_of_another(source, file):
        return str(file)
    for format_name in _FURTHER_FILES.keys() & set(outputs.formats):
        match = re.fullmatch(f"(.+){_FURTHER_FILES[format_name]}", source.name)
        if match and (file_key(match[1]) in taken or _is_of_another(source, folder / f"{match[1]}.json")):
            return source.name + FORMATS[format_name].suffix
        for there in _of_further_names(folder, source.name, _FURTHER_FILES[format_name]):
            if _is_of_another(source, there):
                return str(there)
    return None


def _of_further_names(folder: Path, name: str, pattern: str) -> Iterator[Path]:
    """The JSON files in a folder whose names are those of a source's further files."""
    for file in folder.glob(f"{glob.escape(name)}[-.]*.json"):
        if re.fullmatch(re.escape(name) + pattern, file.name.removesuffix(".json")):
            yield file


def say_replaced(sources: Iterable[Source], outputs: Outputs) -> None:
    """Warn of results that are replaced although their source is unknown."""
    if (folder := outputs.folder) is None:
        return
    for source in sources:
        if read_source_id(folder / f"{source.name}.json") is None:
            there = [file.name for file in targets(source, outputs) if file.exists()]
            if there:
                _log.warning("%s: replaced in %s: %s", source.label, folder, ", ".join(there))


def _is_of_another(source: Source, file: Path) -> bool:
    """Whether a JSON file is known to be of another source."""
    there = read_source_id(file)
    return there is not None and there != source.id
