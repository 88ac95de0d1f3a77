"""Training images rendered during the run: chunks of synthetic people, each used a few times.

A chunk is a function of (seed, index, progress), so a run is reproducible from its seed and can be resumed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader, Dataset

from hourlift.synth.generate import Generator, SynthBatch, SynthConfig
from hourlift.synth.pose.mix import UPRIGHT

HELD_OUT_SEED = 7_000_001
"""First part of the seeds of held-out images; training seeds are smaller."""
PEOPLE_AT_ONCE = 64
"""Maximum number of people rendered at once, limited by memory. It is part of the seeds."""


_CLUTTER = ("furnished_share", "occluded_share", "bystander_share")


@dataclass(frozen=True, kw_only=True)
class Curriculum:
    """What a run trains on over time: people facing the camera, then all views, all poses, and hard images.

    Spans are in progress [0, 1]; a span that ends at or before 0 is fully active from the start.

    With evenly distributed views, "left or right" is facing XOR side of the image, and neither alone is informative: a
    network then locates limbs but puts both channels on one of them. Starting with people who face the camera breaks
    the symmetry. Harder images wait until front and back are distinguished, otherwise the symmetry returns.

    Attributes:
        start_share: Share of people facing the camera at the start.
        views: Progress at which other views start, and at which all views have the configured distribution.
        clutter: The same for objects around and in front of people, and for sensor defects.
        poses: The same for poses, from `UPRIGHT` to the configured mix.
        augmentation: The same for the share of batches with strong augmentation.
    """

    start_share: float = 0.97
    views: tuple[float, float] = (0.06, 0.45)
    clutter: tuple[float, float] = (-1.0, 0.0)
    poses: tuple[float, float] = (0.25, 0.6)
    augmentation: tuple[float, float] = (0.45, 0.65)


def ramp(progress: float, span: tuple[float, float]) -> float:
    """0 before the span, 1 after it, linear in between."""
    start, end = span
    return min(1.0, max(0.0, (progress - start) / max(end - start, 1e-9)))


@dataclass(frozen=True, kw_only=True)
class RenderPlan:
    """Images of a run: `chunk_size` people per chunk, each chunk used `reuse` times."""

    synth: SynthConfig
    curriculum: Curriculum
    chunk_size: int = 256
    reuse: int = 4

    def at(self, progress: float) -> SynthConfig:
        """Return the configuration for rendering at a progress in [0, 1]."""
        synth, curriculum = self.synth, self.curriculum
        opened = ramp(progress, curriculum.views)
        front = curriculum.start_share * (1 - opened) + synth.views.front_share * opened
        clutter = ramp(progress, curriculum.clutter)
        scene = {name: clutter * getattr(synth.scene, name) for name in _CLUTTER}
        return replace(
            synth,
            poses=UPRIGHT.mixed(synth.poses, ramp(progress, curriculum.poses)),
            views=replace(synth.views, front_share=front),
            scene=replace(synth.scene, **scene),
            sensor=replace(synth.sensor, strength=clutter * synth.sensor.strength),
        )


class WantedChunk(NamedTuple):
    """Index of a chunk in a run, its progress in [0, 1], and the side of its images in pixels."""

    number: int
    progress: float
    size: int


class RenderedChunks(Dataset[SynthBatch]):
    """Chunks of a run, rendered on demand."""

    def __init__(self, plan: RenderPlan, seed: int, device: str) -> None:
        self.plan, self.seed, self.device = plan, seed, device
        self._generator: Generator | None = None

    def __getitem__(self, wanted: WantedChunk) -> SynthBatch:
        config = replace(self.plan.at(wanted.progress), size=wanted.size)
        if self._generator is None:  # built in the worker, so that the body and the images are not sent to it
            self._generator = Generator(config, self.device)
        self._generator.config = config
        return render(self._generator, (self.seed, wanted.number), self.plan.chunk_size)


def render(generator: Generator, seed: Sequence[int], count: int) -> SynthBatch:
    """Call `Generator.render` for any number of people."""
    parts = [
        generator.render((*seed, part), min(PEOPLE_AT_ONCE, count - start))
        for part, start in enumerate(range(0, count, PEOPLE_AT_ONCE))
    ]
    return SynthBatch.concatenate(parts)


def chunk_stream(chunks: RenderedChunks, wanted: Iterable[WantedChunk], workers: int) -> Iterator[SynthBatch]:
    """Render chunks in order, `workers` processes ahead of the training (0: in this process, on its device)."""
    loader = DataLoader(
        chunks,
        batch_size=None,
        sampler=wanted,
        num_workers=workers,
        worker_init_fn=_one_thread,
        prefetch_factor=1 if workers else None,
        multiprocessing_context="spawn" if workers else None,
        generator=torch.Generator(),  # otherwise it uses PyTorch's global one, which would change a resumed run
    )
    return iter(loader)


def _one_thread(worker: int) -> None:
    del worker
    torch.set_num_threads(1)
