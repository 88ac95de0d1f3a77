r"""Makes a data set of the photographs that no training saw: see README.md.

python experiments/2026-11-open-photographs/held_out.py real_open -o runs/held-out
hourlift evaluate runs/held-out --precision fp32
"""

import argparse
import json
from pathlib import Path

HELD_OUT = Path(__file__).with_suffix(".txt")


def main() -> None:
    """Writes keypoints.json with the held-out photographs alone, and links to the images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with keypoints.json in COCO's layout, and images")
    parser.add_argument("-o", "--out", type=Path, required=True)
    options = parser.parse_args()
    names = set(HELD_OUT.read_text(encoding="utf-8").split())
    content = json.loads((options.data / "keypoints.json").read_text(encoding="utf-8"))
    content["images"] = [image for image in content["images"] if Path(image["file_name"]).name in names]
    ids = {image["id"] for image in content["images"]}
    content["annotations"] = [person for person in content["annotations"] if person["image_id"] in ids]
    options.out.mkdir(parents=True)
    (options.out / "keypoints.json").write_text(json.dumps(content), encoding="utf-8")
    for folder in options.data.iterdir():
        if folder.is_dir():
            (options.out / folder.name).symlink_to(folder.resolve(), target_is_directory=True)
    print(f"{len(ids)} photographs, {len(content['annotations'])} people")


if __name__ == "__main__":
    main()
