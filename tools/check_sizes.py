"""Complain about large files in the repository: python tools/check_sizes.py.

A file that git tracks, or is about to, has at most half a megabyte, unless it is one of those that are meant to be
large. What was once committed stays in every clone for good.
"""

import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT_BYTES = 500_000
LARGE = {
    "src/hourlift/weights/*.onnx": 30_000_000,
    "checkpoints/*.pt*": 17_000_000,  # larger ones are split (training.engine.checkpoint.split)
}
"""Patterns of files that may be larger, and how large: the shipped networks and the checkpoints to go on from."""


def limit_of(name: str) -> int:
    """How many bytes a file may have."""
    return max([LIMIT_BYTES, *(limit for pattern, limit in LARGE.items() if fnmatch(name, pattern))])


def main() -> int:
    """List the files that are too large; the exit status."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    too_large = []
    for name in filter(None, listed.decode().split("\0")):
        file = ROOT / name
        if file.is_file() and file.stat().st_size > limit_of(name):
            too_large.append(f"{name}: {file.stat().st_size / 1e6:.1f} MB, at most {limit_of(name) / 1e6:.1f} MB")
    print("\n".join(too_large), file=sys.stderr, end="\n" if too_large else "")
    return 1 if too_large else 0


if __name__ == "__main__":
    sys.exit(main())
