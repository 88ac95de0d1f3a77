"""What a user names by an fsspec URL -> the images and videos to work on."""

import logging
from pathlib import PurePosixPath
from typing import Any

import fsspec

from hourlift.archive.store import Item
from hourlift.errors import UserError
from hourlift.media.kinds import kind_by_name

_log = logging.getLogger("hourlift")


def is_url(argument: str) -> bool:
    """Whether it has a protocol, as in s3://bucket/folder."""
    return "://" in argument


def find_items(url: str) -> list[Item]:
    """Expand the URL of a file, a folder or a pattern.

    A folder stands for the images and videos in it, not in its sub-folders, in order of their names. A file is taken
    as it is: whether it can be read is seen when its turn comes.

    Raises:
        ValueError: nothing that is installed can open such a URL, it cannot be reached, or there is nothing to work on.
    """
    if _is_media(url) and not any(sign in url for sign in "*["):  # "?" begins the query of an https:// URL
        return [_item(url)]
    try:
        files, path = fsspec.core.url_to_fs(url)
        found = sorted(_listed(files, path))
    except Exception as error:  # every protocol has its own exceptions
        raise UserError(f"{url}: {' '.join(str(error).split()) or type(error).__name__}") from None
    left_out = [name for name in found if not _is_media(name)]
    if left_out:
        _log.warning("%s: left out: no images or videos: %s and %d more", url, left_out[0], len(left_out) - 1)
    items = [_item(files.unstrip_protocol(name)) for name in found if _is_media(name)]
    if not items:
        raise UserError(f"{url}: there are no images or videos there")
    return items


def _listed(files: Any, path: str) -> list[str]:
    """The names that a pattern fits, or those in a folder."""
    if "*" in path or "[" in path:
        return list(files.glob(path))
    return [entry["name"] for entry in files.ls(path, detail=True) if entry["type"] == "file"]


def _is_media(url: str) -> bool:
    name = PurePosixPath(url.partition("?")[0])
    return kind_by_name(name) is not None and not name.name.startswith(".")


def _item(url: str) -> Item:
    return Item(source=url, kind=kind_by_name(PurePosixPath(url.partition("?")[0])) or "video")
