"""The finder's part of the training loop."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hourlift.finder.decode import SIZE_MULTIPLE
from hourlift.finder.loss import BOX_WEIGHT, box_loss, score_loss, targets
from hourlift.finder.network import Finder, FinderConfig
from hourlift.synth.generate import Generator, SynthConfig
from hourlift.training.engine.loop import TrainConfig, step_seed
from hourlift.training.finder.backgrounds import Backgrounds
from hourlift.training.finder.cutouts import Cutout, render_cutouts
from hourlift.training.finder.labelled import Labelled
from hourlift.training.finder.measures import measure
from hourlift.training.finder.photographs import load_photographs, view, whole
from hourlift.training.finder.photometric import Photometric
from hourlift.training.finder.scenes import SceneMix, compose
from hourlift.training.rendered import HELD_OUT_SEED

_AT_ONCE = 16  # images validated at once


@dataclass(frozen=True, kw_only=True)
class FinderRecipe:
    """Everything that determines a run of the finder.

    Attributes:
        name: Name of the weights.
        network: Configuration of the network.
        input_size: Longer side of the images in pixels.
        synth: The rendered people.
        mix: The scenes that they are pasted into.
        backgrounds: Folders of photographs without people.
        photographs: Data sets in COCO's layout of photographs in which some people are annotated. All are seen equally
            often, however many photographs they have.
        photograph_share: Share of views of photographs, if there are any; the others are composed scenes.
        photometric: Changes of exposure, colour and sharpness.
        num_people: People rendered for a chunk of the run.
        chunk_steps: Steps that use the people of a chunk.
        batch_size: Images per step and process.
        held_out: Number of scenes to validate on.
        train: Configuration of the training loop.
    """

    name: str
    network: FinderConfig = field(default_factory=FinderConfig)
    input_size: int = 320
    synth: SynthConfig
    mix: SceneMix = field(default_factory=SceneMix)
    backgrounds: tuple[Path, ...] = ()
    photographs: tuple[Path, ...] = ()
    photograph_share: float = 0.4
    photometric: Photometric = field(default_factory=Photometric)
    num_people: int = 384
    chunk_steps: int = 400
    batch_size: int = 16
    held_out: int = 128
    train: TrainConfig

    def __post_init__(self) -> None:
        assert self.input_size % SIZE_MULTIPLE == 0, f"the input's side is a multiple of {SIZE_MULTIPLE}"


@dataclass(frozen=True, kw_only=True)
class FinderBatch:
    """Images (B, 3, S, S) float32 in [0, 1]; boxes (B, N, 4), NaN for no person; counted (B, S / 8, S / 8)."""

    images: Tensor
    boxes: Tensor
    counted: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def of(cls, items: Sequence[Labelled], device: torch.device) -> "FinderBatch":
        """Stack inputs."""
        boxes = np.full((len(items), max(1, *(len(item.boxes) for item in items)), 4), np.nan, np.float32)
        for row, item in zip(boxes, items, strict=True):
            row[: len(item.boxes)] = item.boxes
        images = torch.from_numpy(np.stack([item.image for item in items])).to(device)
        return cls(
            images=images.permute(0, 3, 1, 2).float() / 255,  # channels last
            boxes=torch.from_numpy(boxes).to(device),
            counted=torch.from_numpy(np.stack([item.counted for item in items])).to(device),
        )


class FinderStage:
    """Trains the finder on composed scenes and on photographs.

    Args:
        recipe: Recipe of the run.
    """

    def __init__(self, recipe: FinderRecipe) -> None:
        self.recipe = recipe
        self._backgrounds = Backgrounds(recipe.backgrounds)
        self._photographs = [load_photographs(folder) for folder in recipe.photographs]
        self._generator: Generator | None = None
        self._people: dict[tuple[int, int], list[Cutout]] = {}
        self._held_out: list[Labelled] | None = None

    @property
    def meta(self) -> Mapping[str, Any]:
        """Return metadata for the export."""
        return {"recipe": self.recipe.name, "input_size": self.recipe.input_size}

    def build_model(self) -> nn.Module:
        """Return the network, freshly initialised."""
        return Finder(self.recipe.network)

    def batches(self, start_step: int, device: torch.device, rank: int, world_size: int) -> Iterator[FinderBatch]:
        """Yield batches: the people of a chunk are used for `chunk_steps` steps, in other scenes each time."""
        recipe = self.recipe
        for chunk in range(start_step // recipe.chunk_steps, -(-recipe.train.steps // recipe.chunk_steps)):
            people = self._chunk(recipe.train.seed * world_size + rank, chunk)
            begin = chunk * recipe.chunk_steps
            for step in range(max(start_step, begin), min(recipe.train.steps, begin + recipe.chunk_steps)):
                rng = np.random.default_rng(step_seed(recipe.train.seed, step, rank))
                yield FinderBatch.of([self._item(rng, people) for _ in range(recipe.batch_size)], device)

    def _chunk(self, seed: int, chunk: int) -> list[Cutout]:
        """The people of a chunk; the last two are kept, as the loop goes back to estimate batch-norm statistics."""
        key = (seed, chunk)
        if key not in self._people:
            self._people = dict(list(self._people.items())[-1:])
            self._people[key] = render_cutouts(self._renderer(), key, self.recipe.num_people)
        return self._people[key]

    def _item(self, rng: np.random.Generator, people: Sequence[Cutout]) -> Labelled:
        """A view of a photograph, or a scene."""
        recipe, backgrounds = self.recipe, self._backgrounds
        if self._photographs and rng.random() < recipe.photograph_share:
            photographs = self._photographs[rng.integers(len(self._photographs))]
            item = view(rng, photographs[rng.integers(len(photographs))], backgrounds, recipe.input_size)
        else:
            item = compose(rng, people, backgrounds, recipe.mix, recipe.input_size)
        return replace(item, image=recipe.photometric(rng, item.image))

    def _renderer(self) -> Generator:
        if self._generator is None:
            self._generator = Generator(self.recipe.synth, "cpu")
        return self._generator

    def loss(self, model: nn.Module, batch: FinderBatch) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        """Return the loss of scores and boxes."""
        logits, sides = model(batch.images)
        wanted = targets(batch.boxes, *logits.shape[-2:])
        scores = score_loss(logits, wanted.peaks, batch.counted)
        boxes = box_loss(sides, wanted)
        return scores + BOX_WEIGHT * boxes, {"scores": scores.detach(), "boxes": boxes.detach()}

    def after_step(self, model: nn.Module, step: int) -> bool:
        """Nothing to do."""
        del model, step
        return False

    def validate(self, model: nn.Module, device: torch.device) -> Mapping[str, float]:
        """Measure on scenes of people, backgrounds and photographs that the training leaves out."""
        recipe = self.recipe
        if self._held_out is None:
            rng = np.random.default_rng(HELD_OUT_SEED)
            people = render_cutouts(self._renderer(), (HELD_OUT_SEED,), max(16, recipe.held_out // 2))
            backgrounds = Backgrounds(recipe.backgrounds, held_out=bool(recipe.backgrounds))
            scenes = [compose(rng, people, backgrounds, recipe.mix, recipe.input_size) for _ in range(recipe.held_out)]
            photographs = [each for path in recipe.photographs for each in load_photographs(path, held_out=True)]
            self._held_out = scenes + [whole(photograph, recipe.input_size) for photograph in photographs]
        scores, sides = self._look(model, device, self._held_out)
        count = recipe.held_out
        values = {
            f"scenes_{name}": value for name, value in measure(scores, sides, self._held_out, slice(count)).items()
        }
        if len(self._held_out) > count:
            of_photographs = measure(scores, sides, self._held_out, slice(count, None))
            values["photographs_recall"] = of_photographs["recall"]
        return values

    def _look(
        self, model: nn.Module, device: torch.device, items: Sequence[Labelled]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The maps of all images."""
        scores, sides = [], []
        for start in range(0, len(items), _AT_ONCE):
            batch = FinderBatch.of(items[start : start + _AT_ONCE], device)
            logits, distances = model(batch.images)
            scores += list(logits[:, 0].float().sigmoid().cpu().numpy())
            sides += list(distances.float().cpu().numpy())
        return scores, sides
