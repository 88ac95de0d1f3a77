"""The hourglass in every runtime and precision that this computer has, against ONNX Runtime in fp32.

Milliseconds a person of the network alone, and end to end from the image to 3D with a known box and one look, as at
a person who stands; on request PCK@0.2 on annotated images. `--public` measures a network of the size of the public
ones, 2 stacks of width 256 on 256 pixels, with random weights.

    python benchmarks/precision.py --save benchmarks/results/precision.json
    python benchmarks/precision.py --data my-dataset/ --threads 1
    python benchmarks/precision.py --public --save benchmarks/results/precision-public.json
"""

import tempfile
from pathlib import Path

import numpy as np
import tyro
from context import BOX, example_image, publish, surroundings
from paired import compare, print_table

from hourlift import PosePredictor
from hourlift.predict.models.precision import available
from hourlift.predict.models.runtime import Model
from hourlift.weights import HOURGLASS, int8_twin


def main(
    weights: str = HOURGLASS,
    threads: int = 1,
    rounds: int = 12,
    inner: int = 10,
    data: Path | None = None,
    count: int | None = None,
    public: bool = False,
    save: Path | None = None,
) -> None:
    """Measure.

    Args:
        weights: hourglass, by name or file.
        threads: CPU threads of the networks.
        rounds: measurements of each.
        inner: runs of one measurement; with few, the caches are cold, as the candidates take turns.
        data: data set to measure the accuracy on.
        count: people of it.
        public: a network of the public ones' size instead.
        save: also write the results to this file.
    """
    with tempfile.TemporaryDirectory() as folder:
        if public:
            weights = str(_public_hourglass(Path(folder)))
        ways = sorted(
            available(has_int8=int8_twin(weights) is not None), key=lambda way: str(way) != "fp32 in onnxruntime"
        )
        options = [{"precision": way.precision, "runtime": way.runtime} for way in ways]
        models = [Model(weights, "hourglass", threads=threads, **option) for option in options]
        predictors = [PosePredictor(weights, threads=threads, turn=False, **option) for option in options]
    lifters = {way.precision == "int8": p._lifter for way, p in zip(ways, predictors, strict=True)}
    for way, predictor in zip(ways, predictors, strict=True):  # that of others stays in the cache, as one's own would
        predictor._lifter = lifters[way.precision == "int8"]
    random = np.random.default_rng(0)
    size = models[0].contract["input_size"]
    crop, image = random.integers(0, 256, (1, size, size, 3), np.uint8), example_image()
    whole = {str(way): (lambda p=p: p.predict(image, [BOX])) for way, p in zip(ways, predictors, strict=True)}
    alone = {f"{way}": (lambda m=m: m.run(crop)) for way, m in zip(ways, models, strict=True)}
    result = {
        "network": compare(alone, rounds=rounds, inner=inner),
        "end to end": compare(
            {f"fp32 network alone: {ways[0]}": alone[str(ways[0])]} | whole, rounds=rounds, inner=inner
        ),
    }
    print_table("the network, ms per person", result["network"])
    print_table("image to 3D, ms per person", result["end to end"])
    if data is not None:
        result["accuracy"] = {str(way): _accuracy(p, data, count) for way, p in zip(ways, predictors, strict=True)}
        print_table(f"PCK@0.2 on {data.name}", result["accuracy"])
    what = "public size, random weights" if public else weights
    publish({"weights": what, "threads": threads, "rounds": rounds} | result | surroundings("openvino"), save)


def _accuracy(predictor: PosePredictor, data: Path, count: int | None) -> dict[str, float]:
    from itertools import islice

    from hourlift.data.recognise import recognise
    from hourlift.evaluation import make_report, predict_samples

    outcomes = (
        o.without_image() for o in predict_samples(predictor.predict, islice(recognise(data).samples("all"), count))
    )
    lines = make_report(list(outcomes), "", {}).to_markdown().splitlines()
    cells = next(line for line in lines if line.startswith("| PCK@0.2, 12 limb joints")).split("|")
    return {"all": float(cells[2].strip(" %")), "upright": float(cells[3].strip(" %"))}


def _public_hourglass(folder: Path) -> Path:
    """Exported and quantised."""
    import torch

    from hourlift.export import export_hourglass
    from hourlift.export.quantise import quantise_hourglass
    from hourlift.hourglass.network import HourglassConfig, StackedHourglass

    torch.manual_seed(0)
    network = StackedHourglass(HourglassConfig(num_stacks=2, width=256, num_joints=17)).eval()
    for module in network.modules():  # as if trained: no two alike, and answers of a sensible size
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.weight, 0.2, 0.5)
    file = folder / "public.onnx"
    export_hourglass(network, file, name="public", input_size=256, loss="cross_entropy", sigma=1.0)
    blobs = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8).repeat(16, 1).repeat(16, 2)
    quantise_hourglass(file, folder / "public.int8.onnx", blobs[:3], blobs[3:])
    return file


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
