r"""Runs the hourglass through one phase of a curriculum that is gated by hand: see README.md.

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 experiments/2026-11-facing/phase.py \
        -o runs/facing-a --init runs/wide.pt --backgrounds photos --steps 4000 --views 1 2
"""

import argparse
from dataclasses import replace
from pathlib import Path

from hourlift.hourglass.network import HourglassConfig
from hourlift.synth import presets
from hourlift.synth.body.parts import PARTS
from hourlift.training.engine.loop import train
from hourlift.training.hourglass.stage import HourglassStage
from hourlift.training.recipes import STRONG, fast
from hourlift.training.rendered import Curriculum

NETWORK = HourglassConfig(num_stacks=1, width=128, num_joints=17, widening=1.25, num_parts=len(PARTS))


def main() -> None:
    """Trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--init", type=Path)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--lr", type=float, default=2.5e-3)
    parser.add_argument("--schedule", default="trapezoid")
    parser.add_argument("--clip", type=float, default=5.0, help="largest norm of the gradient")
    parser.add_argument("--floor", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    for name in ("views", "clutter", "poses", "augmentation"):
        parser.add_argument(f"--{name}", type=float, nargs=2, default=(1.0, 2.0), help="span of progress; 1 2 is never")
    parser.add_argument("--front", type=float, default=0.0, help="share of people who face the camera in the end")
    parser.add_argument("--reuse", type=int, default=5)
    parser.add_argument("--any-rotation", type=float, default=0.2)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    recipe, sport = fast(), presets.sport()
    synth = replace(
        recipe.plan.synth,
        photos=options.backgrounds,
        poses=recipe.plan.synth.poses.mixed(sport.poses, 0.5),
        views=replace(recipe.plan.synth.views, extreme_share=0.2, roll_spread=8.0, front_share=options.front),
    )
    spans = {name: tuple(getattr(options, name)) for name in ("views", "clutter", "poses", "augmentation")}
    recipe = replace(
        recipe,
        network=NETWORK,
        strong=replace(STRONG, any_rotation=options.any_rotation),
        plan=replace(recipe.plan, synth=synth, curriculum=Curriculum(**spans), chunk_size=128, reuse=options.reuse),
        train=replace(
            recipe.train,
            steps=options.steps,
            lr=options.lr,
            schedule=options.schedule,
            floor=options.floor,
            max_grad_norm=options.clip,
            seed=options.seed,
            validate_every=1000,
            checkpoint_every_s=240.0,
        ),
    )
    init = None if options.resume else options.init
    train(HourglassStage(recipe), recipe.train, options.out, resume=options.resume, init=init)


if __name__ == "__main__":
    main()
