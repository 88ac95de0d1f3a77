"""The people in 3D as a drawn image, to show beside a photo or video: on a floor, seen from the side."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike

from hourlift.arrays import Array, Image
from hourlift.geometry.skeleton import H36M17
from hourlift.geometry.skeleton_style import CENTRE_RGB, COLOURS, INK_RGB, MIN_CONFIDENCE, limb_sides, weight
from hourlift.geometry.world import CAMERA_UP, World
from hourlift.pose import Pose
from hourlift.view.brush import Limb, caption, paint
from hourlift.view.overlay import draw_pose

# The page's view (scene.js) from three quarters, in its light colours.
_YAW, _PITCH, _LENS = -0.55, 0.22, 0.3  # radians; _LENS is half of the opening angle
_PANEL_RGB, _GRID_RGB, _SHADOW_RGB = (251, 251, 250), (185, 188, 192), (206, 207, 207)
_GRID_MM, _SOLE_MM, _SLOT_MM = 500.0, 70.0, 1300.0
_LIMB_MM, _HEAD_MM = 27.0, 92.0
_PERSON_REACH_MM, _PERSON_TALL_MM = 750.0, 1900.0  # space that a standing person needs, arms out or up
_SETTLE = 0.3  # weight of a new frame in floor and centre, so that one wrong ankle does not move them
_SIDES = limb_sides()
_NOSE, _HEAD = H36M17.indices("nose", "head")


class _Seen(NamedTuple):
    """Points on the canvas: (..., 2) pixels, (...) pixels per millimetre, (...) millimetres from the eye."""

    px: Array
    scale: Array
    depth: Array


class SpaceView:
    """A 3D view of the same people through a video; it only zooms out, so that the scale is steady.

    One person is in the middle of the floor, with the feet on it. Several people are at their estimated positions if
    these are known for all, otherwise in a row.

    Args:
        size_wh: width and height of the drawn images.
        world: pose of the camera, so that people stand upright; None assumes a level camera.
    """

    def __init__(self, size_wh: tuple[int, int], world: World | None = None) -> None:
        self._size_wh = size_wh
        self._rotation = (world or World.from_up(CAMERA_UP, 0.0, "default")).rotation
        self._reach_mm = _PERSON_REACH_MM
        self._floor = self._draw_floor()
        self._settled: dict[object, Array] = {}

    def draw(self, people: Sequence[Pose]) -> Image:
        """The people of the next frame as an (H, W, 3) uint8 image; NaN joints are omitted."""
        people = [person for person in people if np.isfinite(person.joints_3d_mm).any()]
        bodies = self._stand(people)
        self._make_room(bodies)
        canvas = self._floor.copy()
        for body in bodies:
            self._draw_shadow(canvas, body)
        parts = [part for person, body in zip(people, bodies, strict=True) for part in self._parts(person, body)]
        for _, limb in sorted(parts, key=lambda part: -part[0]):
            paint(canvas, limb)
        if len(people) > 1:
            for person, body in zip(people, bodies, strict=True):
                top = self._see(body[np.nanargmax(body[:, 2])] + [0, 0, 200]).px
                self._write(canvas, str(person.person_id), top)
        if not people:
            self._write(canvas, "no person found", np.array(self._size_wh) / 2)
        return canvas

    def _write(self, canvas: Image, text: str, at_px: Array) -> None:
        x, y = at_px.tolist()
        caption(canvas, text, (x, y), max(self._size_wh[1] / 30, 9), INK_RGB, _PANEL_RGB, "centre")

    def _stand(self, people: Sequence[Pose]) -> list[Array]:
        """Every person's joints (17, 3) in an upright frame whose floor is z = 0, millimetres."""
        bodies = [person.joints_3d_mm.astype(np.float64) @ self._rotation.T for person in people]
        roots = [person.root_cam_mm.astype(np.float64) @ self._rotation.T for person in people]
        if len(people) > 1 and np.isfinite(roots).all():
            bodies = [body + root for body, root in zip(bodies, roots, strict=True)]
            middle = np.append(np.mean(roots, axis=0)[:2], min(np.nanmin(body[:, 2]) for body in bodies) - _SOLE_MM)
            middle = self._settle("places", middle)
            return [body - middle for body in bodies]
        standing = []
        for slot, (person, body) in enumerate(zip(people, bodies, strict=True)):
            aside = (slot - (len(people) - 1) / 2) * _SLOT_MM
            lift = self._settle(person.person_id, np.array([0, 0, _SOLE_MM - np.nanmin(body[:, 2])]))
            standing.append(body + lift + [aside, 0, 0])
        return standing

    def _settle(self, what: object, now: Array) -> Array:
        """Update a running average."""
        before = self._settled.get(what, now)
        self._settled[what] = before + _SETTLE * (now - before)
        return self._settled[what]

    def _make_room(self, bodies: Sequence[Array]) -> None:
        """Move the viewpoint back if a person is outside the view, in steps of half a metre."""
        if len(bodies) > 1:
            needed = max(float(np.nanmax(np.hypot(body[:, 0], body[:, 1]))) for body in bodies)
            needed = min(math.ceil(needed / _GRID_MM) * _GRID_MM, 10_000.0)
            if needed > self._reach_mm:
                self._reach_mm = needed
                self._floor = self._draw_floor()

    def _see(self, points: ArrayLike) -> _Seen:
        """Project points (..., 3) of the upright frame."""
        points = np.asarray(points, dtype=np.float64)
        width, height = self._size_wh
        tall = _PERSON_TALL_MM / 2 + 0.15 * self._reach_mm
        distance = 0.6 * self._reach_mm + 0.95 * max(tall, self._reach_mm * height / width) / math.tan(_LENS)
        x, y, z = np.moveaxis(points - [0, 0, _PERSON_TALL_MM / 2], -1, 0)
        right = x * math.cos(_YAW) - y * math.sin(_YAW)
        back = -y * math.cos(_YAW) - x * math.sin(_YAW)
        rise = z * math.cos(_PITCH) - back * math.sin(_PITCH)
        depth = np.maximum(distance - z * math.sin(_PITCH) - back * math.cos(_PITCH), 1.0)
        scale = height / 2 / math.tan(_LENS) / depth
        return _Seen(np.stack([width / 2 + right * scale, height / 2 - rise * scale], axis=-1), scale, depth)

    def _draw_floor(self) -> Image:
        """The empty floor: a half-metre grid that fades with distance from the centre."""
        width, height = self._size_wh
        canvas: Image = np.full((height, width, 3), _PANEL_RGB, np.uint8)
        cells = max(math.ceil((self._reach_mm + 1000) / _GRID_MM) + 2, 5)
        for i in range(-cells, cells + 1):
            for j in range(-cells, cells):
                share = 0.85 * (1 - math.hypot(i, j + 0.5) / cells)
                colour = [round(p + (g - p) * share) for p, g in zip(_PANEL_RGB, _GRID_RGB, strict=True)]
                for ends in ([(i, j), (i, j + 1)], [(j, i), (j + 1, i)]):
                    if share > 0:
                        corners = np.array([(x * _GRID_MM, y * _GRID_MM, 0.0) for x, y in ends])
                        _line(canvas, self._see(corners).px, colour, 1)
        return canvas

    def _draw_shadow(self, canvas: Image, body: Array) -> None:
        """The skeleton projected onto the floor."""
        seen = self._see(body * [1, 1, 0])
        thick = max(round(2 * _LIMB_MM * float(np.nanmean(seen.scale))), 1)
        for parent, child in H36M17.edges:
            _line(canvas, seen.px[[parent, child]], _SHADOW_RGB, thick)

    def _parts(self, person: Pose, body: Array) -> list[tuple[float, Limb]]:
        """Limbs and head with their distances from the eye."""
        seen = self._see(body)
        strength = np.maximum(weight(person.confidence, MIN_CONFIDENCE), 0.25)
        parts = []
        for parent, child in H36M17.edges:
            if child == _HEAD or not np.isfinite(body[[parent, child]]).all():
                continue
            sure = float(min(strength[parent], strength[child]))
            radius = max(_LIMB_MM * (0.5 + 0.5 * sure) * float(seen.scale[[parent, child]].mean()), 1.0)
            colour = COLOURS[_SIDES[child]]
            limb = Limb(seen.px[parent], seen.px[child], radius, max(0.28 * radius, 0.7), colour, sure)
            parts.append((float(seen.depth[[parent, child]].mean()), limb))
        ball = self._see(body[[_NOSE, _HEAD]].mean(axis=0))
        if np.isfinite(ball.px).all():
            radius, sure = _HEAD_MM * float(ball.scale), float(min(strength[_NOSE], strength[_HEAD]))
            parts.append((float(ball.depth), Limb(ball.px, ball.px, radius, max(0.1 * radius, 0.7), CENTRE_RGB, sure)))
        return parts


class SideBySide:
    """A video's images with the people drawn on them, and the 3D view beside them.

    Args:
        image_wh: width and height of the video's images.
        world: as `SpaceView`.
    """

    def __init__(self, image_wh: tuple[int, int], world: World | None = None) -> None:
        width, height = image_wh
        beside = max(round(0.5 * height), min(round(0.9 * height), width), 1)
        self._view = SpaceView((beside, height), world)
        self.size_wh = (width + beside, height)

    def draw(self, image_rgb: Image, people: Sequence[Pose]) -> Image:
        """The next frame: (H, W + W', 3) uint8.

        Args:
            image_rgb: (H, W, 3) uint8, of the size ``image_wh``.
            people: the people to draw.
        """
        both: Image = np.hstack([draw_pose(image_rgb, people), self._view.draw(people)])
        return both


def _line(canvas: Image, ends_px: Array, colour: Sequence[int], thick: int) -> None:
    """A line with subpixel ends; nothing if an end is unknown or overflows OpenCV's fixed point."""
    if (np.abs(ends_px) < 30_000).all():
        start, end = (tuple(point) for point in np.round(ends_px * 16).astype(int).tolist())
        cv2.line(canvas, start, end, tuple(colour), thick, cv2.LINE_AA, 4)
