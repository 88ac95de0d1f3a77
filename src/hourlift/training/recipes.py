"""Recipes: named functions that return all settings of a training run.

`hourlift train hourglass --recipe fast -o runs/fast` runs `fast`; command-line options override single fields.
"""

from collections.abc import Callable
from dataclasses import replace

from hourlift.geometry.skeleton import H36M21
from hourlift.hourglass.augment import AugmentConfig
from hourlift.hourglass.network import HourglassConfig
from hourlift.lifter.network import LifterConfig
from hourlift.synth import presets
from hourlift.synth.body.parts import PARTS
from hourlift.synth.camera.sensor import OFF
from hourlift.synth.camera.views import ViewConfig
from hourlift.synth.generate import SynthConfig
from hourlift.synth.pose.mix import PoseMix
from hourlift.synth.scene.config import SceneConfig
from hourlift.training.engine.loop import TrainConfig
from hourlift.training.finder.stage import FinderRecipe
from hourlift.training.hourglass.stage import HourglassRecipe
from hourlift.training.lifter.detection_errors import DetectionErrors
from hourlift.training.lifter.seen import SeenShares
from hourlift.training.lifter.stage import LifterRecipe
from hourlift.training.rendered import Curriculum, RenderPlan

UPRIGHT = 0.65
"""Share of people rotated upright, as in the second pass of prediction: experiments/2026-11-plausible."""
MILD = AugmentConfig(rotation_deg=8, upright=UPRIGHT, zoom=(1.05, 1.5), shift=0.03, photometric=0.3)
STRONG = AugmentConfig(
    rotation_deg=25,
    any_rotation=0.12,
    upright=UPRIGHT,
    zoom=(0.9, 1.7),
    shift=0.06,
    photometric=1.0,
    grey=0.12,
    noise=0.08,
    blur=0.3,
    patches=0.35,
)
OPENING = Curriculum(views=(0.06, 0.22), clutter=(0.2, 0.32), poses=(0.2, 0.36), augmentation=(0.45, 0.65))
"""Views first, then clutter and poses, hard images last: experiments/2026-11-facing."""


def fast() -> HourglassRecipe:
    """The small hourglass: 1 stack, width 128, 128-pixel crops. The shipped weights started from it (see their card).

    Intended for two processes of one thread each, whose speed is steadier than that of one process with two threads:
    """
    return HourglassRecipe(
        name="hourglass-fast",
        network=HourglassConfig(num_stacks=1, width=128, num_joints=17, widening=1.25, num_parts=len(PARTS)),
        input_size=128,
        mild=MILD,
        strong=STRONG,
        plan=RenderPlan(synth=SynthConfig(size=176, empty_share=0.04), curriculum=OPENING, chunk_size=128, reuse=4),
        batch_size=16,
        render_workers=0,
        train=TrainConfig(
            steps=25_000,
            lr=2.5e-3,
            schedule="trapezoid",
            weight_decay=0.02,
            max_grad_norm=5.0,
            ema_decay=0.998,
            threads=1,
            validate_every=1000,
        ),
    )


def accurate() -> HourglassRecipe:
    """The large hourglass: 2 stacks, width 256, for a GPU; three quarters of the run on 128-pixel crops, then on 256.

    `hourlift gpu-run` trains it by time. Not measured yet: no GPU was available.
    """
    return HourglassRecipe(
        name="hourglass-accurate",
        network=HourglassConfig(num_stacks=2, width=256, num_joints=17, widening=1.25, num_parts=len(PARTS)),
        input_size=256,
        first_size=128,
        first_share=0.75,
        mild=MILD,
        strong=STRONG,
        plan=RenderPlan(synth=SynthConfig(size=352, empty_share=0.04), curriculum=OPENING, chunk_size=512, reuse=6),
        batch_size=128,
        render_workers=0,
        train=TrainConfig(
            steps=40_000,
            lr=2.5e-3,
            schedule="trapezoid",
            weight_decay=0.02,
            max_grad_norm=5.0,
            ema_decay=0.999,
            compile=True,
            validate_every=4000,
            log_every=100,
            checkpoint_every_s=60.0,
        ),
    )


