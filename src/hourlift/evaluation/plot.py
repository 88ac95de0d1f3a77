"""Plots of reports and training runs. Needs Matplotlib (hourlift[plots])."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hourlift.errors import UserError
from hourlift.evaluation.reliability import Reliability
from hourlift.evaluation.report import Report
from hourlift.formats.atomic import replacing
from hourlift.formats.text import plain, without_mathtext

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
_INCHES = 9.0, 4.5


def check_plot(file: Path) -> None:
    """Check early that a plot can be written.

    Raises:
        ValueError: Matplotlib is not installed, or cannot write files with this suffix.
    """
    if file.suffix not in SUFFIXES:
        raise UserError(f"{file}: the name of a plot must end in {', '.join(SUFFIXES)}")
    _new_figure(1)


def plot_report(report: Report, file: Path) -> None:
    """Plot the errors by action, with both means, and by joint. Plots PCK instead if there is no 3D truth.

    Raises:
        ValueError: as for `check_plot`.
        OSError: the file cannot be written.
    """
    overall = report.groups["all"]
    in_space = not math.isnan(overall.mpjpe_mm)
    of_joint = overall.mpjpe_per_joint_mm if in_space else overall.pck_per_joint
    panels: list[tuple[str, Mapping[str, float]]] = [("joint", of_joint)]
    if report.actions:
        name = "mpjpe_mm" if in_space else "pck"
        means = {"frame mean": getattr(overall, name), "action mean": report.action_mean[name]}
        panels.insert(0, ("action", {action: getattr(s, name) for action, s in report.actions.items()} | means))
    figure, axes = _new_figure(len(panels))
    for axis, (what, values) in zip(axes, panels, strict=True):
        axis.barh(list(values), list(values.values()), color="#3b6ea5")
        axis.invert_yaxis()
        axis.set_xlabel(f"MPJPE, mm, by {what}" if in_space else f"PCK@0.2, by {what}")
    figure.suptitle(plain(report.title), parse_math=False)
    _save(figure, file)


def read_curve(run: Path, name: str) -> tuple[list[int], list[float]]:
    """Read one value of a training run over its steps from log.jsonl. If a step occurs twice, the later line is used.

    Args:
        run: folder of the run.
        name: name of the value, such as "accuracy", "val_accuracy", "val_mpjpe".

    Raises:
        ValueError: the file has another format or does not contain that value.
        OSError: the run does not exist.
    """
    values: dict[int, float] = {}
    for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines():
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise UserError(f"{run / 'log.jsonl'} is not the log of a training run") from error
        if name in entry:
            values[int(entry["step"])] = float(entry[name])
    if not values:
        raise UserError(f"{run / 'log.jsonl'} has no {name!r}")
    return sorted(values), [values[step] for step in sorted(values)]


def plot_curves(runs: Mapping[str, Path], names: tuple[str, ...], file: Path) -> None:
    """Plot values of several runs over their steps, one panel per value: the report's figures 4 and 5.

    Args:
        runs: run folders by label.
        names: names of values, as for `read_curve`.
        file: file to write.

    Raises:
        ValueError: as for `check_plot` and `read_curve`.
        OSError: a run does not exist, or the file cannot be written.
    """
    curves = {name: {label: read_curve(run, name) for label, run in runs.items()} for name in names}
    figure, axes = _new_figure(len(names))
    for axis, (name, lines) in zip(axes, curves.items(), strict=True):
        for label, (steps, values) in lines.items():
            axis.plot(steps, values, label=without_mathtext(label), linewidth=1.2)
        axis.set_xlabel("step")
        axis.set_title(name)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize="small")
    _save(figure, file)


def plot_reliability(measured: Mapping[str, Reliability], file: Path) -> None:
    """Plot the share of joints that are right over their confidence, and below it how many joints have it.

    Args:
        measured: reliability by label; a well-calibrated confidence lies on the diagonal.
        file: file to write.

    Raises:
        ValueError: as for `check_plot`.
        OSError: the file cannot be written.
    """
    figure, axes = _new_figure(2)
    axes[0].plot([0, 1], [0, 1], color="0.7", linewidth=1)
    for label, bins in measured.items():
        said = f"{label}: off by {100 * bins.error:.1f} %"
        axes[0].plot(bins.confidence, bins.right, marker="o", markersize=4, label=said)
        axes[1].stairs([count / max(1, sum(bins.counts)) for count in bins.counts], bins.edges, label=label)
    axes[0].set(xlabel="confidence", ylabel="share right within 0.2 torso", xlim=(0, 1), ylim=(0, 1))
    axes[1].set(xlabel="confidence", ylabel="share of the joints", xlim=(0, 1))
    axes[0].legend(fontsize="small")
    _save(figure, file)


def _new_figure(panels: int) -> "tuple[Figure, list[Axes]]":
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise UserError(f"plots need the package {error.name}: pip install 'hourlift[plots]'") from error
    figure = Figure(figsize=_INCHES, layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def _save(figure: "Figure", file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as temporary:
        figure.savefig(temporary, dpi=120)
