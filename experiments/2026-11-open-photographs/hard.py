r"""Measures a hourglass on held-out people made hard: cut off by the image's edge, small, blurred, dark, distorted.

    python experiments/2026-11-open-photographs/hard.py real_open --weights hourglass-accurate --sheet hard.png

People are those of the held-out photographs whose 12 limb joints are all annotated. Every kind shows the same people,
box given; joints that are no longer in the image do not count. PCK@0.2, the torso's length from the whole annotation.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hourlift.arrays import Array, Image
from hourlift.data.images.coco import load_coco
from hourlift.geometry.skeleton import H36M17, LIMB_JOINTS
from hourlift.metrics import pck, torso_length
from hourlift.predict import PosePredictor

HELD_OUT = Path(__file__).with_name("held_out.txt")
LIMBS = H36M17.indices(*LIMB_JOINTS)
TILE_PX = 160


@dataclass(frozen=True)
class Person:
    """An image (H, W, 3), the person's joints (17, 2) and box xyxy in its pixels."""

    image: Image
    joints_px: Array
    box_px: Array


def cut_below(person: Person, level: Callable[[Array], float]) -> Person:
    """End the image at a level of the person, in pixels from the top, as `level` computes it from the joints."""
    height = int(np.clip(level(person.joints_px), person.box_px[1] + 8, len(person.image)))
    box = np.minimum(person.box_px, [np.inf, np.inf, np.inf, height])
    return Person(person.image[:height], person.joints_px, box)


def height_of(*names: str, beyond: str | None = None, share: float = 0.0) -> Callable[[Array], float]:
    """Mean height of joints in the image, and a share of the way to those of another name."""

    def level(joints_px: Array) -> float:
        y = float(joints_px[H36M17.indices(*names), 1].mean())
        if beyond is not None:
            y += share * (float(joints_px[H36M17.indices(f"l_{beyond}", f"r_{beyond}"), 1].mean()) - y)
        return y

    return level


def scaled(person: Person, x: float, y: float) -> Person:
    """Resize the image by two factors."""
    size = max(8, round(person.image.shape[1] * x)), max(8, round(person.image.shape[0] * y))
    scale = np.array([size[0] / person.image.shape[1], size[1] / person.image.shape[0]])
    image = cv2.resize(person.image, size, interpolation=cv2.INTER_AREA)
    return Person(image, (person.joints_px + 0.5) * scale - 0.5, person.box_px * np.tile(scale, 2))


def changed(person: Person, image: NDArray[np.floating] | Image) -> Person:
    """The same person in other pixels."""
    return Person(np.clip(image, 0, 255).astype(np.uint8), person.joints_px, person.box_px)


def small(person: Person) -> Person:
    """60 pixels high."""
    factor = min(1.0, 60 / float(person.box_px[3] - person.box_px[1]))
    return scaled(person, factor, factor)


def blurred(person: Person) -> Person:
    """Motion blur along the image's diagonal, over a twentieth of the person."""
    length = max(3, round(float(np.ptp(person.box_px[1::2])) / 20))
    kernel = np.eye(length) / length
    return changed(person, cv2.filter2D(person.image, -1, kernel))


def dark(person: Person) -> Person:
    """A sixth of the light, with the noise of a sensor that gets so little, then brightened by a camera to a third."""
    light = person.image.astype(np.float64) / 6
    noise = np.random.default_rng(0).normal(0, 4, light.shape)
    return changed(person, 2 * np.clip(light + noise, 0, 255).round())


def jpeg(person: Person) -> Person:
    """JPEG of quality 10."""
    _, data = cv2.imencode(".jpg", person.image, [cv2.IMWRITE_JPEG_QUALITY, 10])
    return changed(person, cv2.imdecode(data, cv2.IMREAD_COLOR))


