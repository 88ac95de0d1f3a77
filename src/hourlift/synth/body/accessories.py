"""Accessories that people wear or carry, as extra vertices of the body's mesh: hats, glasses, bags, tied hair.

Each is a small closed or open mesh built by code around the mean body at rest (metres, +x the person's left, -y front,
+z up). Each of its vertices copies the shape components and skinning weights of a skin vertex, its anchor, and so
follows any body in any pose. `wardrobe.wear` decides which people have which accessories.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FIRST_ACCESSORY = 5  # lower layers are those of the body: body_cache.LAYER_OF_GROUP
ACCESSORIES = (
    "cap",
    "beanie",
    "wide_hat",
    "helmet",
    "bun",
    "ponytail",
    "glasses",
    "lenses",
    "scarf",
    "hood",
    "backpack",
    "shoulder_bag",
    "belt_bag",
)
"""Names of the accessories; the layer of the i-th is FIRST_ACCESSORY + i."""

_SKIN, _EYE = 0, 1
_BRIM_DROP_M = 0.012


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A mesh: vertices (N, 3), faces (T, 3), outward when counterclockwise; one anchor for all, or the nearest each."""

    vertices: np.ndarray
    faces: np.ndarray
    rigid: bool = False


@dataclass(frozen=True, kw_only=True)
class _Figure:
    """Parts of the mean body that accessories are fitted to: skin vertices (S, 3) and a few positions."""

    skin: np.ndarray
    eyes: np.ndarray  # (3,), between the eyes, on their front
    eye_x: float
    crown_z: float
    nose: np.ndarray
    sole_z: float

    def height(self, share: float) -> float:
        """Height at a share of the way from the soles to the eyes."""
        return self.sole_z + share * (float(self.eyes[2]) - self.sole_z)

    def surface_y(self, x: float, z: float, side: int) -> float:
        """Y of the trunk's surface near (x, z): its front for side -1, its back for 1."""
        near = (np.abs(self.skin[:, 0] - x) < 0.03) & (np.abs(self.skin[:, 2] - z) < 0.03)
        return float(side * (side * self.skin[near, 1]).max())


