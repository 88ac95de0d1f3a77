"""fsspec URLs given by the user -> the images and videos to process.

fsspec chains URLs. In simplecache::zip://a.jpg::https://example.org/photos.zip, the first link with a path, here that
of the archive's member, names the file; the other links say where it is and how to reach it.
"""

import logging
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec

from hourlift.archive.store import Item
from hourlift.errors import UserError
from hourlift.media.kinds import kind_by_name

_log = logging.getLogger("hourlift")
_ARCHIVES = ("zip", "tar", "libarchive")


def is_url(argument: str) -> bool:
    """Whether it has a protocol, as in s3://bucket/folder."""
    return "://" in argument


def find_items(url: str) -> list[Item]:
    """Expand the URL of a file, a folder or a pattern.

    A folder stands for the images and videos in it, without sub-folders, in order of their names. Files are not
    checked: whether they can be read is found when they are processed.

    Raises:
        ValueError: no installed package can open the URL, it cannot be reached, or it holds no images or videos.
    """
    before, link, after = _links(url)
    protocol = link.partition("://")[0]
    if protocol in _ARCHIVES and not after:
        raise UserError(f"{url}: which archive? Name it too, as in {protocol}://*.jpg::photos.{protocol}")
    url = before + link + after
    if _is_media(url) and not any(sign in link for sign in "*["):  # "?" begins the query of an https:// URL
        return [_item(url)]
    try:
        files, path = fsspec.core.url_to_fs(url)
        found = sorted(_listed(files, path))
    except Exception as error:  # every protocol has its own exceptions
        text = " ".join(str(error).split())
        if text in url:  # some file systems report a missing file by its name alone
            text = "no such file or folder" if isinstance(error, FileNotFoundError) else type(error).__name__
        raise UserError(f"{url}: {text}") from None
    left_out = [name for name in found if not _is_media(name)]
    if left_out:
        _log.warning("%s: left out: no images or videos: %s and %d more", url, left_out[0], len(left_out) - 1)
    if before or after:
        named = [before + (name if "://" in name else f"{protocol}://{name}") + after for name in found]
    else:
        named = [files.unstrip_protocol(name) for name in found]
    items = [_item(each) for each in named if _is_media(each)]
    if not items:
        raise UserError(f"{url}: no images or videos found there")
    return items


def _listed(files: Any, path: str) -> list[str]:
    """The names that match a pattern, or those in a folder."""
    if "*" in path or "[" in path:
        return list(files.glob(path))
    return [entry["name"] for entry in files.ls(path, detail=True) if entry["type"] == "file"]


def file_name(url: str) -> str:
    """The name of the file at a URL, without folders and query."""
    return PurePosixPath(_links(url)[1].partition("?")[0]).name


def _links(url: str) -> tuple[str, str, str]:
    """The parts of the URL before the link that names the files, that link, and the rest.

    A path of this computer at the end becomes absolute, as workers may run in another folder.
    """
    links = url.split("::")
    at = next((i for i, link in enumerate(links) if "://" in link), 0)
    if links[at + 1 :] and "://" not in links[-1]:
        links[-1] = str(Path(links[-1]).absolute())
    return "".join(f"{link}::" for link in links[:at]), links[at], "".join(f"::{link}" for link in links[at + 1 :])


def _is_media(url: str) -> bool:
    name = file_name(url)
    return kind_by_name(name) is not None and not name.startswith(".")


def _item(url: str) -> Item:
    return Item(source=url, kind=kind_by_name(file_name(url)) or "video")
