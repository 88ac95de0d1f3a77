r"""Trains the same small hourglass for the same steps, from the same weights, on whichever generator is installed.

    python experiments/2026-11-generator/ablation.py -o runs/new --backgrounds photos

Run it on two commits of hourlift and compare `hourlift evaluate` of the exported weights; those of the new generator
are shipped. To go on from there on motion capture, two processes with one thread each:

    torchrun --nproc-per-node 2 experiments/2026-11-generator/ablation.py -o runs/fast --backgrounds photos \
        --motion mocap --init runs/new/compact.pt --batch 16 --steps 5000
"""

import argparse
from dataclasses import replace
from pathlib import Path

from hourlift.training.engine.loop import train
from hourlift.training.hourglass.stage import HourglassStage
from hourlift.training.recipes import fast
from hourlift.training.rendered import Curriculum

EVERYTHING = Curriculum(start_share=0.0, views=(-2, -1), poses=(-2, -1), augmentation=(-2, -1))
"""No ramps: all views, all poses and strong augmentation from the first step."""
INIT = Path(__file__).parents[2] / "checkpoints/hourglass-fast-first.pt"


def main() -> None:
    """Trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--motion", type=Path, help="motion capture, for one pose in five")
    parser.add_argument("--init", type=Path, default=INIT)
    parser.add_argument("--batch", type=int, default=32, help="of each process")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    recipe = fast()
    synth = replace(recipe.plan.synth, photos=options.backgrounds)
    if options.motion is not None:
        synth = replace(synth, motion=options.motion, poses=replace(synth.poses, captured=0.25))
    plan = replace(recipe.plan, synth=synth, curriculum=EVERYTHING)
    schedule = replace(recipe.train, steps=options.steps, lr=1.5e-3, validate_every=500)
    recipe = replace(recipe, plan=plan, batch_size=options.batch, train=schedule)
    train(
        HourglassStage(recipe), recipe.train, options.out, resume=options.resume, init=None if options.resume else INIT
    )


if __name__ == "__main__":
    main()
