"""Meshes of garments: fitted to the bodies, posed, and drawn into the z-buffer beside them.

Each person wears different pieces, so the batch is one list of vertices and triangles, person after person.
"""

import math
from dataclasses import dataclass

import numba
import numpy as np
import torch
from torch import Tensor

from hourlift.synth.body.parametric import Body, PosedBodies
from hourlift.synth.clothes.dressing import Dressing
from hourlift.synth.clothes.garments import Garments, Table
from hourlift.synth.clothes.pieces import BOTTOM, DRESS, SHOES, TOP
from hourlift.synth.clothes.textures import LEVELS, PER_TEXTURE, SIDE, level_start
from hourlift.synth.render.rasterise import DEPTH_STEPS, INDEX_BITS

_CUT_MARGIN = 0.12  # additional skin drawn beyond the end of sleeves and legs
_ALPHA = 110  # texels with less are transparent


@dataclass(frozen=True)
class WornMesh:
    """W pieces on people, person after person; N vertices and M triangles.

    Attributes:
        vertices: (1, 3, N) world; so are normals.
        normals: (1, 3, N).
        faces: (3, M) int64 vertices.
        first_face: (B + 1,) index of each person's first triangle; first_vertex is the same for vertices.
        first_vertex: (B + 1,).
        worn: (M,) which of the W pieces each triangle belongs to.
        source: (N,) index of each vertex in the table of all pieces.
        cut: (N,) above 0 where the piece is cut off.
        part: (M,) uint8 index into parts.PARTS.
        person: (W,); slot: (W,) place in the dressing.
        slot: (W,).
    """

    vertices: Tensor
    normals: Tensor
    faces: Tensor
    first_face: Tensor
    first_vertex: Tensor
    worn: Tensor
    source: Tensor
    cut: Tensor
    part: Tensor
    person: Tensor
    slot: Tensor


def hidden(dressing: Dressing, garments: Garments, body: Body) -> Tensor:
    """(B, Vb) vertices of the bodies that clothes cover."""
    pieces = garments.table
    covered = torch.zeros(len(dressing.piece), len(body.mean), dtype=torch.bool)
    arm, leg = body.traits.arm, body.traits.leg
    bare = (arm > dressing.sleeve[:, None] - _CUT_MARGIN) | (leg > dressing.leg[:, None] - _CUT_MARGIN)
    for slot in range(dressing.piece.shape[1]):
        piece = dressing.piece[:, slot]
        role = pieces.role[piece.clamp(min=0)]
        here = (piece >= 0)[:, None] & pieces.hides[piece.clamp(min=0)]
        covered |= here & ((role == SHOES)[:, None] | ~bare)
    return covered


def fit(people: PosedBodies, dressing: Dressing, garments: Garments, body: Body) -> WornMesh:
    """Fit garments to the bodies of people."""
    pieces = garments.table
    person, slot = (dressing.piece >= 0).nonzero().unbind(1)
    piece = dressing.piece[person, slot]
    counts = torch.from_numpy(np.diff(pieces.first_vertex))[piece]
    first = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    face_counts = torch.from_numpy(np.diff(pieces.first_face))[piece]
    first_face = torch.cat([face_counts.new_zeros(1), face_counts.cumsum(0)])
    total, faces_total = int(first[-1]), int(first_face[-1])
    vertices, normals = torch.zeros(3, total), torch.zeros(3, total)
    faces, source = torch.empty(3, faces_total, dtype=torch.int64), torch.empty(total, dtype=torch.int64)
    worn, source_face = torch.empty(2, faces_total, dtype=torch.int64)
    role = pieces.role[piece]
    cloth = (role == TOP) | (role == BOTTOM) | (role == DRESS)
    sleeve = torch.where(cloth & (role != BOTTOM), dressing.sleeve[person], math.inf)
    leg = torch.where(cloth & (role != TOP), dressing.leg[person], math.inf)
    _fit(
        people.vertices.mT.contiguous().numpy(), people.turns.contiguous().numpy(),
        pieces.base, pieces.share, pieces.offset, pieces.bone, pieces.bone_share, pieces.twin, pieces.faces,
        pieces.first_vertex, pieces.first_face, person.numpy(), piece.numpy(), first.numpy(), first_face.numpy(),
        _scales(people, piece, person, pieces, body).numpy(), dressing.lift[person, slot].contiguous().numpy(),
        vertices.numpy(), normals.numpy(), faces.numpy(), source.numpy(), worn.numpy(), source_face.numpy(),
    )  # fmt: skip
    of_vertex = torch.repeat_interleave(counts)
    cut = torch.maximum(pieces.places[3, source] - sleeve[of_vertex], pieces.places[4, source] - leg[of_vertex])
    starts = torch.searchsorted(person, torch.arange(len(dressing.piece) + 1))
    return WornMesh(
        vertices=vertices[None],
        normals=normals[None],
        faces=faces,
        first_face=first_face[starts],
        first_vertex=first[starts],
        worn=worn,
        source=source,
        cut=cut,
        part=pieces.part[source_face],
        person=person,
        slot=slot,
    )


