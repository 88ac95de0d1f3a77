"""Garments, shoes, hair and beards of MakeHuman, as pieces that can be recombined and fit the generator's body.

A piece covers the trunk, the legs, or both (a dress). Each vertex is bound to three vertices of the body, with an
offset that rotates with the bones.
"""

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hourlift.synth.body.parametric import Body
from hourlift.synth.body.parts import part_of_bones
from hourlift.synth.clothes import makehuman
from hourlift.synth.clothes.makehuman import Thing
from hourlift.synth.clothes.textures import SIDE
from hourlift.synth.clothes.wardrobe import SKIN, places_of

ROLES = ("top", "bottom", "dress", "shoes", "hat", "hair", "beard", "brows")
TOP, BOTTOM, DRESS, SHOES, HAT, HAIR, BEARD, BROWS = range(len(ROLES))
ANY, FEMALE, MALE = range(3)
"""Sex that an asset was made for."""
_NUM_BONES = 4  # that a vertex' offset turns with
_DM_TO_M = 0.1
# Heights on the base mesh in decimetres that distinguish pieces: trousers end below the first, ...
_BOTTOM_TO, _DRESS_FROM, _SHOES_TO, _HEAD_FROM = 2.6, -2.6, -5.0, 6.8
_COVERED_M = 0.03  # a body vertex this close below a garment is hidden, if its author marks none
_FEW_HIDDEN = 16  # if an author hides fewer vertices, none count as marked


class Piece(NamedTuple):
    """A piece of a thing, V vertices and T triangles; the texture's seams double vertices."""

    name: str
    role: int
    sex: int
    base: NDArray[np.int32]
    """(V, 3) vertices of the body that it is bound to."""
    share: NDArray[np.float32]
    """(V, 3) their weights."""
    offset: NDArray[np.float32]
    """(V, 3) metres from there, +x the person's left, -y front, +z up."""
    bone: NDArray[np.int32]
    """(V, 4) bones that the offset rotates with."""
    bone_share: NDArray[np.float32]
    """(V, 4)."""
    twin: NDArray[np.int32]
    """(V,) first vertex at the same place."""
    places: NDArray[np.float32]
    """(V, 13) wardrobe.places_of: attributes, then length."""
    uv: NDArray[np.float32]
    """(V, 2)."""
    faces: NDArray[np.int32]
    """(T, 3)."""
    part: NDArray[np.uint8]
    """(T,) index into parts.PARTS."""
    hides: NDArray[np.bool_]
    """(Vb,) vertices of the body that the piece covers."""
    measured: NDArray[np.int32]
    """(3, 2) vertices of the body whose distance along each axis the offset scales with."""
    measure: NDArray[np.float32]
    """(3,) that distance on the author's body in metres; NaN for an offset that does not scale."""
    textures: NDArray[np.int32]
    """(N,) indices of its textures."""
    means: NDArray[np.float32]
    """(N, 3) mean colour of the piece in each, in [0, 1]."""
    texel_m: NDArray[np.float32]
    """() metres that a texel of the largest size covers."""