def fisheye(person: Person) -> Person:
    """The person at the edge of a fisheye lens (equidistant, 150 degrees across), to the right of its middle."""
    height, width = person.image.shape[:2]
    focal = 1.2 * max(height, width)  # of the straight image that we have, whose left edge is 20 degrees off the axis
    turn = np.radians(45)

    def to_fisheye(points: Array) -> Array:
        ray = np.concatenate([(points - [width / 2, height / 2]) / focal, np.ones((*points.shape[:-1], 1))], -1)
        c, s = np.cos(turn), np.sin(turn)
        ray = ray @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
        radius = np.linalg.norm(ray[..., :2], axis=-1, keepdims=True)
        return focal * np.arctan2(radius, ray[..., 2:]) * ray[..., :2] / radius

    corners = to_fisheye(np.array([[x, y] for x in np.linspace(0, width, 9) for y in np.linspace(0, height, 9)]))
    low, high = corners.min(0), corners.max(0)
    size = np.ceil(high - low).astype(int)
    grid = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), -1) + low
    angle = np.linalg.norm(grid, axis=-1, keepdims=True) / focal
    ray = np.concatenate([np.sin(angle) * grid / np.maximum(focal * angle, 1e-9), np.cos(angle)], -1)
    c, s = np.cos(turn), np.sin(turn)
    ray = ray @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    back = (focal * ray[..., :2] / ray[..., 2:] + [width / 2, height / 2]).astype(np.float32)
    image = cv2.remap(person.image, back[..., 0], back[..., 1], cv2.INTER_LINEAR)
    x0, y0, x1, y1 = person.box_px
    box = to_fisheye(np.array([[x, y] for x in np.linspace(x0, x1, 9) for y in np.linspace(y0, y1, 9)])) - low
    return Person(image, to_fisheye(person.joints_px) - low, np.concatenate([box.min(0), box.max(0)]))


KINDS: dict[str, Callable[[Person], Person]] = {
    "as they are": lambda person: person,
    "cut off below the knees": lambda p: cut_below(p, height_of("l_knee", "r_knee", beyond="ankle", share=0.3)),
    "cut off below the waist": lambda p: cut_below(p, height_of("l_hip", "r_hip", beyond="knee", share=0.2)),
    "cut off at the chest": lambda p: cut_below(p, height_of("l_shoulder", "r_shoulder", beyond="hip", share=0.6)),
    "60 pixels high": small,
    "blurred": blurred,
    "dark": dark,
    "JPEG quality 10": jpeg,
    "4:3 stretched to 16:9": lambda person: scaled(person, 4 / 3, 1.0),
    "edge of a fisheye lens": fisheye,
}


def main() -> None:
    """Prints a table, and draws what was shown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder in COCO's layout")
    parser.add_argument("--weights", nargs="+", default=["hourglass-accurate"], help="names or .onnx files")
    parser.add_argument("--sheet", type=Path, help="write a picture of the first people, one row each")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    names = set(HELD_OUT.read_text(encoding="utf-8").split())
    people = [
        Person(sample.load_image(), sample.joints_2d_px.astype(np.float64), sample.box_xyxy_px.astype(np.float64))
        for sample in load_coco(options.data)
        if Path(str(sample.image)).name in names and np.isfinite(sample.joints_2d_px[LIMBS]).all()
    ]
    predictors = [PosePredictor(weights, threads=options.threads, precision="fp32") for weights in options.weights]
    print(f"{len(people)} people\n\n| PCK@0.2 | {' | '.join(options.weights)} |\n|---|{'---:|' * len(predictors)}")
    tiles = []
    for name, change in KINDS.items():
        shown = [change(person) for person in people]
        true_px = np.array([person.joints_px for person in shown])
        size = np.array([person.image.shape[1::-1] for person in shown])[:, None]
        inside = ((true_px >= 0) & (true_px <= size - 1)).all(-1, keepdims=True)
        tiles.append([tile(person) for person in shown[:6]])
        cells = []
        for predictor in predictors:
            found = np.array([predictor.predict(p.image, p.box_px[None])[0].joints_2d_px for p in shown])
            counted = np.where(inside, true_px, np.nan)[:, LIMBS]
            cells.append(f"{100 * pck(found[:, LIMBS], counted, torso_length(true_px, H36M17)):.1f}")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    if options.sheet:
        rows = np.concatenate([np.concatenate(column, axis=0) for column in tiles], axis=1)
        cv2.imwrite(str(options.sheet), cv2.cvtColor(rows, cv2.COLOR_RGB2BGR))


def tile(person: Person) -> Image:
    """The person's crop with the joints that are in the image, (TILE_PX, TILE_PX, 3)."""
    center = (person.box_px[:2] + person.box_px[2:]) / 2
    scale = TILE_PX / float((person.box_px[2:] - person.box_px[:2]).max()) / 1.1
    affine = np.array([[scale, 0, TILE_PX / 2 - scale * center[0]], [0, scale, TILE_PX / 2 - scale * center[1]]])
    picture = cv2.warpAffine(person.image, affine, (TILE_PX, TILE_PX), flags=cv2.INTER_LINEAR)
    for x, y in person.joints_px[LIMBS] @ affine[:, :2].T + affine[:, 2]:
        cv2.circle(picture, (round(x), round(y)), 2, (255, 60, 60), -1)
    return picture


if __name__ == "__main__":
    main()
