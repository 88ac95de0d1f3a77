r"""Goes on with a hourglass on rendered people and partly annotated photographs by turns.

The terms of the photographs hold for the weights.

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 experiments/2026-11-real-pictures/finetune.py \
        --photographs lspet --init runs/fast/compact.pt --backgrounds photos -o runs/real
"""

import argparse
from dataclasses import replace
from pathlib import Path

from hourlift.data.recognise import recognise
from hourlift.hourglass.network import HourglassConfig
from hourlift.training.engine import checkpoint
from hourlift.training.engine.loop import train
from hourlift.training.hourglass.crops import cut
from hourlift.training.hourglass.data_stage import HourglassDataRecipe, HourglassDataStage
from hourlift.training.hourglass.mixed import MixedStage
from hourlift.training.hourglass.stage import HourglassStage
from hourlift.training.people import HELD_OUT_EVERY
from hourlift.training.recipes import STRONG, fast
from hourlift.training.rendered import Curriculum

EVERYTHING = Curriculum(start_share=0.0, views=(-2, -1), poses=(-2, -1), augmentation=(-2, -1))
CUT_SHARE = 1.25
"""Side of the photographs' crops, from which the augmentation cuts the network's input, over that of the input."""


def main() -> None:
    """Trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--size", type=int, default=128, help="side of the crops, pixels")
    parser.add_argument("--batch", type=int, default=32, help="images of a step and process")
    parser.add_argument("--lr", type=float, default=1.2e-3)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    recipe = replace(fast(), network=HourglassConfig(**checkpoint.load(options.init)["model_config"]))
    side = recipe.plan.synth.size * options.size // recipe.input_size
    synth = replace(recipe.plan.synth, photos=options.backgrounds, size=side)
    half = replace(recipe.train, steps=options.steps // 2)
    rendered = replace(
        recipe,
        name="hourglass-real",
        input_size=options.size,
        batch_size=options.batch,
        plan=replace(recipe.plan, synth=synth, curriculum=EVERYTHING, chunk_size=256),
        train=half,
    )
    images = HourglassDataRecipe(
        name=rendered.name,
        network=rendered.network,
        policy=replace(STRONG, zoom=(0.9, 1.4), any_rotation=0.15),
        input_size=rendered.input_size,
        loss=rendered.loss,
        batch_size=options.batch,
        read_workers=0,
        train=half,
    )
    people = list(recognise(options.photographs).samples())
    train_people = cut([p for i, p in enumerate(people) if i % HELD_OUT_EVERY], round(CUT_SHARE * options.size))
    val_people = cut(people[::HELD_OUT_EVERY], images.input_size)
    stage = MixedStage(HourglassStage(rendered), HourglassDataStage(images, train_people, val_people))
    config = replace(recipe.train, steps=options.steps, lr=options.lr, schedule="cosine", validate_every=400)
    train(stage, config, options.out, resume=options.resume, init=None if options.resume else options.init)


if __name__ == "__main__":
    main()
