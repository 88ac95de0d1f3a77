"""``hourlift submit``: predict a test set into a CSV file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro

from hourlift.weights import HOURGLASS, LIFTER

EXAMPLES = """
hourlift submit h36m -o submission.csv.gz --stride 64
hourlift submit test-images -o submission.csv.gz --weights final.onnx --lifter final-lifter.onnx
hourlift submit people --split report-validate -o s8.csv
"""


def command(
    data: tyro.conf.Positional[Path],
    *,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"], metavar="FILE.csv.gz")],
    split: Annotated[str | None, tyro.conf.arg(metavar="NAME", help_behavior_hint="")] = None,
    stride: Annotated[int, tyro.conf.arg(metavar="N")] = 1,
    header: bool = True,
    weights: str = HOURGLASS,
    lifter: str = LIFTER,
    flip_test: bool = False,
    threads: int = 2,
    device: Literal["cpu", "cuda"] = "cpu",
) -> None:
    """Predict every image of a test set and write the poses as a CSV file for an evaluation server.

    One row per image in the data set's order; 17 x 3 columns, millimetres relative to the pelvis in camera axes. The
    file is written atomically. docs/formats.md describes it; `hourlift.formats.submission.read_submission` reads it
    back.

    Args:
        data: any data set that `hourlift data check` knows, or a folder of images that each show one person, in the
            order of their names.
        out: the file to write, .csv or .csv.gz.
        split: split to predict [default: test if the data set has it, else all].
        stride: use every n-th frame of each video.
        header: write a row of names first.
        weights: hourglass to use, by name or as an .onnx file.
        lifter: lifter to use, by name or as an .onnx file.
        flip_test: also estimate every mirrored crop and average; half the speed, slightly more accurate.
        threads: CPU threads of the networks.
        device: where the networks run; cuda needs the package onnxruntime-gpu.
    """
    from hourlift.cli.progress import LateProgress
    from hourlift.data import recognise
    from hourlift.evaluation import predict_samples
    from hourlift.formats.submission import check_name, write_submission
    from hourlift.predict import PosePredictor

    check_name(out)
    dataset = recognise(data)
    chosen = split or ("test" if "test" in dataset.splits else "all")
    samples = dataset.samples(chosen, stride=stride)
    predictor = PosePredictor(weights, lifter, threads=threads, device=device, flip_test=flip_test)
    out.parent.mkdir(parents=True, exist_ok=True)
    with LateProgress() as progress:

        def poses() -> Iterator[np.ndarray]:
            for done, outcome in enumerate(predict_samples(predictor.predict, samples), start=1):
                assert outcome.pose is not None, "a box was given, so a person was found"
                yield outcome.pose.joints_3d_mm
                progress.update("images", done, None)

        count = write_submission(poses(), out, header=header)
    print(f"{out}: {count} rows, the split {chosen} of {dataset.name}")
