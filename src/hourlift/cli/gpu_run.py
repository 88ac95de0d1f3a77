"""``hourlift gpu-run``: a GPU for half an hour in, a trained hourglass out."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from hourlift.errors import UserError

EXAMPLES = """
hourlift gpu-run --dry-run -o runs/dry                            # everything once, tiny, on the CPU: a minute
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
    """Render, train, evaluate and write the weights within a time limit; call it again to go on.

    The learning rate, the curriculum and the size of the images follow the share of the time that is used, so the run
    ends well however fast the machine is. A call that was cut off is gone on with from its last checkpoint, which is a
    minute old at most: what is left of the run is then spread over the time of the new call.

    Leaves in the folder: compact.pt, the averaged network as float16, in parts of at most 16 MiB where it is larger
    (`hourlift export` joins them); last.pt to go on from; log.jsonl; report.md and report.json with views, speed and
    scores on held-out people.

    Args:
        out: folder of the run; a run that is in it already is gone on with.
        minutes: wall clock of this call, everything included.
        train_minutes: training of the whole run where it takes several calls [default: it ends with this call].
        recipe: what to train and how, by name.
        backgrounds: folders of photographs, for backgrounds and cloth beside those that are drawn.
        assets: folder of MakeHuman's clothes, hair and skins that people wear, beside painted ones
            [default: $HOURLIFT_ASSETS]; such people are rendered by processes beside the training.
        panoramas: folder of panoramas of high dynamic range (.hdr) that light people.
        motion: motion capture (.bvh, .amc, .npz), a file or a folder of them, that half of the poses are taken from.
        device: cuda, cuda:1, or cpu.
        render_workers: processes that render; 0 lets the GPU do it [default: whichever is faster, as measured].
        stacks: of the network, in the place of the recipe's.
        init: start from the weights of this checkpoint, of a network of the same shape.
        dry_run: the same with a tiny network on the CPU, to see that everything is there.
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
        load_motion(motion)  # likewise
        synth = with_motion(synth, motion)
    chosen = replace(chosen, plan=replace(chosen.plan, synth=synth))
    if stacks is not None:
        chosen = replace(chosen, network=replace(chosen.network, num_stacks=stacks))
    call = GpuRun(
        out=out, minutes=minutes, train_minutes=train_minutes, device=device, render_workers=render_workers, init=init
    )
    if dry_run:
        chosen, call = tiny(chosen), replace(call, device="cpu", minutes=min(minutes, 0.5), judged=16)
    report = gpu_run(chosen, call)
    print(to_markdown(report), end="")
    if report["stopped_by"] == "signal":
        return 130
    print(f"\nnext: hourlift export {out / 'compact.pt'} -o hourglass.onnx", file=sys.stderr)
    return 0
