"""Data sets of rendered people, written as shards by one or several processes; interrupted runs can be resumed.

A folder holds shard-000000.tar and so on, and settings.json with everything that its images depend on. A person's
image depends only on the settings and on its number, so the files are the same for any number of processes.
"""

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from hourlift import __version__
from hourlift.data.sample import Sample
from hourlift.data.shards import ImageFormat, count_people, shard_name, write_shard
from hourlift.errors import UserError
from hourlift.formats.atomic import replacing
from hourlift.synth.generate import SynthConfig
from hourlift.synth.samples import render_samples
from hourlift.synth.studio import render_studio

SETTINGS = "settings.json"
_POLL_S = 0.2


@dataclass(frozen=True, kw_only=True)
class DatasetConfig:
    """Everything that determines a data set's files, except the number of people.

    Attributes:
        synth: Configuration of the generator.
        seed: Seed of the people.
        per_shard: People per shard.
        image_format: Format of the images.
        frames: Frames of each video of the studio; None for independent people.
    """

    synth: SynthConfig
    seed: int = 0
    per_shard: int = 1000
    frames: int | None = None
    image_format: ImageFormat = "jpg"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with the version of hourlift, because versions may render differently."""
        return json.loads(json.dumps(asdict(self) | {"hourlift": __version__}, default=str))

    def render(self, count: int, first: int) -> Iterator[Sample]:
        """Yield people from number `first` on."""
        if self.frames is None:
            return render_samples(self.synth, self.seed, count, first=first)
        return render_studio(self.synth, self.seed, self.frames, count, first=first)


def write_dataset(
    config: DatasetConfig,
    folder: str | Path,
    count: int,
    *,
    workers: int = 1,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Render people and write them as shards.

    Args:
        config: settings of the data set.
        folder: new or empty, unless the run is resumed.
        count: total number of people; the last shard may hold fewer than the others.
        workers: processes that render, one thread each; with more than one, each imports the caller's main module
            again.
        resume: keep the complete shards in the folder and write those that are missing.
        progress: called regularly with the number of rendered people and the total.

    Returns:
        All shards of the data set, in order.

    Raises:
        ValueError: the folder is not empty, or was written with other settings.
        OSError: a shard cannot be written. Complete shards are kept, and the run can be resumed.
    """
    folder = Path(folder)
    made = _open_folder(folder, config, resume)
    jobs = [
        _Job(folder / shard_name(number), first, min(config.per_shard, count - first))
        for number, first in enumerate(range(0, count, config.per_shard))
    ]
    missing = [job for job in jobs if not job.is_done()]
    total = sum(job.count for job in missing)
    tell = progress or (lambda done, total: None)
    try:
        if workers > 1 and len(missing) > 1:
            _write_in_processes(config, missing, min(workers, len(missing)), lambda done: tell(done, total))
        else:
            _write_here(config, missing, lambda done: tell(done, total))
    except BaseException:
        if made and not any(folder.glob("*.tar")):  # nothing was written: restore the previous state
            (folder / SETTINGS).unlink()
            folder.rmdir()
        raise
    return [job.path for job in jobs]


@dataclass(frozen=True)
class _Job:
    """One shard to write: `count` people from number `first` on."""

    path: Path
    first: int
    count: int

    def is_done(self) -> bool:
        return self.path.exists() and count_people(self.path) == self.count

    def write(self, config: DatasetConfig, each: Callable[[], None]) -> None:
        """Render and write it; `each` is called after every person, and may raise to stop."""

        def people() -> Iterator[Sample]:
            for sample in config.render(self.count, self.first):
                yield sample
                each()

        write_shard(people(), self.path, first_key=self.first, image_format=config.image_format)


def _open_folder(folder: Path, config: DatasetConfig, resume: bool) -> bool:
    """Create the folder and its settings, or check that they match; return whether it was created."""
    new = not folder.exists()
    if not new and (not folder.is_dir() or any(folder.iterdir())):
        if not resume:
            raise UserError(f"{folder} exists already and is not an empty folder; name another one, or resume the run")
        _check_settings(folder / SETTINGS, config)
        for stray in folder.glob(".*.part.tar"):  # left by a killed process
            stray.unlink()
        return False
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / SETTINGS) as temporary:
        temporary.write_text(json.dumps(config.to_dict(), indent=1), encoding="utf-8")
    return new


def _check_settings(file: Path, config: DatasetConfig) -> None:
    try:
        theirs = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{file.parent} holds no {file.name}: there is no run to resume") from error
    except ValueError as error:
        raise UserError(f"{file} is not a JSON file: {error}") from error
    ours = config.to_dict()
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            difference = (
                f"{theirs.get(key)}, not {ours.get(key)}" if key != "synth" else _difference(theirs[key], ours[key])
            )
            raise UserError(f"{file.parent} was written with other settings: {key} {difference}; name another folder")


def _difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    key = next(key for key in sorted(ours.keys() | theirs.keys()) if ours.get(key) != theirs.get(key))
    return f"{key} {theirs.get(key)}, not {ours.get(key)}"


def _write_here(config: DatasetConfig, jobs: list[_Job], progress: Callable[[int], None]) -> None:
    done = 0

    def each() -> None:
        nonlocal done
        done += 1
        progress(done)

    with _one_thread():
        for job in jobs:
            job.write(config, each)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one PyTorch thread, like the worker processes: sums of several threads may differ in the last bit."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _write_in_processes(config: DatasetConfig, jobs: list[_Job], workers: int, progress: Callable[[int], None]) -> None:
    context = multiprocessing.get_context("spawn")  # forking a process that runs PyTorch's threads may hang
    stop, done = context.Event(), context.Value("q", 0)
    pool = ProcessPoolExecutor(workers, context, initializer=_begin_worker, initargs=(stop, done))
    futures: set[Future[None]] = set()
    try:
        futures = {pool.submit(_write_in_worker, config, job) for job in jobs}
        waiting = futures
        while waiting:
            finished, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
            for future in finished:
                future.result()
            progress(done.value)
    except BrokenProcessPool as error:
        raise OSError("a rendering process died, perhaps for lack of memory; complete shards are kept") from error
    finally:
        stop.set()  # after an error: the other processes discard unfinished shards
        pool.shutdown(wait=True, cancel_futures=True)


class _StoppedError(Exception):
    """Another process failed, or the user interrupted."""


_shared: tuple[Any, Any] | None = None  # in a worker: its stop event and the counter of people


def _begin_worker(stop: Any, done: Any) -> None:
    global _shared
    _shared = stop, done
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent stops this process
    torch.set_num_threads(1)


def _write_in_worker(config: DatasetConfig, job: _Job) -> None:
    assert _shared is not None
    stop, done = _shared

    def go_on() -> None:
        if stop.is_set():
            raise _StoppedError

    def each() -> None:
        go_on()
        with done.get_lock():
            done.value += 1

    go_on()  # the pool assigns a shard or two in advance
    job.write(config, each)
