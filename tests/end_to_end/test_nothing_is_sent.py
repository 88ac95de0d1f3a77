"""No command talks to anybody but this machine: as the system sees it, libraries in C++ included."""

import contextlib
import ipaddress
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import psutil
import pytest

from hourlift.media.video_writer import VideoWriter

TO_THE_NETWORK = re.compile(r"^\d+ +(\w+)\(.*(?:inet_addr\(\"|inet_pton\(AF_INET6, \")([^\"]+)\"")
TRAINING = f"""
import runpy
from pathlib import Path
from hourlift.training.engine.loop import train
toy = runpy.run_path({str(Path(__file__).parents[1] / "training" / "conftest.py")!r})
train(toy["ToyStage"](), toy["CONFIG"], Path("run"))
"""


def is_traceable() -> bool:
    """Whether there is strace, and the system lets it work."""
    return shutil.which("strace") is not None and subprocess.run(["strace", "-qq", "true"]).returncode == 0


@pytest.fixture
def home(tmp_path: Path, figure, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home with a photograph, in a shell that asks for ONNX Runtime's reports."""
    assert cv2.imwrite(str(tmp_path / "photo.png"), figure.draw((320, 240), (150, 120), 190))
    for name, value in {"HOME": tmp_path, "TMPDIR": tmp_path, "XDG_CACHE_HOME": tmp_path / "cache"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def models(marker_models: tuple[Path, Path]) -> list[str]:
    return ["--weights", str(marker_models[0]), "--lifter", str(marker_models[1])]


def spoken_to(arguments: list[str]) -> list[str]:
    """Whom a Python process and its children turned to outside of this machine."""
    calls = "trace=connect,bind,sendto,sendmsg,sendmmsg"
    trace = ["strace", "-f", "-qq", "-e", calls, "-e", "signal=none", "-o", "log"]
    done = subprocess.run([*trace, sys.executable, *arguments], capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    calls = filter(None, map(TO_THE_NETWORK.match, Path("log").read_text(errors="replace").splitlines()))
    return [f"{call[1]} {call[2]}" for call in calls if not is_here(call[2])]


def is_here(address: str) -> bool:
    """Whether an address is that of the loopback."""
    found = ipaddress.ip_address(address)
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


@pytest.mark.skipif(not is_traceable(), reason="there is no strace")
def test_the_trace_sees_who_is_spoken_to(home: Path) -> None:
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    assert spoken_to(["-c", code]) == ["connect 192.0.2.1"]
    assert spoken_to(["-c", code.replace("192.0.2.1", "127.0.0.1")]) == []


@pytest.mark.skipif(not is_traceable(), reason="there is no strace")
@pytest.mark.parametrize("command", ["predict", "batch", "live", "train"])
def test_only_this_machine_is_spoken_to(home: Path, models: list[str], command: str) -> None:
    hourlift = ["-m", "hourlift", command]
    match command:
        case "predict":
            assert spoken_to([*hourlift, "photo.png", "-o", "out", *models]) == []
        case "batch":
            assert spoken_to([*hourlift, "photo.png", "-o", "out", "--workers", "0", *models]) == []
        case "live":
            with VideoWriter(home / "clip.mp4", (320, 240), 25) as writer:
                for i in range(5):
                    writer.write(cv2.imread("photo.png"), i / 25)
            assert spoken_to([*hourlift, "clip.mp4", "--max-frames", "2", *models]) == []
        case "train":
            assert spoken_to(["-c", TRAINING]) == []
    assert list(home.rglob("deviceid*")) == []  # ONNX Runtime makes one to report with


def test_ray_on_this_machine_listens_to_this_machine(
    home: Path, models: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.delenv("TMPDIR")  # names of Ray's sockets must not be long
    command = [sys.executable, "-m", "hourlift", "batch", "photo.png", "-o", "out", "--workers", "1", *models]
    listening = set()
    with psutil.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            for child in process.children(recursive=True):
                try:
                    sockets = child.net_connections("inet")
                except psutil.Error:  # it has ended
                    continue
                listening |= {socket.laddr.ip for socket in sockets if socket.status == psutil.CONN_LISTEN}
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(0.1)
    assert process.returncode == 0
    assert listening and all(map(is_here, listening)), listening
