r"""Measures what finds people on photographs that no training saw: see README.md.

python experiments/2026-11-finder/evaluate.py --photographs real_open openimages --empty backgrounds \
    --parts places --detector runs/finder.onnx yolox_nano.onnx --search 3 --sheet sheet.png
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from hourlift.arrays import Array, Image
from hourlift.data.images.coco import load_coco
from hourlift.formats.coco_boxes import MIN_SCORE
from hourlift.media.images import read_image
from hourlift.metrics.boxes import match
from hourlift.predict.models.keypoints import JointEstimator
from hourlift.predict.models.runtime import Model
from hourlift.predict.people.choose import open_detector
from hourlift.predict.people.search import find_people
from hourlift.synth.scene.images import photo_paths
from hourlift.training.finder.backgrounds import Backgrounds
from hourlift.training.finder.photographs import Photograph, by_image
from hourlift.weights import HOURGLASS

HELD_OUT = Path(__file__).parents[1] / "2026-11-open-photographs" / "held_out.txt"
LARGE_PX = 96
"""Height from which on the issue's bar counts people."""
HEIGHTS = (0, 64, 96, 160, 10_000)
"""Bins of a person's height on the photograph, pixels."""
COUNTS = (1, 2, 3, 100)
"""Bins of the number of annotated people on a photograph."""

Find = Callable[[Image], Array]


def search(num_people: int) -> Find:
    """The search with the hourglass, in float32."""
    estimator = JointEstimator(Model(HOURGLASS, "hourglass", threads=1, precision="fp32"), flip_test=False, turn=False)

    def find(image_rgb: Image) -> Array:
        image_wh = (image_rgb.shape[1], image_rgb.shape[0])
        people = find_people(image_wh, partial(estimator.estimate, image_rgb), num_people)
        return np.array([person.box_xyxy_px for person in people]).reshape(-1, 4)

    return find


def held_out(folders: Sequence[Path], every: int) -> list[Photograph]:
    """Every n-th of the photographs that no training sees."""
    names = set(HELD_OUT.read_text(encoding="utf-8").split())
    photographs = [each for folder in folders for each in by_image(load_coco(folder))]
    return [each for each in photographs if Path(str(each.sample.image)).name in names][::every]


def share(found: np.ndarray, chosen: np.ndarray) -> str:
    """How many of the chosen are found, as text."""
    return f"{100 * found[chosen].mean():.1f} % of {chosen.sum()}" if chosen.any() else "none"


def on_photographs(find: Find, photographs: Sequence[Photograph]) -> tuple[list[str], list[Array]]:
    """Lines of the report, and the boxes."""
    found, heights, counts, others, seconds, everything = [], [], [], 0, 0.0, []
    find(photographs[0].sample.load_image())  # the first image is slower
    for photograph in photographs:
        image = photograph.sample.load_image()
        start = time.process_time()
        boxes = find(image)
        seconds += time.process_time() - start
        matches = match(boxes, photograph.boxes)
        found += [i in matches for i in range(len(photograph.boxes))]
        heights += list(photograph.boxes[:, 3] - photograph.boxes[:, 1])
        counts += [len(photograph.boxes)] * len(photograph.boxes)
        others += int((matches < 0).sum())
        everything.append(boxes)
    is_found, height, count = np.array(found), np.array(heights), np.array(counts)
    lines = [
        f"found: {share(is_found, height >= 0)}; at least {LARGE_PX} px high: {share(is_found, height >= LARGE_PX)}",
        f"boxes of no annotated person, who may be a person all the same: {others} on {len(photographs)} photographs; "
        f"precision at least {100 * is_found.sum() / max(is_found.sum() + others, 1):.1f} %",
    ]
    lines += [
        f"  {low} to {high - 1} px high: {share(is_found, (height >= low) & (height < high))}"
        for low, high in zip(HEIGHTS[:-1], HEIGHTS[1:], strict=True)
    ]
    lines += [
        f"  {low} to {high - 1} annotated people: {share(is_found, (count >= low) & (count < high))}"
        for low, high in zip(COUNTS[:-1], COUNTS[1:], strict=True)
    ]
    return [*lines, f"CPU ms a photograph: {1000 * seconds / len(photographs):.1f}"], everything


def on_empty(find: Find, images: Sequence[Path]) -> str:
    """How often people are found where none are."""
    boxes = [len(find(read_image(path).image_rgb)) for path in images]
    return f"{sum(count > 0 for count in boxes)} of {len(boxes)} images with a false find, {sum(boxes)} boxes"


def sheet(photographs: Sequence[Photograph], boxes: Sequence[Array], file: Path, side: int = 240) -> None:
    """Draw annotated boxes in green and found ones in red."""
    tiles = []
    for photograph, found in zip(photographs, boxes, strict=True):
        image = photograph.sample.load_image().copy()
        for colour, drawn in (((0, 255, 0), photograph.boxes), ((255, 0, 0), found)):
            for x0, y0, x1, y1 in np.round(drawn).astype(int).tolist():
                cv2.rectangle(image, (x0, y0), (x1, y1), colour, 2)
        tile = np.zeros((side, side, 3), np.uint8)
        scale = side / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        tile[: small.shape[0], : small.shape[1]] = small[:side, :side]
        tiles.append(tile)
    rows = [np.hstack(tiles[i : i + 6]) for i in range(0, len(tiles) // 6 * 6, 6)]
    cv2.imwrite(str(file), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def main() -> None:
    """Prints a report for each way to find people."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, nargs="+", required=True, help="data sets in COCO's layout")
    parser.add_argument("--empty", type=Path, nargs="*", default=[], help="folders without people, never trained on")
    parser.add_argument(
        "--parts", type=Path, nargs="*", default=[], help="folders of --backgrounds: the held-out tenth"
    )
    parser.add_argument("--detector", type=Path, nargs="*", default=[])
    parser.add_argument("--min-score", type=float, default=MIN_SCORE)
    parser.add_argument("--search", type=int, help="search for so many people with the hourglass")
    parser.add_argument("--every", type=int, default=1, help="only every n-th photograph and empty image")
    parser.add_argument("--sheet", type=Path, help="PNG of photographs with the boxes of the last detector")
    options = parser.parse_args()
    photographs = held_out(options.photographs, options.every)
    empty = [path for folder in options.empty for path in photo_paths(folder)][:: options.every]
    parts = Backgrounds(options.parts, held_out=True).paths[:: options.every] if options.parts else []
    ways = {path.name: open_detector(path, min_score=options.min_score, threads=1) for path in options.detector}
    if options.search:
        ways[f"search for {options.search}"] = search(options.search)
    for name, find in ways.items():
        lines, boxes = on_photographs(find, photographs)
        print(f"\n{name}", *lines, sep="\n", flush=True)
        if empty:
            print(f"never seen: {on_empty(find, empty)}", flush=True)
        if parts:
            print(f"held-out parts: {on_empty(find, parts)}", flush=True)
        if options.sheet and not name.startswith("search"):
            sheet(photographs, boxes, options.sheet)


if __name__ == "__main__":
    main()
