"""Read assets for MakeHuman's base mesh: clothes, shoes, hats, hair, beards, brows and skins.

An asset is a `.mhclo` file, which binds each vertex of an `.obj` beside it to three vertices of the base mesh, and a
colour texture. Folders may have the layout of MakeHuman's data or of the public asset repository, at any depth, if a
parent folder is called clothes, hair, eyebrows or skins.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.errors import UserError

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
CLOTHES, HAIR, BROWS, SKINS = "clothes", "hair", "eyebrows", "skins"
_NOT_COLOUR = ("normal", "bump", "spec", "rough", "disp", "occlusion", "thumb", "_nm.", "_nrm", "_ao.", "transp")
_NOT_SKIN = ("suit", "sweat", "toon", "test")
_AXES = "xyz"


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """A Wavefront mesh.

    Attributes:
        vertices: (V, 3).
        uv: (U, 2) places on the texture, from its lower left corner.
        faces: (T, 3) triangles of vertices; quadrangles are split.
        uv_faces: (T, 3) the corners' rows of uv.
    """

    vertices: NDArray[np.float64]
    uv: NDArray[np.float64]
    faces: NDArray[np.int64]
    uv_faces: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Thing:
    """An asset as stored in its files. Lengths are decimetres, axes those of the base mesh: x left, y up, z forward.

    Attributes:
        name: Name of the `.mhclo` file.
        group: CLOTHES, HAIR or BROWS.
        tags: The author's tags, in lower case.
        mesh: The shape as modelled by the author.
        base: (V, 3) vertices of the base mesh that each vertex is bound to.
        share: (V, 3) their weights.
        offset: (V, 3) offset from the weighted sum.
        measured: (3, 2) pairs of base-mesh vertices; offsets along x, y and z scale with their distance.
        measure: (3,) these distances on the author's body; NaN for an axis along which offsets do not scale.
        hides: Vertices of the base mesh that it covers.
        textures: Its colour textures; one is used at a time.
    """

    name: str
    group: str
    tags: tuple[str, ...]
    mesh: Mesh
    base: NDArray[np.int64]
    share: NDArray[np.float64]
    offset: NDArray[np.float64]
    measured: NDArray[np.int64]
    measure: NDArray[np.float64]
    hides: NDArray[np.int64]
    textures: tuple[Path, ...]


def find(folder: Path) -> tuple[list[Path], list[Path]]:
    """The `.mhclo` files of clothes, hair and brows in a folder, and the colour textures of skins.

    Raises:
        ValueError: it is not a folder, or holds neither.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: not a folder of MakeHuman assets")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    things = [path for path in files if path.suffix == ".mhclo" and group_of(path) is not None]
    skins = [path for path in files if SKINS in _folders(path) and _is_colour(path) and not _is(path, _NOT_SKIN)]
    if not things and not skins:
        raise UserError(f"{folder}: no clothes, hair, eyebrows or skins of MakeHuman in this folder")
    return things, skins


def group_of(path: Path) -> str | None:
    """CLOTHES, HAIR or BROWS, from the parent folders of a file; None for anything else."""
    return next((group for group in (CLOTHES, HAIR, BROWS) if group in _folders(path)), None)


def _folders(path: Path) -> list[str]:
    return [part.lower() for part in path.parts[:-1]]