def with_accessories(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of `body_cache.build_body_arrays` with the accessories' vertices and triangles appended."""
    skin = np.flatnonzero(arrays["layer"] == _SKIN)
    figure = _figure(arrays)
    anchors, meshes, faces, layers = [], [], [], []
    count = len(arrays["mean"])
    for code, name in enumerate(ACCESSORIES, FIRST_ACCESSORY):
        part = _PARTS[name](figure)
        near = part.vertices.mean(0, keepdims=True) if part.rigid else part.vertices
        distance = (figure.skin**2).sum(1) - 2 * near @ figure.skin.T  # squared, without the terms common to all
        anchors.append(np.broadcast_to(skin[distance.argmin(1)], len(part.vertices)))
        meshes.append(part.vertices)
        faces.append(part.faces + count)
        layers.append(np.full(len(part.vertices), code))
        count += len(part.vertices)
    anchor = np.concatenate(anchors)

    def appended(name: str, more: np.ndarray, axis: int = 0) -> np.ndarray:
        return np.concatenate([arrays[name], more.astype(arrays[name].dtype)], axis)

    return {
        **arrays,
        "mean": appended("mean", np.concatenate(meshes)),
        "components": appended("components", arrays["components"][:, anchor], 1),
        "weights": appended("weights", arrays["weights"][anchor]),
        "faces": appended("faces", np.concatenate(faces)),
        "layer": appended("layer", np.concatenate(layers)),
        "uv": appended("uv", np.zeros((sum(map(len, faces)), 3, 2))),
    }


def _figure(arrays: dict[str, np.ndarray]) -> _Figure:
    mean = arrays["mean"].astype(np.float64)
    skin, eyes = mean[arrays["layer"] == _SKIN], mean[arrays["layer"] == _EYE]
    crown, nose = arrays["landmarks"].tolist()[:2]
    return _Figure(
        skin=skin,
        eyes=np.array([0.0, eyes[:, 1].min(), (eyes[:, 2].min() + eyes[:, 2].max()) / 2]),
        eye_x=float((np.abs(eyes[:, 0]).min() + np.abs(eyes[:, 0]).max()) / 2),
        crown_z=float(mean[crown, 2]),
        nose=mean[nose],
        sole_z=float(skin[:, 2].min()),
    )


def _grid_faces(rings: int, around: int, closed: bool = True) -> np.ndarray:
    """Triangles of a grid of vertices (rings, around); `closed` joins the last column to the first."""
    row, column = np.mgrid[: rings - 1, : around if closed else around - 1]
    a, b = row * around + column, row * around + (column + 1) % around
    quads = np.stack([a, b, b + around, a + around], -1).reshape(-1, 4)
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _joined(*parts: _Part) -> _Part:
    offsets = np.cumsum([0] + [len(part.vertices) for part in parts])
    return _Part(
        vertices=np.concatenate([part.vertices for part in parts]),
        faces=np.concatenate([part.faces + offset for part, offset in zip(parts, offsets[:-1], strict=True)]),
        rigid=parts[0].rigid,
    )


def _blob(centre: tuple[float, float, float], half: tuple[float, float, float], boxy: float = 0.5) -> _Part:
    """A superellipsoid: boxy 1 is an ellipsoid, towards 0 a box."""
    up, turn = np.linspace(-np.pi / 2, np.pi / 2, 9)[:, None], np.linspace(0, 2 * np.pi, 14, endpoint=False)

    def power(value: np.ndarray) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** boxy

    unit = [power(np.cos(up)) * power(np.cos(turn)), power(np.cos(up)) * power(np.sin(turn)), power(np.sin(up))]
    vertices = np.stack([np.broadcast_to(axis, (9, 14)) for axis in unit], -1).reshape(-1, 3)
    return _Part(vertices=vertices * half + centre, faces=_grid_faces(9, 14), rigid=True)


def _tube(path: np.ndarray, radius: np.ndarray, around: int = 8) -> _Part:
    """A tube of radii (N,) about a path (N, 3)."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along, [0.28, 0.45, 0.85])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    turn = np.linspace(0, 2 * np.pi, around, endpoint=False)[:, None]
    ring = side[:, None] * np.cos(turn) + np.cross(along, side)[:, None] * np.sin(turn)
    return _Part(
        vertices=(path[:, None] + radius[:, None, None] * ring).reshape(-1, 3), faces=_grid_faces(len(path), around)
    )


def _skull(figure: _Figure, z: float, around: int) -> np.ndarray:
    """Outline (around, 2) of the head at a height, counterclockwise from +x."""
    turn = np.linspace(0, 2 * np.pi, around, endpoint=False)
    unit = np.stack([np.cos(turn), np.sin(turn)], 1)
    near = figure.skin[np.abs(figure.skin[:, 2] - z) < 0.012, :2]
    middle = np.array([0.0, (near[:, 1].min() + near[:, 1].max()) / 2])
    half = (near.max(0) - near.min(0)) / 2
    return middle + unit * half


def _dome(figure: _Figure, low: float, offset: float, tall: float, tilt: float = 0.0, around: int = 20) -> _Part:
    """A cap of the skull from `low` below the crown up to `tall` above it; tilt: how much lower its back is."""
    rings, outline = [], _skull(figure, figure.crown_z - 0.075, around)
    middle = outline.mean(0)
    back = (outline[:, 1] - outline[:, 1].min()) / np.ptp(outline[:, 1])
    for share in (0.0, 0.12, 0.35, 0.6, 0.8, 0.93, 1.0):
        radius = np.sqrt(max(1 - share**2.8, 0.0004))
        ring = middle + (outline - middle) * radius * (1 + offset / np.linalg.norm(outline - middle, axis=1).mean())
        z = figure.crown_z - low + share * (low + tall) - tilt * back * (1 - share)
        rings.append(np.column_stack([ring, np.broadcast_to(z, around)]))
    return _Part(vertices=np.concatenate(rings), faces=_grid_faces(7, around))


def _brim(dome: _Part, width: Callable[[np.ndarray], np.ndarray], around: int = 20) -> _Part:
    """A brim of the given width at each angle (from +x, counterclockwise) round the rim of a dome."""
    rim = dome.vertices[:around]
    away = rim[:, :2] - rim[:, :2].mean(0)
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    reach = width(np.arctan2(away[:, 1], away[:, 0]))[:, None]
    drop = -_BRIM_DROP_M * (reach > 0.02)
    outer = np.concatenate([rim[:, :2] + away * reach, rim[:, 2:] + drop], 1)
    return _Part(vertices=np.concatenate([outer, rim + [0, 0, 0.004]]), faces=_grid_faces(2, around))


def _cap(figure: _Figure) -> _Part:
    dome = _dome(figure, 0.062, 0.012, 0.016, tilt=0.02)
    return _joined(dome, _brim(dome, lambda turn: 0.08 * np.clip(-4 * np.sin(turn) - 2.6, 0, 1) ** 0.5))


def _wide_hat(figure: _Figure) -> _Part:
    dome = _dome(figure, 0.062, 0.012, 0.04)
    return _joined(dome, _brim(dome, lambda turn: np.full(len(turn), 0.085)))


def _ponytail(figure: _Figure) -> _Part:
    z = figure.eyes[2]
    back = float(figure.skin[np.abs(figure.skin[:, 2] - z - 0.04) < 0.01, 1].max())
    path = np.array([[0, -0.01, 0.05], [0, 0.03, 0.055], [0, 0.055, 0.03], [0, 0.06, -0.03], [0, 0.055, -0.1]])
    path = np.concatenate([path, [[0, 0.05, -0.17]]]) + [0, back, z]
    return _rigid(_tube(path, np.array([0.012, 0.017, 0.025, 0.027, 0.022, 0.005])))


def _rigid(part: _Part) -> _Part:
    return _Part(vertices=part.vertices, faces=part.faces, rigid=True)


def _bun(figure: _Figure) -> _Part:
    z = figure.eyes[2] + 0.055
    back = float(figure.skin[np.abs(figure.skin[:, 2] - z) < 0.01, 1].max())
    return _blob((0, back + 0.018, z), (0.036, 0.03, 0.036), boxy=1)


def _lens_outline(figure: _Figure, side: int, scale: float) -> np.ndarray:
    """A rounded rectangle (12, 3) before one eye."""
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    x = side * figure.eye_x * 1.05 + 0.026 * scale * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.6
    z = figure.eyes[2] - 0.003 + 0.019 * scale * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.6
    y = figure.eyes[1] - 0.017 + 0.35 * np.abs(x) * np.abs(x) / 0.06
    return np.column_stack([x, y, z])


def _glasses(figure: _Figure) -> _Part:
    parts = []
    for side in (-1, 1):
        inner, outer = _lens_outline(figure, side, 0.86), _lens_outline(figure, side, 1.12)
        parts.append(_Part(vertices=np.concatenate([inner, outer]), faces=_grid_faces(2, 12)))
        hinge = outer[np.abs(outer[:, 0]).argmax()] + [0, 0, 0.008]
        ear = np.array([side * 0.077, -0.035, figure.eyes[2] + 0.004])
        parts.append(_tube(np.stack([hinge, (hinge + ear) / 2 + [side * 0.006, 0, 0], ear]), np.full(3, 0.0032), 4))
    bridge = np.array([[-0.012, 0, 0], [0, -0.004, 0.002], [0.012, 0, 0]]) + figure.eyes + [0, -0.018, 0.006]
    return _joined(*parts, _tube(bridge, np.full(3, 0.003), 4))


def _lenses(figure: _Figure) -> _Part:
    parts = []
    for side in (-1, 1):
        outline = _lens_outline(figure, side, 0.9)
        middle = np.broadcast_to(outline.mean(0) - [0, 0.003, 0], (12, 3))
        parts.append(_Part(vertices=np.concatenate([middle, outline]), faces=_grid_faces(2, 12)))
    return _joined(*parts)


def _scarf(figure: _Figure) -> _Part:
    turn = np.linspace(0, 2 * np.pi, 17)
    z = figure.height(0.905)
    near = figure.skin[(np.abs(figure.skin[:, 2] - z - 0.02) < 0.012) & (np.abs(figure.skin[:, 0]) < 0.09)]
    middle, half = (near.min(0) + near.max(0)) / 2, np.maximum((near.max(0) - near.min(0)) / 2, 0.055)
    path = np.column_stack([(half[0] + 0.018) * np.cos(turn), (half[1] + 0.018) * np.sin(turn), 0.02 * np.sin(turn)])
    loop = _tube(path + [middle[0], middle[1], z], np.full(17, 0.029))
    front = figure.surface_y(0.05, figure.height(0.8), -1) - 0.02
    tail = np.array([[0.03, middle[1] - half[1] - 0.03, z], [0.05, front, z - 0.1], [0.055, front, z - 0.3]])
    return _joined(loop, _tube(tail, np.array([0.025, 0.032, 0.034])))


def _hood(figure: _Figure) -> _Part:
    z = figure.height(0.865)
    back = figure.surface_y(0.0, z, 1)
    return _blob((0, back + 0.012, z), (0.12, 0.035, 0.075), boxy=0.8)


def _backpack(figure: _Figure) -> _Part:
    z = figure.height(0.745)
    back = figure.surface_y(0.0, z, 1)
    pack = _blob((0, back + 0.085, z), (0.145, 0.085, 0.21))
    return _joined(pack, _blob((0, back + 0.175, z - 0.07), (0.11, 0.03, 0.1)))


def _shoulder_bag(figure: _Figure) -> _Part:
    z = figure.height(0.53)
    wide = float(
        np.abs(figure.skin[(np.abs(figure.skin[:, 2] - z) < 0.02) & (np.abs(figure.skin[:, 0]) < 0.26), 0]).max()
    )
    return _blob((wide + 0.04, -0.02, z), (0.045, 0.13, 0.1), boxy=0.4)


def _belt_bag(figure: _Figure) -> _Part:
    z = figure.height(0.595)
    return _blob((0, figure.surface_y(0.0, z, -1) - 0.02, z), (0.1, 0.035, 0.05), boxy=0.6)


_PARTS: dict[str, Callable[[_Figure], _Part]] = {
    "cap": _cap,
    "beanie": lambda figure: _dome(figure, 0.074, 0.013, 0.018, tilt=0.03),
    "wide_hat": _wide_hat,
    "helmet": lambda figure: _dome(figure, 0.066, 0.026, 0.026, tilt=0.04),
    "bun": _bun,
    "ponytail": _ponytail,
    "glasses": _glasses,
    "lenses": _lenses,
    "scarf": _scarf,
    "hood": _hood,
    "backpack": _backpack,
    "shoulder_bag": _shoulder_bag,
    "belt_bag": _belt_bag,
}
