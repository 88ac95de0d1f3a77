"""The page of `hourlift serve` in headless Chromium against `predict_video` here: the shipped clip, in turns.

Needs the page (`make web`), Chromium, and what the tests need. Without a graphics card the page runs on WebAssembly.

    python benchmarks/web.py --save benchmarks/results/web.json
"""

import contextlib
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tyro
from context import publish, surroundings
from paired import print_table
from video import CLIP

from hourlift import PosePredictor
from hourlift.weights import PAGE_HOURGLASS

ROOT = Path(__file__).parents[1]
sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "web")]


def main(rounds: int = 5, save: Path | None = None) -> None:
    """Measure.

    Args:
        rounds: how often each works through the clip.
        save: also write the results to this file.
    """
    from conftest import open_chromium
    from test_page_in_browser import OPTIONS, lifted, serving, wait_for

    predictor = PosePredictor(PAGE_HOURGLASS, threads=1)
    seconds: dict[str, list[float]] = {"page": [], "predict_video": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        serving() as url,
        open_chromium(Path(folder), *OPTIONS) as browser,
        contextlib.suppress(KeyboardInterrupt),
    ):
        browser.open(url, width=800, height=600)
        wait_for(browser, "window.hourlift?.isReady()")
        for _ in range(rounds):
            frames = len(lifted(browser, CLIP)["frames"])
            engine = browser.run("document.getElementById('engine').textContent")
            seconds["page"].append(float(engine.split(" ms a frame")[0].split()[-1]) / 1000)
            begin = time.perf_counter()
            count = sum(1 for _ in predictor.predict_video(CLIP))
            seconds["predict_video"].append((time.perf_counter() - begin) / count)
    rows = {
        way: {"ms a frame": round(1000 * float(np.median(times)), 2), "frames/s": round(1 / float(np.median(times)), 1)}
        for way, times in seconds.items()
    }
    print_table("shipped clip", rows)
    result = {"rounds": rounds, "frames": frames, "engine": engine, "speed": rows}
    publish(result | surroundings("av"), save)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
