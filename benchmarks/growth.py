"""How the time grows: with people in an image, the image's size, the network's stacks, and the batch.

Milliseconds a person of processor time (the wall clock is in the JSON). Stacks are measured with random weights in
fp32. `--plot` draws it.

    python benchmarks/growth.py --save benchmarks/results/growth.json --plot benchmarks/results/growth.png
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from context import publish, surroundings
from paired import compare, print_table

from hourlift import PosePredictor
from hourlift.predict.models.runtime import Model
from hourlift.weights import HOURGLASS

PEOPLE = (1, 2, 4, 8, 16)
SIZES_WH = ((640, 360), (1280, 720), (1920, 1080), (3840, 2160))
STACKS = (1, 2, 4)
BATCHES = (1, 2, 4, 8, 16)


def main(
    weights: str = HOURGLASS,
    threads: int = 1,
    rounds: int = 12,
    save: Path | None = None,
    plot: Path | None = None,
) -> None:
    """Measure.

    Args:
        weights: hourglass, by name or file.
        threads: CPU threads of the networks.
        rounds: measurements of each.
        save: also write the results to this file.
        plot: draw them to this file.
    """
    predictor = PosePredictor(weights, threads=threads, turn=False)
    model = predictor._joints._model
    size = model.contract["input_size"]
    random = np.random.default_rng(0)

    def per_person(width: int, height: int, count: int) -> dict[str, float]:
        """One size and number of people, end to end; all people are as tall as half the image."""
        image = random.integers(0, 256, (height, width, 3), np.uint8)
        left = np.linspace(0, 0.8 * width, count)
        boxes = np.stack([left, left * 0 + height / 4, left + 0.2 * width, left * 0 + height * 0.75], axis=-1)
        return compare({"": lambda: predictor.predict(image, boxes)}, rounds=rounds, per_run=count)[""]

    rows: dict[str, dict[str, dict[str, float]]] = {
        "people": {str(count): per_person(1280, 720, count) for count in PEOPLE},
        "image": {f"{width}x{height}": per_person(width, height, 1) for width, height in SIZES_WH},
        "batch": {},
        "stacks": {},
    }
    for batch in BATCHES:
        crops = random.integers(0, 256, (batch, size, size, 3), np.uint8)
        rows["batch"][str(batch)] = compare({"": lambda crops=crops: model.run(crops)}, rounds=rounds, per_run=batch)[
            ""
        ]
    with tempfile.TemporaryDirectory() as folder:
        for stacks in STACKS:
            deep = _stacked(Path(folder), stacks, size, threads)
            crop = random.integers(0, 256, (1, size, size, 3), np.uint8)
            rows["stacks"][str(stacks)] = compare({"": lambda deep=deep, crop=crop: deep.run(crop)}, rounds=rounds)[""]
    for what, measured in rows.items():
        for row in measured.values():
            row["cpu_ratio"] = round(row["cpu_ms"] / next(iter(measured.values()))["cpu_ms"], 3)
            del row["ratio"]
        print_table(f"{what}, ms per person", measured)
    result = {"weights": weights, "arithmetic": str(predictor.choice), "threads": threads, "rows": rows}
    publish(result | surroundings("opencv-python-headless"), save)
    if plot is not None:
        _draw(rows, plot)


def _stacked(folder: Path, stacks: int, size: int, threads: int) -> Model:
    import torch

    from hourlift.export import export_hourglass
    from hourlift.hourglass.network import HourglassConfig, StackedHourglass

    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=stacks, width=128, num_joints=17)).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # answers of a sensible size, whatever the depth
            torch.nn.init.constant_(module.weight, 0.3)
    file = folder / f"{stacks}.onnx"
    export_hourglass(network, file, name=str(stacks), input_size=size, loss="cross_entropy", sigma=1.0)
    return Model(file, "hourglass", threads=threads, precision="fp32")


def _draw(rows: dict[str, dict[str, dict[str, Any]]], file: Path) -> None:
    from matplotlib.figure import Figure

    titles = {
        "people": "people in a 1280 x 720 image",
        "image": "image, one person",
        "batch": "batch, the network alone",
        "stacks": "stacks of width 128, fp32, the network alone",
    }
    figure = Figure(figsize=(10, 6), layout="constrained")
    for axes, (what, measured) in zip(figure.subplots(2, 2).flat, rows.items(), strict=True):
        axes.plot(list(measured), [row["cpu_ms"] for row in measured.values()], "o-", color="#1f5fa8")
        axes.set(title=titles[what], ylabel="processor ms per person")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    figure.savefig(file, dpi=110)


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
