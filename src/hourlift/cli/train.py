"""``hourlift train``: train a network by a recipe.

On two CPU cores, two processes with one thread each can train much faster than one with two:

    torchrun --nproc-per-node 2 -m hourlift train hourglass --recipe NAME -o runs/first --threads 1
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import tyro

from hourlift.errors import UserError

if TYPE_CHECKING:  # `hourlift train --help` does not wait for PyTorch
    from hourlift.data.sample import Sample
    from hourlift.training.engine.loop import Stage, TrainConfig
    from hourlift.training.hourglass.data_stage import HourglassDataRecipe
    from hourlift.training.hourglass.stage import HourglassRecipe
    from hourlift.training.lifter.data_stage import Detections, LifterDataRecipe
    from hourlift.training.lifter.detection_errors import MeasuredErrors
    from hourlift.training.people import TrainingData

Recipe = TypeVar("Recipe")
GROUND_TRUTH, NOISY = "ground-truth", "noisy"


@dataclass(frozen=True, kw_only=True)
class _Train:
    """The options of all networks; a given value replaces the recipe's.

    Attributes:
        recipe: what to train and how, by name; an unknown name lists the known ones.
        out: folder of the run: last.pt to resume from, compact.pt to keep and to export, log.jsonl.
        data: data set to train on, of any layout that `hourlift data check` knows, for the study's recipes; the
            others render synthetic people during training.
        stride: use every n-th frame of each of the data set's videos, or every n-th person.
        val_split: split of the data set to validate on.
        batch_size: people per step, for the study's recipes; images per step, for the finder.
        device: cpu, cuda, cuda:1 or mps.
        max_minutes: stop after this time with a checkpoint to resume from.
        resume: continue the run in the folder.
        init: start from the weights of this checkpoint.
        threads: PyTorch's CPU threads.
        seed: of all random numbers.
        steps: length of the run, to which the learning rate's schedule is scaled.
        validate_every: steps between validations.
    """

    recipe: str
    out: Annotated[Path, tyro.conf.arg(aliases=["-o"])]
    data: Path | None = None
    stride: int = 1
    val_split: str | None = None
    batch_size: int | None = None
    device: str | None = None
    max_minutes: float | None = None
    resume: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    init: Path | None = None
    threads: int | None = None
    seed: int | None = None
    steps: int | None = None
    validate_every: int | None = None

    def changed(self, config: TrainConfig) -> TrainConfig:
        """The recipe's config with the given options."""
        names = ("device", "max_minutes", "threads", "seed", "steps", "validate_every")
        return replace(config, **self.given(*names))

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the named options that were given."""
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def refuse(self, *names: str) -> None:
        """Reject options that do not apply to a recipe that renders its people."""
        for name in names:
            if getattr(self, name) not in (None, 1, GROUND_TRUTH):
                option = "--" + name.replace("_", "-")
                raise UserError(f"{option}: the recipe {self.recipe!r} renders its people and reads none")

    def open(self, recipe: HourglassDataRecipe | LifterDataRecipe) -> TrainingData:
        """The data set; checks early, before reading it, what would fail later."""
        from hourlift.data.recognise import recognise
        from hourlift.training.people import TrainingData

        if self.data is None:
            raise UserError(f"the recipe {self.recipe!r} trains on a data set: name it with --data")
        if (self.out / "last.pt").exists() and not self.resume:
            raise UserError(f"{self.out} already holds a run: resume it, or choose another folder.")
        data = TrainingData(
            data=recognise(self.data), train_split=recipe.train_split, val_split=recipe.val_split, stride=self.stride
        )
        for sentence in data.data.missing:
            print(f"missing: {sentence}", file=sys.stderr)
        print(f"{self.data}, {data}", file=sys.stderr)
        return data

    def run(self, stage: Stage, config: TrainConfig) -> int:
        """Train; return 130 if a signal stopped it."""
        from hourlift.training.engine.loop import train

        result = train(stage, config, self.out, resume=self.resume, init=self.init)
        return 130 if result.stopped_by == "signal" else 0


@dataclass(frozen=True, kw_only=True)
class TrainHourglass(_Train):
    """Train stage 1: images to heatmaps of the joints.

    for example:
      hourlift train hourglass --recipe fast -o runs/fast
      hourlift train hourglass --recipe shipped --photos coco/ --backgrounds rooms/ -o runs/shipped
      hourlift train hourglass --recipe frs-2stack --data studio/ -o runs/frs --device cuda
      hourlift train hourglass --recipe frs-2stack --data studio/ -o runs/small --input-size 128 --loss cross_entropy

    Attributes:
        backgrounds: folders of photos, for backgrounds and cloth in addition to drawn ones.
        assets: folder of MakeHuman's clothes, hair and skins that people wear, in addition to painted ones
            [default: $HOURLIFT_ASSETS].
        panoramas: folder of panoramas of high dynamic range (.hdr) that light people.
        motion: motion capture (.bvh, .amc, .npz), a file or a folder of them, from which half of the poses are taken.
        photos: data sets of annotated photos; every other batch shows them instead of rendered people. One that is
            named twice is seen twice as often.
        held_out: text file with the names of the photos to validate on [default: every tenth photo].
        input_size: side of the images in pixels, for the study's recipes.
        width: channels of the network, for the study's recipes.
        stacks: hourglasses of the network, for the study's recipes.
        loss: loss, for the study's recipes. With the study's mean squared error, small runs make no progress for their
            first thousands of steps; with cross-entropy, our own, they do.
        read_workers: processes that read images, for the study's recipes; 0 reads in the training process.
    """

    backgrounds: tuple[Path, ...] = ()
    assets: Path | None = None
    panoramas: Path | None = None
    motion: Path | None = None
    photos: tuple[Path, ...] = ()
    held_out: Path | None = None
    input_size: int | None = None
    width: int | None = None
    stacks: int | None = None
    loss: Literal["mse", "cross_entropy"] | None = None
    read_workers: int | None = None

    def __call__(self) -> int:
        """Run the command."""
        from hourlift.training.recipes import HOURGLASS_RECIPES
        from hourlift.training.study import HOURGLASS_STUDY

        if self.recipe in HOURGLASS_STUDY:
            return self._on_data(HOURGLASS_STUDY[self.recipe]())
        return self._on_rendered(_named(HOURGLASS_RECIPES, self.recipe, HOURGLASS_STUDY))

    def _on_rendered(self, recipe: HourglassRecipe) -> int:
        from hourlift.data.mocap.motion import load_motion
        from hourlift.synth.presets import with_images, with_motion
        from hourlift.training.hourglass.stage import HourglassStage

        self.refuse(
            "data", "stride", "val_split", "batch_size", "input_size", "width", "stacks", "loss", "read_workers"
        )
        recipe = replace(recipe, train=self.changed(recipe.train))
        synth = with_images(recipe.plan.synth, self.backgrounds, self.assets, self.panoramas)
        recipe = replace(recipe, plan=replace(recipe.plan, synth=synth))
        if self.motion is not None:
            load_motion(self.motion)  # also early
            recipe = replace(recipe, plan=replace(recipe.plan, synth=with_motion(recipe.plan.synth, self.motion)))
        return self.run(self._with_photos(recipe) if self.photos else HourglassStage(recipe), recipe.train)

    def _with_photos(self, recipe: HourglassRecipe) -> Stage:
        from hourlift.data.recognise import recognise
        from hourlift.training.hourglass.photographs import mixed_stage

        names = None if self.held_out is None else frozenset(self.held_out.read_text(encoding="utf-8").split())
        people = [recognise(folder).samples(images=True) for folder in self.photos]
        return mixed_stage(recipe, people, names)

    def _on_data(self, recipe: HourglassDataRecipe) -> int:
        from hourlift.training.hourglass.crops import cut
        from hourlift.training.hourglass.data_stage import HourglassDataStage

        from_images = {
            "backgrounds": self.backgrounds,
            "assets": self.assets,
            "panoramas": self.panoramas,
            "photos": self.photos,
            "held-out": self.held_out,
        }
        rendered = [f"--{name}" for name, value in {**from_images, "motion": self.motion}.items() if value]
        if rendered:
            option = rendered[0]
            raise UserError(f"{option}: the recipe {self.recipe!r} uses the images of a data set unchanged")
        network = replace(recipe.network, **self.given("width"))
        if self.stacks is not None:
            network = replace(network, num_stacks=self.stacks)
        fields = self.given("val_split", "batch_size", "input_size", "loss", "read_workers")
        recipe = replace(recipe, network=network, train=self.changed(recipe.train), **fields)
        if recipe.input_size % network.size_multiple:
            raise UserError(f"--input-size must be a multiple of {network.size_multiple}, got {recipe.input_size}")
        data = self.open(recipe)
        val_people = cut(_watched(data.val_people(), "reading people to validate on"), recipe.input_size)
        train_people = cut(_watched(data.train_people(), "reading people to train on"), recipe.input_size)
        print(f"training on {len(train_people):,} people, validating on {len(val_people):,}", file=sys.stderr)
        return self.run(HourglassDataStage(recipe, train_people, val_people), recipe.train)


@dataclass(frozen=True, kw_only=True)
class TrainLifter(_Train):
    """Train stage 2: joints in the image to joints in millimetres.

    for example:
      hourlift train lifter --recipe lifter --motion mocap/ --data people/ --errors-of joints.npz -o runs/lifter
      hourlift train lifter --recipe lifter-weighted --data studio/ --inputs joints.npz -o runs/weighted
      hourlift train lifter --recipe lifter-l2 --data studio/ --inputs noisy --errors-of joints.npz -o runs/noisy

    Attributes:
        inputs: 2D joints of the data set to train and validate on: "ground-truth"; "noisy", which are the true ones
            with a hourglass's errors, sampled at every step; or a file written by `hourlift predict-joints`.
        errors_of: file of `hourlift predict-joints` on the data set, to measure the errors of "noisy" on. For
            recipes that render their people: on which the errors of some of these are measured.
        motion: motion capture (.bvh, .amc, .npz), a file or a folder of them, for recipes that render their
            people. Subjects of `training.lifter.stage.HELD_OUT_SUBJECTS` are validated on.
        epochs: number of epochs, instead of the recipe's.
        width: channels of the network, for the study's recipes.
    """

    inputs: str = GROUND_TRUTH
    errors_of: Path | None = None
    motion: Path | None = None
    epochs: int | None = None
    width: int | None = None

    def __call__(self) -> int:
        """Run the command."""
        from hourlift.training.recipes import LIFTER_RECIPES
        from hourlift.training.study import LIFTER_STUDY

        if self.recipe in LIFTER_STUDY:
            return self._on_data(LIFTER_STUDY[self.recipe]())
        from hourlift.training.lifter.stage import LifterStage

        recipe = _named(LIFTER_RECIPES, self.recipe, LIFTER_STUDY)
        self.refuse("stride", "val_split", "batch_size", "inputs", "epochs", "width")
        if (self.data is None) != (self.errors_of is None):
            raise UserError(
                f"the recipe {self.recipe!r} renders its people: --data and --errors-of go together, to measure a "
                "hourglass's errors"
            )
        recipe = replace(recipe, train=self.changed(recipe.train))
        measured = None if self.errors_of is None else self._mistakes(self.errors_of)
        return self.run(LifterStage(recipe, self.motion, measured), recipe.train)

    def _mistakes(self, file: Path) -> MeasuredErrors:
        """A hourglass's errors on people of a data set with 3D joints."""
        import numpy as np

        from hourlift.data.joints_file import read_joints
        from hourlift.data.recognise import recognise
        from hourlift.training.lifter.detection_errors import MeasuredErrors

        assert self.data is not None
        found = read_joints(file)
        row = {name: i for i, name in enumerate(found.ids)}
        rows, true = [], []
        for sample in _watched(recognise(self.data).samples(images=False), "measuring errors"):
            if sample.id in row and sample.camera is not None and sample.joints_3d_cam_mm is not None:
                rows.append(row[sample.id])
                true.append(sample.camera.project(sample.joints_3d_cam_mm))
        if not rows:
            raise UserError(f"{file} has none of the people in {self.data} who have joints in millimetres and a camera")
        return MeasuredErrors.of(found.joints_2d_px[rows], found.confidence[rows], np.stack(true))

    def _on_data(self, recipe: LifterDataRecipe) -> int:
        from hourlift.training.lifter.data_stage import LifterDataStage, collect

        if self.motion is not None:
            raise UserError(f"--motion: the recipe {self.recipe!r} uses the people of a data set unchanged")
        network = replace(recipe.network, **self.given("width"))
        recipe = replace(recipe, network=network, **self.given("val_split", "batch_size", "epochs"))
        if self.errors_of is not None and self.inputs != NOISY:
            raise UserError(f"--errors-of goes with --inputs {NOISY}")
        detections = None if self.inputs in (GROUND_TRUTH, NOISY) else _detections(Path(self.inputs))
        data = self.open(recipe)
        if not data.data.has_3d:
            raise UserError(
                f"{self.data} ({data.data.name}) has no joints in millimetres: it trains the hourglass only"
            )
        if self.inputs == NOISY:
            recipe = replace(recipe, errors=self._errors(data))
            print(f"errors of the 2D joints: {recipe.errors}", file=sys.stderr)
        val_people, train_people = (
            collect(_watched(people, "reading people"), recipe.inputs, detections)
            for people in (data.val_people(images=False), data.train_people(images=False))
        )
        left_out = train_people.left_out + val_people.left_out
        print(
            f"training on {len(train_people):,} people, validating on {len(val_people):,}"
            + (f"; {left_out:,} have an unknown joint" if left_out else ""),
            file=sys.stderr,
        )
        recipe = recipe.with_steps_of(len(train_people))
        recipe = replace(recipe, train=self.changed(recipe.train))
        stage = LifterDataStage(recipe, train_people, val_people)
        scores = "  ".join(f"{name} {value:.1f}" for name, value in stage.baselines().items())
        print(f"without a network, mm: {scores}", file=sys.stderr)
        return self.run(stage, recipe.train)

    def _errors(self, data: TrainingData) -> Any:
        """The errors measured on a file, or the default ones."""
        import numpy as np

        from hourlift.training.lifter.detection_errors import DetectionErrors, measure_errors

        if self.errors_of is None:
            return DetectionErrors()
        detections = _detections(self.errors_of)
        known = [
            (detections[sample.id], sample.joints_2d_px)
            for sample in _watched(data.train_people(images=False), "measuring errors")
            if sample.id in detections
        ]
        if not known:
            raise UserError(f"{self.errors_of} has none of the people in {self.data}")
        detected, true = np.array(known).swapaxes(0, 1)
        return measure_errors(detected, true)


