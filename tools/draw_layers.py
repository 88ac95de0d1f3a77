"""Draw docs/images/layers.svg from the layers that pyproject.toml prescribes: python tools/draw_layers.py [--check].

The image and the rule that import-linter checks thus cannot differ. ``--check`` writes nothing and fails if the
committed image is out of date.
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGE = ROOT / "docs/images/layers.svg"

PURPOSE = {
    "cli": "the commands",
    "pipeline": "a source → poses, files",
    "archive": "many sources, many machines",
    "predict": "image → 3D poses",
    "training": "recipes, loop",
    "evaluation": "scores, reports",
    "export": "PyTorch → ONNX, 8 bits",
    "synth": "rendered people",
    "media": "images, videos, webcams",
    "hourglass": "stage 1",
    "lifter": "stage 2",
    "finder": "where people are",
    "data": "data sets",
    "formats": "files of poses",
    "view": "overlays, 3D pages",
    "weights": "shipped models",
    "metrics": "PCK, MPJPE",
    "pose_log": "poses of long videos",
    "pose": "result types",
    "errors": "what the user can mend",
    "geometry": "skeleton, camera, crop, angles",
    "arrays": "types of arrays",
}
"""What each package is for, in a few words; a package that is missing here cannot be drawn."""

USES_TORCH = {"training", "export", "synth"}
MIXED = {"hourglass", "lifter", "finder", "evaluation"}
"""Only some of their modules need PyTorch."""

WIDTH, MARGIN, GAP, HEIGHT, ROW = 960, 16, 10, 46, 62
COLOURS = {"free": ("#e3f2ec", "#2f7d5f"), "mixed": ("#f6f1dc", "#94802b"), "torch": ("#f7e4d8", "#b0602f")}


def layers() -> list[list[str]]:
    """The packages of each layer, the highest first, from import-linter's first contract."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (whole,) = (contract for contract in contracts if contract.get("containers") == ["hourlift"])
    return [[name.strip() for name in layer.split(":")] for layer in whole["layers"]]


def drawing() -> str:
    """The image as SVG."""
    rows = layers()
    height = MARGIN + ROW * len(rows) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" role="img">',
        "<title>The layers of hourlift: a package imports packages of its own row and of the rows below</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
    ]
    for row, names in enumerate(rows):
        y = MARGIN + row * ROW
        width = (WIDTH - 2 * MARGIN - GAP * (len(names) - 1)) / len(names)
        for column, name in enumerate(names):
            parts += _box(name, MARGIN + column * (width + GAP), y, width)
    parts += _legend(height - 22)
    return "\n".join([*parts, "</svg>", ""])


def _box(name: str, x: float, y: float, width: float) -> list[str]:
    kind = "torch" if name in USES_TORCH else "mixed" if name in MIXED else "free"
    fill, line = COLOURS[kind]
    middle = x + width / 2
    return [
        f'<rect x="{x:g}" y="{y}" width="{width:g}" height="{HEIGHT}" rx="5" fill="{fill}" stroke="{line}"/>',
        f'<text x="{middle:g}" y="{y + 19}" text-anchor="middle" font-size="15" font-weight="bold">{name}</text>',
        f'<text x="{middle:g}" y="{y + 36}" text-anchor="middle" font-size="12" fill="#444">{PURPOSE[name]}</text>',
    ]


def _legend(y: int) -> list[str]:
    words = {"free": "no PyTorch", "mixed": "PyTorch in some modules", "torch": "PyTorch"}
    parts, x = [], MARGIN
    for kind, text in words.items():
        fill, line = COLOURS[kind]
        parts.append(f'<rect x="{x}" y="{y}" width="14" height="14" rx="3" fill="{fill}" stroke="{line}"/>')
        parts.append(f'<text x="{x + 20}" y="{y + 12}" font-size="12">{text}</text>')
        x += 46 + 8 * len(text)
    rule = "Imports go along a row or down, never up."
    return [*parts, f'<text x="{WIDTH - MARGIN}" y="{y + 12}" text-anchor="end" font-size="12">{rule}</text>']


def main(arguments: list[str]) -> int:
    """Write the image, or compare it."""
    drawn = drawing()
    if "--check" not in arguments:
        IMAGE.write_text(drawn, encoding="utf-8")
        return 0
    if IMAGE.is_file() and IMAGE.read_text(encoding="utf-8") == drawn:
        return 0
    print(f"{IMAGE.relative_to(ROOT)} is out of date: run python tools/draw_layers.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
