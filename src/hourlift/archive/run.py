"""Many sources: in this process, or on Ray Data, whose actors hold the loaded networks.

Ray runs in a separate process: if the cluster is lost, Ray ends the process that drives it.
"""

import json
import logging
import multiprocessing
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from multiprocessing.connection import Connection
from typing import Any

from hourlift.archive.store import Item, Record
from hourlift.archive.work import Lift, OutputError, Worker

PHOTOS_AT_ONCE = 16
"""Images per task; each video is a separate task."""
_OBJECT_STORE_BYTES = 80_000_000  # near Ray's minimum: only names and records are sent
_CLUSTER_PATIENCE_S = 20
_GO_ON = "finished results are kept; continue with --resume"


@dataclass(frozen=True, kw_only=True)
class RayPlan:
    """Where to run, and with how many workers.

    Attributes:
        workers: actors; None: as many as there are cores for.
        threads: CPU threads per worker.
        gpus: GPUs per worker.
        address: address of a running cluster, as for `ray.init`; None starts a small one on this machine.
    """

    workers: int | None = None
    threads: int = 1
    gpus: int = 0
    address: str | None = None


def run_here(out: str, load: Callable[[], Lift], items: Sequence[Item]) -> Iterator[Record]:
    """Process the sources in this process.

    Raises:
        OutputError: the results cannot be written.
    """
    worker = Worker(out, load)
    yield from map(worker, items)


def run_on_ray(out: str, load: Callable[[], Lift], items: Sequence[Item], plan: RayPlan) -> Iterator[Record]:
    """Process the sources on Ray.

    Args:
        out: folder of the results, as for `archive.store.Store`.
        load: as for `Worker`; it is pickled.
        items: the sources.
        plan: where to run, and with how many workers.

    Yields:
        The record of each source, in no particular order.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        OutputError: the results cannot be written.
        ConnectionError: there is no such cluster, or it was lost.
    """
    if find_spec("ray") is None:
        raise ModuleNotFoundError("ray is not installed", name="ray")
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    driver = context.Process(target=_drive, args=(theirs, out, load, items, plan), daemon=True)
    driver.start()
    theirs.close()
    connected = False
    try:
        while (message := ours.recv()) is not None:
            if isinstance(message, Exception):
                raise message
            if connected:
                yield message
            connected = True
    except EOFError:
        if not connected:
            raise ConnectionError(f"{_place(plan)} cannot be reached") from None
        raise ConnectionError(f"{_place(plan)} was lost; {_GO_ON}") from None
    finally:
        driver.terminate()
        driver.join()
        ours.close()


def _drive(connection: Connection, out: str, load: Callable[[], Lift], items: Sequence[Item], plan: RayPlan) -> None:
    """The body of the process that talks to Ray.

    Sends True once the cluster is running, then the records, then None; or an error.
    """
    if not os.environ.get("HOURLIFT_TRACEBACK"):  # Ray logs much that is of no use to the user
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; ours then ends this one cleanly
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _connect(plan)
        connection.send(True)
        for record in _records(out, load, items, plan):
            connection.send(record)
        connection.send(None)
    except (OutputError, ConnectionError) as error:
        connection.send(error)
    except Exception as error:  # Ray has dozens, whose text is a traceback; its last line is the reason
        line = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        connection.send(ConnectionError(f"{_place(plan)} failed: {line[0]}; {_GO_ON}"))


def _end_with_parent() -> None:
    """Ends this process if the command line's process was killed, as its records would not be read."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def _records(out: str, load: Callable[[], Lift], items: Sequence[Item], plan: RayPlan) -> Iterator[Record]:
    """The pipeline: tasks of sources flow to a pool of actors, and records are returned as they are finished."""
    import ray
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    workers = plan.workers or max(1, int(ray.cluster_resources().get("CPU", 1)) // plan.threads)
    # Rows are text: Ray Data would otherwise guess types, differently where a field is None in all rows of a block.
    tasks = [{"task": json.dumps([asdict(item) for item in task])} for task in _tasks(items)]
    rows = ray.data.from_items(tasks, override_num_blocks=len(tasks)).flat_map(
        _Actor,
        fn_constructor_args=(out, load),
        num_cpus=plan.threads,
        num_gpus=plan.gpus,
        # The pool may shrink to one, so that actors of a lost machine fit on the remaining ones.
        compute=ray.data.ActorPoolStrategy(
            min_size=1,
            max_size=workers,
            initial_size=workers,
            max_tasks_in_flight_per_actor=1,
        ),
    )
    try:
        for row in rows.iter_rows():
            outcome = json.loads(row["outcome"])
            if isinstance(outcome, str):
                raise OutputError(outcome)
            yield Record(**outcome)
    finally:
        ray.shutdown()


def _connect(plan: RayPlan) -> None:
    """Join the cluster, or start one on this machine's cores.

    Raises:
        ConnectionError: there is no such cluster.
    """
    address = _address(plan)
    # Set before Ray is imported. The first avoids a wait of a minute for a lost cluster. The others keep a local one
    # private: otherwise Ray listens on the whole network (despite its name this works on Linux, too), and takes orders
    # from every user of this computer.
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", str(_CLUSTER_PATIENCE_S))
    if address is None:
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    import ray

    local: dict[str, Any] = {
        "num_cpus": max(os.cpu_count() or 1, (plan.workers or 1) * plan.threads),
        "object_store_memory": _OBJECT_STORE_BYTES,
        "include_dashboard": False,
    }
    try:
        ray.init(address or "local", logging_level=logging.ERROR, log_to_driver=False, **({} if address else local))
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise ConnectionError(f"{_place(plan)} cannot be reached: {' '.join(str(error).split())}") from None


def _address(plan: RayPlan) -> str | None:
    return plan.address or os.environ.get("RAY_ADDRESS")


def _place(plan: RayPlan) -> str:
    """Where Ray runs, as text."""
    address = _address(plan)
    return f"the Ray cluster at {address}" if address else "Ray on this machine"


class _Actor:
    """A `Worker` with the interface of Ray Data: a task in, its records out."""

    def __init__(self, out: str, load: Callable[[], Lift]) -> None:
        self._worker = Worker(out, load)

    def __call__(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for fields in json.loads(row["task"]):
            try:
                record = self._worker(Item(**fields))
            except OutputError as error:  # as a row, because Ray would wrap an exception in its own
                yield {"outcome": json.dumps(str(error))}
                return
            yield {"outcome": json.dumps(asdict(record))}


def _tasks(items: Sequence[Item]) -> list[list[Item]]:
    """The sources in order, images in groups."""
    tasks: list[list[Item]] = []
    for item in items:
        joins = tasks and item.kind == "photo" == tasks[-1][0].kind and len(tasks[-1]) < PHOTOS_AT_ONCE
        if joins:
            tasks[-1].append(item)
        else:
            tasks.append([item])
    return tasks
