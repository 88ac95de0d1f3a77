"""``hourlift gpu-run``: train a hourglass on a GPU within half an hour."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from hourlift.errors import UserError

EXAMPLES = """
hourlift gpu-run --dry-run -o runs/dry                            # all steps with a tiny network on the CPU: a minute
hourlift gpu-run -o runs/accurate --minutes 25 --backgrounds photos/
hourlift gpu-run -o runs/accurate --minutes 9 --train-minutes 24  # in calls of nine minutes: call it three times
hourlift export runs/accurate/compact.pt -o hourglass-accurate.onnx
"""


def command(
    *,
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    minutes: float = 25.0,
    train_minutes: float | None = None,
    recipe: str = "accurate",
    backgrounds: tuple[Path, ...] = (),
    assets: Path | None = None,
    panoramas: Path | None = None,
    motion: Path | None = None,
    device: str = "cuda",
    render_workers: int | None = None,
    stacks: int | None = None,
    init: Path | None = None,
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False,
) -> int:
    """Render, train, evaluate and write the weights within a time limit; call it again to continue.

    The learning rate, the curriculum and the image size follow the share of the time that is used, so that the run
    finishes at any speed of the machine. An interrupted call is continued from its last checkpoint, which is at most a
    minute old: the rest of the run is then spread over the time of the new call.

    Writes into the folder: compact.pt, the averaged network as float16, in parts of at most 16 MiB where it is larger
    (`hourlift export` joins them); last.pt to continue from; log.jsonl; report.md and report.json with views, speed and
    scores on held-out people.

    Args:
        out: folder of the run; an existing run in it is continued.
        minutes: wall-clock time of this call, including everything.
        train_minutes: training time of the whole run if it takes several calls [default: it ends with this call].
        recipe: what to train and how, by name.
        backgrounds: folders of photos, for backgrounds and cloth in addition to drawn ones.
        assets: folder of MakeHuman's clothes, hair and skins that people wear, in addition to painted ones
            [default: $HOURLIFT_ASSETS]; such people are rendered by separate processes.
        panoramas: folder of panoramas of high dynamic range (.hdr) that light people.
        motion: motion capture (.bvh, .amc, .npz), a file or a folder of them, from which half of the poses are taken.
        device: cuda, cuda:1, or cpu.
        render_workers: processes that render; 0 renders on the GPU [default: whichever is measured to be faster].
        stacks: of the network, instead of the recipe's.
        init: start from the weights of this checkpoint, from a network of the same shape.
        dry_run: run all steps with a tiny network on the CPU, to check that everything is installed.
    """
    from hourlift.data.mocap.motion import load_motion
    from hourlift.synth.presets import with_images, with_motion
    from hourlift.training.gpu_run import GpuRun, gpu_run, tiny, to_markdown
    from hourlift.training.recipes import HOURGLASS_RECIPES

    if recipe not in HOURGLASS_RECIPES:
        raise UserError(f"there is no recipe {recipe!r}; the recipes are {', '.join(HOURGLASS_RECIPES)}")
    chosen = HOURGLASS_RECIPES[recipe]()
    synth = with_images(chosen.plan.synth, backgrounds, assets, panoramas)
    if motion is not None:
        load_motion(motion)  # also early
        synth = with_motion(synth, motion)
    chosen = replace(chosen, plan=replace(chosen.plan, synth=synth))
    if stacks is not None:
        chosen = replace(chosen, network=replace(chosen.network, num_stacks=stacks))
    call = GpuRun(
        out=out, minutes=minutes, train_minutes=train_minutes, device=device, render_workers=render_workers, init=init
    )
    if dry_run:
        chosen, call = tiny(chosen), replace(call, device="cpu", minutes=min(minutes, 0.5), evaluated=16)
    report = gpu_run(chosen, call)
    print(to_markdown(report), end="")
    if report["stopped_by"] == "signal":
        return 130
    print(f"\nnext: hourlift export {out / 'compact.pt'} -o hourglass.onnx", file=sys.stderr)
    return 0
