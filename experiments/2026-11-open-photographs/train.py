r"""Trains a hourglass further on rendered people and on freely licensed photographs by turns: see README.md.

    OMP_NUM_THREADS=1 torchrun --nproc-per-node 2 experiments/2026-11-open-photographs/train.py \
        --init runs/with-feet.pt --real-open real_open --openimages openimages --backgrounds backgrounds places \
        --assets makehuman --panoramas hdri -o runs/open --minutes 150
    ... --init checkpoints/hourglass-fast.pt --name hourglass-fast --size 128 --lr 1e-3
"""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hourlift.data.images.coco import load_coco
from hourlift.data.sample import Sample
from hourlift.geometry.skeleton import H36M17, H36M21
from hourlift.hourglass.network import HourglassConfig
from hourlift.synth import presets
from hourlift.training.engine import checkpoint
from hourlift.training.engine.clock import Clock
from hourlift.training.engine.loop import train
from hourlift.training.hourglass.crops import cut
from hourlift.training.hourglass.data_stage import HourglassDataRecipe, HourglassDataStage
from hourlift.training.hourglass.mixed import MixedStage
from hourlift.training.hourglass.stage import HourglassStage
from hourlift.training.recipes import STRONG, fast
from hourlift.training.rendered import Curriculum

HELD_OUT = Path(__file__).parent / "held_out.txt"
"""Names of the photographs that no training sees: every tenth of each set."""
EVERYTHING = Curriculum(start_share=0.0, views=(-2, -1), poses=(-2, -1), augmentation=(-2, -1))
CUT_SHARE = 1.25
"""Side of the photographs' crops, from which the augmentation cuts the network's input, over that of the input."""
REAL_OPEN_WEIGHT = 3
"""How often a person labelled by people comes for each time that a person labelled by a network does."""
SPORT_SHARE = 0.35
"""Of the poses of rendered people."""
NOT_ANNOTATED = list(H36M17.indices("pelvis", "spine", "thorax", "head"))
"""Joints that COCO's annotators did not click on; the reader puts them between joints that they did."""


def annotated(people: Iterable[Sample]) -> list[Sample]:
    """The same people, without joints that were only interpolated."""
    kept = []
    for person in people:
        joints_2d_px = person.joints_2d_px.copy()
        joints_2d_px[NOT_ANNOTATED] = np.nan
        kept.append(replace(person, joints_2d_px=joints_2d_px))
    return kept


def main() -> None:
    """Trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True)
    parser.add_argument("--real-open", type=Path, required=True)
    parser.add_argument("--openimages", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path, nargs="*", default=[], help="photographs behind rendered people")
    parser.add_argument("--assets", type=Path, help="MakeHuman's clothes, hair and skins")
    parser.add_argument("--panoramas", type=Path)
    parser.add_argument("--minutes", type=float, required=True, help="length of the run; the learning rate follows it")
    parser.add_argument("--name", default="hourglass-accurate", help="of the network")
    parser.add_argument("--size", type=int, default=192, help="side of the crops, pixels")
    parser.add_argument("--batch", type=int, default=16, help="images of a step and process")
    parser.add_argument("--lr", type=float, default=6e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()

    recipe, clock = fast(), Clock(None, options.minutes)
    photograph, sport = presets.photograph(), presets.sport()
    synth = replace(
        photograph,
        size=recipe.plan.synth.size * options.size // recipe.input_size,
        poses=photograph.poses.mixed(sport.poses, SPORT_SHARE),
        views=replace(photograph.views, extreme_share=0.12, roll_spread=6.0),
        empty_share=recipe.plan.synth.empty_share,
    )
    synth = presets.with_images(synth, options.backgrounds, options.assets, options.panoramas)
    network = HourglassConfig(**checkpoint.load(options.init)["model_config"])
    feet = network.num_joints == H36M21.num_joints
    config = replace(
        recipe.train,
        steps=sys.maxsize,
        lr=options.lr,
        seed=options.seed,
        validate_every=300,
        log_every=20,
        checkpoint_every_s=240.0,
    )
    rendered = replace(
        recipe,
        name=options.name,
        network=network,
        input_size=options.size,
        batch_size=options.batch,
        plan=replace(recipe.plan, synth=synth, curriculum=EVERYTHING, chunk_size=256, reuse=1),
        held_out=256,
        train=config,
    )
    images = HourglassDataRecipe(
        name=rendered.name,
        network=rendered.network,
        policy=replace(STRONG, zoom=(0.9, 1.5), any_rotation=0.15, stretch=(3 / 4, 4 / 3)),
        input_size=options.size,
        loss=rendered.loss,
        batch_size=options.batch,
        read_workers=0,
        train=config,
    )
    held_out = set(HELD_OUT.read_text(encoding="utf-8").split())
    train_people, val_people = [], []
    for folder, weight in ((options.real_open, REAL_OPEN_WEIGHT), (options.openimages, 1)):
        people = annotated(load_coco(folder))
        train_people += weight * [p for p in people if Path(str(p.image)).name not in held_out]
        val_people += [p for p in people if Path(str(p.image)).name in held_out and weight > 1]
    stage = MixedStage(
        HourglassStage(rendered, clock),
        HourglassDataStage(
            images,
            cut(train_people, round(CUT_SHARE * options.size), feet=feet),
            cut(val_people, options.size, feet=feet),
        ),
    )
    init = None if options.resume else options.init
    train(stage, config, options.out, resume=options.resume, init=init, clock=clock)


if __name__ == "__main__":
    main()
