"""Does memory stay as videos grow? Every length in a process of its own, everything written that hourlift writes.

The frames are those of a clip, there and back again. The videos of the longest video are the largest files.

    python benchmarks/length.py --save benchmarks/results/length.json
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tyro
from context import publish, surroundings
from paired import print_table
from video import CLIP, make_clip

from hourlift import PosePredictor
from hourlift.formats.table import FORMATS
from hourlift.media.sources import Source
from hourlift.pipeline.lifting import lift_source
from hourlift.pipeline.options import Outputs, View
from hourlift.weights import HOURGLASS


def main(
    video: Path = CLIP,
    weights: str = HOURGLASS,
    threads: int = 1,
    minutes: tuple[float, ...] = (0.5, 1, 5),
    save: Path | None = None,
    one: Path | None = None,
) -> None:
    """Measure.

    Args:
        video: a video with one person.
        weights: hourglass, by name or file.
        threads: CPU threads of the networks.
        minutes: lengths at 30 frames a second.
        save: also write the results to this file.
        one: work on this video alone and print what it took.
    """
    if one is not None:
        print(json.dumps(_work(one, PosePredictor(weights, threads=threads))))
        return
    rows = {}
    for length in minutes:
        with tempfile.TemporaryDirectory() as folder:
            clip = make_clip(video, round(1800 * length), Path(folder) / "clip.mp4", fps=30.0)
            arguments = [sys.executable, __file__, "--one", str(clip), "--weights", weights, "--threads", str(threads)]
            done = subprocess.run(arguments, check=True, capture_output=True, text=True)
            rows[f"{length:g} min"] = json.loads(done.stdout)
    print_table(
        "length", {name: {key: value for key, value in row.items() if key != "MB"} for name, row in rows.items()}
    )
    print_table(
        "files of the longest, MB", {name: {"MB": size} for name, size in rows[f"{minutes[-1]:g} min"]["MB"].items()}
    )
    publish({"weights": weights, "threads": threads, "lengths": rows} | surroundings("av"), save)


def _work(video: Path, predictor: PosePredictor) -> dict[str, object]:
    out = video.with_name("out")
    out.mkdir()
    outputs = Outputs(folder=out, side_by_side=True, smooth=True, formats=tuple(FORMATS))
    begin = time.perf_counter()
    done = lift_source(
        predictor, Source(kind="video", label=str(video), name="clip"), View(), outputs, lambda _d, _a: None
    )
    seconds = time.perf_counter() - begin
    return {
        "frames": done.num_frames,
        "frames/s": round(done.num_frames / seconds, 1),
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "MB": {path.name.removeprefix("clip"): round(path.stat().st_size / 1e6, 2) for path in sorted(out.iterdir())},
    }


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
