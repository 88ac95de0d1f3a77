"""Garments, hair and skins from a folder of MakeHuman assets, fitted to the generator's body; cached."""

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hourlift.formats.atomic import replacing
from hourlift.synth.body.cache import cache_path
from hourlift.synth.body.parametric import Body
from hourlift.synth.clothes import makehuman
from hourlift.synth.clothes.pieces import Piece, coverage, cut_into_pieces, sex_told_by, texel_side_m
from hourlift.synth.clothes.textures import PER_TEXTURE, SIDE, Textures, build_levels
from hourlift.synth.clothes.wardrobe import SKIN

CACHE_VERSION = 1
_OPAQUE, _HOLES_SHARE = 200, 0.002  # a texture with more texels of less alpha has holes

log = logging.getLogger(__name__)


class Table(NamedTuple):
    """The N vertices and M triangles of all P pieces, one piece after the other; fields as in Piece."""

    first_vertex: NDArray[np.int64]
    """(P + 1,) index of the first vertex of each piece; first_face is the same for triangles."""
    first_face: NDArray[np.int64]
    base: NDArray[np.int32]
    share: NDArray[np.float32]
    offset: NDArray[np.float32]
    bone: NDArray[np.int32]
    bone_share: NDArray[np.float32]
    twin: NDArray[np.int32]
    faces: NDArray[np.int32]
    places: Tensor
    """(13, N)."""
    uv: Tensor
    """(2, N)."""
    part: Tensor
    """(M,)."""
    hides: Tensor
    """(P, Vb)."""
    role: Tensor
    """(P,)."""
    texel_m: Tensor
    """(P,)."""
    measured: Tensor
    """(P, 3, 2)."""
    measure: Tensor
    """(P, 3)."""
    holed: NDArray[np.bool_]
    """Whether each texture has transparent parts."""


@dataclass(frozen=True)
class Garments:
    """All pieces, and skins.

    Attributes:
        pieces: In any order.
        textures: Textures of pieces and skins.
        skins: (S,) indices of the skins' textures.
        skin_sex: (S,) FEMALE or MALE; ANY if the name does not state it.
        skin_means: (S, 3) mean colours, in [0, 1].
        skin_texel_m: Metres that a texel of a skin covers.
    """

    pieces: list[Piece]
    textures: Textures
    skins: NDArray[np.int32]
    skin_sex: NDArray[np.int32]
    skin_means: NDArray[np.float32]
    skin_texel_m: float

    @cached_property
    def table(self) -> Table:
        """All pieces, concatenated."""

        def joined(field: str) -> NDArray:
            return np.ascontiguousarray(np.concatenate([getattr(piece, field) for piece in self.pieces]))

        def stacked(field: str) -> Tensor:
            return torch.from_numpy(np.stack([getattr(piece, field) for piece in self.pieces]))

        def firsts(field: str) -> NDArray[np.int64]:
            return np.cumsum([0] + [len(getattr(piece, field)) for piece in self.pieces])

        alpha = self.textures.texels[:, 3].reshape(-1, PER_TEXTURE)[:, : SIDE * SIDE]
        return Table(
            first_vertex=firsts("base"),
            first_face=firsts("faces"),
            base=joined("base"),
            share=joined("share"),
            offset=joined("offset"),
            bone=joined("bone"),
            bone_share=joined("bone_share"),
            twin=joined("twin"),
            faces=joined("faces"),
            places=torch.from_numpy(joined("places")).T.contiguous(),
            uv=torch.from_numpy(joined("uv")).T.contiguous(),
            part=torch.from_numpy(joined("part")),
            hides=stacked("hides"),
            role=torch.tensor([piece.role for piece in self.pieces]),
            texel_m=stacked("texel_m"),
            measured=stacked("measured").long(),
            measure=stacked("measure"),
            holed=(alpha < _OPAQUE).mean(1) > _HOLES_SHARE,
        )


@lru_cache(maxsize=2)
def load_garments(folder: Path, body: Body) -> Garments:
    """Load the pieces of a folder of MakeHuman assets; read again only if the folder has changed.

    Raises:
        ValueError: the folder contains no such assets.
    """
    things, skins = makehuman.find(folder)
    path = cache_path().with_name(f"garments-v{CACHE_VERSION}-{_fingerprint(folder)}.npz")
    if not path.exists():
        log.warning("reading %d things and %d skins of %s (once, about a minute)", len(things), len(skins), folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays = _build(things, skins, body)
        with replacing(path) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]  # the stub's flag is first
    with np.load(path, allow_pickle=False) as file:
        return _unpacked({name: file[name] for name in file.files})


def _fingerprint(folder: Path) -> str:
    files = [(str(p.relative_to(folder)), p.stat().st_size) for p in sorted(folder.rglob("*")) if p.is_file()]
    return hashlib.sha256(repr(files).encode()).hexdigest()[:16]


def _build(paths: list[Path], skins: list[Path], body: Body) -> dict[str, NDArray]:
    levels: list[NDArray[np.uint8]] = []
    pieces: list[Piece] = []
    for path in paths:
        try:
            thing = makehuman.read_thing(path)
            images = [makehuman.read_texture(texture, SIDE) for texture in thing.textures]
        except ValueError as error:
            log.warning("left out: %s", error)
            continue
        first = len(levels)
        used = coverage(thing.mesh.uv, thing.mesh.uv_faces)
        levels += [build_levels(image, used) for image in images]
        pieces += cut_into_pieces(thing, images, first, body)
    skin_faces = (body.layer[body.faces.long()] == SKIN).all(1).numpy()
    uv = body.uv.numpy()[skin_faces]
    used = coverage(uv.reshape(-1, 2), np.arange(3 * len(uv)).reshape(-1, 3))
    images = [makehuman.read_texture(path, SIDE) for path in skins]
    first = len(levels)
    levels += [build_levels(image, used) for image in images]
    corners = body.mean.numpy()[body.faces.numpy()[skin_faces]]
    arrays: dict[str, NDArray] = {
        "texels": np.concatenate(levels) if levels else np.zeros((0, 4), np.uint8),
        "skins": np.arange(first, first + len(skins), dtype=np.int32),
        "skin_sex": np.array([sex_told_by([path.stem.lower()]) for path in skins], np.int32),
        "skin_means": np.array([image[used][:, :3].mean(0) / 255 for image in images], np.float32).reshape(-1, 3),
        "skin_texel_m": np.array(texel_side_m(corners, uv), np.float32),
        "count": np.array(len(pieces)),
    }
    for i, piece in enumerate(pieces):
        for field, value in piece._asdict().items():
            array = np.asarray(value)
            arrays[f"{i}/{field}"] = array.astype(np.float16) if field in ("places", "bone_share") else array
    return arrays


def _unpacked(arrays: dict[str, NDArray]) -> Garments:
    def piece(i: int) -> Piece:
        fields: dict[str, Any] = {name: arrays[f"{i}/{name}"] for name in Piece._fields}
        fields = {k: v.astype(np.float32) if v.dtype == np.float16 else v for k, v in fields.items()}
        fields |= {"name": str(fields["name"]), "role": int(fields["role"]), "sex": int(fields["sex"])}
        return Piece(**fields)

    return Garments(
        pieces=[piece(i) for i in range(int(arrays["count"]))],
        textures=Textures(arrays["texels"]),
        skins=arrays["skins"],
        skin_sex=arrays["skin_sex"],
        skin_means=arrays["skin_means"],
        skin_texel_m=float(arrays["skin_texel_m"]),
    )
