"""``hourlift train``: from a recipe to a checkpoint, for either stage.

On two CPU cores, two processes with one thread each can train much faster than one with two:

    torchrun --nproc-per-node 2 -m hourlift train hourglass --recipe NAME -o runs/first --threads 1
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import tyro

if TYPE_CHECKING:  # `hourlift train --help` does not wait for PyTorch
    from hourlift.training.loop import Stage, TrainConfig

Recipe = TypeVar("Recipe")


@dataclass(frozen=True, kw_only=True)
class _Train:
    """What both stages ask for; a value that is given replaces the recipe's.

    Attributes:
        recipe: what to train and how, by name; a name that does not exist lists those that do.
        out: folder of the run: last.pt to resume from, compact.pt to keep and to export, log.jsonl.
        device: cpu, cuda, cuda:1 or mps.
        max_minutes: stop after this time with a checkpoint to resume from.
        resume: go on with the run in the folder.
        init: start from the weights of this checkpoint.
        threads: PyTorch's CPU threads.
        seed: of all random numbers.
        steps: length of the run, with which the learning rate's schedule stretches.
    """

    recipe: str
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    device: str | None = None
    max_minutes: float | None = None
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    init: Path | None = None
    threads: int | None = None
    seed: int | None = None
    steps: int | None = None

    def changed(self, config: TrainConfig) -> TrainConfig:
        """The recipe's config with what was given in its place."""
        names = ("device", "max_minutes", "threads", "seed", "steps")
        return replace(config, **{name: value for name in names if (value := getattr(self, name)) is not None})

    def run(self, stage: Stage, config: TrainConfig) -> int:
        """Train; 130 when a signal stopped it."""
        from hourlift.training.loop import train

        result = train(stage, config, self.out, resume=self.resume, init=self.init)
        return 130 if result.stopped_by == "signal" else 0


@dataclass(frozen=True, kw_only=True)
class TrainHourglass(_Train):
    """Train stage 1: pictures to heatmaps of the joints.

    Attributes:
        backgrounds: folder of photographs without people, for backgrounds and cloth beside those that are drawn.
    """

    backgrounds: Path | None = None

    def __call__(self) -> int:
        """Run the command."""
        from hourlift.synth.pictures import photo_paths
        from hourlift.training.hourglass_stage import HourglassStage
        from hourlift.training.recipes import HOURGLASS_RECIPES

        recipe = _named(HOURGLASS_RECIPES, self.recipe)
        recipe = replace(recipe, train=self.changed(recipe.train))
        if self.backgrounds is not None:
            photo_paths(self.backgrounds)  # complains now, not from within a process that renders
            synth = replace(recipe.plan.synth, photos=self.backgrounds)
            recipe = replace(recipe, plan=replace(recipe.plan, synth=synth))
        return self.run(HourglassStage(recipe), recipe.train)


@dataclass(frozen=True, kw_only=True)
class TrainLifter(_Train):
    """Train stage 2: joints in the picture to joints in millimetres."""

    def __call__(self) -> int:
        """Run the command."""
        from hourlift.training.lifter_stage import LifterStage
        from hourlift.training.recipes import LIFTER_RECIPES

        recipe = _named(LIFTER_RECIPES, self.recipe)
        recipe = replace(recipe, train=self.changed(recipe.train))
        return self.run(LifterStage(recipe), recipe.train)


command = (
    Annotated[TrainHourglass, tyro.conf.subcommand("hourglass")]
    | Annotated[TrainLifter, tyro.conf.subcommand("lifter")]
)


def _named(recipes: Mapping[str, Callable[[], Recipe]], name: str) -> Recipe:
    """The config of a recipe."""
    if name not in recipes:
        raise ValueError(f"there is no recipe {name!r}; the recipes are {', '.join(recipes)}")
    return recipes[name]()
