"""How fast people are rendered here, and so who renders for a training: the GPU, or processes beside it.

As a program, `python -m hourlift.training.render_speed cuda 176`, it prints the images a second of a device.
"""

import logging
import math
import shutil
import subprocess
import sys
import time
from pathlib import Path

import torch

from hourlift.synth.generate import Generator, SynthConfig
from hourlift.training.rendered import PEOPLE_AT_ONCE

log = logging.getLogger(__name__)

_SHARED = Path("/dev/shm")
_BATCHES = 3
_MOST_S = 150.0  # of a measurement, the body built on first use and kernels compiled
_PREFERENCE = 1.5  # how much faster than processes a GPU must render, as it does not train meanwhile


def images_per_second(device: str, size: int) -> float:
    """Rendered images a second, of one thread or of a GPU."""
    torch.set_num_threads(1)
    generator = Generator(SynthConfig(size=size), device)
    generator.render((0, 0), PEOPLE_AT_ONCE).images.sum().item()
    begin = time.perf_counter()
    for i in range(_BATCHES):
        generator.render((0, 1 + i), PEOPLE_AT_ONCE).images.sum().item()  # waits for the device
    return _BATCHES * PEOPLE_AT_ONCE / (time.perf_counter() - begin)


def choose_workers(
    device: torch.device, size: int, cores: int, chunk_bytes: int, *, processes_only: bool = False
) -> tuple[int, str]:
    """How many processes render; 0 where the training's own does, on its device.

    Both are measured in processes of their own, at once: what a GPU may refuse must not take the training with it.

    Args:
        device: that trains.
        size: side of the images.
        cores: of the machine.
        chunk_bytes: of the largest chunk of images that a process hands over, through shared memory.
        processes_only: whether the GPU cannot render what is wanted.

    Returns:
        The number, and why in words.
    """
    if device.type != "cuda":
        return 0, "rendering in the training's process"
    # Two cores train and do the rest.
    workers = max(1, min(cores - 2, int(_shared_memory() / (2 * chunk_bytes))))
    if processes_only:
        return workers, f"{workers} processes render"
    running = {name: _measure(name, size) for name in (str(device), "cpu")}
    speeds = {name: _result(process, name) for name, process in running.items()}
    here, beside = speeds[str(device)], workers * speeds["cpu"]
    told = f"the GPU renders {here:.0f} images/s, {workers} processes about {beside:.0f}"
    return (0 if here > _PREFERENCE * beside else workers), told


def _shared_memory() -> float:
    """Bytes that processes can hand over, most of what is free; containers often have little."""
    return 0.8 * shutil.disk_usage(_SHARED).free if _SHARED.is_dir() else math.inf


def _measure(device: str, size: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", __name__, device, str(size)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _result(process: subprocess.Popen[str], device: str) -> float:
    """0 where rendering failed, which is said."""
    try:
        out, errors = process.communicate(timeout=_MOST_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, errors = process.communicate()
    lines = out.split()
    if process.returncode == 0 and lines:
        return float(lines[-1])
    log.warning("rendering on %s failed: %s", device, (errors.strip().splitlines() or ["it took too long"])[-1])
    return 0.0


if __name__ == "__main__":
    print(images_per_second(sys.argv[1], int(sys.argv[2])))
