r"""Finished training samples a second, and where the time goes.

Every process renders on its own, as training does; the breakdown is of one process more, profiled alone. Prints JSON;
`--save` also writes it, to be committed beside this script.

    python benchmarks/synth.py                                         # two processes of one thread each
    python benchmarks/synth.py --preset photograph --backgrounds photos places --assets makehuman --panoramas hdri \
        --save benchmarks/results/synth.json
    python benchmarks/synth.py --device cuda --batch 256 --processes 1
"""

import cProfile
import platform
import pstats
import statistics
import time
from dataclasses import replace
from pathlib import Path

import numba
import torch
import torch.multiprocessing as mp
import tyro
from context import commit, machine, publish

import hourlift
from hourlift.synth import presets
from hourlift.synth.generate import Generator, SynthConfig

OF_INTEREST = ("render", "photograph", "render_people", "pose", "rasterise")
"""Functions whose parts are timed separately."""


def main(
    size: int = 256,
    batch: int = 32,
    rounds: int = 10,
    processes: int = 2,
    threads: int = 1,
    device: str = "cpu",
    preset: str = "everyday",
    backgrounds: tuple[Path, ...] = (),
    assets: Path | None = None,
    panoramas: Path | None = None,
    save: Path | None = None,
) -> None:
    """Measure the generator.

    Args:
        size: side of the images in pixels.
        batch: images rendered in one go.
        rounds: batches that each process renders after the first.
        processes: that render side by side.
        threads: of each process.
        device: cpu or cuda.
        preset: what is rendered, by name.
        backgrounds: folders of photographs.
        assets: folder of MakeHuman's clothes, hair and skins.
        panoramas: folder of panoramas of high dynamic range.
        save: also write the JSON to this file.
    """
    config = presets.with_images(replace(presets.preset(preset), size=size), backgrounds, assets, panoramas)
    Generator(config, device).render(0, batch)  # builds the body, compiles the kernel, once for all processes
    work = (config, batch, rounds, threads, device)
    with mp.get_context("spawn").Pool(processes) as pool:
        seconds = pool.starmap(_batch_seconds, [(100 * (1 + process), *work) for process in range(processes)])
    per_process = [batch / statistics.median(times) for times in seconds]
    publish(
        {
            "what": "synthetic training samples a second, everything switched on",
            "samples_per_second": round(sum(per_process), 1),
            "of_each_process": [round(rate, 1) for rate in per_process],
            "ms_per_sample_of_one_process": round(1000 * statistics.median(sum(seconds, [])) / batch, 2),
            "ms_per_sample_by_step": _breakdown(*work),
            "size": size,
            "batch": batch,
            "rounds": rounds,
            "processes": processes,
            "threads": threads,
            "device": device if device == "cpu" else torch.cuda.get_device_name(device),
            "preset": preset,
            "backgrounds": "drawn and photographs" if backgrounds else "drawn",
            "clothes": "painted" if config.assets is None else "painted and garments",
            "light": "drawn" if panoramas is None else "drawn and panoramas",
            "machine": machine(),
            "versions": {
                "hourlift": hourlift.__version__,
                "commit": commit(),
                "python": platform.python_version(),
                "torch": torch.__version__,
                "numba": numba.__version__,
            },
        },
        save,
    )


def _batch_seconds(seed: int, config: SynthConfig, batch: int, rounds: int, threads: int, device: str) -> list[float]:
    torch.set_num_threads(threads)
    generator = Generator(config, device)
    generator.render((seed, 0), batch)
    seconds = []
    for i in range(rounds):
        start = time.perf_counter()
        generator.render((seed, 1 + i), batch)
        _finish(device)
        seconds.append(time.perf_counter() - start)
    return seconds


def _finish(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize(device)


def _breakdown(config: SynthConfig, batch: int, rounds: int, threads: int, device: str) -> dict[str, dict[str, float]]:
    """Milliseconds per sample of what OF_INTEREST call. On a GPU set CUDA_LAUNCH_BLOCKING=1 for it to mean much."""
    torch.set_num_threads(threads)
    generator = Generator(config, device)
    generator.render(0, batch)
    profile = cProfile.Profile()
    profile.enable()
    for i in range(rounds):
        generator.render((1, i), batch)
    _finish(device)
    profile.disable()
    steps: dict[str, dict[str, float]] = {}
    for (_, _, name), (*_, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        for (file, _, caller), (*_, cumulative) in callers.items():
            spent = round(1000 * cumulative / rounds / batch, 2)
            if "hourlift" in file and caller in OF_INTEREST and spent >= 0.1 and name not in OF_INTEREST[:2]:
                steps.setdefault(caller, {})[name] = spent
    return {caller: dict(sorted(parts.items(), key=lambda part: -part[1])) for caller, parts in steps.items()}


if __name__ == "__main__":
    tyro.cli(main, description=__doc__)