def cut_into_pieces(thing: Thing, images: list[NDArray[np.uint8]], first_texture: int, body: Body) -> list[Piece]:
    """Split an asset into pieces, each with a role."""
    mesh = thing.mesh
    roles = _roles(thing)
    covered = None if len(thing.hides) <= _FEW_HIDDEN else np.unique(body.of_base.numpy()[thing.hides])
    fitted = _fitted(thing, body)
    found = []
    for role in np.unique(roles):
        chosen = (roles[mesh.faces] == role).all(1)
        # Vertices are doubled along the texture's seams.
        pairs, corner = np.unique(
            np.stack([mesh.faces[chosen], mesh.uv_faces[chosen]], -1).reshape(-1, 2), axis=0, return_inverse=True
        )
        vertex, faces = pairs[:, 0], corner.reshape(-1, 3).astype(np.int32)
        _, first, inverse = np.unique(vertex, return_index=True, return_inverse=True)
        at = torch.as_tensor(fitted[vertex], dtype=torch.float32)
        base = body.of_base.numpy()[thing.base[vertex]].astype(np.int32)
        weights = torch.einsum(
            "vi,vik->vk", torch.as_tensor(thing.share[vertex]).float(), body.weights[base.astype(int)]
        )
        weights = weights.clamp(min=0) / weights.clamp(min=0).sum(1, keepdim=True).clamp(min=1e-6)
        most = weights.topk(_NUM_BONES)
        attributes, length = places_of(body, at, body.traits_of(at, weights))
        rest = at.numpy()
        hides = _hidden(body, rest, faces, fitted, roles, role, covered)
        uv = mesh.uv[pairs[:, 1]].astype(np.float32)
        bone = weights[torch.as_tensor(faces.astype(np.int64))].sum(1).argmax(1)
        normals = np.cross(rest[faces[:, 1]] - rest[faces[:, 0]], rest[faces[:, 2]] - rest[faces[:, 0]])
        found.append(
            Piece(
                name=thing.name,
                role=int(role),
                sex=sex_told_by([thing.name.lower(), *thing.tags]),
                base=base,
                share=thing.share[vertex].astype(np.float32),
                offset=(_axes(thing.offset[vertex]) * _DM_TO_M).astype(np.float32),
                bone=most.indices.numpy().astype(np.int32),
                bone_share=(most.values / most.values.sum(1, keepdim=True)).numpy(),
                twin=first[inverse].astype(np.int32),
                places=torch.cat([attributes, length[:, None]], 1).numpy(),
                uv=uv,
                faces=faces,
                part=part_of_bones(body, bone, torch.as_tensor(normals[:, 1] > 0)).numpy(),
                hides=hides,
                measured=body.of_base.numpy()[thing.measured[[0, 2, 1]]].astype(np.int32),
                measure=(thing.measure[[0, 2, 1]] * _DM_TO_M).astype(np.float32),
                textures=np.arange(first_texture, first_texture + len(images), dtype=np.int32),
                means=np.stack([_mean_colour(image, uv, faces) for image in images]),
                texel_m=np.array(texel_side_m(rest[faces], uv[faces]), np.float32),
            )
        )
    return found


def _axes(vectors: NDArray) -> NDArray:
    """Convert MakeHuman's axes (x left, y up, z forward) to x left, -y forward, z up."""
    return np.stack([vectors[:, 0], -vectors[:, 2], vectors[:, 1]], -1)


def _fitted(thing: Thing, body: Body) -> NDArray[np.float64]:
    """(V, 3) its vertices on the mean body, metres."""
    mean = body.mean.numpy().astype(np.float64)
    of_base = body.of_base.numpy()
    pairs = mean[of_base[thing.measured[[0, 2, 1]]]]  # along our axes
    own = np.abs(pairs[:, 0] - pairs[:, 1])[np.arange(3), np.arange(3)]
    scale = np.nan_to_num(own / (thing.measure[[0, 2, 1]] * _DM_TO_M), nan=1.0)
    at = np.einsum("vi,vid->vd", thing.share, mean[of_base[thing.base]])
    return np.asarray(at + _axes(thing.offset) * _DM_TO_M * scale)


def _roles(thing: Thing) -> NDArray[np.int64]:
    """(V,) role of each vertex of its mesh; for clothes, from the heights of its connected parts."""
    height = thing.mesh.vertices[:, 1]
    if thing.group == makehuman.BROWS:
        return np.full(len(height), BROWS)
    if thing.group == makehuman.HAIR:
        beard = any(word in thing.name.lower() for word in ("beard", "moustache", "mustache", "goatee"))
        return np.full(len(height), BEARD if beard else HAIR)
    if height.max() < _SHOES_TO:
        return np.full(len(height), SHOES)
    if height.min() > _HEAD_FROM:
        return np.full(len(height), HAT)
    label = _connected(thing.mesh.faces, len(height))
    low, high = np.full(len(height), np.inf), np.full(len(height), -np.inf)
    np.minimum.at(low, label, height)
    np.maximum.at(high, label, height)
    low, high = low[label], high[label]
    if ((low < _DRESS_FROM) & (high > _BOTTOM_TO + 1)).any():
        return np.full(len(height), DRESS)
    return np.where(high < _BOTTOM_TO, BOTTOM, TOP)