def _scales(people: PosedBodies, piece: Tensor, person: Tensor, pieces: Table, body: Body) -> Tensor:
    """(W, 3) growth of offsets with the person, along each axis at rest."""
    pairs = pieces.measured[piece]  # (W, 3, 2)
    axis = torch.arange(3)
    apart = body.mean[pairs[..., 0], axis] - body.mean[pairs[..., 1], axis]
    components = body.components[:, pairs[..., 0], axis] - body.components[:, pairs[..., 1], axis]  # (C, W, 3)
    apart = apart + torch.einsum("wc,cwd->wd", people.shapes[person], components)
    return (apart.abs() / pieces.measure[piece]).nan_to_num(1.0).clamp(0.5, 2.0)


@numba.njit(parallel=True, cache=True, nogil=True)
def _fit(  # type: ignore[no-untyped-def]
    posed, turns, base, share, offset, bone, bone_share, twin, table_faces, table_vertex, table_face, person, piece,
    first, first_face, scale, lift, vertices, normals, faces, source, worn, source_face,
):  # fmt: skip
    for w in numba.prange(len(piece)):
        b, start, begin = person[w], first[w], table_vertex[piece[w]]
        count = first[w + 1] - start
        for j in range(count):
            g, at = begin + j, start + j
            source[at] = g
            ox, oy, oz = offset[g, 0] * scale[w, 0], offset[g, 1] * scale[w, 1], offset[g, 2] * scale[w, 2]
            for c in range(3):
                value = 0.0
                for k in range(3):
                    value += share[g, k] * posed[b, c, base[g, k]]
                for k in range(bone.shape[1]):
                    r = turns[b, bone[g, k]]
                    value += bone_share[g, k] * (r[c, 0] * ox + r[c, 1] * oy + r[c, 2] * oz)
                vertices[c, at] = value
        face_start, face_begin = first_face[w], table_face[piece[w]]
        for j in range(first_face[w + 1] - face_start):
            t = face_start + j
            worn[t] = w
            source_face[t] = face_begin + j
            for k in range(3):
                faces[k, t] = start + table_faces[face_begin + j, k]
            p, q, s = faces[0, t], faces[1, t], faces[2, t]
            ax, ay, az = (
                vertices[0, q] - vertices[0, p],
                vertices[1, q] - vertices[1, p],
                vertices[2, q] - vertices[2, p],
            )
            bx, by, bz = (
                vertices[0, s] - vertices[0, p],
                vertices[1, s] - vertices[1, p],
                vertices[2, s] - vertices[2, p],
            )
            nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
            for k in range(3):
                at = start + twin[begin + faces[k, t] - start]
                normals[0, at] += nx
                normals[1, at] += ny
                normals[2, at] += nz
        for j in range(count):
            at, other = start + j, start + twin[begin + j]
            length = math.sqrt(normals[0, other] ** 2 + normals[1, other] ** 2 + normals[2, other] ** 2) + 1e-12
            if other == at:
                for c in range(3):
                    normals[c, at] /= length
            else:
                for c in range(3):
                    normals[c, at] = normals[c, other]
        for j in range(count):
            for c in range(3):
                vertices[c, start + j] += lift[w] * normals[c, start + j]


