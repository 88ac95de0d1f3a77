"""What a measurement must say beside its numbers, and where it is kept."""

import contextlib
import json
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import hourlift
from hourlift.media.video import VideoReader

BOX = (540.0, 60.0, 735.0, 600.0)
"""Around `somebody`."""


def example_image() -> np.ndarray:
    """(720, 1280, 3) the first frame of the shipped clip, enlarged: how long decoding takes depends on what is seen."""
    with VideoReader(Path(hourlift.__file__).parent / "assets" / "demo.mp4") as video:
        frame = next(iter(video)).image_rgb
    image = np.full((720, 1280, 3), 128, np.uint8)
    image[:, 280:1000] = cv2.resize(frame, (720, 720))
    return image


def publish(result: dict[str, Any], save: Path | None) -> None:
    """Prints the result as JSON, and writes it too if a file is given."""
    text = json.dumps(result, indent=2)
    if save is not None:
        save.parent.mkdir(parents=True, exist_ok=True)
        save.write_text(text + "\n", encoding="utf-8")
    print(text)


def surroundings(*packages: str) -> dict[str, object]:
    """Machine and versions, as every result carries them; packages that are not installed are left out."""
    versions = {"hourlift": hourlift.__version__, "commit": commit(), "python": platform.python_version()}
    for package in ("numpy", "onnxruntime", *packages):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {"machine": machine(), "versions": versions}


def machine() -> dict[str, object]:
    """The processor, how many cores, and how busy they were when the measurement ended."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"cpu": name or platform.processor(), "cores": os.cpu_count(), "system": platform.system(), "load": load}


def commit() -> str:
    """Commit of the checkout, with "+" when files were changed since; "" outside of one."""
    folder = Path(__file__).parent
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
