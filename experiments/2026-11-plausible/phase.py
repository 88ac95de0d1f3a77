r"""Goes on with a hourglass on images that a person might have taken: see README.md.

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 experiments/2026-11-plausible/phase.py \
        -o runs/plausible --init checkpoints/hourglass-fast.pt --backgrounds photos --steps 1500
"""

import argparse
from dataclasses import replace
from pathlib import Path

from hourlift.hourglass.augment import AugmentConfig
from hourlift.hourglass.network import HourglassConfig
from hourlift.synth import presets
from hourlift.training.engine import checkpoint
from hourlift.training.engine.loop import train
from hourlift.training.hourglass.stage import HourglassStage
from hourlift.training.recipes import fast
from hourlift.training.rendered import Curriculum

PLAUSIBLE = AugmentConfig(
    rotation_deg=15,
    any_rotation=0.12,
    zoom=(1.1, 1.6),
    shift=0.03,
    photometric=0.6,
    grey=0.06,
    noise=0.03,
    blur=0.12,
    patches=0.1,
)
"""What people do to images: without the twilight, snow and boxes of `recipes.STRONG`."""
OPEN = (-2.0, -1.0)


def main() -> None:
    """Trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--lr", type=float, default=1.2e-3)
    parser.add_argument("--size", type=int, default=128, help="side of the crops, pixels")
    parser.add_argument("--schedule", default="cosine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--upright", type=float, default=0.65, help="share of people turned upright")
    parser.add_argument("--clutter", type=float, default=0.5, help="share of the presets' clutter and faults")
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    recipe, sport = fast(), presets.sport()
    synth, clutter = recipe.plan.synth, options.clutter
    scene = synth.scene
    synth = replace(
        synth,
        size=synth.size * options.size // recipe.input_size,
        photos=options.backgrounds,
        poses=synth.poses.mixed(sport.poses, 0.5),
        views=replace(
            synth.views,
            extreme_share=0.2,
            roll_spread=8.0,
            front_share=0.3,
            truncated_share=clutter * synth.views.truncated_share,
        ),
        scene=replace(
            scene,
            furnished_share=clutter * scene.furnished_share,
            occluded_share=clutter * scene.occluded_share,
            bystander_share=clutter * scene.bystander_share,
        ),
        sensor=replace(synth.sensor, strength=clutter * synth.sensor.strength),
    )
    everything = Curriculum(start_share=0.0, views=OPEN, clutter=OPEN, poses=OPEN, augmentation=OPEN)
    recipe = replace(
        recipe,
        network=HourglassConfig(**checkpoint.load(options.init)["model_config"]),
        input_size=options.size,
        strong=replace(PLAUSIBLE, upright=options.upright),
        plan=replace(recipe.plan, synth=synth, curriculum=everything, chunk_size=128, reuse=4),
        train=replace(
            recipe.train,
            steps=options.steps,
            lr=options.lr,
            schedule=options.schedule,
            seed=options.seed,
            validate_every=1000,
            checkpoint_every_s=240.0,
        ),
    )
    init = None if options.resume else options.init
    train(HourglassStage(recipe), recipe.train, options.out, resume=options.resume, init=init)


if __name__ == "__main__":
    main()