def shipped() -> HourglassRecipe:
    """The network of the shipped `hourglass-accurate`: 2 stacks, width 128, 192-pixel crops, with feet.

    Intended for `--photos`, `--backgrounds`, `--assets` and `--panoramas`, and two processes of one thread each. Two
    million views take 70 hours on two CPU cores without bfloat16. The shipped weights started from others: see their
    card.
    """
    base = fast()
    photograph, sport = presets.photograph(), presets.sport()
    synth = replace(
        photograph,
        size=264,
        poses=photograph.poses.mixed(sport.poses, 0.35),
        views=replace(photograph.views, extreme_share=0.12, roll_spread=6.0),
        empty_share=0.04,
    )
    return replace(
        base,
        name="hourglass-accurate",
        network=replace(base.network, num_stacks=2, num_joints=H36M21.num_joints),
        input_size=192,
        plan=replace(base.plan, synth=synth, chunk_size=256, reuse=1),
        train=replace(base.train, steps=62_500, lr=6e-4, ema_decay=0.999),
    )


HOURGLASS_RECIPES: dict[str, Callable[[], HourglassRecipe]] = {"fast": fast, "accurate": accurate, "shipped": shipped}


def published() -> LifterRecipe:
    """The paper's network and loss with rays as the only input, for comparison; about 20 minutes on one core."""
    return LifterRecipe(
        name="lifter-published",
        network=LifterConfig(dropout=0.1),
        poses=PoseMix(),
        views=ViewConfig(roll_spread=12, distance=(1.2, 14.0)),
        errors=DetectionErrors(),
        train=TrainConfig(
            steps=16_000,
            lr=1e-3,
            schedule="cosine",
            weight_decay=0.01,
            max_grad_norm=1.0,
            ema_decay=0.999,
            channels_last=False,
            threads=1,
            validate_every=2000,
            log_every=250,
        ),
    )


def lifter() -> LifterRecipe:
    """The shipped lifter: the paper's layers, with confidence and size as inputs and an output for the spread.

    Intended for `--motion`, `--errors-of` the hourglass it will be used with, and `--init` weights that already lift:
    see experiments/2026-11-lifter.
    """
    base = published()
    return replace(
        base,
        name="lifter",
        network=replace(base.network, channels=4, spread=True),
        inputs="person",
        loss="distance",
        bones=1.5,
        mixed_share=0.15,
        errors=DetectionErrors(limbs_swapped=0.02, body_swapped=0.02, missing=(0.5, 0.35)),
        shares=SeenShares(exact=0.4, measured=0.3, lens=0.3),
        chunk_size=8192,
        reuse=8,
        batch_size=512,
        held_out=4096,
        train=replace(base.train, steps=12_000, lr=7e-4, schedule="trapezoid"),
    )


LIFTER_RECIPES: dict[str, Callable[[], LifterRecipe]] = {"lifter": lifter, "lifter-published": published}


_WHOLE = SceneConfig(place_share=0.0, furnished_share=0.0, occluded_share=0.0, bystander_share=0.0, hover_share=0.0)
"""Nothing around the people or in front of them: they are cut out."""


def finder() -> FinderRecipe:
    """The person detector; for `--backgrounds` and `--photos`, see experiments/2026-11-finder."""
    photograph, sport = presets.photograph(), presets.sport()
    synth = replace(
        photograph,
        poses=photograph.poses.mixed(sport.poses, 0.25),
        views=replace(photograph.views, margin=(1.1, 1.25), shift=0.0, truncated_share=0.0, distance=(1.5, 12.0)),
        scene=_WHOLE,
        sensor=OFF,
    )
    return FinderRecipe(
        name="finder",
        synth=synth,
        train=TrainConfig(
            steps=20_000,
            lr=2e-3,
            schedule="trapezoid",
            weight_decay=0.02,
            max_grad_norm=10.0,
            ema_decay=0.998,
            threads=1,
            validate_every=1000,
        ),
    )


FINDER_RECIPES: dict[str, Callable[[], FinderRecipe]] = {"finder": finder}
