r"""The same network, recipe, seed and number of views with the old and with the new generator: see README.md.

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 experiments/2026-11-dressed/compare.py old -o runs/old-0 \
        --init checkpoints/hourglass-accurate.pt --backgrounds backgrounds
    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 experiments/2026-11-dressed/compare.py new -o runs/new-0 \
        --init checkpoints/hourglass-accurate.pt --backgrounds backgrounds openimages/images \
        --assets makehuman --panoramas hdri
"""

import argparse
from dataclasses import replace
from pathlib import Path

from hourlift.hourglass.network import HourglassConfig
from hourlift.synth import presets
from hourlift.synth.generate import SynthConfig
from hourlift.training.engine import checkpoint
from hourlift.training.engine.loop import train
from hourlift.training.hourglass.stage import HourglassStage
from hourlift.training.recipes import fast
from hourlift.training.rendered import Curriculum

EVERYTHING = Curriculum(start_share=0.0, views=(-2, -1), poses=(-2, -1), augmentation=(-2, -1))
SPORT_SHARE = 0.5
"""Of the new generator's poses: half of the photographs that the networks are measured on are of sports."""


def people(generator: str) -> SynthConfig:
    """What the old generator rendered for every shipped network, and what the new one does."""
    if generator == "old":
        return replace(presets.everyday(), follows_photos=False)
    photograph, sport = presets.photograph(), presets.sport()
    return replace(
        photograph,
        poses=photograph.poses.mixed(sport.poses, SPORT_SHARE),
        views=replace(photograph.views, extreme_share=0.12, roll_spread=6.0, truncated_share=0.25),
    )


def main() -> None:
    """Trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generator", choices=("old", "new"))
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path, nargs="+", default=[])
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--panoramas", type=Path)
    parser.add_argument("--size", type=int, default=128, help="side of the crops, pixels")
    parser.add_argument("--views", type=int, default=20_000)
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    recipe = fast()
    synth = presets.with_images(people(options.generator), options.backgrounds, options.assets, options.panoramas)
    recipe = replace(
        recipe,
        name="hourglass-accurate",
        network=HourglassConfig(**checkpoint.load(options.init)["model_config"]),
        input_size=options.size,
        plan=replace(
            recipe.plan,
            synth=replace(synth, size=recipe.plan.synth.size * options.size // recipe.input_size, empty_share=0.04),
            curriculum=EVERYTHING,
            chunk_size=256,
            reuse=1,
        ),
        held_out=128,
        train=replace(
            recipe.train,
            steps=options.views // (2 * recipe.batch_size),
            lr=options.lr,
            schedule="cosine",
            seed=options.seed,
            validate_every=10_000,
            log_every=25,
            checkpoint_every_s=120.0,
        ),
    )
    init = None if options.resume else options.init
    train(HourglassStage(recipe), recipe.train, options.out, resume=options.resume, init=init)


if __name__ == "__main__":
    main()
