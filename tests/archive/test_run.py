"""``hourlift batch`` on a Ray cluster of two machines, as far as one machine can play two."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

from hourlift.archive import run
from hourlift.archive.store import Item
from hourlift.cli import main
from hourlift.media.video_writer import VideoWriter

FRAMES, CLIPS = 60, 6


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two machines of one core each; whatever a test does to them, no process of theirs is left."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    me = psutil.Process()
    before = set(me.children(recursive=True))
    machine = {"num_cpus": 1, "object_store_memory": 80_000_000}
    processes: set[psutil.Process] = set()
    try:
        try:
            started = Cluster(initialize_head=True, head_node_args=machine | {"include_dashboard": False})
        except Exception:  # Ray gives a machine 30 s to start, which a busy one may miss
            started = Cluster(initialize_head=True, head_node_args=machine | {"include_dashboard": False})
        started.add_node(**machine)
        processes |= set(me.children(recursive=True))
        yield started
        processes |= set(me.children(recursive=True))
        started.shutdown()
    finally:  # machines that were killed leave orphans
        left = [process for process in (processes | set(me.children(recursive=True))) - before if process.is_running()]
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)


@pytest.fixture
def clips(tmp_path: Path, figure) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(CLIPS):
        with VideoWriter(folder / f"clip{number}.mp4", (320, 240), 25) as writer:
            for i in range(FRAMES):
                writer.write(figure.draw((320, 240), (140 + number + i / 3, 120), 190), i / 25)
    (folder / "broken.mp4").write_bytes(b"no video at all")
    return folder


class Run:
    """A run of the command line in the background, and what can be seen of it from outside."""

    def __init__(self, command: list[str], out: Path) -> None:
        self.out = out
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
        arguments = [sys.executable, "-m", "hourlift", "batch", *command, "-o", str(out)]
        self.process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )

    def wait_for(self, what: Callable[[], Any]) -> Any:
        """What `what` returns once it is true."""
        deadline = time.monotonic() + 120
        while not (value := what()):
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return value

    def attempts(self) -> list[int]:
        """The process ids of who has begun with something, one for every time."""
        notes = self.out.glob("_attempts/[!.]*")
        return [int(line.split()[1]) for note in notes for line in note.read_text().splitlines()]

    def finished(self) -> int:
        return len(list(self.out.glob("source_id=*/poses.parquet")))


@pytest.fixture
def marker_options(marker_models: tuple[Path, Path]) -> list[str]:
    return ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1])]


def rows(out: Path) -> dict[tuple[str, int, int], np.ndarray]:
    """Joints in 3D by source, frame and person; a row that is there twice fails."""
    table = pq.read_table(out)
    keys = list(zip(*(table[name].to_pylist() for name in ("source", "frame", "person")), strict=True))
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, np.array(table["joints_3d_mm"].to_pylist(), np.float32), strict=True))


def test_a_worker_is_killed_a_machine_is_lost_and_then_the_cluster(
    cluster: Any, clips: Path, tmp_path: Path, marker_options: list[str]
) -> None:
    assert main(["batch", str(clips), "-o", str(tmp_path / "alone"), "--workers", "0", *marker_options]) == 1
    command = [str(clips), "--address", cluster.address, *marker_options]

    first = Run(command, tmp_path / "first")
    os.kill(first.wait_for(first.attempts)[0], signal.SIGKILL)
    first.wait_for(lambda: len(first.attempts()) > 1 and first.finished() > 0)
    cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
    out, err = first.process.communicate(timeout=180)
    assert first.process.returncode == 1
    assert out == f"6 of 7 sources done; {CLIPS * FRAMES} poses now\n  {first.out}\n"
    assert err.startswith(f"hourlift: {clips}/broken.mp4: ") and err.count("\n") == 1
    alone, together = rows(tmp_path / "alone"), rows(first.out)
    assert len(together) == CLIPS * FRAMES and alone.keys() == together.keys()
    assert all(np.array_equal(alone[key], together[key]) for key in alone)
    table = pq.read_table(first.out / "_sources").to_pylist()
    assert sorted(row["status"] for row in table) == ["done"] * CLIPS + ["failed"]
    assert not (first.out / "_attempts").exists()

    second = Run(command, tmp_path / "second")
    second.wait_for(second.finished)
    cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
    _, err = second.process.communicate(timeout=180)
    assert second.process.returncode == 2
    printed = err.splitlines()[-1]
    assert printed.startswith(f"hourlift: the Ray cluster at {cluster.address} ")
    assert printed.endswith("; finished results are kept; continue with --resume")
    assert main(["batch", str(clips), "-o", str(second.out), "--workers", "0", "--resume", *marker_options]) == 1
    assert rows(second.out).keys() == alone.keys()


def test_a_cluster_that_is_not_there_is_one_line(
    clips: Path,
    tmp_path: Path,
    marker_options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "1")
    command = ["batch", str(clips), "-o", str(tmp_path / "out"), "--address", "127.0.0.1:9", *marker_options]
    assert main(command) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("hourlift: the Ray cluster at 127.0.0.1:9 cannot be reached") and printed.count("\n") == 1


def test_pictures_are_grouped_and_videos_stand_alone() -> None:
    kinds = "vv" + "p" * 20 + "v" + "pp"
    items = [Item(source=str(i), kind="video" if kind == "v" else "photo") for i, kind in enumerate(kinds)]
    tasks = run._tasks(items)
    assert [len(task) for task in tasks] == [1, 1, 16, 4, 1, 2]
    assert sum(tasks, []) == items
