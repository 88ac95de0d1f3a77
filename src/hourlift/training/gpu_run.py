"""Train on a GPU within a time limit, such as half an hour: render, train, evaluate, write weights. Resumable."""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hourlift.formats.atomic import replacing
from hourlift.hourglass.network import HourglassConfig, StackedHourglass
from hourlift.synth.presets import PRESETS
from hourlift.training.engine import checkpoint, distributed
from hourlift.training.engine.clock import Clock
from hourlift.training.engine.loop import TrainResult, train
from hourlift.training.hourglass.stage import HourglassRecipe, HourglassStage
from hourlift.training.render_speed import choose_workers

FINISH_SHARE, FINISH_MINUTES = 0.15, 2.5
"""Time reserved for the evaluation and for writing: this share of a call's minutes, up to this maximum."""
_BYTES_A_PIXEL = 4  # per pixel of a rendered image: three colours and the mask
_DONE = 0.999  # progress at which a run counts as finished
_LAST_STEP_MINUTES = 0.1  # beyond the end of the clock, so that the last step reaches it


@dataclass(frozen=True, kw_only=True)
class GpuRun:
    """Settings of one call.

    Attributes:
        out: Folder of the run; an existing run is resumed.
        minutes: Wall-clock time of the call, everything included.
        train_minutes: Training time of the whole run, over several calls if needed; None ends the run with this call.
        device: Device for training.
        render_workers: Rendering processes; 0 renders in the training process, on its device; None measures first.
        init: Checkpoint to initialise a new run.
        evaluated: Number of people of each preset in the evaluation.
    """

    out: Path
    minutes: float
    train_minutes: float | None = None
    device: str = "cuda"
    render_workers: int | None = None
    init: Path | None = None
    evaluated: int = 256


def tiny(recipe: HourglassRecipe) -> HourglassRecipe:
    """Return the recipe with a network and images so small that a CPU finishes in seconds."""
    return replace(
        recipe,
        name=f"{recipe.name}-tiny",
        network=HourglassConfig(num_stacks=recipe.network.num_stacks, width=16, num_joints=17, depth=2),
        input_size=64,
        first_size=32,
        first_share=0.4,
        plan=replace(recipe.plan, synth=replace(recipe.plan.synth, size=88), chunk_size=16, reuse=2),
        batch_size=8,
        held_out=16,
        train=replace(recipe.train, log_every=2, validate_every=1000, threads=1),
    )


