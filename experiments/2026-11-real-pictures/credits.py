r"""Lists the photographs that a hourglass was trained on, with their licences, for the file beside its model card.

    python experiments/2026-11-real-pictures/credits.py real_open openimages \
        -o src/hourlift/weights/hourglass-accurate.photographs.csv

Each folder holds a `keypoints.json` in COCO's layout, whose images tell `license` and `flickr_url`, or `openimages_id`.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OPEN_IMAGES_LICENCE = "CC BY 2.0"


def photographs(document: dict[str, Any], left_out: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Collection, licence, and address or id of each photograph."""
    licences = {licence["id"]: licence["name"] for licence in document.get("licenses", ())}
    for image in document["images"]:
        if Path(image["file_name"]).name in left_out:
            continue
        if "openimages_id" in image:
            yield "Open Images", OPEN_IMAGES_LICENCE, image["openimages_id"]
        else:
            yield "COCO 2017", licences[image["license"]], image["flickr_url"]


def main() -> None:
    """Writes the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--leave-out", type=Path, help="names of photographs that were held out, one a line")
    options = parser.parse_args()
    left_out = frozenset(options.leave_out.read_text(encoding="utf-8").split()) if options.leave_out else frozenset()
    rows = set()
    for folder in options.folders:
        rows |= set(photographs(json.loads((folder / "keypoints.json").read_text(encoding="utf-8")), left_out))
    with options.out.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("collection", "licence", "photograph"))
        writer.writerows(sorted(rows))


if __name__ == "__main__":
    main()
