"""Measure how fast people are rendered, to choose between the GPU and separate processes for rendering.

`python -m hourlift.training.render_speed cuda 176` prints the rendered images per second of a device.
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
_MOST_S = 150.0  # limit of a measurement, including building the body and compiling kernels
_PREFERENCE = 1.5  # required speed-up of the GPU over processes, because it cannot train meanwhile


def images_per_second(device: str, size: int) -> float:
    """Return images rendered per second, by one thread or by a GPU."""
    torch.set_num_threads(1)
    generator = Generator(SynthConfig(size=size), device)
    generator.render((0, 0), PEOPLE_AT_ONCE).images.sum().item()
    begin = time.perf_counter()
    for i in range(_BATCHES):
        generator.render((0, 1 + i), PEOPLE_AT_ONCE).images.sum().item()  # wait for the device
    return _BATCHES * PEOPLE_AT_ONCE / (time.perf_counter() - begin)


def choose_workers(
    device: torch.device, size: int, cores: int, chunk_bytes: int, *, processes_only: bool = False
) -> tuple[int, str]:
    """Return how many processes should render; 0 renders in the training process, on its device.

    Both are measured in separate processes, so that a GPU error cannot stop the training.

    Args:
        device: training device.
        size: side of the images.
        cores: number of cores of the machine.
        chunk_bytes: bytes of the largest chunk of images that a process passes through shared memory.
        processes_only: whether the GPU cannot render the configured images.

    Returns:
        The number, and the reason as text.
    """
    if device.type != "cuda":
        return 0, "rendering in the training's process"
    # Two cores are left for training and everything else.
    workers = max(1, min(cores - 2, int(_shared_memory() / (2 * chunk_bytes))))
    if processes_only:
        return workers, f"{workers} processes render"
    running = {name: _measure(name, size) for name in (str(device), "cpu")}
    speeds = {name: _result(process, name) for name, process in running.items()}
    here, beside = speeds[str(device)], workers * speeds["cpu"]
    explanation = f"the GPU renders {here:.0f} images/s, {workers} processes about {beside:.0f}"
    return (0 if here > _PREFERENCE * beside else workers), explanation


def _shared_memory() -> float:
    """Return the bytes that processes can pass, most of the free shared memory; containers often have little."""
    return 0.8 * shutil.disk_usage(_SHARED).free if _SHARED.is_dir() else math.inf


def _measure(device: str, size: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", __name__, device, str(size)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _result(process: subprocess.Popen[str], device: str) -> float:
    """Return images per second; 0 if rendering failed, with a warning."""
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
