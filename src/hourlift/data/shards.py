"""WebDataset shards: tar files of people, each an image, its annotation and a mask; for synthetic and real data.

    shard-000000.tar
      000000000.jpg         the image (or .png)
      000000000.json        the annotation, see `annotation`
      000000000.mask.png    255 where the person is visible; only if the data set has masks

The library `webdataset` reads them: `wds.WebDataset("people/shard-{000000..000009}.tar").decode("rgb8")`.
A shard appears under its final name only when it is complete.
"""

import glob
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.data.sample import VISIBILITY_NAMES, Sample
from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.geometry.camera import Camera
from hourlift.geometry.skeleton import H36M17

ImageFormat = Literal["jpg", "png"]
JPEG_QUALITY = 95
SCHEMA = 1
"""Version of the annotation; a reader refuses unknown versions."""


def shard_name(number: int) -> str:
    """Return the file name of a shard."""
    return f"shard-{number:06}.tar"


def write_shards(
    samples: Iterable[Sample], folder: str | Path, *, per_shard: int = 1000, image_format: ImageFormat = "jpg"
) -> list[Path]:
    """Write people in the given order into shard-000000.tar and so on.

    Args:
        samples: the people; images read from files are encoded again.
        folder: created if missing; existing shards of the same names are replaced.
        per_shard: people per shard; the last one may have fewer.
        image_format: "jpg" of quality 95, or lossless "png".

    Returns:
        The shards, in order.

    Raises:
        ValueError: `per_shard` is less than 1, or an image cannot be read.
        OSError: a shard cannot be written, for example on a full disk. Complete shards are kept.
    """
    if per_shard < 1:
        raise UserError(f"per_shard must be at least 1, got {per_shard}")
    Path(folder).mkdir(parents=True, exist_ok=True)
    samples = iter(samples)
    written: list[Path] = []
    while (first := next(samples, None)) is not None:
        path = Path(folder) / shard_name(len(written))
        people = chain([first], islice(samples, per_shard - 1))
        write_shard(people, path, first_key=len(written) * per_shard, image_format=image_format)
        written.append(path)
    return written


def write_shard(
    samples: Iterable[Sample], path: Path, *, first_key: int = 0, image_format: ImageFormat = "jpg"
) -> None:
    """Write one shard under a temporary name, and rename it when it is complete.

    Args:
        samples: the people.
        path: path of the shard; its folder exists.
        first_key: number of the first person in the data set.
        image_format: "jpg" of quality 95, or lossless "png".

    Raises:
        ValueError: an image cannot be read.
        OSError: the shard cannot be written; no partial file is left.
    """
    try:
        with replacing(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            for number, sample in enumerate(samples, start=first_key):
                for suffix, data in _encode(sample, image_format):
                    member = tarfile.TarInfo(f"{number:09}.{suffix}")  # no date: the same people give the same bytes
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, f"{error.strerror}; complete shards beside it are kept", str(path)) from error


def find_shards(source: str | Path) -> list[Path]:
    """Return the sorted shards of a folder, a glob pattern, or a pattern such as shard-{000000..000009}.tar.

    Returns:
        An empty list if there are none. This is no error here, so that callers can try other layouts.
    """
    source = Path(source)
    if source.is_dir():
        found = list(source.glob("*.tar"))
    elif source.suffix != ".tar":
        found = []
    elif span := re.search(r"\{(\d+)\.\.(\d+)\}", str(source)):
        before, after, (low, high) = str(source)[: span.start()], str(source)[span.end() :], span.groups()
        found = [Path(f"{before}{n:0{len(low)}}{after}") for n in range(int(low), int(high) + 1)]
    else:
        found = [source] if source.is_file() else [Path(name) for name in glob.glob(str(source))]
    return sorted(path for path in found if not path.name.startswith("."))  # a hidden file is being written


def load_shards(source: str | Path) -> Iterator[Sample]:
    """Read people from shards, one after the other.

    Args:
        source: a folder, a shard, or a pattern, as for `find_shards`.

    Yields:
        Samples whose images and masks are in memory.

    Raises:
        ValueError: there is no shard, or its content cannot be read. The message names the shard and the member.
    """
    shards = find_shards(source)
    if not shards:
        raise UserError(f"{source}: no shard (.tar) there")
    return chain.from_iterable(map(_load_shard, shards))


def count_people(shard: Path) -> int:
    """Return the number of people in a shard.

    Raises:
        ValueError: the file is no tar file.
    """
    try:
        with tarfile.open(shard) as tar:
            return sum(name.endswith(".json") for name in tar.getnames())
    except (tarfile.TarError, OSError) as error:
        raise UserError(f"{shard} cannot be read as a shard: {error}") from error


def _load_shard(path: Path) -> Iterator[Sample]:
    try:
        with tarfile.open(path) as tar:
            parts: dict[str, bytes] = {}
            person = None
            for member in tar:
                key, _, suffix = Path(member.name).name.partition(".")
                if key != person and parts:
                    yield _decode(parts, f"{path}: {person}")
                    parts = {}
                person = key
                file = tar.extractfile(member)
                if file is not None:
                    parts[suffix] = file.read()
            if parts:
                yield _decode(parts, f"{path}: {person}")
    except (tarfile.TarError, OSError) as error:
        raise UserError(f"{path} cannot be read as a shard: {error}") from error


