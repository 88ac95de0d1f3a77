"""Frames a second of a video from file to video, against the network alone and against one thing after the other.

"network alone" runs the hourglass and the lifter on as many crops of one person. Every way of working is measured in
turns. Memory is the highest resident size while videos of growing length are worked on: it stays.

    python benchmarks/video.py --save benchmarks/results/video.json
    python benchmarks/video.py dance.mp4 --rounds 5
"""

import contextlib
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tyro
from context import publish, surroundings
from paired import print_table

import hourlift
from hourlift import PosePredictor
from hourlift.media.sources import Source
from hourlift.media.video import VideoReader
from hourlift.media.video_writer import VideoWriter
from hourlift.pipeline import lifting
from hourlift.pipeline.lifting import lift_source
from hourlift.pipeline.options import Outputs, View
from hourlift.pipeline.sinks import drawn
from hourlift.weights import HOURGLASS

CLIP = Path(hourlift.__file__).parent / "assets" / "demo.mp4"


def main(
    video: Path | None = None,
    weights: str = HOURGLASS,
    threads: int = 2,
    rounds: int = 5,
    lengths: tuple[int, ...] = (300, 600, 1200),
    save: Path | None = None,
) -> None:
    """Measure.

    Args:
        video: a video with one person; by default the clip that ships with hourlift.
        weights: hourglass, by name or file.
        threads: CPU threads of the networks.
        rounds: how often each way is measured.
        lengths: of videos made of the same frames, in frames.
        save: also write the results to this file.
    """
    predictor = PosePredictor(weights, threads=threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = make_clip(video or CLIP, lengths[0], folder / "clip.mp4")
        videos = {
            "JSON": Outputs(folder=folder, overlay=False, page=False),
            "JSON and video": Outputs(folder=folder, page=False),
            "JSON and video, smoothed": Outputs(folder=folder, page=False, smooth=True),
        }
        ways: dict[str, Callable[[], object]] = {"network alone": lambda: _network(predictor, lengths[0])}
        for what, outputs in videos.items():
            ways[f"{what}, side by side"] = lambda outputs=outputs: _lift(predictor, clip, outputs)
            ways[f"{what}, one after the other"] = lambda outputs=outputs: _lift(predictor, clip, outputs, serial=True)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        cpu: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, run in ways.items():
                begin, begin_cpu = time.perf_counter(), time.process_time()
                run()
                seconds[way].append(time.perf_counter() - begin)
                cpu[way].append(time.process_time() - begin_cpu)
        alone = np.array(seconds["network alone"])
        speed = {
            way: {
                "frames/s": round(lengths[0] / float(np.median(times)), 1),
                "of network": round(float(np.median(alone / np.array(times))), 3),
                "cpu ms/frame": round(1000 * float(np.median(cpu[way])) / lengths[0], 2),
            }
            for way, times in seconds.items()
        }
        growth = {}
        for length in lengths:
            begin = time.perf_counter()
            _lift(predictor, make_clip(video or CLIP, length, folder / f"{length}.mp4"), videos["JSON and video"])
            growth[f"{length} frames"] = {
                "frames/s": round(length / (time.perf_counter() - begin), 1),
                "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            }
    print_table("video", speed)
    print_table("length", growth)
    result = {"weights": weights, "arithmetic": str(predictor.choice), "threads": threads, "rounds": rounds}
    publish(result | {"speed": speed, "growth": growth} | surroundings("av", "opencv-python-headless"), save)


def _lift(predictor: PosePredictor, video: Path, outputs: Outputs, *, serial: bool = False) -> None:
    source = Source(kind="video", label=str(video), name=video.stem)
    with _serial() if serial else contextlib.nullcontext():
        lift_source(predictor, source, View(), outputs, lambda done, total: None)


@contextlib.contextmanager
def _serial() -> Iterator[None]:
    """Decoding, drawing and encoding in the thread that predicts."""
    kept = lifting.ahead, drawn.behind
    lifting.ahead = lambda things, depth=0, **_: contextlib.nullcontext(iter(things))
    drawn.behind = contextlib.nullcontext
    try:
        yield
    finally:
        lifting.ahead, drawn.behind = kept


def _network(predictor: PosePredictor, count: int) -> None:
    model, lifter = predictor._joints._model, predictor._lifter
    size = model.contract["input_size"]
    crop = np.zeros((1, size, size, 3), np.uint8)
    rays = np.ones((1, 17, 4 if lifter.contract["inputs"] == "person" else 2), np.float32)
    for _ in range(count):
        model.run(crop)
        lifter.run(rays)


def make_clip(source: Path, length: int, target: Path, *, fps: float | None = None) -> Path:
    """A video of so many frames, there and back again, at a rate of its own or the source's."""
    with VideoReader(source) as video:
        frames = [shot.image_rgb for shot in video][:length]
    fps = fps or video.fps
    with VideoWriter(target, video.image_wh, fps) as writer:
        for i in range(length):
            there_and_back = i % (2 * len(frames) - 2)
            writer.write(frames[min(there_and_back, 2 * len(frames) - 2 - there_and_back)], i / fps)
    return target


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
