r"""Finds people in what should be images without people, and leaves those out: see README.md.

python experiments/2026-11-finder/clean.py places --finder runs/finder.onnx --sheet suspects.png > suspects.txt
python experiments/2026-11-finder/clean.py places --names not_empty.txt -o runs/places  # after looking at the sheet
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from hourlift.finder.decode import Found
from hourlift.media.images import read_image
from hourlift.predict.people.finder import Finder
from hourlift.synth.scene.images import photo_paths

COLUMNS, SIDE = 8, 200
LEAST = 0.1
"""Score from which on an image is shown."""


def suspects(paths: list[Path], file: Path, most: int, sheet: Path | None) -> None:
    """Prints the images in which a finder is surest of a person, and draws them."""
    finder = Finder(file, min_score=LEAST, threads=1)
    ranked = sorted(
        ((finder.find(read_image(path).image_rgb), path) for path in paths), key=lambda each: -_best(each[0])
    )
    tiles = []
    for found, path in ranked[:most]:
        if len(found.boxes) == 0:
            break
        print(f"{path.name} {_best(found):.2f}")
        image = read_image(path).image_rgb.copy()
        for x0, y0, x1, y1 in np.round(found.boxes).astype(int).tolist():
            cv2.rectangle(image, (x0, y0), (x1, y1), (255, 0, 0), 1)
        tiles.append(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    if sheet is not None and tiles:
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
        rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
        cv2.imwrite(str(sheet), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def _best(found: Found) -> float:
    return float(found.scores[0]) if len(found.scores) else 0.0


def main() -> None:
    """Lists suspects, or links all but the named images into a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--finder", type=Path, help="ONNX file that finds suspects")
    parser.add_argument("--most", type=int, default=160, help="number of suspects")
    parser.add_argument("--sheet", type=Path, help="PNG of the suspects")
    parser.add_argument("--names", type=Path, help="names of images that show people, one a line")
    parser.add_argument("-o", "--out", type=Path, help="folder of links to all other images")
    options = parser.parse_args()
    paths = photo_paths(options.folder)
    if options.finder is not None:
        suspects(paths, options.finder, options.most, options.sheet)
    if options.names is not None and options.out is not None:
        names = {line.split()[0] for line in options.names.read_text(encoding="utf-8").splitlines() if line.strip()}
        options.out.mkdir(parents=True)
        for path in paths:
            if path.name not in names:
                (options.out / path.name).symlink_to(path.resolve())


if __name__ == "__main__":
    main()
