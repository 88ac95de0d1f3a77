"""Shading of garments: their textures, dyed or painted over, under the light of the scene."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from hourlift.synth.body.parametric import Body, PosedBodies
from hourlift.synth.camera.views import NEAREST_M, Views
from hourlift.synth.clothes import cloth
from hourlift.synth.clothes.dressing import SLOTS, Dressing, relief
from hourlift.synth.clothes.garments import Garments
from hourlift.synth.clothes.outfit import Outfit
from hourlift.synth.clothes.paint import spread
from hourlift.synth.clothes.pieces import BOTTOM, BROWS, DRESS, HAIR, SHOES, TOP
from hourlift.synth.core.planar import at_corner, blend, dot, image_of, pixel_of, taken, unit
from hourlift.synth.core.planar import replace as put_at
from hourlift.synth.render.hits import Hits
from hourlift.synth.render.light import Light
from hourlift.synth.render.lighting import light_points
from hourlift.synth.render.shadow import interpolation
from hourlift.synth.render.worn import WornMesh, fit, hidden, rasterise_worn

_GLOSS = {SHOES: 0.1, HAIR: 0.12}
_FOLDED = (TOP, BOTTOM, DRESS)


@dataclass(frozen=True)
class Dressed:
    """Garments of a batch of people, as seen by their cameras.

    Attributes:
        mesh: Mesh of all pieces.
        screen: (1, 3, N) its vertices in rasteriser coordinates.
        covered: (B, Vb) vertices of the bodies that clothes cover.
        dressing: Garments of the people.
        garments: What it is made of.
    """

    mesh: WornMesh
    screen: Tensor
    covered: Tensor
    dressing: Dressing
    garments: Garments

    @classmethod
    def fit(
        cls,
        people: PosedBodies,
        dressing: Dressing,
        garments: Garments,
        body: Body,
        views: Views,
        present: Tensor | None,
    ) -> Self:
        """Fit the garments; people who are not `present` (B,) get none."""
        if present is not None:
            dressing = replace(dressing, piece=torch.where(present[:, None], dressing.piece, -1))
        mesh = fit(people, dressing, garments, body)
        count = len(dressing.piece)
        screens = []
        for person in range(count):
            some = mesh.vertices[:, :, mesh.first_vertex[person] : mesh.first_vertex[person + 1]]
            screens.append(views.map(lambda value, i=person: value[i : i + 1]).screen(some.mT).mT)  # type: ignore[misc]
        return cls(mesh, torch.cat(screens, 2), hidden(dressing, garments, body), dressing, garments)

    def adder(self, first_index: int) -> Callable[[Tensor], None]:
        """Draw the garments into a z-buffer of `rasterise`, with indices from `first_index` on."""
        screen = self.screen[0].T.contiguous()

        def add(buffer: Tensor) -> None:
            rasterise_worn(screen, self.mesh, self.dressing, self.garments, buffer, first_index)

        return add

    def hits(self, triangle: Tensor, first_index: int, depth: Tensor) -> Hits:
        """The pixels of `triangle` (B, S, S) that show garments; writes their depth into `depth` (B, S, S)."""
        size, flat = triangle.shape[-1], triangle.flatten()
        index = (flat >= first_index).nonzero()[:, 0]
        image, hit = image_of(index, len(triangle), size), flat.index_select(0, index) - first_index
        corner = taken(self.mesh.faces, hit)
        weights, nearness = interpolation(self.screen, corner, *pixel_of(index, image, size))
        seen_at = NEAREST_M / nearness
        depth.view(-1).index_copy_(0, index, seen_at)
        return Hits(index, image, hit, corner, weights, seen_at)

    def colour(
        self, hits: Hits, outfit: Outfit, views: Views, light: Light, bank: Tensor, lamp_share: Tensor
    ) -> Tensor:
        """Display colours (3, N) of hits on garments."""
        mesh, person, dressing, pieces = self.mesh, hits.image, self.dressing, self.garments.table
        worn = taken(mesh.worn, hits.triangle)
        slot, piece = mesh.slot[worn], dressing.piece[mesh.person, mesh.slot][worn]
        role = pieces.role[piece]
        normal = unit(blend(mesh.normals, hits.corner, hits.weights))
        toward = unit(spread(views.eye.T, person) - at_corner(mesh.vertices, hits.corner[0]))
        normal *= 1 - 2 * (dot(normal, toward) < 0).float()
        source = mesh.source[hits.corner]
        u, v = blend(pieces.uv[None], source, hits.weights)
        pixel_m = hits.depth / taken(views.focal, person)
        place = person * len(SLOTS) + slot
        texture = dressing.texture.flatten()[place]
        colour = self.garments.textures.colours(texture, u, v, (pixel_m / pieces.texel_m[piece]).log2())
        light_dark = relief(colour, dressing.level.flatten()[place])
        dyed, tint = dressing.dyed.flatten()[place], taken(dressing.tint.flatten(0, 1).T.contiguous(), place)
        colour = torch.lerp(colour, light_dark.expand(3, -1), dyed).mul_(tint)
        columns, lengthwise = self._places(hits, source)
        is_top = ((role == TOP) | (role == DRESS)).float()
        painted = dressing.painted.flatten()[place].nonzero()[:, 0]
        if len(painted):
            at = cloth.Place(taken(columns, painted), taken(is_top, painted))
            over = cloth.cloth_colour(outfit, taken(person, painted), at, bank).mul_(taken(light_dark, painted))
            put_at(colour, painted, over)
        folded = (is_top + (role == BOTTOM)).nonzero()[:, 0]
        if len(folded):
            at = cloth.Place(taken(columns, folded), taken(is_top, folded))
            bent = cloth.bend(outfit, taken(person, folded), at, taken(normal, folded), taken(lengthwise, folded))
            put_at(normal, folded, bent)
        gloss = torch.full_like(u, 0.03)
        for kind, strength in _GLOSS.items():
            gloss = torch.where(role == kind, strength, gloss)
        return light_points(
            colour.clamp_(0, 1), normal, toward, light, person, gloss, lamp_share, torch.where(role == BROWS, 0.3, 0.0)
        )

    def skin(self, hits: Hits, body: Body, views: Views) -> Tensor:
        """Colours (3, N) of the skins' textures at hits on bodies; NaN for people whose skin is painted."""
        garments, person = self.garments, hits.image
        texture = self.dressing.skin[person]
        corners = body.uv[hits.triangle]  # (N, 3, 2)
        u, v = torch.einsum("nkc,kn->cn", corners, hits.weights)
        level = (hits.depth / taken(views.focal, person) / garments.skin_texel_m).log2()
        colour = garments.textures.colours(texture.clamp(min=0), u, v, level)
        colour.mul_(spread(self.dressing.skin_tint.T, person))
        return torch.where(texture >= 0, colour, torch.nan)

    def _places(self, hits: Hits, source: Tensor) -> tuple[Tensor, Tensor]:
        """Columns (9, N) of cloth.Place, and unit vectors (3, N) along trunk or limb in the world."""
        at = blend(self.garments.table.places[None], source, hits.weights)
        forward, outward, radius, shift, along = at[7:12]
        around = torch.atan2(outward, forward).mul_(radius).add_(shift)
        columns = torch.stack([*at[:5], forward, outward, around, along])
        rise = self.garments.table.places[12][source]
        a, b, c = (at_corner(self.mesh.vertices, place) for place in hits.corner)
        return columns, cloth.uphill(a, b, c, rise)