def gpu_run(recipe: HourglassRecipe, call: GpuRun) -> dict[str, Any]:
    """Train for the duration of a call, or resume; evaluate; write weights and a report.

    Besides the files of `training.loop.train`, `call.out` gets report.json and report.md. If compact.pt is larger than
    16 MiB, it is split into parts of at most that size.

    Args:
        recipe: What to train. Its number of steps is ignored.
        call: Settings of the call.

    Returns:
        The content of report.json.

    Raises:
        ValueError, OSError: As for `training.loop.train`.
    """
    begin = time.monotonic()
    device = distributed.World().device(call.device)
    workers, rendering = _renderer(recipe, call, device)
    print(f"{recipe.name} on {_device_name(device)}: {rendering}", file=sys.stderr)
    train_config = replace(recipe.train, steps=sys.maxsize, device=call.device)
    recipe = replace(recipe, render_workers=workers, train=train_config)
    _speed_up(device)
    result, progress = _train(recipe, call, begin)
    presets = _evaluate(recipe, call, device) if result.stopped_by != "signal" else {}  # stop fast after a signal
    report = {
        "recipe": recipe.name,
        "network": asdict(recipe.network),
        "device": _device_name(device),
        "torch": torch.__version__,
        "rendering": rendering,
        "progress": progress,
        "stopped_by": "finished" if progress >= _DONE else result.stopped_by,
        "steps": result.step,
        "views": result.step * recipe.batch_size,
        "speed": _speed(call.out / "log.jsonl", {recipe.size_at(0.0), recipe.size_at(1.0)}),
        "held_out": dict(result.metrics),
        "presets": presets,
        "weights": [path.name for path in checkpoint.split(call.out / "compact.pt")],
        "minutes": (time.monotonic() - begin) / 60,
    }
    for name, text in (("report.json", json.dumps(report, indent=2) + "\n"), ("report.md", to_markdown(report))):
        with replacing(call.out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return report


def _train(recipe: HourglassRecipe, call: GpuRun, begin: float) -> tuple[TrainResult, float]:
    """Train for the remaining time of a call; return how it ended, and the progress."""
    last = call.out / "last.pt"
    progress = float(checkpoint.load(last).get("progress", 0.0)) if last.exists() else 0.0
    kept = min(FINISH_MINUTES, FINISH_SHARE * call.minutes)
    left = max(0.0, call.minutes - (time.monotonic() - begin) / 60 - kept)
    clock = Clock(None, left if call.train_minutes is None else call.train_minutes * (1 - progress))
    most = 0.0 if progress >= _DONE else left + _LAST_STEP_MINUTES
    config = replace(recipe.train, max_minutes=most)
    stage = HourglassStage(recipe, clock)
    result = train(stage, config, call.out, resume=last.exists(), init=call.init, clock=clock)
    return result, clock.progress


def to_markdown(report: Mapping[str, Any]) -> str:
    """Format the report as text and tables."""
    rows = {"all kinds of people, as trained on": report["held_out"], **report["presets"]}
    lines = [
        f"# {report['recipe']}: {report['progress']:.0%} of the run",
        "",
        f"{report['device']}, PyTorch {report['torch']}. {report['views']:,} views in {report['steps']:,} steps; this "
        f"call took {report['minutes']:.1f} minutes: {report['stopped_by']}. Rendering: "
        f"{report['rendering']}. Weights: {', '.join(report['weights'])}.",
        "",
        "| side of the images, px | views a second | share of the time waiting for images |",
        "| ---: | ---: | ---: |",
        *(f"| {side} | {s['views_s']:.0f} | {s['data_wait']:.0%} |" for side, s in report["speed"].items()),
        "",
        "| held-out synthetic people | PCK@0.2 | swapped | collapsed |",
        "| --- | ---: | ---: | ---: |",
        *(f"| {name} | {m['pck']:.1%} | {m['swapped']:.1%} | {m['collapsed']:.1%} |" for name, m in rows.items() if m),
    ]
    return "\n".join(lines) + "\n"


def _renderer(recipe: HourglassRecipe, call: GpuRun, device: torch.device) -> tuple[int, str]:
    if call.render_workers is not None:
        return call.render_workers, f"{call.render_workers} processes render, as requested"
    first = recipe.plan.synth.size * recipe.size_at(0.0) // recipe.input_size
    chunk_bytes = recipe.plan.chunk_size * recipe.plan.synth.size**2 * _BYTES_A_PIXEL
    return choose_workers(
        device, first, os.cpu_count() or 1, chunk_bytes, processes_only=recipe.plan.synth.assets is not None
    )


def _evaluate(recipe: HourglassRecipe, call: GpuRun, device: torch.device) -> dict[str, dict[str, float]]:
    """Return PCK, swapped and collapsed pairs of the averaged network on people of every preset."""
    model, _ = checkpoint.load_model(call.out / "last.pt")
    assert isinstance(model, StackedHourglass)
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    found = {}
    for name, preset in PRESETS.items():
        trained = recipe.plan.synth
        synth = replace(preset(), photos=trained.photos, assets=trained.assets, probes=trained.probes)
        val_people = replace(recipe, plan=replace(recipe.plan, synth=synth), held_out=call.evaluated)
        with torch.no_grad():
            found[name] = dict(HourglassStage(val_people).validate(model, device))
    return found


def _speed(log: Path, sides: set[int]) -> dict[str, dict[str, float]]:
    """Return medians over log lines, by image size: views per second, share of time waiting for images."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    speeds = {}
    for side in sorted(sides):
        of_side = [line for line in lines if line.get("side") == side]
        if of_side:
            speeds[str(side)] = {
                "views_s": float(np.median([line["items_s"] for line in of_side])),
                "data_wait": float(np.median([line["data_wait"] for line in of_side])),
            }
    return speeds


def _speed_up(device: torch.device) -> None:
    """Enable options that PyTorch leaves off by default."""
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
        torch._dynamo.config.suppress_errors = True  # code that cannot be compiled runs uncompiled, with a log message


def _device_name(device: torch.device) -> str:
    if device.type == "cuda" and torch.cuda.is_available():
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"
