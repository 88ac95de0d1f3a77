"""Recipes of the report: one for each row of its study, with its values, for training on a data set.

    hourlift train hourglass --recipe frs-2stack --data h36m/ -o runs/frs --device cuda
    hourlift predict-joints h36m/ --weights final-4stack.onnx -o joints.npz
    hourlift train lifter --recipe lifter-weighted --data h36m/ --inputs joints.npz -o runs/weighted --device cuda

The report's values: 15 epochs of 32,000 images, 256-pixel crops, two or four stacks of width 256; 80 epochs of the
lifter, Adam, gradient norm clipped to 1, dropout, a decaying learning rate. Values that the report does not give
(learning rates, batch sizes, the amount of decay) are hourlift's.
"""

from collections.abc import Callable
from dataclasses import replace

from hourlift.hourglass import policies
from hourlift.hourglass.augment import AugmentConfig
from hourlift.hourglass.network import HourglassConfig
from hourlift.hourglass.policies import Policy
from hourlift.lifter.loss import LossKind
from hourlift.lifter.network import LifterConfig
from hourlift.training.engine.loop import TrainConfig
from hourlift.training.hourglass.data_stage import HourglassDataRecipe
from hourlift.training.lifter.data_stage import LifterDataRecipe
from hourlift.training.recipes import STRONG

EPOCHS, PICTURES_AN_EPOCH = 15, 32_000
ALL_FIVE = "train"
"""The split of S1, S5, S6, S7 and S8. With it, the validation people of S8 are also training people."""

_BATCH = 16


def none_2stack() -> HourglassDataRecipe:
    """No augmentation: the report's overfitting baseline."""
    return _hourglass("none-2stack", policies.NONE)


def frs_2stack() -> HourglassDataRecipe:
    """One of flip, rotation and shift, or none."""
    return _hourglass("frs-2stack", policies.FRS)


def frso_2stack() -> HourglassDataRecipe:
    """One of flip, rotation, shift and occlusion, or none."""
    return _hourglass("frso-2stack", policies.FRSO)


def frsos_2stack() -> HourglassDataRecipe:
    """One of all five, or none."""
    return _hourglass("frsos-2stack", policies.FRSOS)


def full_2stack() -> HourglassDataRecipe:
    """As frsos-2stack, with S8 in the training set: validation people are also training people."""
    return replace(_hourglass("full-2stack", policies.FULL), train_split=ALL_FIVE)


def overlap_2stack() -> HourglassDataRecipe:
    """Every augmentation drawn independently."""
    return _hourglass("overlap-2stack", policies.OVERLAP)


def final_4stack() -> HourglassDataRecipe:
    """The report's final model: four stacks, all five subjects, no scaling and no shifting."""
    return replace(_hourglass("final-4stack", policies.FINAL, num_stacks=4), train_split=ALL_FIVE)


def strong_2stack() -> HourglassDataRecipe:
    """The augmentation of hourlift instead of the report's: large warps, colour, grey, blur, noise, patches."""
    return _hourglass("strong-2stack", STRONG)


def lifter_l2() -> LifterDataRecipe:
    """L2 of the standardised joints (equation 3)."""
    return _lifter("lifter-l2", "l2")


def lifter_compositional() -> LifterDataRecipe:
    """L1 of the vectors between all pairs of joints (equations 4 to 6)."""
    return _lifter("lifter-compositional", "compositional")


def lifter_weighted() -> LifterDataRecipe:
    """L2 with larger weights on wrists, elbows and feet (equation 7)."""
    return _lifter("lifter-weighted", "weighted")


def final() -> LifterDataRecipe:
    """The report's final lifter: weighted, all five subjects, a lower learning rate and a faster decay."""
    recipe = _lifter("final", "weighted")
    return replace(recipe, train_split=ALL_FIVE, train=replace(recipe.train, lr=5e-4, floor=0.005))


def lifter_rays() -> LifterDataRecipe:
    """As lifter-l2, but with hourlift's normalisation, which uses the camera: for comparison."""
    return replace(_lifter("lifter-rays", "l2"), inputs="rays")


HOURGLASS_STUDY: dict[str, Callable[[], HourglassDataRecipe]] = {
    "none-2stack": none_2stack,
    "frs-2stack": frs_2stack,
    "frso-2stack": frso_2stack,
    "frsos-2stack": frsos_2stack,
    "full-2stack": full_2stack,
    "overlap-2stack": overlap_2stack,
    "final-4stack": final_4stack,
    "strong-2stack": strong_2stack,
}
LIFTER_STUDY: dict[str, Callable[[], LifterDataRecipe]] = {
    "lifter-l2": lifter_l2,
    "lifter-compositional": lifter_compositional,
    "lifter-weighted": lifter_weighted,
    "lifter-rays": lifter_rays,
    "final": final,
}


def _hourglass(name: str, policy: Policy | AugmentConfig, num_stacks: int = 2) -> HourglassDataRecipe:
    return HourglassDataRecipe(
        name=name,
        network=HourglassConfig(num_stacks=num_stacks, width=256, num_joints=17),
        policy=policy,
        input_size=256,
        batch_size=_BATCH,
        train=TrainConfig(
            steps=EPOCHS * PICTURES_AN_EPOCH // _BATCH,
            lr=1e-3,
            optimiser="adam",
            schedule="exponential",
            floor=0.1,
            validate_every=PICTURES_AN_EPOCH // _BATCH,
        ),
    )


def _lifter(name: str, loss: LossKind) -> LifterDataRecipe:
    return LifterDataRecipe(
        name=name,
        network=LifterConfig(dropout=0.5),
        loss=loss,
        batch_size=64,
        epochs=80,
        train=TrainConfig(
            steps=400_000,  # replaced when the size of the data set is known
            lr=1e-3,
            optimiser="adam",
            schedule="exponential",
            floor=0.05,
            max_grad_norm=1.0,
            bf16=False,
            channels_last=False,
            log_every=500,
        ),
    )