def _connected(faces: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(count,) the lowest vertex connected to each vertex."""
    label = np.arange(count)
    while True:
        lower = label.copy()
        for k in range(3):
            np.minimum.at(lower, faces[:, k], label[faces].min(1))
        lower = lower[lower]
        if (lower == label).all():
            return label
        label = lower


def sex_told_by(words: list[str]) -> int:
    """FEMALE, MALE or ANY, from an asset's name and tags."""
    text = " ".join(words)
    if any(word in text for word in ("female", "dress", "f_", "woman", "skirt", "bikini")):
        return FEMALE
    return MALE if "male" in text or "beard" in text or "moustache" in text else ANY


def _hidden(
    body: Body, rest: NDArray, faces: NDArray, fitted: NDArray, roles: NDArray, role: int, covered: NDArray | None
) -> NDArray[np.bool_]:
    """(Vb,) vertices covered by a piece: those marked by the author and nearest to it, or those close below it."""
    hides = np.zeros(len(body.mean), bool)
    if role not in (TOP, BOTTOM, DRESS, SHOES):
        return hides
    skin = np.flatnonzero((body.layer == SKIN).numpy())
    if covered is not None:
        among = covered[np.isin(covered, skin)]
        hides[among] = roles[_nearest(body.mean.numpy()[among], fitted)] == role
        return hides
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1)
    pairs, count = np.unique(edges, axis=0, return_counts=True)
    rim = np.zeros(len(rest), bool)
    rim[pairs[count == 1].ravel()] = True
    points, normals = body.mean.numpy()[skin], body.rest_normals.numpy()[skin]
    near = _nearest(points, rest)
    apart = rest[near] - points
    above = (apart * normals).sum(1)
    hides[skin] = (np.linalg.norm(apart, axis=1) < _COVERED_M) & (above > 0) & ~rim[near]
    return hides


def _nearest(points: NDArray, among: NDArray) -> NDArray[np.int64]:
    """(N,) which of `among` (M, 3) is nearest to each of points (N, 3)."""
    squares = (among**2).sum(1)
    parts = np.array_split(points, max(1, len(points) // 512))
    return np.concatenate([(squares - 2 * part @ among.T).argmin(1) for part in parts])


def coverage(uv: NDArray, faces: NDArray) -> NDArray[np.bool_]:
    """(SIDE, SIDE) texels that triangles show."""
    used = np.zeros((SIDE, SIDE), np.uint8)
    corners = np.stack([uv[..., 0] % 1.000001, 1 - uv[..., 1] % 1.000001], -1)[faces] * SIDE - 0.5
    for triangle in corners.round().astype(np.int32):
        cv2.fillConvexPoly(used, triangle, 1)
    return used > 0


def _mean_colour(image: NDArray[np.uint8], uv: NDArray, faces: NDArray) -> NDArray[np.float32]:
    """(3,) of the opaque texels that triangles show, in [0, 1]."""
    used = coverage(uv, faces) & (image[..., 3] > 127)
    shown = image[used] if used.any() else image.reshape(-1, 4)
    return np.asarray(shown[:, :3].mean(0) / 255, np.float32)


def texel_side_m(corners: NDArray, uv: NDArray) -> float:
    """Metres that a texel covers, of triangles (T, 3, 3) at places (T, 3, 2) of a texture."""
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1).sum()
    first, second = uv[:, 1].astype(float) - uv[:, 0], uv[:, 2].astype(float) - uv[:, 0]
    shown = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]).sum()
    return float(np.sqrt(area / max(shown, 1e-9)) / SIDE)