def _encode(sample: Sample, image_format: ImageFormat) -> Iterator[tuple[str, bytes]]:
    """Yield the files of one person: suffix and content."""
    image = sample.load_image()
    yield image_format, _compress(f".{image_format}", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    image_wh = (image.shape[1], image.shape[0])
    yield "json", json.dumps(annotation(sample, image_wh), allow_nan=False).encode()
    if sample.mask is not None:
        yield "mask.png", _compress(".png", np.where(sample.mask, np.uint8(255), np.uint8(0)))


def _compress(suffix: str, pixels: cv2.typing.MatLike) -> bytes:
    _, data = cv2.imencode(suffix, pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if suffix == ".jpg" else [])
    return data.tobytes()


def annotation(sample: Sample, image_wh: tuple[int, int]) -> dict[str, Any]:
    """Return the JSON annotation of a person: the fields of `Sample`, with joints named by "joint_names".

    An unknown joint or box is null, and so is a field that the data set does not have. "visibility" is a list of
    `VISIBILITY_NAMES`. Foot points are in the order of `geometry.FOOT_POINTS`.
    """
    return {
        "schema": SCHEMA,
        "id": sample.id,
        "image_wh": list(image_wh),
        "joint_names": list(H36M17.joint_names),
        "joints_2d_px": _points(sample.joints_2d_px, 3),
        "visible": sample.visible.tolist(),
        "visibility": None if sample.visibility is None else [VISIBILITY_NAMES[state] for state in sample.visibility],
        "box_xyxy_px": _points(sample.box_xyxy_px[None], 3)[0],
        "joints_3d_cam_mm": None if sample.joints_3d_cam_mm is None else _points(sample.joints_3d_cam_mm, 2),
        "camera": None if sample.camera is None else sample.camera.to_dict(),
        "head_box_xyxy_px": _maybe(sample.head_box_xyxy_px, lambda box: _points(box[None], 3)[0]),
        "feet_2d_px": _maybe(sample.feet_2d_px, lambda points: _points(points, 3)),
        "feet_3d_cam_mm": _maybe(sample.feet_3d_cam_mm, lambda points: _points(points, 2)),
        "feet_visibility": _maybe(sample.feet_visibility, lambda states: [VISIBILITY_NAMES[s] for s in states]),
        "stature_mm": sample.height_mm,
        "seed": None if sample.seed is None else list(sample.seed),
    }


def _points(points: NDArray[np.floating], digits: int) -> list[list[float] | None]:
    return [point.astype(np.float64).round(digits).tolist() if np.isfinite(point).all() else None for point in points]


def _decode(parts: dict[str, bytes], where: str) -> Sample:
    """Return a sample from the files of one person."""
    try:
        entry = json.loads(parts["json"])
        if entry["schema"] != SCHEMA:
            raise UserError(f"its annotation has schema {entry['schema']}; this version of hourlift reads {SCHEMA}")
        if entry["joint_names"] != list(H36M17.joint_names):
            raise UserError("its joints are not those of Human3.6M-17")
        encoded = next((parts[suffix] for suffix in ("jpg", "png") if suffix in parts), None)
        if encoded is None:
            raise UserError("it has no image (.jpg or .png)")
        return Sample(
            id=entry["id"],
            image=_pixels(encoded, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION, "image"),
            image_wh=(entry["image_wh"][0], entry["image_wh"][1]),
            joints_2d_px=_array(entry["joints_2d_px"], 2),
            visible=np.array(entry["visible"], dtype=bool),
            box_xyxy_px=_array([entry["box_xyxy_px"]], 4)[0],
            joints_3d_cam_mm=_maybe(entry["joints_3d_cam_mm"], lambda points: _array(points, 3)),
            camera=_maybe(entry["camera"], Camera.from_dict),
            visibility=_maybe(entry["visibility"], _states),
            mask=_maybe(parts.get("mask.png"), lambda data: _pixels(data, cv2.IMREAD_GRAYSCALE, "mask") > 127),
            head_box_xyxy_px=_maybe(entry.get("head_box_xyxy_px"), lambda box: _array([box], 4)[0]),
            feet_2d_px=_maybe(entry.get("feet_2d_px"), lambda points: _array(points, 2)),
            feet_3d_cam_mm=_maybe(entry.get("feet_3d_cam_mm"), lambda points: _array(points, 3)),
            feet_visibility=_maybe(entry.get("feet_visibility"), _states),
            height_mm=entry["stature_mm"],
            seed=_maybe(entry["seed"], lambda seed: (int(seed[0]), int(seed[1]))),
        )
    except KeyError as error:
        raise UserError(f"{where}: {error} is missing") from error
    except (ValueError, TypeError, IndexError) as error:
        raise UserError(f"{where}: {error}") from error


def _maybe(value: Any, read: Callable[[Any], Any]) -> Any:
    return None if value is None else read(value)


def _array(points: list[list[float] | None], dimensions: int) -> NDArray[np.float32]:
    return np.array([[np.nan] * dimensions if point is None else point for point in points], dtype=np.float32)


def _states(names: list[str]) -> NDArray[np.uint8]:
    return np.array([VISIBILITY_NAMES.index(name) for name in names], dtype=np.uint8)


def _pixels(data: bytes, flags: int, what: str) -> NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise UserError(f"its {what} cannot be read")
    return pixels.astype(np.uint8, copy=False)
