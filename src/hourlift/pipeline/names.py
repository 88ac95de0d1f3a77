"""The names of a source's files, chosen so that no source's results replace another's."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hourlift.formats.json import read_source_id
from hourlift.formats.table import FORMATS
from hourlift.media.sources import Source
from hourlift.pipeline.options import Outputs

_log = logging.getLogger("hourlift")


def targets(source: Source, outputs: Outputs) -> list[Path]:
    """Every file that may be written for a source."""
    suffixes = [FORMATS[name].suffix for name in outputs.formats]
    suffixes += [".overlay.mp4", ".overlay.jpg", ".overlay.png"] if outputs.overlay else []
    suffixes += [f".side-by-side{suffix}" for suffix in (".mp4", ".jpg", ".png")] if outputs.side_by_side else []
    suffixes += [".html"] if outputs.page else []
    files = [] if outputs.folder is None else [outputs.folder / f"{source.name}{suffix}" for suffix in suffixes]
    return files if outputs.rrd is None else [*files, outputs.rrd]


def with_free_names(sources: Iterable[Source], outputs: Outputs) -> list[Source]:
    """The sources, renamed where the folder holds another source's results of that name; logs each change."""
    kept = list(sources)
    taken = {source.name.casefold() for source in kept}
    return [_with_free_name(source, outputs, taken) for source in kept]


def _with_free_name(source: Source, outputs: Outputs, taken: set[str]) -> Source:
    if outputs.folder is None:
        return source
    found, number = source, 1
    while _is_of_another(found, outputs.folder) or (number > 1 and found.name.casefold() in taken):
        number += 1
        found = replace(source, name=f"{source.name}-{number}")
    taken.add(found.name.casefold())
    if number > 1:
        _log.warning(
            "%s: %s belongs to another source of that name; the results of this one are named %s",
            *(source.label, outputs.folder / f"{source.name}.json", found.name),
        )
    return found


def say_replaced(sources: Iterable[Source], outputs: Outputs) -> None:
    """Warn of results that are replaced although their source is unknown."""
    if (folder := outputs.folder) is None:
        return
    for source in sources:
        if read_source_id(folder / f"{source.name}.json") is None:
            there = [file.name for file in targets(source, outputs) if file.exists()]
            if there:
                _log.warning("%s: replaced in %s: %s", source.label, folder, ", ".join(there))


def _is_of_another(source: Source, folder: Path) -> bool:
    """Whether there are results under the source's name that are known to be of another source."""
    there = read_source_id(folder / f"{source.name}.json")
    return there is not None and there != source.id
