"""Measuring one thing against another on a machine that is never quiet.

The candidates take turns, so that what slows the machine down slows all of them; the ratio is the median of the ratios
of neighbours. Beside the wall clock stands the processor time of the process, which other work disturbs less.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

WARM_UP = 3


def compare(
    candidates: Mapping[str, Callable[[], object]], *, rounds: int = 30, inner: int = 1, per_run: float = 1.0
) -> dict[str, dict[str, float]]:
    """Run candidates in turns.

    Args:
        candidates: by name; the first is what the others are measured against.
        rounds: how often each is measured.
        inner: runs of one measurement.
        per_run: how many things one run does: people, images.

    Returns:
        By name, in milliseconds a thing: median and 10 and 90 % of the wall clock, median of the processor time;
        and the ratios of both to the first candidate's.
    """
    for run in candidates.values():
        for _ in range(WARM_UP):
            run()
    wall = {name: np.empty(rounds) for name in candidates}
    cpu = {name: np.empty(rounds) for name in candidates}
    for i in range(rounds):
        for name, run in candidates.items():
            begin, begin_cpu = time.perf_counter(), time.process_time()
            for _ in range(inner):
                run()
            scale = 1000 / inner / per_run
            wall[name][i] = (time.perf_counter() - begin) * scale
            cpu[name][i] = (time.process_time() - begin_cpu) * scale
    first = next(iter(candidates))
    return {
        name: {
            "median_ms": round(float(np.median(wall[name])), 3),
            "p10_ms": round(float(np.percentile(wall[name], 10)), 3),
            "p90_ms": round(float(np.percentile(wall[name], 90)), 3),
            "cpu_ms": round(float(np.median(cpu[name])), 3),
            "ratio": round(float(np.median(wall[name] / wall[first])), 3),
            "cpu_ratio": round(float(np.median(cpu[name] / cpu[first])), 3),
        }
        for name in candidates
    }


def print_table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Print measurements, one row each."""
    columns = list(next(iter(rows.values())))
    width = max(map(len, [title, *rows]))
    print(f"\n{title:<{width}}" + "".join(f"{column:>12}" for column in columns))
    for name, row in rows.items():
        print(f"{name:<{width}}" + "".join(f"{row[column]:>12}" for column in columns))
