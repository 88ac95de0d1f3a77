"""Frames a second of `hourlift batch`, without Ray and on Ray with 1 and 2 workers, and core time a frame.

Each figure is the difference between an archive of many clips and one of few, so that starting up is left out of
it. Core time is what the process and its threads used of all cores, which a busy machine changes little; it is
measured without Ray, whose workers are not ours to count.

    python benchmarks/batch.py                                   # the shipped clip, as it is and enlarged to 1080p
    python benchmarks/batch.py --save benchmarks/results/batch.json
"""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import cv2
import tyro
from context import commit, machine, publish

import hourlift
from hourlift.media.video import VideoReader
from hourlift.media.video_writer import VideoWriter

DEMO = Path(hourlift.__file__).parent / "assets" / "demo.mp4"


@dataclass(frozen=True)
class Times:
    """Of a run: seconds on the clock, and of all cores together (without Ray's)."""

    wall_s: float
    core_s: float


def main(
    few: int = 2, many: int = 10, repeats: int = 3, workers: tuple[int, ...] = (0, 1, 2), save: Path | None = None
) -> None:
    """Measure.

    Args:
        few: clips of the small archive.
        many: clips of the large archive.
        repeats: how often everything is measured, in turns; medians count.
        workers: of `hourlift batch`; 0 is without Ray.
        save: also write the JSON to this file.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = {"as it is": DEMO, "enlarged to 1080p": _enlarged(folder / "large.mp4", 1080)}
        figures = [
            _measure(folder, clip, what, [n for n in workers if n == 0 or what == "as it is"], few, many, repeats)
            for what, clip in clips.items()
        ]
    packages = ("numpy", "onnxruntime", "av", "ray", "pyarrow")
    versions = {"hourlift": hourlift.__version__, "commit": commit(), "python": platform.python_version()}
    publish(
        {
            "what": "hourlift batch, one thread a worker, clips found, followed, smoothed and written as Parquet",
            "clips": {"few": few, "many": many},
            "repeats": repeats,
            "figures": figures,
            "machine": machine(),
            "versions": versions | {package: version(package) for package in packages},
        },
        save,
    )


def _measure(
    folder: Path, clip: Path, what: str, workers: list[int], few: int, many: int, repeats: int
) -> dict[str, object]:
    """All figures of a clip."""
    with VideoReader(clip) as video:
        frames, size = sum(1 for _ in video), video.image_wh
    runs: dict[int, list[tuple[Times, Times]]] = {n: [] for n in workers}
    for _ in range(repeats):
        for n in workers:
            runs[n].append((_run(folder, clip, few, n), _run(folder, clip, many, n)))
    more = (many - few) * frames
    results = {}
    for n in workers:
        rates = [more / (large.wall_s - small.wall_s) for small, large in runs[n]]
        start_up = [small.wall_s - few * frames / rate for (small, _), rate in zip(runs[n], rates, strict=True)]
        results[str(n)] = {
            "frames_s": round(statistics.median(rates), 1),
            "frames_s_all": [round(rate, 1) for rate in rates],
            "start_up_s": round(statistics.median(start_up), 1),
        }
        if n == 0:
            core_ms = [1000 * (large.core_s - small.core_s) / more for small, large in runs[n]]
            results[str(n)] |= {
                "core_ms_a_frame": round(statistics.median(core_ms), 2),
                "core_ms_a_frame_all": [round(value, 2) for value in core_ms],
            }
    return {"clip": f"demo.mp4, {what}", "image_wh": list(size), "frames": frames, "workers": results}


def _run(folder: Path, clip: Path, count: int, workers: int) -> Times:
    """One run over copies of the clip."""
    source, out = folder / "in", folder / "out"
    source.mkdir()
    for number in range(count):
        os.link(clip, source / f"{number}.mp4") if clip.parent == folder else shutil.copy(
            clip, source / f"{number}.mp4"
        )
    command = [sys.executable, "-m", "hourlift", "batch", str(source), "-o", str(out), "--workers", str(workers)]
    start_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start_s
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    shutil.rmtree(source)
    shutil.rmtree(out)
    return Times(wall_s=wall_s, core_s=usage.ru_utime + usage.ru_stime)


def _enlarged(path: Path, height: int) -> Path:
    """The demo clip at another height."""
    with VideoReader(DEMO) as video:
        width = round(video.image_wh[0] * height / video.image_wh[1])
        with VideoWriter(path, (width, height), video.fps) as writer:
            for shot in video:
                writer.write(cv2.resize(shot.image_rgb, (width, height)), shot.time_s)
    return path


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
