"""What a run tells of itself."""

import json
from pathlib import Path

import pytest

from hourlift.training.engine.run_log import Meter, RunLog


def steps(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_new_run_and_a_resumed_one_forget_what_a_killed_one_told_of_later_steps(tmp_path: Path) -> None:
    with RunLog(tmp_path, steps=100, start=0) as log:
        for step in (10, 20, 30):
            log.write(step, {"loss": 1.0})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 40, "lo')  # killed while it wrote
    with RunLog(tmp_path, steps=100, start=20) as log:
        log.write(25, {"loss": 0.5})
    assert steps(tmp_path) == [10, 20, 25]
    with RunLog(tmp_path, steps=100, start=0) as log:
        log.write(5, {"loss": 2.0})
    assert steps(tmp_path) == [5]


def test_a_mean_is_over_the_steps_that_told_of_it() -> None:
    meter = Meter(world_size=1)
    for step in range(4):
        meter.add(8, {"loss": 1.0 + step, "grad_norm": 1.0, **({"parts": 6.0} if step % 2 == 0 else {})})
    means = meter.read(4)
    assert means["loss"] == pytest.approx(2.5)
    assert means["parts"] == pytest.approx(6.0)
