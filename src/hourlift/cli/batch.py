"""``hourlift batch``: archives of videos and images in, a folder of Parquet out, on as many machines as there are."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from hourlift import weights as models
from hourlift.archive.run import RayPlan, run_here, run_on_ray
from hourlift.archive.store import Item, Kind, Record, Store, shown
from hourlift.archive.urls import find_items, is_url
from hourlift.archive.work import Lift
from hourlift.cli.option_groups import CameraOptions, NetworkOptions, PeopleOptions, WorldOptions
from hourlift.cli.predict import route_messages
from hourlift.cli.progress import LateProgress
from hourlift.errors import UserError
from hourlift.formats.json import PoseFile
from hourlift.media.sources import Source, find_sources
from hourlift.pipeline.lifting import lift_source
from hourlift.pipeline.options import Outputs, View
from hourlift.pipeline.people_source import SEARCH, PeopleSource
from hourlift.predict.models.runtime import Model

EXAMPLES = """
hourlift batch videos/ -o results.parquet
hourlift batch videos/ -o results.parquet --resume
hourlift batch "archive/**/*.mp4" photos/ -o results.parquet --workers 8
hourlift batch s3://bucket/videos/ -o s3://bucket/results.parquet --address ray-head:6379
hourlift batch https://example.org/dance.mp4 -o results.parquet --workers 0
"""

_arg = tyro.conf.arg
_flat = tyro.conf.OmitArgPrefixes


def command(
    inputs: Annotated[tuple[str, ...], tyro.conf.Positional, _arg(metavar="INPUT...", help_behavior_hint="")] = (),
    *,
    out: Annotated[str, _arg(aliases=["-o"], metavar="FOLDER")],
    resume: bool = False,
    workers: Annotated[int | None, _arg(metavar="N", help_behavior_hint="(default: what the cores allow)")] = None,
    address: Annotated[str | None, _arg(metavar="HOST:PORT", help_behavior_hint="(default: this machine)")] = None,
    smooth: bool = True,
    people: Annotated[PeopleOptions, _flat] = PeopleOptions(),  # noqa: B008 (frozen)
    camera: Annotated[CameraOptions, _flat] = CameraOptions(),  # noqa: B008
    world: Annotated[WorldOptions, _flat] = WorldOptions(),  # noqa: B008
    networks: Annotated[NetworkOptions, _flat] = NetworkOptions(threads=1),  # noqa: B008
) -> int:
    """Lift the people of many videos and photos to 3D, on one machine or a Ray cluster.

    OUT becomes a folder of Parquet, one part a source, with a row for every person and frame, and a table of sources in
    OUT/_sources that says what became of each. Numbers are those of `hourlift predict`. Whatever fails, each source's
    rows are there once or not at all; a source that cannot be read stops no other.

    Args:
        inputs: photos and videos, folders of them, patterns; paths, or URLs of any kind that fsspec opens, such as
            s3://, gs://, https://. All machines must be able to read them.
        out: folder of the results: a path that all machines share, or a URL.
        resume: go on with the run in OUT: what is finished is left out, what failed is tried again.
        workers: how many sources are worked on at once. 0 works in this process, without Ray.
        address: a running Ray cluster. Without it, and without RAY_ADDRESS, this machine's cores are used.
        smooth: smooth people's tracks through a video.
        people: without these options the network itself searches for the most visible person.
        camera: without these options a photo's EXIF data are used, else a field of view of 60 degrees is assumed.
        world: without these options people have an average height, and a video's people show where the floor is.
        networks: the networks, whose files all machines must be able to read. Threads are those of each worker: more
            workers of one thread do more than fewer of many. With cuda every worker has a GPU. The precision that is
            chosen here holds for all workers, so that all numbers are alike.

    Returns:
        Exit status: 0 when all sources are done, 1 when some failed, 2 when all did.

    Raises:
        ValueError, OSError: options that make no sense, an output folder that cannot be used, a cluster that cannot be
            reached or goes away.
    """
    if not inputs:
        raise UserError("name at least one photo, video, folder or URL; `hourlift batch --help` has examples")
    world.check()
    view = View(camera=camera.load(), fov_deg=camera.fov, height_mm=world.height_mm, pitch_deg=world.pitch)
    route_messages()
    view.say_doubts()
    if networks.device == "cpu":
        runtime, precision = Model(
            networks.weights, "hourglass", precision=networks.precision, runtime=networks.runtime
        ).choice
        networks = replace(networks, precision=precision, runtime=runtime)
    networks = replace(networks, weights=_anywhere(networks.weights), lifter=_anywhere(networks.lifter))
    detector = people.detector
    if detector not in (None, SEARCH):
        detector = detector.absolute()
    load = _Load(networks=networks, people=replace(people, detector=detector), view=view, smooth=smooth)
    load.people_source()  # complains before the work, not from within a worker
    items, complaints = _find(inputs)
    if not items:
        raise UserError(f"nothing to work on: {'; '.join(complaints)}" if complaints[1:] else complaints[0])
    store = Store(out if is_url(out) else str(Path(out).absolute()))
    store.start(load.settings(), resume=resume)
    finished = store.finished() if resume else set()
    left = [item for item in items if item.id not in finished]
    if workers == 0:
        records = run_here(store.url, load, left)
    else:
        plan = RayPlan(workers=workers, threads=networks.threads, gpus=int(networks.device == "cuda"), address=address)
        records = run_on_ray(store.url, load, left, plan) if left else iter(())
    return _report(store, records, complaints, len(items), len(left))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Load:
    """Loads the networks in a worker; travels there."""

    networks: NetworkOptions
    people: PeopleOptions
    view: View
    smooth: bool

    def __call__(self) -> Lift:
        route_messages()
        predictor = self.networks.predictor()
        view = replace(self.view, people=self.people_source())
        outputs = Outputs(folder=None, overlay=False, page=False, smooth=self.smooth, keep=True)

        def lift(path: Path, kind: Kind) -> PoseFile:
            source = Source(label=str(path), kind=kind, name=path.stem)
            done = lift_source(predictor, source, view, outputs)
            assert done.poses is not None
            return done.poses

        return lift

    def people_source(self) -> PeopleSource:
        """Where people are, with the detector loaded."""
        return self.people.people_source(self.networks)

    def settings(self) -> dict[str, Any]:
        """What the numbers depend on, as JSON holds it; networks by their content."""
        networks, people = self.networks, self.people
        return {
            "weights": models.sha256(models.path(networks.weights)),
            "lifter": models.sha256(models.path(networks.lifter)),
            **{name: getattr(networks, name) for name in ("flip_test", "turn", "refine", "precision", "runtime")},
            "people": people.people,
            "detector": self._detector(),
            "smooth": self.smooth,
            "fov_deg": self.view.fov_deg,
            "camera": None if self.view.camera is None else self.view.camera.to_dict(),
            "stature_mm": self.view.height_mm,
            "pitch_deg": self.view.pitch_deg,
        }

    def _detector(self) -> list[Any] | None:
        """What finds people; None if that is a search."""
        people = self.people
        if people.detector is not None and people.detector != SEARCH:
            return [models.sha256(people.detector), people.detector_family, people.min_score]
        if people.detector is None and models.FINDER in models.manifest():
            return [models.manifest()[models.FINDER].sha256, people.detector_family, people.min_score]
        return None


def _anywhere(network: str) -> str:
    """The name of a network as a worker in another folder finds it."""
    return str(Path(network).absolute()) if Path(network).suffix.lower() == ".onnx" else network


def _find(inputs: Sequence[str]) -> tuple[list[Item], list[str]]:
    """The sources, each once, and a sentence for every input that is none."""
    items: dict[Item, None] = {}  # a set that keeps its order
    complaints = []
    for argument in inputs:
        try:
            items |= dict.fromkeys(find_items(argument) if is_url(argument) else _find_local(argument))
        except ValueError as error:
            complaints.append(str(error))
    return list(items), complaints


def _find_local(argument: str) -> Iterator[Item]:
    """As `hourlift predict` finds them."""
    sources, complaints = find_sources([argument])
    if complaints:
        raise UserError(complaints[0])
    for source in sources:
        if source.kind == "webcam":
            raise UserError(f"{source.label}: a webcam is no archive; `hourlift predict` and `live` take it")
        yield Item(source=str(Path(source.label).absolute()), kind=source.kind)


def _report(store: Store, records: Iterable[Record], complaints: Sequence[str], num_items: int, num_left: int) -> int:
    """Tell what comes in; returns the exit status."""
    num_failed, num_rows, num_in = len(complaints), 0, 0
    with LateProgress() as progress:
        for complaint in complaints:
            progress.say(f"hourlift: {complaint}", sys.stderr)
        progress.update("sources", 0, num_left)
        for record in records:
            store.check_shared(record.item)
            num_in += 1
            num_rows += record.rows
            for problem in (record.error, record.warning):
                if problem is not None:
                    progress.say(f"hourlift: {problem}", sys.stderr)
            num_failed += record.status == "failed"
            progress.update("sources", num_in, num_left)
    store.forget_attempts()
    num_all = num_items + len(complaints)
    before = f", {num_items - num_left} of them before" if num_items > num_left else ""
    print(f"{num_all - num_failed} of {num_all} sources done{before}; {num_rows:,} poses now\n  {shown(store.url)}")
    return 0 if num_failed == 0 else 2 if num_failed == num_all else 1
