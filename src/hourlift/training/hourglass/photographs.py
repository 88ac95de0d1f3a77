"""Annotated photographs beside rendered people: what a batch of them is made of."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hourlift.data.sample import Sample
from hourlift.errors import UserError
from hourlift.geometry.skeleton import H36M17, H36M21
from hourlift.training.hourglass.crops import cut
from hourlift.training.hourglass.data_stage import HourglassDataRecipe, HourglassDataStage
from hourlift.training.hourglass.mixed import MixedStage
from hourlift.training.hourglass.stage import HourglassRecipe, HourglassStage
from hourlift.training.people import HELD_OUT_EVERY

_CUT_SHARE = 1.25  # side of the crops, from which the augmentation cuts the network's input, over that of the input
_STRETCH = (3 / 4, 4 / 3)  # some data sets store photographs stretched to squares
_DERIVED = H36M17.indices("pelvis", "spine", "thorax", "head")  # data sets of photographs annotate none of them


def mixed_stage(
    recipe: HourglassRecipe, people: Sequence[Iterable[Sample]], held_out: frozenset[str] | None = None
) -> MixedStage:
    """Alternate batches of rendered people and of people in photographs.

    Args:
        recipe: of the run; its steps are those of both kinds together.
        people: data sets of photographs. One that is given twice is seen twice as often.
        held_out: file names of photographs to validate on; None holds out every tenth of each data set.

    Raises:
        UserError: no person is left to train on or to validate on.
    """
    half = replace(recipe, train=replace(recipe.train, steps=max(recipe.train.steps // 2, 1)))
    images = HourglassDataRecipe(
        name=recipe.name,
        network=recipe.network,
        policy=replace(recipe.strong, zoom=(0.9, 1.5), any_rotation=0.15, stretch=_STRETCH),
        input_size=recipe.input_size,
        loss=recipe.loss,
        sigma=recipe.sigma,
        batch_size=recipe.batch_size,
        read_workers=0,
        train=half.train,
    )
    data_sets = [list(_annotated(data)) for data in people]
    everyone = [person for data in data_sets for person in data]
    names = held_out if held_out is not None else frozenset().union(*map(_every_tenth, data_sets))
    train_people = [person for person in everyone if _name(person) not in names]
    val_people = list({person.id: person for person in everyone if _name(person) in names}.values())
    if not train_people or not val_people:
        raise UserError(f"photographs: {len(train_people)} people to train on, {len(val_people)} to validate on")
    feet = recipe.network.num_joints == H36M21.num_joints
    return MixedStage(
        HourglassStage(half),
        HourglassDataStage(
            images,
            cut(train_people, round(_CUT_SHARE * recipe.input_size), feet=feet),
            cut(val_people, recipe.input_size, feet=feet),
        ),
    )


def _annotated(people: Iterable[Sample]) -> Iterator[Sample]:
    """The same people without joints that were only derived from others (`geometry.map_joints`)."""
    for person in people:
        joints_2d_px = person.joints_2d_px.copy()
        joints_2d_px[_DERIVED] = np.nan
        yield replace(person, joints_2d_px=joints_2d_px)


def _name(person: Sample) -> str:
    """The file name of a person's photograph, or the person's id if it is not a file."""
    return person.image.name if isinstance(person.image, Path) else person.id


def _every_tenth(people: Iterable[Sample]) -> frozenset[str]:
    """Every tenth photograph by name, so that all people of a photograph are on the same side."""
    return frozenset(sorted({_name(person) for person in people})[::HELD_OUT_EVERY])
