"""The lifter for one person and for many, against the same network in eager PyTorch.

python benchmarks/lifter.py --save benchmarks/results/lifter.json
"""

from pathlib import Path

import numpy as np
import torch
import tyro
from context import publish, surroundings
from paired import compare, print_table

from hourlift.lifter.network import Lifter, LifterConfig
from hourlift.predict.models.runtime import Model
from hourlift.weights import LIFTER


def main(
    lifter: str = LIFTER,
    batches: tuple[int, ...] = (1, 16, 256),
    threads: int = 1,
    rounds: int = 30,
    save: Path | None = None,
) -> None:
    """Measure.

    Args:
        lifter: by name or file.
        batches: numbers of people.
        threads: CPU threads.
        rounds: measurements of each.
        save: also write the results to this file.
    """
    torch.set_num_threads(threads)
    person = Model(lifter, "lifter").contract["inputs"] == "person"
    channels = 4 if person else 2
    eager = Lifter(LifterConfig(channels=channels, spread=person)).eval()  # time does not depend on the weights
    models = {
        str(model.choice): model
        for model in (Model(lifter, "lifter", threads=threads, precision=precision) for precision in ("fp32", None))
    }
    result = {}
    for batch in batches:
        rays = np.random.default_rng(0).normal(size=(batch, 17, channels)).astype(np.float32)
        result[f"{batch} people"] = rows = compare(
            {"eager PyTorch": lambda rays=rays: _eager(eager, rays)}
            | {name: (lambda model=model, rays=rays: model.run(rays)) for name, model in models.items()},
            rounds=rounds,
            inner=max(1, 64 // batch),
            per_run=batch,
        )
        for row in rows.values():
            row["people/s"] = round(1000 / row["median_ms"])
        print_table(f"{batch} people, ms per person", rows)
    publish({"lifter": lifter, "threads": threads, "rows": result} | surroundings("torch"), save)


@torch.inference_mode()
def _eager(network: Lifter, rays: np.ndarray) -> np.ndarray:
    return network(torch.from_numpy(rays)).numpy()


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