def _is_colour(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not _is(path, _NOT_COLOUR)


def _is(path: Path, words: tuple[str, ...]) -> bool:
    return any(word in path.name.lower() for word in words)


def read_thing(path: Path) -> Thing:
    """Read a `.mhclo` file, its mesh, and the paths of its textures.

    Raises:
        ValueError: a file is missing or invalid; the message names it.
    """
    group = group_of(path)
    assert group is not None
    words = [line.split() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    rows: list[list[float]] = []
    hides: list[int] = []
    tags: list[str] = []
    measured, measure = np.zeros((3, 2), np.int64), np.full(3, np.nan)
    mesh_name, material, section = "", "", ""
    try:
        for line in words:
            if not line or line[0].startswith("#"):
                continue
            key = line[0]
            if key in ("verts", "delete_verts"):
                section = key
            elif key == "obj_file":
                mesh_name = line[1]
            elif key == "tag":
                tags.append(" ".join(line[1:]).lower())
            elif key == "material":
                material = line[1]
            elif key in ("x_scale", "y_scale", "z_scale"):
                axis = _AXES.index(key[0])
                measured[axis], measure[axis] = (int(line[1]), int(line[2])), float(line[3])
            elif section == "verts" and key.lstrip("-").isdigit():
                rows.append([float(word) for word in line])
            elif section == "delete_verts":
                hides += _ranges(line)
        if not rows or not mesh_name:
            raise UserError("no vertices or no obj_file")
        mesh = read_obj(path.parent / mesh_name)
        whole = np.array([row if len(row) == 9 else [row[0]] * 3 + [1, 0, 0, 0, 0, 0] for row in rows])
    except (OSError, ValueError, IndexError) as error:
        raise UserError(f"{path}: not a MakeHuman garment: {error}") from error
    if len(whole) != len(mesh.vertices):
        raise UserError(f"{path}: binds {len(whole)} vertices, but {mesh_name} has {len(mesh.vertices)}")
    textures = _textures(path.parent, material)
    if not textures:
        raise UserError(f"{path}: no colour texture beside it")
    return Thing(
        name=path.stem,
        group=group,
        tags=tuple(tags),
        mesh=mesh,
        base=whole[:, :3].astype(np.int64),
        share=whole[:, 3:6],
        offset=whole[:, 6:],
        measured=measured,
        measure=measure,
        hides=np.unique(np.array(hides, np.int64)),
        textures=textures,
    )


def _ranges(words: list[str]) -> Iterator[int]:
    """Numbers of a line such as `3 7 - 9 12`."""
    place = 0
    while place < len(words):
        if words[place + 1 : place + 2] == ["-"]:
            yield from range(int(words[place]), int(words[place + 2]) + 1)
            place += 3
        else:
            yield int(words[place])
            place += 1


def _textures(folder: Path, material: str) -> tuple[Path, ...]:
    """The texture named by a material, and other colour textures beside it."""
    named = []
    if material and (folder / material).is_file():
        for line in (folder / material).read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if len(words) == 2 and words[0] == "diffuseTexture" and (folder / words[1]).is_file():
                named = [folder / words[1]]
    return tuple(named or sorted(path for path in folder.iterdir() if path.is_file() and _is_colour(path)))


def read_obj(path: Path) -> Mesh:
    """Read the mesh of a Wavefront file.

    Raises:
        ValueError: a line is invalid.
        OSError: the file cannot be read.
    """
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    faces: list[tuple[int, int, int]] = []
    uv_faces: list[tuple[int, int, int]] = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            words = line.split()
            if not words:
                continue
            if words[0] == "v":
                vertices.append([float(word) for word in words[1:4]])
            elif words[0] == "vt":
                uv.append([float(word) for word in words[1:3]])
            elif words[0] == "f":
                corners = [word.split("/") for word in words[1:]]
                place = [int(corner[0]) - 1 for corner in corners]
                texel = [int(corner[1]) - 1 if len(corner) > 1 and corner[1] else 0 for corner in corners]
                for k in range(1, len(corners) - 1):
                    faces.append((place[0], place[k], place[k + 1]))
                    uv_faces.append((texel[0], texel[k], texel[k + 1]))
    if not vertices or not faces:
        raise UserError(f"{path.name} holds no mesh")
    return Mesh(
        vertices=np.array(vertices),
        uv=np.array(uv or [[0.0, 0.0]]),
        faces=np.array(faces, np.int64),
        uv_faces=np.array(uv_faces, np.int64),
    )


def read_texture(path: Path, side: int) -> NDArray[np.uint8]:
    """Read a texture (side, side, 4) RGBA, from its upper left corner.

    Raises:
        ValueError: the file cannot be read as an image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise UserError(f"{path} cannot be read as an image")
    if image.dtype == np.uint16:
        image = (image // 256).astype(np.uint8)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    alpha = image[..., 3:] if image.shape[2] == 4 else np.full((*image.shape[:2], 1), 255, np.uint8)
    rgba = np.concatenate([image[..., 2::-1], alpha], -1)
    return np.asarray(cv2.resize(rgba, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