@dataclass(frozen=True, kw_only=True)
class TrainFinder(_Train):
    """Train the person detector: whole images to boxes.

    for example:
      hourlift train finder --recipe finder -o runs/finder
      hourlift train finder --recipe finder --backgrounds places --photos real_open openimages -o runs/finder

    Attributes:
        backgrounds: folders of photographs without people, behind rendered people and as images on which nothing is to
            be found; every tenth is left for validation. Without them, backgrounds are drawn.
        photos: data sets in COCO's layout of photographs with boxes. People in them may lack a box. Every tenth
            photograph is left for validation.
        assets: folder of MakeHuman's clothes, hair and skins that people wear [default: $HOURLIFT_ASSETS].
        panoramas: folder of panoramas of high dynamic range (.hdr) that light people.
        motion: motion capture (.bvh, .amc, .npz), a file or a folder of them, from which half of the poses are taken.
    """

    backgrounds: tuple[Path, ...] = ()
    photos: tuple[Path, ...] = ()
    assets: Path | None = None
    panoramas: Path | None = None
    motion: Path | None = None

    def __call__(self) -> int:
        """Run the command."""
        from hourlift.data.mocap.motion import load_motion
        from hourlift.synth.presets import with_images, with_motion
        from hourlift.training.finder.stage import FinderStage
        from hourlift.training.recipes import FINDER_RECIPES

        recipe = _named(FINDER_RECIPES, self.recipe, {})
        self.refuse("data", "stride", "val_split")
        synth = with_images(recipe.synth, (), self.assets, self.panoramas)
        if self.motion is not None:
            load_motion(self.motion)  # fail early
            synth = with_motion(synth, self.motion)
        recipe = replace(
            recipe,
            synth=synth,
            backgrounds=self.backgrounds,
            photographs=self.photos,
            train=self.changed(recipe.train),
            **self.given("batch_size"),
        )
        return self.run(FinderStage(recipe), recipe.train)


command = (
    Annotated[TrainHourglass, tyro.conf.subcommand("hourglass")]
    | Annotated[TrainFinder, tyro.conf.subcommand("finder")]
    | Annotated[TrainLifter, tyro.conf.subcommand("lifter")]
)


def _named(recipes: Mapping[str, Callable[[], Recipe]], name: str, others: Mapping[str, Callable[[], Any]]) -> Recipe:
    """The config of a recipe."""
    if name not in recipes:
        raise UserError(f"there is no recipe {name!r}; the recipes are {', '.join([*recipes, *others])}")
    return recipes[name]()


def _detections(path: Path) -> Detections:
    """2D joints by id."""
    from hourlift.data.joints_file import read_joints

    if path.suffix != ".npz":
        raise UserError(f"2D joints are {GROUND_TRUTH!r}, {NOISY!r} or an .npz file of predict-joints, not {path}")
    return read_joints(path).by_id()


def _watched(people: Iterable[Sample], doing: str) -> Iterator[Sample]:
    """The people, with a progress bar."""
    from hourlift.cli.progress import LateProgress

    with LateProgress() as progress:
        for count, sample in enumerate(people, start=1):
            yield sample
            progress.update(doing, count, None)
