r"""Runs the small hourglass through a new curriculum, from the shipped weights, on the generator's second version.

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 experiments/2026-11-left-and-right/curriculum.py \
        -o runs/round-1 --backgrounds photos
"""

import argparse
from dataclasses import replace
from pathlib import Path

from hourlift.synth import presets
from hourlift.training.engine.loop import train
from hourlift.training.hourglass.stage import HourglassStage
from hourlift.training.recipes import STRONG, fast
from hourlift.training.rendered import Curriculum

INIT = Path(__file__).parents[2] / "checkpoints/hourglass-fast.pt"
SLOW = Curriculum(start_share=0.97, views=(0.1, 0.5), poses=(0.15, 0.5), augmentation=(0.4, 0.55))


def main() -> None:
    """Trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--init", type=Path, default=INIT)
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    recipe, sport = fast(), presets.sport()
    views = replace(recipe.plan.synth.views, extreme_share=0.2, roll_spread=8.0)
    synth = replace(
        recipe.plan.synth,
        photos=options.backgrounds,
        poses=recipe.plan.synth.poses.mixed(sport.poses, 0.5),
        views=views,
    )
    recipe = replace(
        recipe,
        batch_size=32,
        strong=replace(STRONG, any_rotation=0.2),
        plan=replace(recipe.plan, synth=synth, curriculum=SLOW, chunk_size=256, reuse=5),
        train=replace(recipe.train, steps=options.steps, validate_every=500, checkpoint_every_s=240.0),
    )
    init = None if options.resume else options.init
    train(HourglassStage(recipe), recipe.train, options.out, resume=options.resume, init=init)


if __name__ == "__main__":
    main()
