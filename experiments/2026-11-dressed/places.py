r"""Parts of photographs in which no person is found, as a folder of backgrounds: see README.md.

    python experiments/2026-11-dressed/places.py openimages/images --detector yolox_nano.onnx -o places \
        --leave-out experiments/2026-11-open-photographs/held_out.txt

A person behind the rendered one who counts as background teaches a network to overlook people in photographs.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from rich.progress import track

from hourlift.predict.people.detector import Detector
from hourlift.synth.scene.images import SIDE, photo_paths

MIN_SCORE = 0.1
"""Far below the usual: a place too few costs nothing."""
LARGEST_INSIDE = 0.2
"""The longer side of a box within a part, as a share of the part's side: people far away may stay."""
TRIES = 60


def main() -> None:
    """Writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--detector", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--leave-out", type=Path, help="text file of names of photographs that are not to be used")
    parser.add_argument("--each", type=int, default=4, help="parts of a photograph at most")
    options = parser.parse_args()
    detector = Detector(options.detector, min_score=MIN_SCORE)
    options.out.mkdir(parents=True, exist_ok=True)
    left_out = set(options.leave_out.read_text(encoding="utf-8").split()) if options.leave_out else set()
    paths = [path for folder in options.photographs for path in photo_paths(folder) if path.name not in left_out]
    rng = np.random.default_rng(0)
    written = used = 0
    for path in track(paths, "photographs"):
        image = cv2.imread(str(path))
        boxes = detector(image[..., ::-1])
        corners = empty_squares(boxes, image.shape[:2], rng, options.each)
        for k, (x, y, side) in enumerate(corners):
            part = cv2.resize(image[y : y + side, x : x + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(options.out / f"{path.stem}-{k}.jpg"), part, [cv2.IMWRITE_JPEG_QUALITY, 95])
        written, used = written + len(corners), used + bool(corners)
    print(f"{written} parts without people of {used} of {len(paths)} photographs")


def empty_squares(
    boxes: np.ndarray, shape: tuple[int, int], rng: np.random.Generator, most: int
) -> list[tuple[int, int, int]]:
    """Squares (x, y, side), pixels, without a person of the boxes (N, 4) xyxy, unless they are far away."""
    found: list[tuple[int, int, int]] = []
    for _ in range(TRIES):
        side = int(min(shape) * rng.uniform(0.35, 1.0))
        y, x = (int(rng.integers(0, length - side + 1)) for length in shape)
        low = np.maximum(boxes[:, :2], [x, y])
        high = np.minimum(boxes[:, 2:], [x + side, y + side])
        inside = (high - low).clip(0)
        longest = np.where(inside.min(1) > 0, inside.max(1), 0)
        if longest.max(initial=0) <= LARGEST_INSIDE * side:
            found.append((x, y, side))
        if len(found) == most:
            break
    return found


if __name__ == "__main__":
    main()
