r"""Tables and plots of the study: the last values of every row, mean and range over its seeds.

    python experiments/2026-11-study/summarise.py runs/study --values accuracy val_accuracy val_pck val_collapsed
    python experiments/2026-11-study/summarise.py runs/study --only lifter --values mpjpe val_mpjpe val_pa_mpjpe \
        --reach 90 --plot losses.png
"""

import argparse
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from hourlift.evaluation.plot import read_curve

Curve = tuple[np.ndarray, np.ndarray]


def curves(folder: Path, value: str, only: str) -> dict[str, list[Curve]]:
    """Steps and values of all finished runs, by row; runs of a row differ in the seed."""
    rows: dict[str, list[Curve]] = defaultdict(list)
    for done in sorted(folder.glob("*/done")):
        match = re.fullmatch(r"(.+)-seed\d+", done.parent.name)
        if match is None or match[1].startswith("lifter") != (only == "lifter"):
            continue
        rows[match[1]].append(tuple(np.array(read_curve(done.parent, value), float)))  # type: ignore[arg-type]
    return rows


def summary(values: list[float]) -> str:
    """Mean and range."""
    scale = 100 if max(values) <= 1 else 1
    mean, low, high = (scale * f(values) for f in (np.mean, np.min, np.max))
    return f"{mean:.1f}" + (f" ({low:.1f} to {high:.1f})" if len(values) > 1 else "")


def main() -> None:
    """Prints a table and draws a plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--only", choices=("hourglass", "lifter"), default="hourglass")
    parser.add_argument("--values", nargs="+", default=["accuracy", "val_accuracy"])
    parser.add_argument("--reach", type=float, help="of the second value, to find the first step of")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    found = {value: curves(options.runs, value, options.only) for value in options.values}
    last = ["at", *(["first step"] if options.reach else [])]
    print("|", " | ".join(["row", "seeds", *options.values, *last[1:]]), "|")
    print("|---|---:|" + "---:|" * (len(options.values) + len(last) - 1))
    for row, runs in found[options.values[0]].items():
        cells = [row, str(len(runs))]
        for value in options.values:
            # A training value is one noisy batch's or fifty's: the mean of the last five.
            tail = 1 if value.startswith("val_") else 5
            cells.append(summary([float(numbers[-tail:].mean()) for _, numbers in found[value][row]]))
        if options.reach:
            reached = [steps[numbers <= options.reach] for steps, numbers in found[options.values[1]][row]]
            cells.append(summary([float(steps[0]) for steps in reached]) if all(map(len, reached)) else "never")
        print("|", " | ".join(cells), "|")
    if options.plot:
        draw({value: found[value] for value in options.values[:2]}, options.plot)


def draw(found: dict[str, dict[str, list[Curve]]], path: Path) -> None:
    """A panel for each value: the mean over the seeds, and their range."""
    figure = Figure(figsize=(6 * len(found), 4.2), layout="constrained")
    axes = figure.subplots(1, len(found), sharey=True)
    for axis, (value, rows) in zip(np.atleast_1d(axes), found.items(), strict=True):
        for row, runs in rows.items():
            steps = runs[0][0]
            values = np.stack([numbers[: len(steps)] for _, numbers in runs])
            (line,) = axis.plot(steps, values.mean(0), label=row.removeprefix("lifter-"))
            axis.fill_between(steps, values.min(0), values.max(0), alpha=0.15, color=line.get_color(), linewidth=0)
        axis.set(title=value, xlabel="step")
        axis.grid(alpha=0.3)
    np.atleast_1d(axes)[0].legend(fontsize="small")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
