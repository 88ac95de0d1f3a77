"""``hourlift curves``: compare training runs."""

from pathlib import Path
from typing import Annotated

import tyro

from hourlift.errors import UserError

EXAMPLES = """
hourlift curves runs/none runs/frs runs/frso -o curves.png
hourlift curves runs/l2 runs/compositional --values val_mpjpe --reach 60 -o losses.svg
"""


def command(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    *,
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    values: tuple[str, ...] = ("accuracy", "val_accuracy"),
    reach: float | None = None,
) -> None:
    """Compare training runs: a table, and a plot of their curves.

    For every run, the table has the last value and the best one with its step, and with --reach the first step with at
    least that value. Errors and losses are better when small, all other values when large.

    Args:
        runs: folders of training runs; a run is named after its folder.
        out: plot to write (.png, .svg, .pdf), one panel per value; needs hourlift[plots].
        values: values in the runs' log.jsonl; those of a validation begin with val_.
        reach: the target for the last of the values.
    """
    from hourlift.evaluation.plot import check_plot, plot_curves, read_curve

    if not runs:
        raise UserError("name the folders of the runs to compare")
    names = [run.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run) for run in runs]
    if out is not None:
        check_plot(out)
    header = ["run", *(f"{value}, {what}" for value in values for what in ("last", "best", "at step"))]
    if reach is not None:
        header.append(f"{values[-1]} of {reach:g} at step")
    rows = []
    for name, run in zip(names, runs, strict=True):
        row = [name]
        for value in values:
            steps, numbers = read_curve(run, value)
            best = (min if _small_is_good(value) else max)(range(len(numbers)), key=numbers.__getitem__)
            row += [f"{numbers[-1]:.4g}", f"{numbers[best]:.4g}", f"{steps[best]:,}"]
        if reach is not None:
            sign = -1 if _small_is_good(value) else 1
            good = [step for step, number in zip(steps, numbers, strict=True) if sign * number >= sign * reach]
            row.append(f"{good[0]:,}" if good else "never")
        rows.append(row)
    for line in (header, ["---", *("---:" for _ in header[1:])], *rows):
        print(f"| {' | '.join(line)} |")
    if out is not None:
        plot_curves(dict(zip(names, runs, strict=True)), values, out)


def _small_is_good(value: str) -> bool:
    return any(word in value for word in ("loss", "mpjpe", "swapped", "collapsed", "grad_norm"))
