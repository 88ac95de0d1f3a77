"""``hourlift demo``: lift a clip that ships with the package, and print a summary."""

import time
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.text import Text

from hourlift.cli.progress import LateProgress
from hourlift.errors import UserError
from hourlift.formats import json
from hourlift.media.sources import Source
from hourlift.pipeline.lifting import lift_source
from hourlift.pipeline.options import Outputs, View
from hourlift.pipeline.summary import LiftResult
from hourlift.pose import Pose, PoseFrame
from hourlift.predict import PosePredictor

DEFAULT_OUT = Path("demo")

_SURE = 0.3  # joints below this confidence are ignored in the summary of the movement
_WHAT_IT_IS = {
    ".html": "open it in a browser: the skeleton in 3D beside the video",
    ".mp4": "the video with the skeleton drawn on it",
    ".json": "every joint of every frame in pixels and millimetres",
}


def command(*, out: Annotated[Path, tyro.conf.arg(aliases=["-o"])] = DEFAULT_OUT, threads: int = 2) -> None:
    """Lift the clip that ships with hourlift to 3D, and print a summary and the files.

    The clip shows a synthetic person, rendered by hourlift's generator. It is processed as by
    `hourlift predict`; it writes OUT/demo.html, OUT/demo.overlay.mp4 and OUT/demo.json.

    Args:
        out: folder of the results; created if missing.
        threads: CPU threads of the networks.

    Raises:
        ValueError: this installation lacks the clip or the weights.
        OSError: the results cannot be written.
    """
    clip = resources.files("hourlift") / "assets" / "demo.mp4"
    if not clip.is_file():
        raise UserError("the demo's clip is missing from this installation; try `hourlift predict` with a video")
    with resources.as_file(clip) as path:
        run(PosePredictor(threads=threads), path, out)


def run(predictor: PosePredictor, clip: Path, out: Path) -> Path:
    """Lift a clip as `hourlift predict` does, and print a summary.

    Args:
        predictor: the networks.
        clip: a video file.
        out: folder of the results; created if missing.

    Returns:
        The page's path.

    Raises:
        ValueError, OSError: the clip cannot be read, or the results cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    source = Source(label=str(clip), kind="video", name="demo")
    start_s = time.perf_counter()
    with LateProgress() as progress:
        done = lift_source(
            *(predictor, source, View(), Outputs(folder=out, smooth=True)),
            lambda count, total: progress.update("lifting the clip", count, total),
        )
    elapsed_s = time.perf_counter() - start_s
    _report(done, json.load(out / "demo.json").frames, elapsed_s)
    return out / "demo.html"


def _report(done: LiftResult, frames: Sequence[PoseFrame], elapsed_s: float) -> None:
    """Print the results, the speed and the files."""
    console = Console(highlight=False, soft_wrap=True)  # a path wrapped over two lines cannot be copied
    console.print("A clip lifted to 3D", style="bold")
    for name, fact in _facts(frames, elapsed_s):
        console.print(Text.assemble(f"  {name:<12}", fact))
    console.print("Where to look", style="bold")
    width = max(len(str(file)) for file in done.files)
    for suffix, what in _WHAT_IT_IS.items():
        file = next(str(file) for file in done.files if file.suffix == suffix)
        console.print(Text.assemble("  ", (file.ljust(width), "bold"), "  ", (what, "dim")))


def _facts(frames: Sequence[PoseFrame], elapsed_s: float) -> Iterator[tuple[str, str]]:
    """The results of the clip, as names and sentences."""
    poses = [pose for frame in frames for pose in frame.people]
    num_people = len({pose.person_id for pose in poses})
    num_found = sum(bool(frame.people) for frame in frames)
    people = {0: "no person", 1: "1 person"}.get(num_people, f"{num_people} people")
    yield "found", f"{people} in {num_found} of {len(frames)} frames ({frames[-1].time_s:.1f} s of video)"
    if poses:
        confidence = float(np.median([pose.confidence for pose in poses]))
        yield "confidence", f"{confidence:.2f} for the median joint, where 1 is certain"
    bends = [
        (bend, side, frame.time_s) for frame in frames for pose in frame.people for bend, side in _knee_bends(pose)
    ]
    if bends:
        bend, side, time_s = max(bends)
        yield "movement", f"the {side} knee bends most, {bend:.0f} degrees at {time_s:.2f} s"
    yield (
        "speed",
        f"{len(frames) / elapsed_s:.1f} frames per second, with video and page written ({elapsed_s:.1f} s in all)",
    )


def _knee_bends(pose: Pose) -> Iterator[tuple[float, str]]:
    """Flexion, degrees, of each knee of sufficient confidence, 0 for a straight leg, and its side."""
    for side, prefix in (("left", "l"), ("right", "r")):
        hip, knee, ankle = (pose.joint(f"{prefix}_{name}") for name in ("hip", "knee", "ankle"))
        thigh, shank = knee.position_mm - hip.position_mm, ankle.position_mm - knee.position_mm
        lengths = float(np.linalg.norm(thigh) * np.linalg.norm(shank))
        if min(hip.confidence, knee.confidence, ankle.confidence) >= _SURE and lengths > 0:
            yield float(np.degrees(np.arccos(np.clip(thigh @ shank / lengths, -1, 1)))), side