def rasterise_worn(
    screen: Tensor, mesh: WornMesh, dressing: Dressing, garments: Garments, buffer: Tensor, first_index: int
) -> None:
    """Draw garments into a z-buffer (B, S, S) of `rasterise`, in place.

    Args:
        screen: (N, 3) the vertices, as for `rasterise`.
        mesh: Mesh of the batch.
        dressing: Garments of the batch.
        garments: Garments with the textures that define transparent parts.
        buffer: Buffer with the bodies.
        first_index: Index of the first triangle.
    """
    pieces = garments.table
    texture = dressing.texture[mesh.person, mesh.slot]
    _draw_worn(
        screen.contiguous().numpy(), mesh.faces.numpy(), mesh.first_face.numpy(), mesh.worn.numpy(),
        texture.numpy(), pieces.holed, garments.textures.texels, pieces.uv.numpy(), mesh.source.numpy(),
        mesh.cut.contiguous().numpy(), first_index, buffer.numpy(),
    )  # fmt: skip


@numba.njit(parallel=True, cache=True, nogil=True)
def _draw_worn(  # type: ignore[no-untyped-def]
    screen, faces, first_face, worn, texture, holed, texels, uv, source, cut, first_index, buffer
):  # fmt: skip
    size = buffer.shape[1]
    for b in numba.prange(buffer.shape[0]):
        for t in range(first_face[b], first_face[b + 1]):
            p, q, r = faces[0, t], faces[1, t], faces[2, t]
            ax, ay, az = screen[p, 0], screen[p, 1], screen[p, 2]
            bx, by, bz = screen[q, 0], screen[q, 1], screen[q, 2]
            cx, cy, cz = screen[r, 0], screen[r, 1], screen[r, 2]
            if az <= 0.0 or bz <= 0.0 or cz <= 0.0:
                continue
            if cut[p] > 0.0 and cut[q] > 0.0 and cut[r] > 0.0:
                continue
            left = max(int(math.ceil(min(ax, bx, cx))), 0)
            right = min(int(math.floor(max(ax, bx, cx))), size - 1)
            top = max(int(math.ceil(min(ay, by, cy))), 0)
            bottom = min(int(math.floor(max(ay, by, cy))), size - 1)
            if left > right or top > bottom:
                continue
            area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            if area == 0.0:
                continue
            inverse = 1.0 / area
            image = texture[worn[t]]
            tested = holed[image]
            level = 0
            pu, pv, qu, qv, ru, rv = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            if tested:
                i, j, k = source[p], source[q], source[r]
                pu, pv, qu, qv, ru, rv = uv[0, i], uv[1, i], uv[0, j], uv[1, j], uv[0, k], uv[1, k]
                shown = abs((qu - pu) * (rv - pv) - (qv - pv) * (ru - pu)) * SIDE * SIDE
                level = min(max(int(0.5 * math.log2(max(shown / max(abs(area), 1e-6), 1.0)) + 0.5), 0), LEVELS - 2)
            side = SIDE >> level
            start = image * PER_TEXTURE + level_start(level)
            sliced = cut[p] > 0.0 or cut[q] > 0.0 or cut[r] > 0.0
            for y in range(top, bottom + 1):
                for x in range(left, right + 1):
                    u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * inverse
                    v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) * inverse
                    w = 1.0 - u - v
                    if u < 0.0 or v < 0.0 or w < 0.0:
                        continue
                    u, v, w = u * az, v * bz, w * cz
                    nearness = u + v + w
                    if nearness > 1.0:
                        continue
                    key = (np.int64((1.0 - nearness) * DEPTH_STEPS) << INDEX_BITS) | (first_index + t)
                    if key >= buffer[b, y, x]:
                        continue
                    if sliced and u * cut[p] + v * cut[q] + w * cut[r] > 0.0:
                        continue
                    if tested:
                        tu = (u * pu + v * qu + w * ru) / nearness
                        tv = (u * pv + v * qv + w * rv) / nearness
                        column = min(int((tu - math.floor(tu)) * side), side - 1)
                        row = min(int((1.0 - (tv - math.floor(tv))) * side), side - 1)
                        if texels[start + row * side + column, 3] < _ALPHA:
                            continue
                    buffer[b, y, x] = key
