"""Median milliseconds per person of `PosePredictor.predict`, end to end with a box.

From the image in memory to the finished `Pose`: crop, hourglass, decoding, lifter, root; one look, as at a person who
stands. Prints JSON with the
machine and the versions; `--save` also writes it, to be committed beside this script.

    python benchmarks/predict.py                                 # the shipped weights, two threads
    python benchmarks/predict.py --weights runs/fast.onnx --threads 1 --flip-test
    python benchmarks/predict.py --save benchmarks/results/predict.json
"""

import platform
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import tyro
from context import BOX, commit, example_image, machine, publish

import hourlift
from hourlift import PosePredictor
from hourlift.media.images import read_image
from hourlift.weights import HOURGLASS, LIFTER

WARM_UP = 10


def main(
    photo: Path | None = None,
    box: tuple[float, float, float, float] | None = None,
    weights: str = HOURGLASS,
    lifter: str = LIFTER,
    threads: int = 2,
    flip_test: bool = False,
    repeats: int = 200,
    search: bool = False,
    save: Path | None = None,
) -> None:
    """Measure the time of one prediction.

    Args:
        photo: an image; without one, a person who stands, of 1280 x 720.
        box: where the person is; by default, in a photo, the middle third.
        weights: hourglass, by name or file.
        lifter: lifter, by name or file.
        threads: CPU threads of the networks; OpenCV gets as many.
        flip_test: look at the crop mirrored too.
        repeats: how many times are measured, after a warm-up.
        search: no box: measure the search for the person, which depends on the photo.
        save: also write the JSON to this file.
    """
    cv2.setNumThreads(threads)
    predictor = PosePredictor(weights, lifter, threads=threads, flip_test=flip_test, turn=False)
    image_rgb = example_image() if photo is None else read_image(photo).image_rgb
    boxes = None if search else np.array([box or (BOX if photo is None else _middle_third(image_rgb))])
    times_ms = []
    for _ in range(WARM_UP + repeats):
        start = time.perf_counter()
        people = predictor.predict(image_rgb, boxes)
        times_ms.append((time.perf_counter() - start) * 1000)
    measured = np.array(times_ms[WARM_UP:])
    result = {
        "what": "ms per person, search included" if search else "ms per person, end to end with a box",
        "median_ms": round(float(np.median(measured)), 2),
        "p10_ms": round(float(np.percentile(measured, 10)), 2),
        "p90_ms": round(float(np.percentile(measured, 90)), 2),
        "repeats": repeats,
        "threads": threads,
        "flip_test": flip_test,
        "weights": weights,
        "lifter": lifter,
        "photo": "the shipped clip" if photo is None else photo.name,
        "image_wh": [image_rgb.shape[1], image_rgb.shape[0]],
        "num_people": len(people),
        "machine": machine(),
        "versions": {
            "hourlift": hourlift.__version__,
            "commit": commit(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnxruntime": onnxruntime.__version__,
            "opencv": cv2.__version__,
        },
    }
    publish(result, save)


def _middle_third(image_rgb: np.ndarray) -> tuple[float, float, float, float]:
    height, width = image_rgb.shape[:2]
    return width / 3, height * 0.1, width * 2 / 3, height * 0.9


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
