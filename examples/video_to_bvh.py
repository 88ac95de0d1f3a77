"""Turn a video into animation for Blender and other software: python examples/video_to_bvh.py VIDEO [FOLDER]."""

import sys
from pathlib import Path

import hourlift


def main(video: str, folder: str = "out") -> list[Path]:
    """Write a BVH skeleton, a glTF file and the video with the skeleton drawn in."""
    result = hourlift.lift(video, folder, formats=["bvh", "glb"], overlay=True)
    print(f"{result.num_found} of {result.num_frames} frames show a person")
    for file in result.files:
        print(f"wrote {file}")
    return result.files


if __name__ == "__main__":
    main(*sys.argv[1:])
